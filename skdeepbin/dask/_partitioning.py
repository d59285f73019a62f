"""Checks of the Dask collections that a user passes, and their partitions."""

from __future__ import annotations

import warnings
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from skdeepbin._extras import extra
from skdeepbin.dask._lazy_partition import LazyPartition


class PartitionedInput(NamedTuple):
    """Partitions of X, y and the sample weights.

    sizes : the rows of each partition, or all 1 if unknown.
    n_bytes : the size of X; None if unknown.
    is_persisted : whether X is, at least in part, in the memory of workers.
    """

    partitions: list[LazyPartition]
    sizes: list[float]
    n_bytes: float | None
    is_persisted: bool


def is_dask(value: Any) -> bool:
    """Return True for Dask collections, and for lists of delayed blocks or futures."""
    if isinstance(value, (list, tuple)) and value:
        return all(map(_is_lazy, value))
    return hasattr(value, "__dask_graph__")


def _is_lazy(value: Any) -> bool:
    return hasattr(value, "__dask_graph__") or type(value).__name__ == "Future"


def _is_array(value: Any) -> bool:
    return hasattr(value, "chunks") and hasattr(value, "__dask_graph__")


def merge_column_chunks(X: Any) -> Any:
    """Return a Dask array whose chunks have all columns."""
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


def partition_input(X: Any, y: Any, sample_weight: Any) -> PartitionedInput:
    """Return the partitions of X, y and the sample weights, aligned by rows."""
    inputs = {"X": X, "y": y}
    if sample_weight is not None:
        inputs["sample_weight"] = sample_weight
    for name, value in inputs.items():
        if not is_dask(value):
            library = type(value).__module__.partition(".")[0]
            raise TypeError(
                f"`{name}` must be a Dask array, a Dask data frame or series, or a "
                f"list of delayed blocks; got a {library} {type(value).__name__}. Make "
                f"one of it, for example `dask.array.from_array({name}, chunks=...)`, "
                "or fit in memory with skdeepbin.DeepBinaryClassifier."
            )
    if _is_array(X):
        inputs["X"] = merge_column_chunks(X)
    inputs = _align_chunks(inputs)
    blocks = {name: delayed_blocks(value) for name, value in inputs.items()}
    if len({len(value) for value in blocks.values()}) > 1:
        numbers = ", ".join(f"`{name}` has {len(b)}" for name, b in blocks.items())
        raise ValueError(
            f"X, y and the weights must have the same partitions; {numbers}. "
            "Repartition one like the other."
        )
    X, n = inputs["X"], len(blocks["X"])
    weights = blocks.get("sample_weight", [None] * n)
    partitions = [
        LazyPartition(*arrays) for arrays in zip(blocks["X"], blocks["y"], weights)
    ]
    sizes, n_bytes = [1.0] * n, None
    if _is_array(X) and not any(map(isnan, X.chunks[0])):
        sizes = [float(rows) for rows in X.chunks[0]]
        n_bytes = X.nbytes
    return PartitionedInput(
        partitions, sizes, n_bytes, _is_array(X) and _holds_futures(X)
    )


def _align_chunks(inputs: dict[str, Any]) -> dict[str, Any]:
    """Rechunk arrays to the rows of the chunks of X."""
    if not all(map(_is_array, inputs.values())):
        return inputs
    chunks = {name: value.chunks[0] for name, value in inputs.items()}
    if len(set(chunks.values())) == 1:
        return inputs
    if any(isnan(rows) for sizes in chunks.values() for rows in sizes):
        if len(set(map(len, chunks.values()))) == 1:
            return inputs  # the workers compare the sizes
        inputs = {name: _with_known_chunks(value) for name, value in inputs.items()}
        chunks = {name: value.chunks[0] for name, value in inputs.items()}
    n_rows = {name: sum(sizes) for name, sizes in chunks.items()}
    if len(set(n_rows.values())) > 1:
        numbers = ", ".join(f"`{name}` has {n}" for name, n in n_rows.items())
        raise ValueError(f"X, y and the weights must have as many rows; {numbers}.")
    return {name: value.rechunk({0: chunks["X"]}) for name, value in inputs.items()}


def _with_known_chunks(array: Any) -> Any:
    """Compute the sizes of the chunks of an array where they are unknown."""
    if any(map(isnan, array.chunks[0])):
        array = array.copy()
        array.compute_chunk_sizes()
    return array


def delayed_blocks(value: Any) -> list[Any]:
    """Return the partitions of a collection or list as delayed objects, in order."""
    if isinstance(value, (list, tuple)):
        delayed = extra("dask", "dask").delayed
        return [
            block if hasattr(block, "__dask_graph__") else delayed(block)
            for block in value
        ]
    return np.asarray(value.to_delayed(), object).ravel().tolist()


def _holds_futures(collection: Any) -> bool:
    """Return True if a part of the collection is in the memory of workers."""
    graph = dict(collection.__dask_graph__())
    return any(type(task).__name__ == "Future" for task in graph.values())
