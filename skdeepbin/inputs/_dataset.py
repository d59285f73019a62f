"""The training data of a fit: the contract, and its fulfilment in memory.

The estimator asks a dataset for what it needs to know of the rows, and never for all of
them. So it does not know where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from math import inf, log
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdeepbin.engine._bins import bins_of
from skdeepbin.engine._blocks import (
    Features,
    are_kept,
    block_rows,
    training_work,
)
from skdeepbin.engine._data import Data, LocalData
from skdeepbin.engine._engine import memory_needed, n_useful_threads
from skdeepbin.engine._hashing import digest
from skdeepbin.engine._scaling import (
    FeatureMoments,
    FeatureScaling,
    moments,
    scaling_by,
    scaling_of,
)
from skdeepbin.engine._split import (
    different_values,
    distinct,
    is_usable,
    least_hashes,
    n_combinations,
    n_different_rows,
    row_hashes,
    rows_between,
)
from skdeepbin.engine._threads import Threads, one_blas_thread
from skdeepbin.inputs._validation import enough_memory, precision
from skdeepbin.inputs._weights import Weights, class_totals, constant_loss, unit
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array

# Rows of each class from which a loss that is no better than that of a constant tells
# that nothing was learnt: the standard error of a mean over 50 and 50 is a twentieth.
ENOUGH_TO_TELL = 50

# The best of many points undercuts the loss of a constant by about so many rows' share
# where there is nothing to learn: the log-likelihood of a parameter too many is 1/2.
CHANCE = 1.0

# The loss of fewer rows tells where it is worse than a constant's beyond chance.
# If n rows were drawn as the network says, ``exp(n (loss - constant loss))`` would have
# the mean 1, and be above 20 once in twenty times at most (Markov).
BEYOND_CHANCE = log(20)


class Baseline(NamedTuple):
    """Losses of the class-prior baseline, a constant that knows only class frequencies.

    trained : on the training rows.
    held_out : on the validation rows, from which on a loss says that nothing was
        learnt; infinite if they are few.
    validated : on the validation rows, however few.
    surely : on them, above which a network is worse beyond chance.
    """

    trained: float
    held_out: float
    validated: float
    surely: float


class ValidationRows(NamedTuple):
    """Rows to validate on: features, whether of the second class, weights or None."""

    X: Any
    y: np.ndarray
    w: Array | None


class Dataset(Protocol):
    """Training data of one fit.

    A split, which rows are held out, is known only to the dataset that gave it; None is
    that none are.
    """

    @property
    def classes(self) -> np.ndarray:
        """Both labels, sorted."""

    @property
    def network(self) -> Network:
        """The network that is trained, without its parameters."""

    @property
    def scaling(self) -> FeatureScaling:
        """The scaling of the features in training."""

    @property
    def dtype(self) -> np.dtype:
        """The precision of the parameters."""

    @property
    def alpha(self) -> float:
        """The penalty in the unit of the weights."""

    @property
    def weight_unit(self) -> float:
        """The unit of the weights, in the user's."""

    @property
    def rows_a_weight(self) -> float:
        """The number of rows that a weight of one stands for."""

    def with_scaling(self, scaling: FeatureScaling) -> Dataset:
        """Return the data with another feature scaling."""

    def moments(self, factor: Array, origin: Array | None) -> FeatureMoments:
        """Return the moments of the features times a factor, about an origin."""

    def with_hashes(self, seed: int) -> Dataset:
        """Return the data with a hash of the values of each row."""

    @property
    def is_sparse(self) -> bool:
        """True if the features are sparse."""

    @property
    def is_small(self) -> bool:
        """True if its rows are put in an order of their own, by their hashes."""

    def some_rows(self, most: int) -> tuple[np.ndarray, Array]:
        """Different rows, dense, by their hashes; of each the weight of all its equals.

        most : how many, the same ones wherever the rows are.
        """

    @property
    def bin_edges(self) -> list[Array] | None:
        """The edges of the bins that the network reads beside the features."""

    def with_bins(
        self, edges: list[Array], method: str, scaling: FeatureScaling | None
    ) -> tuple[Dataset, Dataset]:
        """This dataset, and that of a network that reads bins beside the features.

        Both have the blocks of the second.

        method : of the bins.
        scaling : those of features and bins, if they are known.
        """

    def n_different_rows(self, enough: float) -> float:
        """Return the different rows, in effect, of the class with fewer; or more.

        enough : from which on it need not be told how many.
        """

    def n_combinations(self, most: float) -> float:
        """The product of the numbers of different values of each feature; or more.

        most : beyond which it need not be told how many.
        """

    def splits(self, bounds: Sequence[tuple[float, float]]) -> list[Any]:
        """Return, for each pair of shares, the rows between them in their class."""

    def is_usable(self, split: Any) -> bool:
        """Tell if both classes have weight on both sides of a split."""

    def totals(self, split: Any) -> tuple[Array, Array]:
        """Return the weight of each class that is trained on, and that is held out."""

    def baseline_losses(self, given: ValidationRows | None, split: Any) -> Baseline:
        """Return the losses of the class-prior baseline.

        given : the rows that validate; None if they are a part of these, those that are
            held out. Of few, to be no better than that means nothing: infinity.
        """

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Labels as the user writes them."""

    def rows(self, split: Any) -> ValidationRows:
        """A copy of the rows that are held out."""

    def examples(self) -> ValidationRows:
        """Rows from which to tell why training failed; their weights without those
        of the classes.
        """

    def extremes(self) -> tuple[float, float]:
        """The least and the greatest entry of X."""

    def contents(self) -> dict[str, str]:
        """Return a digest of each array, by its name."""

    def data(
        self, n_jobs: int | None, batch_size: int | None
    ) -> AbstractContextManager[Data]:
        """Return the sums over the rows, in a context that they need."""


class LocalDataset(NamedTuple):
    """A dataset whose rows are in this process.

    y : whether a row is of the second class.
    features : X by blocks.
    scaling : those of the features while training.
    dtype : the precision of the parameters; `features` has that of the kernels.
    hashes : a number for each row, the same for equal rows; None if not needed.
    bin_edges : of the bins that the network reads beside the features; None for none.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray
    weights: Weights
    network: Network
    features: Features
    scaling: FeatureScaling
    dtype: np.dtype
    hashes: NDArray[np.uint64] | None = None
    bin_edges: list[Array] | None = None

    @property
    def alpha(self) -> float:
        """The penalty in the unit of the weights."""
        return self.weights.alpha

    @property
    def weight_unit(self) -> float:
        """The unit of the weights, in the user's."""
        return self.weights.unit

    @property
    def rows_a_weight(self) -> float:
        """The number of rows that a weight of one stands for."""
        return self.weights.rows_a_weight(self.y)

    def with_scaling(self, scaling: FeatureScaling) -> LocalDataset:
        """Return the data with another feature scaling."""
        return self._replace(scaling=scaling)

    def moments(self, factor: Array, origin: Array | None) -> FeatureMoments:
        """Return the moments of the features times a factor, about an origin."""
        return moments(self.X, partial(self.weights.of, self.y), factor, origin)

    def with_hashes(self, seed: int) -> LocalDataset:
        """Return the data with a hash of the values of each row."""
        return self._replace(hashes=row_hashes(self.X, seed))

    @property
    def is_sparse(self) -> bool:
        """True if the features are sparse."""
        return issparse(self.X)

    @property
    def is_small(self) -> bool:
        """True if its rows are put in an order of their own.

        Rounding in float32 turns signs that decide in float64: without such an order,
        those of copies would differ from those of weights.
        """
        kind = self.features.dtype
        return kind != self.dtype and are_kept(self.features.shape, kind)

    def some_rows(self, most: int) -> tuple[np.ndarray, Array]:
        """Different rows, by their hashes, and the weights of all that equal each."""
        assert self.hashes is not None
        w = self.weights.of(self.y, slice(None))
        rows, sums = least_hashes(self.hashes, w, most)
        return self.X[rows], sums

    def with_bins(
        self, edges: list[Array], method: str, scaling: FeatureScaling | None
    ) -> tuple[LocalDataset, LocalDataset]:
        """This dataset, and that of a network that reads bins beside the features."""
        bins, kind = bins_of(edges), self.features.dtype
        network = with_features(self.network, self.network.layout.sizes[0] + bins.n)
        n_rows = block_rows(network, len(self.y), kind.itemsize)
        alone = self._replace(features=Features(self.X, kind, n_rows))
        features = Features(self.X, kind, n_rows, bins=bins)
        if scaling is None:
            weights, origin = partial(self.weights.of, self.y), np.zeros(bins.n)
            with enough_memory(memory_needed(network, features, 1)):
                of_bins = scaling_by(
                    lambda factor: moments(self.X, weights, factor, origin, bins),
                    bins.n,
                    method,
                    self.dtype,
                )
            scaling = self.scaling.beside(of_bins)
        return alone, self._replace(
            network=network, features=features, scaling=scaling, bin_edges=edges
        )

    @property
    def _by_content(self) -> tuple[NDArray[np.uint64], np.ndarray, Array | None]:
        """Hashes, classes and weights of the rows, by which they are split."""
        assert self.hashes is not None
        w = self.weights.sample
        return self.hashes, self.y, None if w is None else w / unit(w)

    def n_different_rows(self, enough: float) -> float:
        """Return the different rows of the class with fewer, or so many at least."""
        return n_different_rows(*self._by_content, enough)

    def n_combinations(self, most: float) -> float:
        """The product of the numbers of different values of each feature; or more."""
        values = different_values(self.X, self.weights.sample, most)
        return inf if values is None else n_combinations(values)

    def splits(self, bounds: Sequence[tuple[float, float]]) -> list[NDArray[np.bool_]]:
        """Return, for each pair of shares, the rows between them in their class."""
        return rows_between(*self._by_content, bounds)

    def is_usable(self, split: NDArray[np.bool_]) -> bool:
        """Tell if both classes have weight on both sides of a split."""
        return is_usable(split, self.y, self.weights.sample)

    def totals(self, split: NDArray[np.bool_] | None) -> tuple[Array, Array]:
        """Return the weight of each class that is trained on, and that is held out."""
        return self.weights.totals(self.y, split)

    def baseline_losses(
        self, given: ValidationRows | None, split: NDArray[np.bool_] | None
    ) -> Baseline:
        """Return the losses of the class-prior baseline."""
        known, _ = self.totals(None)
        y = self.y[:0] if split is None else self.y[split]
        return baseline_losses(known, given, np.bincount(y, minlength=2))

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Labels as the user writes them."""
        return self.classes[y.astype(np.intp)]

    def rows(self, split: NDArray[np.bool_]) -> ValidationRows:
        """A copy of the rows that are held out."""
        numbers = np.flatnonzero(split)
        w = None
        if self.weights.sample is not None or np.ptp(self.weights.by_class):
            w = self.weights.of(self.y, slice(None))[numbers]
        return ValidationRows(self.X[numbers], self.y[numbers], w)

    def examples(self) -> ValidationRows:
        """All rows."""
        return ValidationRows(self.X, self.y, self.weights.sample)

    def extremes(self) -> tuple[float, float]:
        """The least and the greatest entry of X."""
        return self.X.min(), self.X.max()

    def contents(self) -> dict[str, str]:
        """Return a digest of each array, by its name."""
        arrays = {
            "X": self.X,
            "y": self.y,
            "the classes": self.classes,
            "`sample_weight`": self.weights.sample,
        }
        return {name: digest(array) for name, array in arrays.items()}

    def _read(self, rows: NDArray[np.intp] | None) -> tuple[Network, Features]:
        """The features that training has parameters for, and the network of these.

        rows : the numbers of those that are read; None for all.
        """
        reading, network, kind = self.scaling.reading, self.network, self.features.dtype
        if rows is None and reading is None:
            return network, self.features
        if reading is not None:
            network = with_features(network, len(reading.columns))
        n = len(self.y) if rows is None else len(rows)
        n_rows = block_rows(network, n, kind.itemsize, self.is_sparse)
        bins = self.features.bins
        features = Features(self.X, kind, n_rows, bins=bins, reading=reading, rows=rows)
        return network, features

    def _distinct(self) -> tuple[NDArray[np.intp] | None, Array | None]:
        """Return the numbers and weights of the rows to train on; None for all.

        Of few rows each content and label once: then weights are copies, and the order
        of the rows does not matter, to the last bit.
        """
        w = self.weights.sample
        if self.hashes is None or not self.is_small:
            return None, w
        return distinct(self.hashes, self.y, w)

    @contextmanager
    def data(self, n_jobs: int | None, batch_size: int | None) -> Iterator[LocalData]:
        """Return the sums over the rows, in a context that they need."""
        numbers, w = self._distinct()
        network, features = self._read(numbers)
        y, hashes = self.y, self.hashes
        if numbers is not None:
            y, hashes = y[numbers], None if hashes is None else hashes[numbers]
        work = training_work(network, len(y), features.dtype.itemsize)
        n = n_useful_threads(n_jobs, features, work)
        with (
            enough_memory(memory_needed(network, features, n)),
            one_blas_thread(),
            Threads(n) as threads,
        ):
            yield LocalData(
                network,
                features,
                y,
                w,
                self.weights.by_class,
                self.scaling,
                batch_size,
                hashes,
                threads,
                numbers,
            )


def local_dataset(
    X: Any,
    y: np.ndarray,
    classes: np.ndarray,
    weights: Weights,
    network: Network,
    dtype: str,
    feature_scaling: str,
    scaling: FeatureScaling | None,
    in_float32: bool = False,
) -> LocalDataset:
    """Return training data in memory, with their precision and feature scaling.

    X, y : checked rows, and whether they are of the second class.
    dtype : the parameter; "auto" is that of X where the scaling suits it.
    scaling : the feature scaling, if it is that of an earlier fit.
    in_float32 : whether the solver does as well from gradients in float32.
    """
    is_sparse, kind = issparse(X), precision(dtype, [X.dtype])

    def blocks(kind: np.dtype) -> Features:
        n_rows = block_rows(network, len(y), kind.itemsize, is_sparse)
        return Features(X, kind, n_rows)

    if scaling is None:
        w = partial(weights.of, y)
        with enough_memory(memory_needed(network, blocks(kind), 1)):  # else unread
            scaling = scaling_of(X, w, feature_scaling, kind)
            if dtype == "auto" and not scaling.suit(kind):
                kind = np.dtype(np.float64)
                scaling = scaling_of(X, w, feature_scaling, kind)
        if is_sparse:
            scaling = scaling.without_constant()
    elif dtype == "auto" and not scaling.suit(kind):
        kind = np.dtype(np.float64)
    features = blocks(kind)
    if (
        dtype == "auto"
        and in_float32
        and feature_scaling != "none"
        and scaling.suits_float32
        and largest_entry(X) < LARGEST_ENTRY
    ):
        features = blocks(np.dtype(np.float32))
    return LocalDataset(X, y, classes, weights, network, features, scaling, kind)


# A larger entry of X, of a row without weight, might overflow in float32.
LARGEST_ENTRY = 2.0**100


def largest_entry(X: Any) -> float:
    """Return the largest absolute value of any entry of X."""
    values = X.data if issparse(X) else X
    return max(float(values.max()), -float(values.min())) if values.size else 0.0


def with_features(network: Network, n: int) -> Network:
    """Return the network for another number of features."""
    layout = network.layout.with_features(n)
    return Network(layout, network.activations, network.dropout)


def baseline_losses(
    known: Array, given: ValidationRows | None, n_held_out: NDArray[np.intp]
) -> Baseline:
    """Return the losses of the class-prior baseline.

    known : the class totals.
    given : the rows that validate, if they are others.
    n_held_out : how many rows of each class are held out.
    """
    totals, n = known, n_held_out
    if given is not None:
        totals, n = class_totals(given.y, given.w), np.bincount(given.y, minlength=2)
    trained, n_rows = constant_loss(known, known), float(n.sum())
    if not n_rows:
        return Baseline(trained, inf, inf, inf)
    validated = constant_loss(known, totals)
    watched = validated - CHANCE / n_rows if n.min() >= ENOUGH_TO_TELL else inf
    return Baseline(trained, watched, validated, validated + BEYOND_CHANCE / n_rows)
