"""Cut the rows of a data set into blocks, and make each ready for the kernels.

Of the whole, nothing is copied or converted. A block is, when its turn comes, into
memory that the next block takes over. So the input may be of any numeric type and in
any order, or a memory map larger than memory. Only blocks of small data are kept.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from itertools import pairwise
from math import ceil
from mmap import mmap
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from skdeepbin.engine._bins import Bins
from skdeepbin.network._network import Block, Network
from skdeepbin.network._parameters import Array

# What is computed from a block should stay in a core's share of the last-level cache
# until it is used; but in small blocks the calls, and with threads the turns that they
# take with the interpreter, outweigh the work. examples/benchmarks/blocks.py has both.
CACHE_BYTES = 2**23
LEAST_ROWS, MOST_ROWS = 512, 4096

# Two threads share blocks of less work than this at a loss: their turns with the
# interpreter then cost more than the half of the work that each is spared.
BLOCK_WORK = 2e7

# Blocks are kept where all of them together take no more than this.
KEPT_BYTES = 2**24


def block_rows(
    network: Network, n_rows: int, itemsize: int, is_sparse: bool = False
) -> int:
    """Return the rows of a block: by the data and the layers, and nothing else.

    As many as fit the cache, or fewer to have an even number of blocks for two threads.

    is_sparse : whether the rows are; then they take little space themselves.
    """
    n_features = 0 if is_sparse else network.layout.sizes[0]
    bytes_per_row = itemsize * (n_features + network.workspace_size(1))
    rows = min(max(CACHE_BYTES // bytes_per_row, LEAST_ROWS), MOST_ROWS)
    even = 2 * ceil(n_rows / rows / 2)
    if training_work(network, n_rows, itemsize) >= even * BLOCK_WORK:
        rows = ceil(n_rows / even)
    return rows


def training_work(network: Network, n_rows: int, itemsize: int) -> float:
    """Floating-point operations of a pass, in units of one in float32.

    A product and a sum for each row and parameter, three times. In float64 each takes
    twice as long.
    """
    return 6.0 * n_rows * network.layout.n_parameters * itemsize / 4


def row_slices(n_rows: int, block_rows: int) -> list[slice]:
    """Slices of ``n_rows`` rows in order, nearly equal, of at most ``block_rows``."""
    n_blocks = ceil(n_rows / block_rows)
    if not n_blocks:
        return []
    bounds = [n_rows * number // n_blocks for number in range(n_blocks + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


class Reading(NamedTuple):
    """The numbers of the columns that are read, and what each is divided by."""

    columns: NDArray[np.intp]
    scale: Array


class Features:
    """The features, read by blocks of ``block_rows`` rows.

    X : dense or CSR, of any numeric type, and of any order if dense.
    dtype : the precision of the blocks.
    slices : the blocks, where others than nearly equal ones are asked for.
    bins : of dense columns, that stand after them; None for none.
    reading : what is read of X; None for all as it is.
    rows : the numbers of the rows of X that there are, in order; None for all.
    """

    def __init__(
        self,
        X: Any,
        dtype: DTypeLike,
        block_rows: int,
        slices: list[slice] | None = None,
        bins: Bins | None = None,
        reading: Reading | None = None,
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        if reading is not None and issparse(X):
            X, reading = as_read(X, reading, dtype), None
        self.X, self.dtype, self.block_rows = X, np.dtype(dtype), block_rows
        self.bins, self.reading, self.rows = bins, reading, rows
        n_rows, n_columns = X.shape
        n_rows = n_rows if rows is None else len(rows)
        n_columns = n_columns if reading is None else len(reading.columns)
        self.shape = n_rows, n_columns + (0 if bins is None else bins.n)
        self.is_sparse = issparse(X) and bins is None
        self.slices = row_slices(n_rows, block_rows) if slices is None else slices
        self._file = _mapped_file(X)

    def some(self, rows: NDArray[np.intp]) -> Features:
        """A copy of the rows of these numbers."""
        self._check_file()
        X = self.X[rows if self.rows is None else self.rows[rows]]
        return Features(X, self.dtype, self.block_rows, None, self.bins, self.reading)

    def only(self, rows: NDArray[np.intp]) -> Features:
        """The rows of these numbers, where they lie."""
        bins, reading = self.bins, self.reading
        rows = rows if self.rows is None else self.rows[rows]
        return Features(self.X, self.dtype, self.block_rows, None, bins, reading, rows)

    def memory(self, n_rows: int, order: Literal["C", "F"] = "F") -> Array | None:
        """Memory for ``A_0`` of a dense block, in order F row after row of the data."""
        if self.is_sparse:
            return None
        return np.ones((self.shape[1] + 1, n_rows), self.dtype, order)

    def load(
        self,
        number: int,
        memory: Array | None,
        order: NDArray[np.intp] | slice = slice(None),
    ) -> Any:
        """One block as the kernels want it, in place in ``memory`` if it is dense.

        order : of its rows.
        """
        self._check_file()
        if self.rows is None:
            X = self.X[self.slices[number]][order]
        else:
            X = self.X[self.rows[self.slices[number]][order]]
        return self._as_block(X, memory)

    def gather(self, rows: NDArray[np.intp], memory: Array) -> None:
        """Load the rows of these numbers, in place in the ``A_0`` of a dense block."""
        self._check_file()
        rows = rows if self.rows is None else self.rows[rows]
        # By `take` in half the time, which would copy all of X if it lay otherwise.
        is_plain = isinstance(self.X, np.ndarray) and self.X.flags.c_contiguous
        X = self.X.take(rows, axis=0, mode="clip") if is_plain else self.X[rows]
        self._as_block(X, memory)

    def _as_block(self, X: Any, memory: Array | None) -> Any:
        """Return rows of X as the kernels want them."""
        if self.reading is not None:
            X = X[:, self.reading.columns] / self.reading.scale
        if memory is None:
            return X.astype(self.dtype, copy=False)
        X = X.toarray() if issparse(X) else X
        n_columns = X.shape[1]
        memory[:n_columns] = X.T
        if self.bins is not None:
            memory[n_columns:-1] = self.bins.of(X).T
        return memory

    def _check_file(self) -> None:
        if self._file is not None:
            self._file.check()


def as_read(X: Any, reading: Reading, dtype: DTypeLike) -> Any:
    """The columns of a CSR matrix that are read, as they are."""
    columns, scale = reading
    number = np.full(X.shape[1], -1, X.indices.dtype)
    number[columns] = np.arange(len(columns))
    if (number[X.indices] < 0).any():
        X = X[:, columns]
        number = np.arange(len(columns))
    indices = number[X.indices]
    data = (X.data / scale[indices]).astype(dtype)
    return type(X)((data, indices, X.indptr), (X.shape[0], len(columns)))


def are_kept(shape: tuple[int, int], dtype: np.dtype) -> bool:
    """Tell if the blocks of so many rows are kept once they are made."""
    n_rows, n_features = shape
    return n_rows * (n_features + 3) * dtype.itemsize <= KEPT_BYTES


def block_sizes(slices: Iterable[slice]) -> set[int]:
    """The numbers of rows that blocks have, one or two where they are nearly equal."""
    return {rows.stop - rows.start for rows in slices}


class Blocks(Protocol):
    """Rows by blocks, as an engine reads them."""

    dtype: np.dtype

    @property
    def sizes(self) -> set[int]:
        """The numbers of rows that blocks have: for each there is memory of its own."""

    def size(self, number: int) -> int:
        """Return the number of rows of a block."""

    def memory(self, n_rows: int) -> Block | None:
        """Memory to load a block into, unless all are kept."""

    def load(self, number: int, memory: Block | None) -> Block:
        """One block, in place in ``memory`` unless it was kept."""


class Rows:
    """The features with labels and weights, read by blocks.

    y : whether a row is of the second class.
    w : the weight of each row, or None if all are one.
    factors : by which the weights of the first and of the second class are multiplied.
    held_out : whether a row validates, or None if no row does. In a block such rows
        come last.
    hashes : a number for each row, for dropout.
    keep : whether blocks are kept once they are made; None if they are where all of
        them are small enough.
    """

    def __init__(
        self,
        features: Features,
        y: NDArray[np.bool_],
        w: Array | None,
        factors: Array,
        held_out: NDArray[np.bool_] | None = None,
        hashes: NDArray[np.uint64] | None = None,
        keep: bool | None = None,
    ) -> None:
        self.features, self.y, self.w, self.factors = features, y, w, factors
        self.held_out, self.hashes = held_out, hashes
        self.slices, self.dtype = features.slices, features.dtype
        self._kept: list[Block] | None = None
        if keep is None:
            keep = are_kept(features.shape, self.dtype)
        if keep:
            # By features: small products are faster, and it takes long only once.
            self._kept = [
                self.load(number, self._memory(rows.stop - rows.start, "C"))
                for number, rows in enumerate(self.slices)
            ]

    def some(self, rows: NDArray[np.intp]) -> Rows:
        """A copy of the rows of these numbers, none of them held out."""
        w = None if self.w is None else self.w[rows]
        hashes = None if self.hashes is None else self.hashes[rows]
        features, y = self.features.some(rows), self.y[rows]
        return Rows(features, y, w, self.factors, hashes=hashes)

    def only_held_out(self) -> Rows:
        """The rows that are held out."""
        assert self.held_out is not None
        rows = np.flatnonzero(self.held_out)
        w = None if self.w is None else self.w[rows]
        hashes = None if self.hashes is None else self.hashes[rows]
        features, y, out = self.features.only(rows), self.y[rows], self.held_out[rows]
        return Rows(features, y, w, self.factors, out, hashes)

    @property
    def sizes(self) -> set[int]:
        """The numbers of rows that blocks have."""
        return block_sizes(self.slices)

    def size(self, number: int) -> int:
        """Return the number of rows of a block."""
        rows = self.slices[number]
        return rows.stop - rows.start

    def weight(self) -> float:
        """The sum of the weights of all rows."""
        w = self.factors[self.y.view(np.uint8)]
        return float(w.sum() if self.w is None else w @ self.w)

    def memory(self, n_rows: int) -> Block | None:
        """Memory to load a block into, unless all are kept."""
        return self._memory(n_rows, "F") if self._kept is None else None

    def _memory(self, n_rows: int, order: Literal["C", "F"]) -> Block:
        y, w = np.empty((2, n_rows), self.dtype)
        return Block(self.features.memory(n_rows, order), y, w)

    def load(self, number: int, memory: Block | None) -> Block:
        """One block, in place in ``memory`` unless it was kept."""
        if memory is None:
            assert self._kept is not None
            return self._kept[number]
        rows = self.slices[number]
        order: NDArray[np.intp] | slice = slice(None)
        n_trained = None
        if self.held_out is not None:
            held_out = self.held_out[rows]
            order = np.argsort(held_out, kind="stable")
            n_trained = len(held_out) - int(np.count_nonzero(held_out))
        memory.y[:] = y = self.y[rows][order]
        w = self.factors[y.view(np.uint8)]
        memory.w[:] = w if self.w is None else w * self.w[rows][order]
        h = None if self.hashes is None else self.hashes[rows][order] | np.uint64(1)
        X = self.features.load(number, memory.X, order)
        return memory._replace(X=X, h=h, n_trained=n_trained)


class MappedFile(NamedTuple):
    """The file behind a memory map: to read beyond its end would end the process."""

    map: mmap
    size: int

    def check(self) -> None:
        """Raise an OSError if the file has become shorter."""
        size = self.map.size()
        if size < self.size:
            message = (
                f"The file that X maps was {self.size} bytes long and has become "
                f"{size}. Leave it as it is while it is in use"
            )
            raise OSError(errno.EIO, message)


def _mapped_file(X: Any) -> MappedFile | None:
    """The file behind a memory map or a view of one, None for other arrays."""
    while isinstance(X, np.ndarray):
        X = X.base
    return MappedFile(X, max(X.size(), len(X))) if isinstance(X, mmap) else None
