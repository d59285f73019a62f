"""Sums over the rows that a network is trained on, wherever these are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._mini_batches import Batch, MiniBatches
from skdeepbin.engine._scaling import Conversion, FeatureScaling
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

    def sums(self, held_out: Any) -> tuple[Total, Batches | None]:
        """The sums over all rows, and over those of mini-batches, if there are any.

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

    def sums(
        self, held_out: NDArray[np.bool_] | None
    ) -> tuple[Total, BatchSums | None]:
        """The sums over all rows, and over those of mini-batches, if there are any."""
        if held_out is not None and self.numbers is not None:
            held_out = held_out[self.numbers]
        rows = Rows(self.features, self.y, self.w, self.factors, held_out, self.hashes)
        in_batches = None
        if self.batch_size is not None:
            in_batches = BatchSums(self, rows, self.batch_size)
        return Engine(self.network, rows, self.threads), in_batches


class BatchSums:
    """The sums over mini-batches, and over the rows that are held out.

    conversion : from the parameters that mini-batches want to those for the rows.
    """

    def __init__(self, data: LocalData, rows: Rows, size: int) -> None:
        self._data, self._rows, self._size = data, rows, size
        self._of_rows = data.scaling.conversion(data.network.layout)
        features = rows.features
        # A larger one is worth the threads, and an engine of its own.
        self._is_light = not features.is_sparse and size <= features.block_rows
        self.conversion = self._of_rows
        if self._is_light:
            n = features.shape[1]
            same = FeatureScaling(np.zeros(n), np.ones(n))
            self.conversion = Conversion(same, data.network.layout)

    @cached_property
    def _cut(self) -> MiniBatches:
        data, out = self._data, self._rows.held_out
        assert data.hashes is not None
        copies = np.ones(len(data.y)) if data.w is None else data.w
        copies = copies if out is None else copies * ~out
        return MiniBatches(data.hashes, copies, self._size)

    @cached_property
    def _batch(self) -> Batch:
        return Batch(self._data.network, self._rows, self._of_rows)

    @cached_property
    def held_out(self) -> Total | None:
        """The sums over the rows that are held out, if any are.

        They want the parameters for the rows as they are.
        """
        if self._rows.held_out is None:
            return None
        rows = self._rows.only_held_out()
        return Engine(self._data.network, rows, self._data.threads)

    def __call__(self, epoch: int) -> Iterator[tuple[float, Total]]:
        """The weight of one mini-batch after the other, and the sums over it."""
        for numbers in self._cut(epoch):
            if self._is_light:
                total: Total = self._batch
                weight = self._batch.choose(numbers)
            else:
                rows = self._rows.some(numbers)
                total = Engine(self._data.network, rows, self._data.threads)
                weight = rows.weight()
            if weight:
                yield weight, total
