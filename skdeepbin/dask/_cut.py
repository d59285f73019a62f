"""How the rows of all partitions are cut into blocks, and how these are added up.

Where every partition begins at a block of the same rows in one piece, those blocks and
their tree are taken: the sums then have the bits of a fit in memory. Else each
partition is cut for itself, and the tree is halved where partitions begin. Either way
they depend on the data alone, not on the workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import ceil

from skdeepbin.engine._blocks import row_slices
from skdeepbin.engine._tree import Bounded, Node, cut


class Cut:
    """Blocks of partitions.

    Parameters
    ----------
    rows : sequence of int
        How many each partition has.
    most : int
        Rows of a block.
    """

    def __init__(self, rows: Sequence[int], most: int) -> None:
        self.rows, self.most = list(rows), most
        self.starts = [0, *accumulate(rows)]
        n_rows = self.starts[-1]
        n_blocks = ceil(n_rows / most)
        # The first block of the whole that does not begin before a partition does.
        first = [-(-start * n_blocks // n_rows) for start in self.starts]
        self.is_of_the_whole = all(
            n_rows * number // n_blocks == start
            for number, start in zip(first, self.starts)
        )
        if not self.is_of_the_whole:
            first = [0, *accumulate(ceil(n / most) for n in rows)]
        self.first = first

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return self.first[-1]

    @property
    def root(self) -> Node:
        """All blocks."""
        if self.is_of_the_whole:
            return Node(0, self.n_blocks)
        return Bounded.over(sorted(set(self.first)))

    def slices(self, part: int) -> list[slice]:
        """The blocks of a partition, as rows of it."""
        if not self.is_of_the_whole:
            n = self.rows[part]
            return row_slices(n, self.most) if n else []
        n_rows, start = self.starts[-1], self.starts[part]
        numbers = range(self.first[part], self.first[part + 1] + 1)
        bounds = [n_rows * number // self.n_blocks - start for number in numbers]
        return [slice(*pair) for pair in pairwise(bounds)]

    def nodes(self, parts: Iterable[int]) -> list[Node]:
        """The largest nodes of the blocks of some partitions."""
        held = {
            block
            for part in parts
            for block in range(self.first[part], self.first[part + 1])
        }
        return [*cut(self.root, self.n_blocks, held)] if held else []
