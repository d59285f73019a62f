"""Training data of a fit with the rows on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from hashlib import blake2b
from math import ceil, inf
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from scipy.sparse import issparse, vstack

from skdeepbin.dask._block_layout import BlockLayout
from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._partition import (
    Description,
    array_digests,
    class_totals,
    distinct_values,
    extremes,
    feature_moments,
    first_rows,
    sample_rows,
    split_totals,
    sums_of_squares,
)
from skdeepbin.dask._validation_split import count_different_rows, find_splits
from skdeepbin.dask._worker_pool import WorkerPool
from skdeepbin.engine._bins import bins_of
from skdeepbin.engine._blocks import are_kept, block_rows
from skdeepbin.engine._data import Batches, Total
from skdeepbin.engine._hashing import digest
from skdeepbin.engine._scaling import FeatureMoments, FeatureScaling, scaling_by
from skdeepbin.engine._split import n_combinations
from skdeepbin.inputs._dataset import (
    Baseline,
    ValidationRows,
    baseline_losses,
    with_features,
)
from skdeepbin.inputs._validation import encode_labels, precision
from skdeepbin.inputs._weights import (
    added,
    as_floats,
    check_largest,
    power_below,
    rows_a_weight,
    weights_of,
)
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array

# Rows that a diagnosis of a failed fit reads.
N_EXAMPLES = 2**13


class DaskDataset(NamedTuple):
    """Training data of one fit, on a cluster.

    `skdeepbin.inputs._dataset.Dataset` documents the methods.

    config : the configuration of the fit, and ``config_future`` a future of it.
    alpha : the penalty in the unit of the weights.
    weight_unit : that unit, in the user's.
    bin_edges : of the bins that the network reads beside the features; None for none.
    """

    pool: WorkerPool
    config: BroadcastConfig
    config_future: Any
    scaling: FeatureScaling
    alpha: float
    weight_unit: float
    is_sparse: bool
    bin_edges: list[Array] | None = None

    @property
    def classes(self) -> np.ndarray:
        return self.config.classes

    @property
    def network(self) -> Network:
        return self.config.network

    @property
    def dtype(self) -> np.dtype:
        return self.config.dtype

    @property
    def rows_a_weight(self) -> float:
        sums = reduce(added, self.pool.map(sums_of_squares, self.config_future))
        return rows_a_weight(sums, self.weight_unit)

    def _with_config(self, **changes: Any) -> DaskDataset:
        """Return the data with another configuration, for the workers too."""
        config = replace(self.config, token=uuid4().hex, **changes)
        return self._replace(config=config, config_future=self.pool.broadcast(config))

    def with_scaling(self, scaling: FeatureScaling) -> DaskDataset:
        return self._replace(scaling=scaling)

    def moments(self, factor: Array, origin: Array | None) -> FeatureMoments:
        if origin is None:
            origin = np.zeros(len(factor))
        return _total_moments(self.pool, self.config_future, factor, origin)

    def with_hashes(self, seed: int) -> DaskDataset:
        return self._with_config(seed=seed)

    @property
    def is_small(self) -> bool:
        return False  # the order of the rows is that of the partitions

    def some_rows(self, most: int) -> tuple[np.ndarray, Array]:
        samples = self.pool.map(sample_rows, self.config_future, most)
        hashes, X, w = map(np.concatenate, zip(*samples))
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        totals = np.bincount(group, w).astype(np.float64)
        return X[first[:most]], totals[:most]

    def with_bins(
        self, edges: list[Array], method: str, scaling: FeatureScaling | None
    ) -> tuple[DaskDataset, DaskDataset]:
        bins, dtype = bins_of(edges), self.dtype
        network = with_features(self.network, self.network.layout.sizes[0] + bins.n)
        rows = self.config.block_layout.partition_rows
        shape = sum(rows), network.layout.sizes[0]
        n_rows = block_rows(network, shape[0], dtype.itemsize)
        alone = self._with_config(block_layout=BlockLayout(rows, n_rows))
        dataset = alone._with_config(
            network=network, caches_blocks=are_kept(shape, dtype), bins=bins
        )._replace(bin_edges=edges)
        if scaling is None:
            origin = np.zeros(bins.n)
            scaling = self.scaling.beside(
                scaling_by(
                    lambda factor: dataset.moments(factor, origin),
                    bins.n,
                    method,
                    dtype,
                )
            )
        return alone, dataset.with_scaling(scaling)

    def n_different_rows(self, enough: float) -> float:
        return count_different_rows(self.pool, self.config_future, enough)

    def n_combinations(self, most: float) -> float:
        values = self.pool.map(distinct_values, most)
        known = [columns for columns in values if columns is not None]
        if len(known) < len(values):
            return inf
        return n_combinations([reduce(np.union1d, column) for column in zip(*known)])

    def splits(self, bounds: Sequence[tuple[float, float]]) -> list[HashSplit]:
        return find_splits(self.pool, self.config_future, bounds)

    def is_usable(self, split: HashSplit) -> bool:
        trained, held_out = self.totals(split)
        return bool(trained.all() and held_out.all())

    def _split_totals(self, split: HashSplit | None) -> tuple[list[int], np.ndarray]:
        """Return the sums of `split_totals` over all partitions."""
        weights, n_held_out = zip(
            *self.pool.map(split_totals, self.config_future, split)
        )
        return reduce(added, weights), np.sum(n_held_out, axis=0)

    def totals(self, split: HashSplit | None) -> tuple[Array, Array]:
        trained, held_out = as_floats(self._split_totals(split)[0]).reshape(2, 2)
        return trained, held_out

    def baseline_losses(
        self, given: ValidationRows | None, split: HashSplit | None
    ) -> Baseline:
        weights, n_held_out = self._split_totals(split)
        known = as_floats(added(weights[:2], weights[2:]))
        return baseline_losses(known, given, n_held_out)

    def labels(self, y: np.ndarray) -> np.ndarray:
        return self.classes[y.astype(np.intp)]

    def rows(self, split: HashSplit) -> ValidationRows:
        """Raise: the held-out rows stay on the workers."""
        raise NotImplementedError

    def examples(self) -> ValidationRows:
        """Return a few rows of each partition."""
        n = ceil(N_EXAMPLES / len(self.config.block_layout.partition_rows))
        heads = [
            head
            for head in self.pool.map(first_rows, self.config_future, n)
            if len(head[1])
        ]
        features, y, weights = zip(*heads)
        X = vstack(features, "csr") if issparse(features[0]) else np.vstack(features)
        w = None if weights[0] is None else np.concatenate(weights)
        return ValidationRows(X, np.concatenate(y), w)

    def extremes(self) -> tuple[float, float]:
        least, greatest = zip(*filter(None, self.pool.map(extremes)))
        return min(least), max(greatest)

    def contents(self) -> dict[str, str]:
        result = {"the classes": digest(self.classes)}
        names = "X", "y", "`sample_weight`"
        for name, digests in zip(names, zip(*self.pool.map(array_digests))):
            content = blake2b("; ".join(digests).encode(), digest_size=16).hexdigest()
            result[name] = f"{len(digests)} partitions, {content}"
        return result

    @contextmanager
    def data(self, n_jobs: int | None, batch_size: int | None) -> Iterator[DaskData]:
        reading = self.scaling.reading
        if reading is None:
            yield DaskData(self)
            return
        n_columns = len(reading.columns)
        network = with_features(self.network, n_columns)
        rows, dtype = self.config.block_layout.partition_rows, self.dtype
        n_rows = block_rows(network, sum(rows), dtype.itemsize, self.is_sparse)
        yield DaskData(
            self._with_config(
                network=network,
                block_layout=BlockLayout(rows, n_rows),
                caches_blocks=are_kept((sum(rows), n_columns), dtype),
                reading=reading,
            )
        )


class DaskData(NamedTuple):
    """Sums over the rows on a cluster, as a solver needs them."""

    dataset: DaskDataset

    @property
    def scaling(self) -> FeatureScaling:
        return self.dataset.scaling

    @property
    def batch_size(self) -> None:
        """None: every step is on all rows."""
        return

    def sums(self, held_out: HashSplit | None) -> tuple[Total, Batches]:
        """Return the sums over all rows, and no mini-batches."""
        pool, config, config_future, *_ = self.dataset
        return pool.total(config, config_future, held_out), lambda number: iter(())


def distributed_dataset(
    pool: WorkerPool,
    clf: Any,
    descriptions: Sequence[Description],
    network: Network,
    scaling: FeatureScaling | None,
    classes: np.ndarray | None,
) -> DaskDataset:
    """Return training data on a cluster, with their precision and feature scaling.

    clf : the classifier, for its parameters.
    scaling : the feature scaling, if it is that of an earlier fit.
    classes : both labels, where the rows may have only one of them.
    """
    both = classes is None
    classes, _ = encode_labels(_all_labels(descriptions), classes)
    unit = _weight_unit(descriptions)
    class_sums = as_floats(reduce(added, pool.map(class_totals, classes, unit)))
    weights = weights_of(
        None, unit, class_sums, clf.class_weight, clf.alpha, classes, both
    )
    is_sparse = any(d.is_sparse for d in descriptions)
    rows = [d.shape[0] for d in descriptions]
    shape = sum(rows), network.layout.sizes[0]
    filled = [d for d in descriptions if d.shape[0]]
    first_row = next((d.first_row for d in filled if d.first_row is not None), None)

    def in_precision(dtype: np.dtype) -> DaskDataset:
        n_rows = block_rows(network, shape[0], dtype.itemsize, is_sparse)
        config = BroadcastConfig(
            uuid4().hex,
            network,
            dtype,
            classes,
            unit,
            weights.by_class,
            BlockLayout(rows, n_rows),
            are_kept(shape, dtype),
            clf.n_jobs,
        )
        future = pool.broadcast(config)

        def moments(factor: Array) -> FeatureMoments:
            origin = np.zeros(len(factor)) if first_row is None else first_row * factor
            return _total_moments(pool, future, factor, origin)

        fitted = scaling
        if fitted is None:
            fitted = scaling_by(moments, shape[1], clf.feature_scaling, dtype)
        return DaskDataset(
            pool, config, future, fitted, weights.alpha, weights.unit, is_sparse
        )

    dtype = precision(clf.dtype, [d.dtype for d in filled])
    dataset = in_precision(dtype)
    if clf.dtype == "auto" and not dataset.scaling.suit(dtype):
        dataset = in_precision(np.dtype(np.float64))
    if is_sparse and scaling is None:
        dataset = dataset.with_scaling(dataset.scaling.without_constant())
    return dataset


def _total_moments(
    pool: WorkerPool, config_future: Any, factor: Array, origin: Array
) -> FeatureMoments:
    """Return the moments of the features times a factor, about an origin."""
    moments = pool.map(feature_moments, config_future, factor, origin)
    return reduce(FeatureMoments.plus, moments)._replace(origin=origin)


def _all_labels(descriptions: Sequence[Description]) -> np.ndarray:
    """Return the different labels of each partition, in one array."""
    labels = [d.labels for d in descriptions if len(d.labels)]
    kinds = {"text" if array.dtype.kind in "US" else "number" for array in labels}
    if len(kinds) > 1:  # else NumPy would convert the numbers to text
        labels = [array.astype(object) for array in labels]
    return np.concatenate(labels)


def _weight_unit(descriptions: Sequence[Description]) -> float:
    """Return the power of two that sample weights are divided by."""
    largest = [d.largest_weight for d in descriptions if d.largest_weight is not None]
    if not largest:
        return 1.0
    check_largest(max(largest))
    return power_below(max(largest))
