"""Mini-batches of rows, another cut at every epoch, decided by what is in the rows.

The different rows are put in the order of their hashes, once, and in every epoch
shuffled from there and cut where the sum of weights passes a multiple of the batch
size. So a row of weight k and the same row k times are in the same mini-batches, the
order of the rows does not matter, and an interrupted training goes on with the
mini-batches that it would have had.

A mini-batch is gathered row by row into memory that the next one takes over, in the
units of training: nothing is converted at a step.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skdeepbin.engine._blocks import Rows, are_kept, row_slices
from skdeepbin.engine._scaling import Conversion
from skdeepbin.network._dropout import draw
from skdeepbin.network._network import Block, Losses, Network, Workspace
from skdeepbin.network._parameters import Array

# Where rows have weights, mini-batches are of many sizes; for so many the memory waits.
SIZES = 4


class MiniBatches:
    """The cut of some rows into mini-batches, by the number of the epoch.

    Parameters
    ----------
    hashes : ndarray of shape (n_rows,)
        A number for each row, the same for equal rows.
    weights : ndarray of shape (n_rows,) or None
        How many rows each is; one without weight is in no mini-batch. None is one each.
    size : int
        Rows in a mini-batch, by weight; the last may have fewer, and a row of more
        weight is not cut.
    """

    def __init__(
        self, hashes: NDArray[np.uint64], weights: Array | None, size: int
    ) -> None:
        self.size, self._random = size, np.random.RandomState(0)
        weights = np.ones(len(hashes)) if weights is None else weights
        rows = np.flatnonzero(weights)
        self._rows = rows[np.argsort(hashes[rows], kind="stable")]
        ordered = hashes[self._rows]
        # Equal rows lie side by side; where each group of them starts:
        is_first = np.append(True, ordered[1:] != ordered[:-1])
        self._starts = np.flatnonzero(is_first[: len(rows)])
        self._counts = np.diff(np.append(self._starts, len(rows)))
        self._weight = np.add.reduceat(weights[self._rows], self._starts)
        self._is_plain = len(self._starts) == len(rows) and (self._weight == 1).all()

    def __call__(self, epoch: int) -> list[NDArray[np.intp]]:
        """Return the numbers of the rows of one mini-batch after the other."""
        self._random.seed(epoch)  # a new one would ask the system for entropy
        order = self._random.permutation(len(self._starts))
        if self._is_plain:
            rows = self._rows[order]
            ends = [*range(self.size, len(order), self.size)]
        else:
            rows, ends = self._by_weight(order)
        return [rows[a:b] for a, b in pairwise([0, *ends, len(rows)])]

    def _by_weight(self, order: NDArray[np.intp]) -> tuple[NDArray[np.intp], list[int]]:
        """Return the rows of all groups in an order, and where mini-batches end."""
        weight, counts = self._weight[order], self._counts[order]
        middle, ends = np.cumsum(weight) - weight / 2, np.cumsum(counts)
        is_last = np.diff(middle // self.size) > 0
        moved = np.repeat(self._starts[order] - ends + counts, counts)
        rows = self._rows[np.arange(len(self._rows)) + moved]
        return rows, ends[:-1][is_last].tolist()


class Gathering:
    """Some rows of many, copied into memory as the kernels read it.

    There, a row is its features in the units of training, a one, its label and its
    weight. Of small data all rows are kept like that.
    """

    def __init__(self, rows: Rows, conversion: Conversion) -> None:
        self._rows, self.dtype = rows, rows.dtype
        self._scaling = conversion.of_rows(rows.dtype)
        n_rows, n_features = rows.features.shape
        self.width = n_features + 3
        self._kept: tuple[Array, Array] | None = None
        if are_kept((n_rows, n_features), rows.dtype):
            table, w = np.empty((n_rows, self.width), rows.dtype), np.empty(n_rows)
            for some in row_slices(n_rows, rows.features.block_rows):
                numbers = np.arange(some.start, some.stop)
                w[some] = self.weights(numbers)
                self._load(numbers, table[some])
            self._kept = table, w

    def weights(self, numbers: NDArray[np.intp]) -> Array:
        """Return the weights of the rows of these numbers."""
        if self._kept is not None:
            return self._kept[1].take(numbers)
        w = self._rows.factors[self._rows.y[numbers].view(np.uint8)]
        return w if self._rows.w is None else w * self._rows.w[numbers]

    def take(self, numbers: NDArray[np.intp], into: Array) -> None:
        """Copy the rows of these numbers, in place, one below the other."""
        if self._kept is None:
            self._load(numbers, into)
        else:  # "clip" for "raise", which would make a copy first
            self._kept[0].take(numbers, axis=0, out=into, mode="clip")

    def _load(self, numbers: NDArray[np.intp], into: Array) -> None:
        into[:, -3] = 1
        X = into[:, :-2].T
        self._rows.features.gather(numbers, X)
        if self._scaling is not None:
            self._scaling.apply(X)
        into[:, -2] = self._rows.y[numbers]
        into[:, -1] = self.weights(numbers)


class Batch:
    """The sums over one mini-batch of dense rows, in the units of training.

    The memory of the next one is the same. Where it has more rows than a block, these
    are summed over one after the other.
    """

    def __init__(self, network: Network, rows: Rows, conversion: Conversion) -> None:
        self.network, self._rows = network, rows
        self._source = Gathering(rows, conversion)
        dtype, n = rows.dtype, network.layout.n_parameters
        self._theta, self._gradient, self._part = np.empty((3, n), dtype)
        self._V = network.layout.layers(self._theta)
        self._into = network.layout.views(self._gradient)
        self._into_part = network.layout.views(self._part)
        self._memory: dict[int, tuple[Array, Block, Workspace]] = {}
        self._parts: list[NDArray[np.intp]] = []

    def _memory_of(self, n: int) -> tuple[Array, Block, Workspace]:
        """Return the memory for so many rows, which was taken before, or new one."""
        memory = self._memory.pop(n, None)
        if memory is None:
            rows = np.empty((n, self._source.width), self._source.dtype)
            block = Block(rows[:, :-2].T, rows[:, -2], rows[:, -1])
            memory = rows, block, self.network.workspace(n, rows.dtype)
        self._memory[n] = memory  # as the last that was used
        if len(self._memory) > SIZES:
            del self._memory[next(iter(self._memory))]
        return memory

    def choose(self, numbers: NDArray[np.intp]) -> float:
        """Make the mini-batch of the rows of these numbers; return its weight."""
        self._parts, most = [numbers], self._rows.features.block_rows
        if len(numbers) > most:
            self._parts = [numbers[part] for part in row_slices(len(numbers), most)]
        return float(np.add.reduce(self._source.weights(numbers)))

    def __call__(self, theta: Array) -> tuple[Losses, Array]:
        """Return the sums at ``theta``, with a float64 gradient."""
        np.copyto(self._theta, theta, casting="same_kind")
        network, hashes, into = self.network, self._rows.hashes, self._into
        r = draw(theta, network.hidden) if network.dropout else []
        trained = 0.0
        for numbers in self._parts:
            rows, block, workspace = self._memory_of(len(numbers))
            self._source.take(numbers, rows)
            if r:
                assert hashes is not None
                block = block._replace(h=hashes[numbers] | np.uint64(1))
            losses = network.loss_and_gradient(self._V, block, workspace, into, r)
            trained += losses.trained
            if into is self._into_part:
                self._gradient += self._part
            into = self._into_part
        return Losses(trained, 0.0), self._gradient.astype(np.float64)
