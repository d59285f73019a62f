"""The order in which sums over blocks of rows are added: a tree of halves.

The sum over blocks ``start .. stop`` is the sum of those over its two halves, down to
single blocks. So it has the same bits wherever its parts are summed, by whichever
thread, process or machine, in whichever order they arrive; and its rounding error grows
with the logarithm of the number of blocks.

References
----------
Higham (1993), The accuracy of floating point summation,
https://doi.org/10.1137/0914050.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Node(NamedTuple):
    """The blocks ``start .. stop``, without the last."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """The number of blocks."""
        return self.stop - self.start

    @property
    def halves(self) -> tuple[Node, Node]:
        """The two nodes below; the second has the odd block."""
        middle = (self.start + self.stop) // 2
        return Node(self.start, middle), Node(middle, self.stop)


class Bounded(Node):
    """A node that is halved where a part begins, as near to its middle as there is one.

    So the blocks of a part, and those of many parts in a row, are few nodes.
    """

    bounds: Sequence[int]

    @classmethod
    def over(cls, bounds: Sequence[int]) -> Bounded:
        """All blocks.

        bounds : the first block of each part, ascending, and the number of all.
        """
        root = cls(0, bounds[-1])
        root.bounds = bounds
        return root

    @property
    def halves(self) -> tuple[Node, Node]:
        """The two nodes below."""
        middle = (self.start + self.stop) // 2
        after = bisect_left(self.bounds, middle)
        inside = [
            bound
            for bound in self.bounds[max(after - 1, 0) : after + 1]
            if self.start < bound < self.stop
        ]
        if not inside:
            return super().halves
        middle = min(inside, key=lambda bound: abs(2 * bound - self.start - self.stop))
        left, right = Bounded(self.start, middle), Bounded(middle, self.stop)
        left.bounds = right.bounds = self.bounds
        return left, right


def cut(root: Node, most: int, held: Container[int] | None = None) -> Iterator[Node]:
    """The largest nodes of at most so many blocks, in order.

    held : of these blocks alone; None for all.
    """
    if root.size <= most and (
        held is None or all(block in held for block in range(root.start, root.stop))
    ):
        yield root
    elif root.size > 1:
        for half in root.halves:
            yield from cut(half, most, held)


class TreeSum(Generic[T]):
    """Adds up the sums of nodes, in whichever order they arrive, to that of the root.

    Parameters
    ----------
    root : Node
        All blocks.
    nodes : list of Node
        Those that will arrive; together they are the root.
    plus : callable
        ``plus(node, left, right)`` is the sum over a node from those over its halves.
    """

    def __init__(
        self, root: Node, nodes: list[Node], plus: Callable[[Node, T, T], T]
    ) -> None:
        self._root, self._plus = root, plus
        self._parents: dict[Node, Node] = {}
        self._sums: dict[Node, T] = {}
        self._lock = Lock()
        leaves, to_do = set(nodes), [root]
        while to_do:
            node = to_do.pop()
            if node not in leaves:
                self._parents.update(dict.fromkeys(node.halves, node))
                to_do.extend(node.halves)

    def add(self, node: Node, value: T) -> None:
        """The sum over one of the nodes; whoever completes a pair adds it."""
        while node != self._root:
            parent = self._parents[node]
            left, right = parent.halves
            with self._lock:
                other = self._sums.pop(right if node == left else left, None)
                if other is None:
                    self._sums[node] = value
                    return
            pair = (value, other) if node == left else (other, value)
            node, value = parent, self._plus(parent, *pair)
        self._sums[node] = value

    @property
    def value(self) -> T:
        """The sum over the root, when all have arrived."""
        return self._sums[self._root]
