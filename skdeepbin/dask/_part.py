"""A partition on its worker: checked once, and asked for sums over its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import _get_feature_names

from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.engine._blocks import Features, Rows, row_slices
from skdeepbin.engine._hashing import digest
from skdeepbin.engine._scaling import FeatureMoments, moments
from skdeepbin.engine._split import (
    by_first_bits,
    different_values,
    least_hashes,
    row_hashes,
)
from skdeepbin.inputs._validation import check_columns, check_features, check_not_masked
from skdeepbin.inputs._weights import (
    Weights,
    figures,
    whole,
    whole_class_totals,
)
from skdeepbin.network._parameters import Array

ROWS = 2**16  # looked at at a time


class PartitionError(ValueError):
    """A partition holds what cannot be learnt from."""


@contextmanager
def named(number: int) -> Iterator[None]:
    """Say of which partition an error is."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise PartitionError(f"Partition {number} (from 0): {error}") from error


class Part:
    """The rows of one partition, checked.

    What follows from them is made when it is first asked for, and is not pickled.

    Parameters
    ----------
    number : int
        The partition's, from 0.
    X : ndarray or CSR matrix
        The features.
    y : ndarray
        The labels.
    w : ndarray or None
        The sample weights; None where all are one.
    names : ndarray or None
        Of the features.
    source : object or None
        Where the features are read again whenever they are needed, what reads them.
    """

    def __init__(
        self, number: int, X: Any, y: Any, w: Array | None, names: Any, source: Any
    ) -> None:
        self.number, self.y, self.w = number, y, w
        self.names, self.shape, self.dtype = names, X.shape, X.dtype
        self.source = source
        self._X = X if source is None else None
        self._known: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_known": {}}

    def __sizeof__(self) -> int:
        """Bytes, for Dask to know what it would move."""
        return sum(map(_n_bytes, (self._X, self.y, self.w)))

    @property
    def X(self) -> Any:
        """The features."""
        if self.source is None:
            return self._X
        try:
            X = self.source.features()
        except Exception as error:
            raise RuntimeError(
                f"Partition {self.number} (from 0) could not be loaded: {error!r}."
            ) from error
        return X.tocsr() if issparse(X) else np.asarray(X)

    def second(self, config: BroadcastConfig) -> NDArray[np.bool_]:
        """Whether each row is of the second class."""
        if "second" not in self._known:
            second = np.empty(len(self.y), bool)
            for rows in row_slices(len(self.y), ROWS) if len(self.y) else []:
                second[rows] = self.y[rows] == config.classes[1]
            self._known["second"] = second
        return self._known["second"]

    def hashes(self, config: BroadcastConfig) -> NDArray[np.uint64]:
        """A number for each row that depends on its values alone."""
        key = "hashes", config.seed
        if key not in self._known:
            assert config.seed is not None
            self._known[key] = row_hashes(self.X, config.seed)
        return self._known[key]

    def weights(self, config: BroadcastConfig) -> Weights:
        """Of its rows."""
        return Weights(self.w, config.class_weights, 0.0)

    def held_out(self, config: BroadcastConfig, split: HashSplit | None) -> Any:
        """Which rows are held out; None if none are."""
        if split is None:
            return None
        mask = split.mask(self.hashes(config), self.second(config))
        return mask if self.w is None else mask & (self.w > 0)

    def rows(self, config: BroadcastConfig, split: HashSplit | None) -> Rows:
        """Its rows by blocks."""
        slices = config.block_layout.slices(self.number)
        return Rows(
            Features(
                self.X,
                config.dtype,
                config.block_layout.block_rows,
                slices,
                config.bins,
                config.reading,
            ),
            self.second(config),
            self.w,
            config.class_weights,
            self.held_out(config, split),
            self.hashes(config) if config.network.dropout else None,
            config.caches_blocks,
        )


def _n_bytes(array: Any) -> int:
    if array is None:
        return 0
    if issparse(array):
        return sum(a.nbytes for a in (array.data, array.indices, array.indptr))
    return array.nbytes


def prepared(number: int, X: Any, y: Any, w: Any, source: Any = None) -> Part:
    """A partition, checked as `fit` checks what is in memory."""
    if source is not None:
        X, y, w = source.all()
    with named(number):
        check_not_masked(X=X, y=y)
        check_columns(X)
        names = _get_feature_names(X)
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        for name, array in {"y": y, "sample_weight": w}.items():
            if array is not None and len(array) != n_rows:
                raise ValueError(
                    f"X has {n_rows} rows and `{name}` has {len(array)}. Partition "
                    "both at the same rows."
                )
        if n_rows == 0:
            X, y = X if issparse(X) else np.asarray(X), np.asarray(y)
            return Part(number, X.reshape(0, X.shape[1]), y[:0], None, names, None)
        X, y = check_X_y(X, y, accept_sparse="csr", dtype="numeric")
        check_features(X)
        if w is not None:
            check_not_masked(sample_weight=w)
            w = check_array(
                w, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
            ).reshape(-1)
            if w.min() < 0:
                raise ValueError(
                    f"`sample_weight` must be non-negative; got {w.min():g} at row "
                    f"{int(w.argmin())} of it. To leave a row out, give it weight 0."
                )
    return Part(number, X, y, w, names, source)


class Description(NamedTuple):
    """What is to be known of a partition before anything else.

    labels : different ones, three at most.
    largest : weight; None without weights.
    row : the first that has a weight, as float64; None if none has.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    is_sparse: bool
    names: Any
    labels: np.ndarray
    largest: float | None
    row: Array | None


def describe(part: Part) -> Description:
    """What is to be known of a partition before anything else."""
    labels = np.asarray(part.y)[:0]
    with named(part.number):
        for rows in row_slices(len(part.y), ROWS) if len(part.y) else []:
            try:
                labels = np.unique(np.concatenate([labels, part.y[rows]]))[:3]
            except TypeError:
                kinds = sorted({type(label).__name__ for label in part.y[rows]})
                raise ValueError(
                    f"`y` must hold labels of one kind; got {' and '.join(kinds)}. "
                    "Drop the rows without a label, or write all labels as text."
                ) from None
    largest = None if part.w is None or not len(part.y) else float(part.w.max())
    row = None
    X = part.X
    if len(part.y) and not issparse(X):
        number = 0 if part.w is None else int(np.argmax(part.w > 0))
        if part.w is None or part.w[number] > 0:
            row = X[number].astype(np.float64)
    return Description(
        part.shape, part.dtype, issparse(X), part.names, labels, largest, row
    )


def class_totals(part: Part, classes: np.ndarray, unit: float) -> list[int]:
    """The sums of the sample weights of each class, as whole numbers."""
    second = np.asarray(part.y == classes[1])
    return whole_class_totals(second, part.w, unit) if len(second) else [0, 0]


def values_of(part: Part, most: float) -> list[np.ndarray] | None:
    """The values of each feature; None if they have more than `most` combinations."""
    return different_values(part.X, part.w, most)


def squares(part: Part, config: BroadcastConfig) -> list[int]:
    """How many rows have a weight, and the sum of the squares of a quarter of it."""
    if part.w is None:
        return [0, 0]
    return part.weights(config).squares(part.second(config))


def moments_of(
    part: Part, config: BroadcastConfig, factor: Array, origin: Array | None
) -> FeatureMoments:
    """Those of every feature times its factor, or of bins if there are any."""
    if not part.shape[0]:
        return FeatureMoments(0.0, *np.zeros((4, len(factor))))
    weights, second = part.weights(config), part.second(config)
    return moments(
        part.X, lambda rows: weights.of(second, rows), factor, origin, config.bins
    )


class Some(NamedTuple):
    """Different rows by their hashes, and the weights of all that equal each."""

    hashes: NDArray[np.uint64]
    X: np.ndarray
    w: Array


def some_rows(part: Part, config: BroadcastConfig, most: int) -> Some:
    """Those with the least hashes."""
    if not part.shape[0]:
        return Some(np.empty(0, np.uint64), np.empty(part.shape), np.empty(0))
    hashes, second = part.hashes(config), part.second(config)
    w = part.weights(config).of(second, slice(None))
    rows, sums = least_hashes(hashes, w, most)
    return Some(hashes[rows], part.X[rows], sums)


class Totals(NamedTuple):
    """Of each class, the weight trained on and held out as whole numbers, and rows.

    n_held_out : how many.
    """

    sums: list[int]
    n_held_out: NDArray[np.intp]


def totals(part: Part, config: BroadcastConfig, split: HashSplit | None) -> Totals:
    """The weights on both sides of a split."""
    if not part.shape[0]:
        return Totals([0] * 4, np.zeros(2, np.intp))
    second, mask = part.second(config), part.held_out(config, split)
    n_held_out = np.bincount(second[:0] if mask is None else second[mask], minlength=2)
    return Totals(part.weights(config).whole_sums(second, mask), n_held_out)


def _of_a_class(
    part: Part, config: BroadcastConfig, number: int
) -> tuple[NDArray[np.uint64], Array]:
    """The hashes and the sample weights of the rows of a class that have a weight."""
    if not part.shape[0]:
        return np.empty(0, np.uint64), np.empty(0)
    chosen = part.second(config) == bool(number)
    if part.w is None:
        hashes = part.hashes(config)[chosen]
        return hashes, np.ones(len(hashes))
    chosen &= part.w > 0
    return part.hashes(config)[chosen], part.w[chosen] / config.weight_unit


class Sums(NamedTuple):
    """Of groups of rows, the weight by figures, and how many rows."""

    figures: list[NDArray[np.int64]]
    n: NDArray[np.int64]

    def whole(self) -> list[int]:
        """The weights as whole numbers."""
        return whole(self.figures, len(self.n))


def brackets(
    part: Part, config: BroadcastConfig, asked: Sequence[tuple[int, NDArray[np.uint64]]]
) -> list[Sums]:
    """Of a class each, what lies between ascending hashes, and before and after."""
    answers = []
    for number, edges in asked:
        hashes, w = _of_a_class(part, config, number)
        group = np.searchsorted(edges, hashes, side="right")
        answers.append(_sums_by(group, w, len(edges) + 1))
    return answers


def _sums_by(group: NDArray[np.intp], w: Array, n_groups: int) -> Sums:
    """The weights by groups, exact."""
    sums: list[NDArray[np.int64]] = []
    n = np.zeros(n_groups, np.int64)
    for rows in row_slices(len(w), ROWS) if len(w) else []:
        n += np.bincount(group[rows], minlength=n_groups)
        for place, some in enumerate(figures(group[rows], w[rows], n_groups)):
            if place == len(sums):
                sums.append(np.zeros(n_groups, np.int64))
            sums[place] += some.astype(np.int64)
    return Sums(sums, n)


class Groups(NamedTuple):
    """Different hashes, and the weight of the rows of each."""

    hashes: NDArray[np.uint64]
    sums: Sums


def groups(
    part: Part, config: BroadcastConfig, asked: Sequence[tuple[int, int, int]]
) -> list[Groups]:
    """Of a class each, the different rows with a hash from the first to the last."""
    answers = []
    for number, first, last in asked:
        hashes, w = _of_a_class(part, config, number)
        chosen = (hashes >= np.uint64(first)) & (hashes <= np.uint64(last))
        different, group = np.unique(hashes[chosen], return_inverse=True)
        answers.append(Groups(different, _sums_by(group, w[chosen], len(different))))
    return answers


def first_bits(part: Part, config: BroadcastConfig) -> list[Array]:
    """Of each class, the weight of the rows that share the first bits of hashes."""
    return [by_first_bits(*_of_a_class(part, config, number)) for number in (0, 1)]


def extremes(part: Part) -> tuple[float, float] | None:
    """The least and the greatest entry of X."""
    if not part.shape[0]:
        return None
    X = part.X
    return float(X.min()), float(X.max())


def contents(part: Part) -> tuple[str, str, str]:
    """What tells its arrays from others."""
    return digest(part.X), digest(part.y), digest(part.w)


def head(part: Part, config: BroadcastConfig, n: int) -> tuple[Any, Any, Array | None]:
    """Its first rows: features, whether they are of the second class, weights."""
    w = None if part.w is None else part.w[:n]
    return part.X[:n], part.second(config)[:n], w
