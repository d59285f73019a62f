"""Cut the rows of a data set into blocks."""

from __future__ import annotations

from collections.abc import Iterator

from skdeepbin.network._parameters import Array

# Rows of a block. The activations of a block stay in the cache between the forward
# and the backward pass; 256 to 2,048 rows are alike for layers of 16 to 256 units.
BLOCK_ROWS = 1024


def row_slices(n_rows: int, block_rows: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices that cover ``n_rows`` rows in order; they depend on nothing else."""
    for start in range(0, n_rows, block_rows):
        yield slice(start, min(start + block_rows, n_rows))


def row_blocks(*arrays: Array) -> list[tuple[Array, ...]]:
    """The arrays cut along their rows: one tuple a block, all views where possible."""
    return [tuple(a[rows] for a in arrays) for rows in row_slices(arrays[0].shape[0])]
