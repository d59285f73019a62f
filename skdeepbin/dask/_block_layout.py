"""Divide the rows of all partitions into blocks, and set the order of their sums.

If every partition begins at a block of the same rows in one piece, the blocks and the
summation tree are those of a fit in memory, and the sums have its bits. Else each
partition has blocks of its own, and the tree is halved where partitions begin. Either
way both depend on the data alone, not on the workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import ceil

from skdeepbin.engine._blocks import row_slices
from skdeepbin.engine._tree import Bounded, Node, cut


class BlockLayout:
    """Block boundaries of all partitions.

    Blocks are numbered through all partitions: those of partition ``p`` are
    ``first_block[p] .. first_block[p + 1]``, without the last.

    Parameters
    ----------
    partition_rows : sequence of int
        The number of rows of each partition.
    block_rows : int
        The most rows of a block.

    Attributes
    ----------
    is_aligned : bool
        Whether every partition begins at a block of the rows in one piece.
    """

    def __init__(self, partition_rows: Sequence[int], block_rows: int) -> None:
        self.partition_rows, self.block_rows = list(partition_rows), block_rows
        self.starts = [0, *accumulate(partition_rows)]
        n_rows = self.starts[-1]
        n_blocks = ceil(n_rows / block_rows)
        # In one piece, block k begins at row ``n_rows * k // n_blocks``. Of each
        # partition, this is the first that does not begin before it.
        first_block = [-(-start * n_blocks // n_rows) for start in self.starts]
        self.is_aligned = all(
            n_rows * block // n_blocks == start
            for block, start in zip(first_block, self.starts)
        )
        if not self.is_aligned:
            first_block = [0, *accumulate(ceil(n / block_rows) for n in partition_rows)]
        self.first_block = first_block

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return self.first_block[-1]

    @property
    def root(self) -> Node:
        """Root of the summation tree, over all blocks."""
        if self.is_aligned:
            return Node(0, self.n_blocks)
        return Bounded.over(sorted(set(self.first_block)))

    def slices(self, partition: int) -> list[slice]:
        """Return the blocks of a partition, as slices of its rows."""
        if not self.is_aligned:
            n = self.partition_rows[partition]
            return row_slices(n, self.block_rows) if n else []
        n_rows, start = self.starts[-1], self.starts[partition]
        first, stop = self.first_block[partition : partition + 2]
        bounds = [
            n_rows * block // self.n_blocks - start for block in range(first, stop + 1)
        ]
        return [slice(*pair) for pair in pairwise(bounds)]

    def nodes(self, partitions: Iterable[int]) -> list[Node]:
        """Return the largest tree nodes that lie within some partitions."""
        blocks = {
            block
            for partition in partitions
            for block in range(
                self.first_block[partition], self.first_block[partition + 1]
            )
        }
        return [*cut(self.root, self.n_blocks, blocks)] if blocks else []
