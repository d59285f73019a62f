"""Sums over the rows that a network is trained on, wherever these are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._mini_batches import MiniBatches
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.engine._threads import Threads
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Array

# ``theta -> (losses, gradient)``, summed over rows, with a float64 gradient.
Total: TypeAlias = Callable[[Array], tuple[Losses, Array]]

# Of an epoch by its number, the weight of each mini-batch and the sums over it.
Batches: TypeAlias = Callable[[int], Iterator[tuple[float, Total]]]


class Data(Protocol):
    """Rows that can be summed over.

    `LocalData` has the rows in this process.
    """

    @property
    def scaling(self) -> FeatureScaling:
        """The scaling of the features in training."""

    @property
    def batch_size(self) -> int | None:
        """Rows that a step is computed from; None is all."""

    def sums(self, held_out: Any) -> tuple[Total, Batches]:
        """The sums over all rows, and over those of mini-batches.

        held_out : which rows are only watched, as the dataset has said; None for none.
        """


class LocalData(NamedTuple):
    """Rows in this process.

    y : whether a row is of the second class.
    w : the weight of each row, or None if all are one.
    factors : by which the weights of the first and of the second class are multiplied.
    scaling : those of the features while training.
    batch_size : rows that a gradient is summed over; None is all.
    hashes : a number for each row, the same for equal rows; None if not needed.
    threads : that share the rows.
    numbers : those of the rows in the data set; None if these are all.
    """

    network: Network
    features: Features
    y: NDArray[np.bool_]
    w: Array | None
    factors: Array
    scaling: FeatureScaling
    batch_size: int | None
    hashes: NDArray[np.uint64] | None
    threads: Threads
    numbers: NDArray[np.intp] | None = None

    def sums(self, held_out: NDArray[np.bool_] | None) -> tuple[Total, Batches]:
        """The sums over all rows, and over those of mini-batches."""
        if held_out is not None and self.numbers is not None:
            held_out = held_out[self.numbers]
        rows = Rows(self.features, self.y, self.w, self.factors, held_out, self.hashes)
        return self._engine(rows), self._mini_batches(rows)

    def _engine(self, rows: Rows) -> Engine:
        return Engine(self.network, rows, self.threads)

    def _mini_batches(self, rows: Rows) -> Batches:
        def of_an_epoch(number: int) -> Iterator[tuple[float, Total]]:
            assert cut is not None
            for chosen in cut(number):
                batch = rows.some(chosen)
                weight = batch.weight()
                if weight:
                    yield weight, self._engine(batch)

        cut = None
        if self.batch_size is not None:
            assert self.hashes is not None
            copies = _is_trained_on(self.w, rows)
            cut = MiniBatches(self.hashes, copies, self.batch_size)
        return of_an_epoch


def _is_trained_on(w: Array | None, rows: Rows) -> Array:
    """Return the weight of each row in training, none where it is held out."""
    w = np.ones(len(rows.y)) if w is None else w
    return w if rows.held_out is None else w * ~rows.held_out
