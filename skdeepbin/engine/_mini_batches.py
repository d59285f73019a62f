"""Mini-batches of rows, another cut at every epoch, decided by what is in the rows.

In every epoch the different rows are ordered by another hash of theirs, and cut where
the sum of weights passes a multiple of the batch size. So a row of weight k and the
same row k times are in the same mini-batches, the order of the rows does not matter,
and an interrupted training goes on with the mini-batches that it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skdeepbin.engine._split import mixed
from skdeepbin.network._parameters import Array


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
        self.size = size
        self._rows = np.arange(len(hashes))
        if weights is not None:
            self._rows = np.flatnonzero(weights)
            hashes, weights = hashes[self._rows], weights[self._rows]
        self._hashes, self._group = np.unique(hashes, return_inverse=True)
        self._weight = np.bincount(self._group, weights)

    def __call__(self, epoch: int) -> Iterator[NDArray[np.intp]]:
        """The numbers of the rows of one mini-batch after the other, ascending."""
        order = np.argsort(
            mixed(self._hashes ^ mixed(np.array([epoch + 1], np.uint64)))
        )
        weight = self._weight[order]
        middle = np.cumsum(weight) - weight / 2
        batch = np.empty(len(order), np.intp)
        batch[order] = middle // self.size
        of_the_row = batch[self._group]
        rows = np.argsort(of_the_row, kind="stable")
        ends = np.flatnonzero(np.diff(of_the_row[rows])) + 1
        return iter(np.split(self._rows[rows], ends))
