"""Sums over nodes, added up the tree as far as they are there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from skdeepbin.dask._bench import NodeSum
from skdeepbin.dask._broadcast import BroadcastConfig
from skdeepbin.engine._engine import Sums, plus
from skdeepbin.engine._tree import Node
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array


def merged(config: BroadcastConfig, *lists: Sequence[NodeSum]) -> list[NodeSum]:
    """The sums over the largest nodes that those of several workers give together."""
    return added([node for some in lists for node in some], config.block_layout.root)


def added(nodes: Sequence[NodeSum], root: Node) -> list[NodeSum]:
    """The sums over the largest nodes."""
    given = sorted(nodes, key=lambda node: node.start)
    starts = [node.start for node in given]

    def up(node: Node) -> list[NodeSum]:
        first, stop = bisect_left(starts, node.start), bisect_left(starts, node.stop)
        if first == stop:
            return []
        if given[first][:2] == node:
            return [given[first]]
        left, right = node.halves
        below = [*up(left), *up(right)]
        if [some[:2] for some in below] != [left, right]:
            return below
        # What another task gave is not changed: it may be asked for again.
        one, other = (Sums(some.losses, some.gradient) for some in below)
        total = plus(node, one._replace(gradient=one.gradient.copy()), other)
        return [NodeSum(*node, total.losses, total.gradient)]

    return up(root)


def total_of(nodes: Sequence[NodeSum], root: Node) -> tuple[Losses, Array]:
    """The sums over all blocks, and a float64 gradient."""
    ((*_, losses, gradient),) = added(nodes, root)
    return losses, np.array(gradient, np.float64)
