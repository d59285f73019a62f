"""Sums over tree nodes from several workers, and how they combine to a total.

Both halves of a node are added in the order of the tree. So the total has the same bits
whichever worker has summed which blocks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np

from skdeepbin.dask._broadcast import BroadcastConfig
from skdeepbin.engine._engine import Sums, plus
from skdeepbin.engine._tree import Node
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array


class NodeSum(NamedTuple):
    """Losses and gradient, summed over the blocks ``start .. stop``."""

    start: int
    stop: int
    losses: Losses
    gradient: Array


def combine_siblings(node_sums: Iterable[NodeSum], root: Node) -> list[NodeSum]:
    """Add the sums over both halves of a node until no such pair is left."""
    ordered = sorted(node_sums, key=lambda node_sum: node_sum.start)
    starts = [node_sum.start for node_sum in ordered]

    def combine(node: Node) -> list[NodeSum]:
        first, stop = bisect_left(starts, node.start), bisect_left(starts, node.stop)
        if first == stop:
            return []
        if ordered[first][:2] == node:
            return [ordered[first]]
        left, right = node.halves
        children = [*combine(left), *combine(right)]
        if [child[:2] for child in children] != [left, right]:
            return children
        # Results of other tasks stay unchanged: Dask may hand them to a task again.
        one, other = (Sums(child.losses, child.gradient) for child in children)
        total = plus(node, one._replace(gradient=one.gradient.copy()), other)
        return [NodeSum(*node, total.losses, total.gradient)]

    return combine(root)


def merge_workers(
    config: BroadcastConfig, *worker_sums: Iterable[NodeSum]
) -> list[NodeSum]:
    """Combine the node sums of several workers."""
    return combine_siblings(chain(*worker_sums), config.block_layout.root)


def total_sum(node_sums: Iterable[NodeSum], root: Node) -> tuple[Losses, Array]:
    """Return the losses and the float64 gradient over all blocks."""
    ((*_, losses, gradient),) = combine_siblings(node_sums, root)
    return losses, np.array(gradient, np.float64)
