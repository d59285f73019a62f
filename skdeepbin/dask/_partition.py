"""One partition on its worker: checked once, then read for sums over its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import _get_feature_names

from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._lazy_partition import LazyPartition
from skdeepbin.engine._blocks import Features, Rows, row_slices
from skdeepbin.engine._hashing import digest
from skdeepbin.engine._scaling import FeatureMoments, moments
from skdeepbin.engine._split import different_values, least_hashes, row_hashes
from skdeepbin.inputs._validation import check_columns, check_features, check_not_masked
from skdeepbin.inputs._weights import Weights, whole_class_totals
from skdeepbin.network._parameters import Array

# Rows processed at a time, to bound temporary memory.
CHUNK_ROWS = 2**16


class PartitionError(ValueError):
    """Invalid data in a partition, which the message names."""


@contextmanager
def named_errors(number: int) -> Iterator[None]:
    """Add the number of the partition to errors of the block."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise PartitionError(f"Partition {number} (from 0): {error}") from error


class Partition:
    """Rows of one partition, checked, with a cache that is not pickled.

    w : the sample weights; None where all are one.
    names : of the features, or None.
    source : what the features are read from at every use; None if X is held.
    """

    def __init__(
        self,
        number: int,
        X: Any,
        y: Any,
        w: Array | None,
        names: Any,
        source: LazyPartition | None,
    ) -> None:
        self.number, self.y, self.w = number, y, w
        self.names, self.shape, self.dtype = names, X.shape, X.dtype
        self.source = source
        self._X = X if source is None else None
        self._cache: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_cache": {}}

    def __sizeof__(self) -> int:
        """Return the size in bytes, by which Dask estimates the cost of a transfer."""
        return sum(map(_n_bytes, (self._X, self.y, self.w)))

    @property
    def X(self) -> Any:
        """The features, in memory."""
        if self.source is None:
            return self._X
        try:
            X = self.source.features()
        except Exception as error:
            raise RuntimeError(
                f"Partition {self.number} (from 0) could not be loaded: {error!r}."
            ) from error
        return X.tocsr() if issparse(X) else np.asarray(X)

    def is_positive(self, config: BroadcastConfig) -> NDArray[np.bool_]:
        """Return a mask of the rows of the second class."""
        if "is_positive" not in self._cache:
            mask = np.empty(len(self.y), bool)
            for rows in row_slices(len(self.y), CHUNK_ROWS):
                mask[rows] = self.y[rows] == config.classes[1]
            self._cache["is_positive"] = mask
        return self._cache["is_positive"]

    def hashes(self, config: BroadcastConfig) -> NDArray[np.uint64]:
        """Return a hash of the values of each row."""
        key = "hashes", config.seed
        if key not in self._cache:
            assert config.seed is not None
            self._cache[key] = row_hashes(self.X, config.seed)
        return self._cache[key]

    def weights(self, config: BroadcastConfig) -> Weights:
        """Return the sample weights with the factors of the classes."""
        return Weights(self.w, config.class_weights, 0.0)

    def held_out(self, config: BroadcastConfig, split: HashSplit | None) -> Any:
        """Return a mask of the held-out rows; None without a split."""
        if split is None:
            return None
        mask = split.mask(self.hashes(config), self.is_positive(config))
        return mask if self.w is None else mask & (self.w > 0)

    def rows(self, config: BroadcastConfig, split: HashSplit | None) -> Rows:
        """Return the rows by blocks."""
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
            self.is_positive(config),
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


def check_partition(
    number: int, X: Any, y: Any, w: Any, source: LazyPartition | None = None
) -> Partition:
    """Return a partition, checked as `fit` checks arrays in memory."""
    with named_errors(number):
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
            return Partition(number, X.reshape(0, X.shape[1]), y[:0], None, names, None)
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
    return Partition(number, X, y, w, names, source)


def check_lazy_partition(number: int, source: LazyPartition) -> Partition:
    """Check a partition, and return it with features that are read at every use."""
    return check_partition(number, *source.arrays(), source)


class Description(NamedTuple):
    """Properties of a partition that the configuration of a fit depends on.

    labels : the different labels, three at most.
    largest_weight : None without weights.
    first_row : the first row with a weight, as float64; None if X is sparse or no row
        has a weight.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    is_sparse: bool
    names: Any
    labels: np.ndarray
    largest_weight: float | None
    first_row: Array | None


def describe(partition: Partition) -> Description:
    """Return the properties that the configuration of a fit depends on."""
    y, w = partition.y, partition.w
    labels = np.asarray(y)[:0]
    with named_errors(partition.number):
        for rows in row_slices(len(y), CHUNK_ROWS):
            try:
                labels = np.unique(np.concatenate([labels, y[rows]]))[:3]
            except TypeError:
                kinds = sorted({type(label).__name__ for label in y[rows]})
                raise ValueError(
                    f"`y` must hold labels of one kind; got {' and '.join(kinds)}. "
                    "Drop the rows without a label, or write all labels as text."
                ) from None
    largest_weight = None if w is None or not len(y) else float(w.max())
    first_row = None
    X = partition.X
    if len(y) and not issparse(X):
        first = 0 if w is None else int(np.argmax(w > 0))
        if w is None or w[first] > 0:
            first_row = X[first].astype(np.float64)
    return Description(
        partition.shape,
        partition.dtype,
        issparse(X),
        partition.names,
        labels,
        largest_weight,
        first_row,
    )


def class_totals(partition: Partition, classes: np.ndarray, unit: float) -> list[int]:
    """Return the sum of the sample weights of each class, as whole numbers."""
    is_positive = np.asarray(partition.y == classes[1])
    if not len(is_positive):
        return [0, 0]
    return whole_class_totals(is_positive, partition.w, unit)


def distinct_values(partition: Partition, most: float) -> list[np.ndarray] | None:
    """Return the values of each feature; None for more than `most` combinations."""
    return different_values(partition.X, partition.w, most)


def sums_of_squares(partition: Partition, config: BroadcastConfig) -> list[int]:
    """Return the number of rows with a weight, and the sum of ``(weight / 4)^2``."""
    if partition.w is None:
        return [0, 0]
    return partition.weights(config).squares(partition.is_positive(config))


def feature_moments(
    partition: Partition, config: BroadcastConfig, factor: Array, origin: Array | None
) -> FeatureMoments:
    """Return the weighted moments of each feature times its factor, or of each bin."""
    if not partition.shape[0]:
        return FeatureMoments(0.0, *np.zeros((4, len(factor))))
    weights = partial(partition.weights(config).of, partition.is_positive(config))
    return moments(partition.X, weights, factor, origin, config.bins)


def sample_rows(
    partition: Partition, config: BroadcastConfig, most: int
) -> tuple[NDArray[np.uint64], np.ndarray, Array]:
    """Return the `most` different rows with the least hashes.

    Each has its hash, its features and the weight of all its copies.
    """
    if not partition.shape[0]:
        return np.empty(0, np.uint64), np.empty(partition.shape), np.empty(0)
    hashes = partition.hashes(config)
    w = partition.weights(config).of(partition.is_positive(config), slice(None))
    rows, totals = least_hashes(hashes, w, most)
    return hashes[rows], partition.X[rows], totals


def split_totals(
    partition: Partition, config: BroadcastConfig, split: HashSplit | None
) -> tuple[list[int], NDArray[np.intp]]:
    """Return weights of both classes in training, then held out, as whole numbers.

    After these, the number of held-out rows of each class.
    """
    if not partition.shape[0]:
        return [0] * 4, np.zeros(2, np.intp)
    is_positive = partition.is_positive(config)
    mask = partition.held_out(config, split)
    held_out = is_positive[:0] if mask is None else is_positive[mask]
    weights = partition.weights(config).whole_sums(is_positive, mask)
    return weights, np.bincount(held_out, minlength=2)


def extremes(partition: Partition) -> tuple[float, float] | None:
    """Return the least and the greatest entry of X; None without rows."""
    if not partition.shape[0]:
        return None
    X = partition.X
    return float(X.min()), float(X.max())


def array_digests(partition: Partition) -> tuple[str, str, str]:
    """Return a digest of each array: X, y and the sample weights."""
    return digest(partition.X), digest(partition.y), digest(partition.w)


def first_rows(
    partition: Partition, config: BroadcastConfig, n: int
) -> tuple[Any, Any, Array | None]:
    """Return features, labels and sample weights of the first rows."""
    w = None if partition.w is None else partition.w[:n]
    return partition.X[:n], partition.is_positive(config)[:n], w
