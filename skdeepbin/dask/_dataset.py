"""A dataset whose rows are on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from skdeepbin.dask._crew import Crew
from skdeepbin.dask._part import (
    Description,
    class_totals,
    contents,
    extremes,
    head,
    moments_of,
    some_rows,
    squares,
    totals,
    values_of,
)
from skdeepbin.dask._split import found_splits, n_different
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

# Rows that a diagnosis looks at.
EXAMPLES = 2**13


class DaskDataset(NamedTuple):
    """A dataset whose rows are on the workers of a cluster.

    config : what all workers know, and ``shared`` a future of it.
    scaling : those of the features while training.
    alpha : the penalty in the unit of the weights.
    weight_unit : that unit, in the user's.
    is_sparse : whether the features are.
    bin_edges : of the bins that the network reads beside them; None for none.
    """

    crew: Crew
    config: BroadcastConfig
    shared: Any
    scaling: FeatureScaling
    alpha: float
    weight_unit: float
    is_sparse: bool
    bin_edges: list[Array] | None = None

    @property
    def classes(self) -> np.ndarray:
        """Both labels, sorted."""
        return self.config.classes

    @property
    def network(self) -> Network:
        """What is trained."""
        return self.config.network

    @property
    def dtype(self) -> np.dtype:
        """The precision to compute in."""
        return self.config.dtype

    @property
    def rows_a_weight(self) -> float:
        """How many rows a weight of one stands for."""
        sums = [0, 0]
        for some in self.crew.each(squares, self.shared):
            sums = added(sums, some)
        return rows_a_weight(sums, self.weight_unit)

    def with_scaling(self, scaling: FeatureScaling) -> DaskDataset:
        """The same dataset with another feature scaling."""
        return self._replace(scaling=scaling)

    def moments(self, factor: Array, origin: Array | None) -> FeatureMoments:
        """Those of the features times a factor each, from an origin or from zero."""
        if origin is None:
            origin = np.zeros(len(factor))
        first, *others = self.crew.each(moments_of, self.shared, factor, origin)
        for other in others:
            first = first.plus(other)
        return first._replace(origin=origin)

    def with_hashes(self, seed: int) -> DaskDataset:
        """The same dataset with a number for each row that depends on its values."""
        config = replace(self.config, token=uuid4().hex, seed=seed)
        return self._replace(config=config, shared=self.crew.share(config))

    @property
    def is_small(self) -> bool:
        """True if its rows are put in an order of their own: never."""
        return False

    def some_rows(self, most: int) -> tuple[np.ndarray, Array]:
        """Different rows, by their hashes, and the weights of all that equal each."""
        parts = self.crew.each(some_rows, self.shared, most)
        hashes, X, w = map(np.concatenate, zip(*parts))
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        sums = np.bincount(group, w).astype(np.float64)
        return X[first[:most]], sums[:most]

    def with_bins(
        self, edges: list[Array], method: str, scaling: FeatureScaling | None
    ) -> tuple[DaskDataset, DaskDataset]:
        """This dataset, and that of a network that reads bins beside the features."""
        bins, config = bins_of(edges), self.config
        network = config.network
        network = with_features(network, network.layout.sizes[0] + bins.n)
        rows, dtype = config.block_layout.partition_rows, config.dtype
        shape = sum(rows), network.layout.sizes[0]
        config = replace(
            config,
            token=uuid4().hex,
            block_layout=BlockLayout(
                rows, block_rows(network, shape[0], dtype.itemsize)
            ),
        )
        alone = self._replace(config=config, shared=self.crew.share(config))
        config = replace(
            config,
            token=uuid4().hex,
            network=network,
            caches_blocks=are_kept(shape, dtype),
            bins=bins,
        )
        dataset = self._replace(
            config=config, shared=self.crew.share(config), bin_edges=edges
        )
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
        """How many different rows the class with fewer has, in effect; or a bound."""
        return n_different(self.crew, self.shared, enough)

    def n_combinations(self, most: float) -> float:
        """The product of the numbers of different values of each feature; or more."""
        parts = self.crew.each(values_of, most)
        known = [values for values in parts if values is not None]
        if len(known) < len(parts):
            return inf
        return n_combinations([reduce(np.union1d, column) for column in zip(*known)])

    def splits(self, bounds: Sequence[tuple[float, float]]) -> list[HashSplit]:
        """Of each pair of shares, the rows that lie between them in their class."""
        return found_splits(self.crew, self.shared, bounds)

    def is_usable(self, split: HashSplit) -> bool:
        """Whether both classes have weight on both sides."""
        trained, watched = self.totals(split)
        return bool(trained.all() and watched.all())

    def _totals(self, split: HashSplit | None) -> tuple[list[int], np.ndarray]:
        sums, n_held_out = [0] * 4, np.zeros(2, np.intp)
        for some in self.crew.each(totals, self.shared, split):
            sums, n_held_out = added(sums, some.sums), n_held_out + some.n_held_out
        return sums, n_held_out

    def totals(self, split: HashSplit | None) -> tuple[Array, Array]:
        """Of each class, the weight that is trained on and that is held out."""
        trained, watched = as_floats(self._totals(split)[0]).reshape(2, 2)
        return trained, watched

    def baseline_losses(
        self, given: ValidationRows | None, split: HashSplit | None
    ) -> Baseline:
        """Return the losses of the class-prior baseline."""
        sums, n_held_out = self._totals(split)
        known = as_floats(added(sums[:2], sums[2:]))
        return baseline_losses(known, given, n_held_out)

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Labels as the user writes them."""
        return self.classes[y.astype(np.intp)]

    def rows(self, split: HashSplit) -> ValidationRows:
        """They stay where they are."""
        raise NotImplementedError

    def examples(self) -> ValidationRows:
        """A few rows of every partition."""
        n = ceil(EXAMPLES / len(self.config.block_layout.partition_rows))
        heads = [h for h in self.crew.each(head, self.shared, n) if len(h[1])]
        features, second, weights = zip(*heads)
        X = vstack(features, "csr") if issparse(features[0]) else np.vstack(features)
        w = None if weights[0] is None else np.concatenate(weights)
        return ValidationRows(X, np.concatenate(second), w)

    def extremes(self) -> tuple[float, float]:
        """The least and the greatest entry of X."""
        least, greatest = zip(*filter(None, self.crew.each(extremes)))
        return min(least), max(greatest)

    def contents(self) -> dict[str, str]:
        """What tells the arrays from others, by their names."""
        result = {"the classes": digest(self.classes)}
        names = "X", "y", "`sample_weight`"
        for name, digests in zip(names, zip(*self.crew.each(contents))):
            content = blake2b("; ".join(digests).encode(), digest_size=16).hexdigest()
            result[name] = f"{len(digests)} partitions, {content}"
        return result

    @contextmanager
    def data(self, n_jobs: int | None, batch_size: int | None) -> Iterator[DaskData]:
        """What to train on, while it lasts."""
        reading = self.scaling.reading
        if reading is None:
            yield DaskData(self)
            return
        n_columns = len(reading.columns)
        network = with_features(self.network, n_columns)
        rows, dtype = self.config.block_layout.partition_rows, self.dtype
        config = replace(
            self.config,
            token=uuid4().hex,
            network=network,
            block_layout=BlockLayout(
                rows, block_rows(network, sum(rows), dtype.itemsize, self.is_sparse)
            ),
            caches_blocks=are_kept((sum(rows), n_columns), dtype),
            reading=reading,
        )
        yield DaskData(self._replace(config=config, shared=self.crew.share(config)))


class DaskData(NamedTuple):
    """Sums over rows on the workers of a cluster."""

    dataset: DaskDataset

    @property
    def scaling(self) -> FeatureScaling:
        """Those of the features while training."""
        return self.dataset.scaling

    @property
    def batch_size(self) -> None:
        """All rows at every step."""
        return

    def sums(self, held_out: HashSplit | None) -> tuple[Total, Batches]:
        """The sums over all rows; there are no mini-batches."""
        crew, config, shared, *_ = self.dataset
        return crew.total(config, shared, held_out), lambda number: iter(())


def dataset_of(
    crew: Crew,
    clf: Any,
    described: Sequence[Description],
    network: Network,
    scaling: FeatureScaling | None,
    classes: np.ndarray | None,
) -> DaskDataset:
    """What is learnt from partitions that were described.

    clf : the classifier, whose parameters say how.
    scaling : of a fit that this one goes on from.
    classes : both, where the rows may hold only one of them.
    """
    both = classes is None
    classes, _ = encode_labels(_all_labels(described), classes)
    unit = _unit(described)
    sums = [0, 0]
    for some in crew.each(class_totals, classes, unit):
        sums = added(sums, some)
    by_class = as_floats(sums)
    weights = weights_of(
        None, unit, by_class, clf.class_weight, clf.alpha, classes, both
    )
    is_sparse = any(some.is_sparse for some in described)
    rows = [some.shape[0] for some in described]
    shape = sum(rows), network.layout.sizes[0]
    filled = [some for some in described if some.shape[0]]
    dtype = precision(clf.dtype, [some.dtype for some in filled])

    def config_in(dtype: np.dtype) -> BroadcastConfig:
        return BroadcastConfig(
            uuid4().hex,
            network,
            dtype,
            classes,
            unit,
            weights.by_class,
            BlockLayout(rows, block_rows(network, shape[0], dtype.itemsize, is_sparse)),
            are_kept(shape, dtype),
            clf.n_jobs,
        )

    def units_in(dtype: np.dtype) -> FeatureScaling:
        if scaling is not None:
            return scaling
        moments = _moments(crew, shared, filled)
        return scaling_by(moments, shape[1], clf.feature_scaling, dtype)

    config = config_in(dtype)
    shared = crew.share(config)
    found = units_in(dtype)
    if clf.dtype == "auto" and not found.suit(dtype):
        dtype = np.dtype(np.float64)
        config = config_in(dtype)
        shared = crew.share(config)
        found = units_in(dtype)
    if is_sparse and scaling is None:
        found = found.without_constant()
    return DaskDataset(
        crew, config, shared, found, weights.alpha, weights.unit, is_sparse
    )


def _all_labels(described: Sequence[Description]) -> np.ndarray:
    """The different labels of all partitions, some of them often."""
    some = [d.labels for d in described if len(d.labels)]
    kinds = {"t" if labels.dtype.kind in "US" else "n" for labels in some}
    if len(kinds) > 1:  # numbers and texts: not to be made texts of
        some = [labels.astype(object) for labels in some]
    return np.concatenate(some)


def _unit(described: Sequence[Description]) -> float:
    """That of the sample weights of all partitions."""
    largest = [d.largest for d in described if d.largest is not None]
    if not largest:
        return 1.0
    check_largest(max(largest))
    return power_below(max(largest))


def _moments(
    crew: Crew, shared: Any, filled: Sequence[Description]
) -> Callable[[Array], FeatureMoments]:
    """Those of all rows, of the features times a factor."""
    rows = [some.row for some in filled if some.row is not None]

    def moments_at(factor: Array) -> FeatureMoments:
        origin = rows[0] * factor if rows else np.zeros(len(factor))
        first, *others = crew.each(moments_of, shared, factor, origin)
        for other in others:
            first = first.plus(other)
        return first._replace(origin=origin)

    return moments_at
