"""What the user gives as partitions, and what is computed from them, lazy again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from skdeepbin._extras import extra
from skdeepbin.dask._crew import Source


class Partitions(NamedTuple):
    """What the user gave.

    sizes : rows of each partition; of each 1 where they are not known.
    n_bytes : of X, if that is known.
    is_held : whether X is, at least in part, in the memory of workers already.
    """

    sources: list[Source]
    sizes: list[float]
    n_bytes: float | None
    is_held: bool


def is_dask(value: Any) -> bool:
    """Whether it is a collection of Dask, or a list of lazy or remote blocks."""
    if isinstance(value, (list, tuple)) and value:
        return all(map(_is_lazy, value))
    return hasattr(value, "__dask_graph__")


def _is_lazy(value: Any) -> bool:
    return hasattr(value, "__dask_graph__") or type(value).__name__ == "Future"


def kind(value: Any) -> str:
    """The type of a value, as the user knows it."""
    return f"{type(value).__module__.partition('.')[0]} {type(value).__name__}"


def is_array(value: Any) -> bool:
    """Whether it is a Dask array."""
    return hasattr(value, "chunks") and hasattr(value, "__dask_graph__")


def is_frame(value: Any) -> bool:
    """Whether it is a Dask data frame or series."""
    return hasattr(value, "partitions") and hasattr(value, "divisions")


def whole_rows(X: Any) -> Any:
    """A Dask array of which every chunk has all columns."""
    if X.ndim != 2:
        raise ValueError(
            f"X must have 2 dimensions, rows and features; got {X.ndim}. Reshape it "
            "with `X.reshape(-1, 1)` if it is one feature."
        )
    if len(X.chunks[1]) > 1:
        warnings.warn(
            f"X has chunks along its columns, {len(X.chunks[1])} of them: they are put "
            'together. Chunk it along rows only, `X.rechunk({0: "auto", 1: -1})`.',
            UserWarning,
            stacklevel=2,
        )
        X = X.rechunk({1: -1})
    return X


def partitions(X: Any, y: Any, sample_weight: Any) -> Partitions:
    """X, y and the weights by partitions, at the same rows."""
    given = {"X": X, "y": y}
    if sample_weight is not None:
        given["sample_weight"] = sample_weight
    for name, value in given.items():
        if not is_dask(value):
            raise TypeError(
                f"`{name}` must be a Dask array, a Dask data frame or series, or a "
                f"list of delayed blocks; got a {kind(value)}. Make one of it, for "
                f"example `dask.array.from_array({name}, chunks=...)`, or fit in "
                "memory with skdeepbin.DeepBinaryClassifier."
            )
    if is_array(X):
        given["X"] = whole_rows(X)
    given = _aligned(given)
    blocks = {name: _blocks(value) for name, value in given.items()}
    counts = {len(some) for some in blocks.values()}
    if len(counts) > 1:
        numbers = ", ".join(
            f"`{name}` has {len(some)}" for name, some in blocks.items()
        )
        raise ValueError(
            f"X, y and the weights must have the same partitions; {numbers}. "
            "Repartition one like the other."
        )
    n = len(blocks["X"])
    weights = blocks.get("sample_weight", [None] * n)
    sources = [Source(*block) for block in zip(blocks["X"], blocks["y"], weights)]
    sizes, n_bytes = [1.0] * n, None
    if is_array(given["X"]) and not any(map(isnan, given["X"].chunks[0])):
        sizes = [float(rows) for rows in given["X"].chunks[0]]
        n_bytes = given["X"].nbytes
    is_held = is_array(given["X"]) and _holds_futures(given["X"])
    return Partitions(sources, sizes, n_bytes, is_held)


def _aligned(given: dict[str, Any]) -> dict[str, Any]:
    """Arrays with chunks at the same rows, as those of X are."""
    if not all(map(is_array, given.values())):
        return given
    chunks = {name: value.chunks[0] for name, value in given.items()}
    if len(set(chunks.values())) == 1:
        return given
    if any(isnan(rows) for some in chunks.values() for rows in some):
        if len(set(map(len, chunks.values()))) == 1:
            return given  # they are compared where they are
        given = {name: _with_known_chunks(value) for name, value in given.items()}
        chunks = {name: value.chunks[0] for name, value in given.items()}
    n_rows = {name: sum(some) for name, some in chunks.items()}
    if len(set(n_rows.values())) > 1:
        numbers = ", ".join(f"`{name}` has {n}" for name, n in n_rows.items())
        raise ValueError(f"X, y and the weights must have as many rows; {numbers}.")
    return {name: value.rechunk({0: chunks["X"]}) for name, value in given.items()}


def _with_known_chunks(array: Any) -> Any:
    """The array with the lengths of its chunks, which are computed."""
    if any(map(isnan, array.chunks[0])):
        array = array.copy()
        array.compute_chunk_sizes()
    return array


def _blocks(value: Any) -> list[Any]:
    """The partitions, lazy, in order."""
    if isinstance(value, (list, tuple)):
        delayed = extra("dask", "dask").delayed
        return [
            block if hasattr(block, "__dask_graph__") else delayed(block)
            for block in value
        ]
    return np.asarray(value.to_delayed(), object).ravel().tolist()


def _holds_futures(collection: Any) -> bool:
    """Whether some of it is in the memory of workers, which only they can read."""
    graph = dict(collection.__dask_graph__())
    return any(type(task).__name__ == "Future" for task in graph.values())


def lazily(
    method: Callable[[Any, Any], np.ndarray],
    model: Any,
    X: Any,
    dtype: np.dtype,
    columns: Sequence[Any] | None,
) -> Any:
    """What a method of a model gives for each partition of X, lazy.

    columns : of the result; None if it is of one dimension.
    """
    model = extra("dask", "dask").delayed(model, pure=True)
    if isinstance(X, (list, tuple)):
        lazy = extra("dask", "dask").delayed(method)
        return [lazy(block, model) for block in _blocks(X)]
    if is_frame(X):
        pandas = extra("pandas", None)
        meta = pandas.Series([], dtype=dtype)
        if columns is not None:
            meta = pandas.DataFrame(dict.fromkeys(columns, meta))
        return X.map_partitions(_of_frame, method, columns, model, meta=meta)
    X = whole_rows(X)
    change: dict[str, Any] = {"drop_axis": 1}
    shape: tuple[int, ...] = (0,)
    if columns is not None:
        shape = 0, len(columns)
        change = {"chunks": (X.chunks[0], (len(columns),))}
    meta = np.empty(shape, dtype)
    return X.map_blocks(method, model=model, dtype=dtype, meta=meta, **change)


def _of_frame(
    X: Any, method: Callable[[Any, Any], np.ndarray], columns: Any, model: Any
) -> Any:
    """What the method gives for a data frame, with its index."""
    pandas = extra("pandas", None)
    result = method(X, model)
    if columns is None:
        return pandas.Series(result, index=X.index)
    return pandas.DataFrame(result, index=X.index, columns=columns)
