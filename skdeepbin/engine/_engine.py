"""Sum a network's loss and gradient over blocks of rows, with the same bits on any
number of threads.

A block is as many rows as fit the cache, forward and backward in the precision of the
data. Blocks are added up a tree of halves (`_tree.py`): up to 16 in the precision of
the data, more in float64, so that the error does not grow with the rows.

Blocks and their tree depend on the data alone. A thread takes a group of blocks, a node
of the tree, and then the next; whoever has both halves of a node adds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skdeepbin.engine._blocks import (
    BLOCK_WORK,
    Blocks,
    Features,
    Rows,
    block_sizes,
)
from skdeepbin.engine._threads import Threads, n_threads
from skdeepbin.engine._tree import Node, TreeSum, cut
from skdeepbin.network._dropout import Draw, draw
from skdeepbin.network._network import Block, Losses, Network, Workspace
from skdeepbin.network._parameters import Array, Parameters

# So many blocks are added in the precision of the data. A group has no more, and where
# there are fewer blocks so many that threads end at about the same time.
GROUP_BLOCKS, GROUPS = 16, 32

# The memory of gradients of more bytes does not wait for the next sum: the solver needs
# some too.
LARGE = 2**22


def n_useful_threads(n_jobs: int | None, features: Features, work: float) -> int:
    """The threads that `n_jobs` allows, one a block at most; one if blocks are light.

    work : of a pass over all blocks, as `training_work` counts it.
    """
    n_blocks = len(features.slices)
    light = work < n_blocks * BLOCK_WORK
    return 1 if n_blocks == 1 or light else min(n_threads(n_jobs), n_blocks)


def memory_needed(network: Network, features: Features, n_threads: int) -> int:
    """Bytes that training takes beyond the data: parameters and workspaces."""
    itemsize = features.dtype.itemsize
    rows = sum(block_sizes(features.slices))
    # Of those beyond the halves to come one is in work, and one waits.
    n_parts = 2 + depth(group_size(len(features.slices)))
    of_a_thread = rows * network.workspace_size(1)
    of_a_thread += n_parts * network.layout.n_parameters
    if not features.is_sparse:
        of_a_thread += rows * (features.shape[1] + 1)
    # theta, the best one, the last and the next, their gradients, the penalty
    of_the_descent = 8 * 8 * network.layout.n_parameters
    return n_threads * itemsize * of_a_thread + of_the_descent


def group_size(n_blocks: int) -> int:
    """The most blocks that a thread takes at a time."""
    return min(max(n_blocks // GROUPS, 1), GROUP_BLOCKS)


def depth(most: int) -> int:
    """Gradients that a thread holds beyond the one in work: of the halves to come.

    most : blocks that it takes at a time.
    """
    return (most - 1).bit_length()


class Part(NamedTuple):
    """The gradient of a part of the rows, flat and layer by layer."""

    flat: Array
    layers: Parameters


class Sums(NamedTuple):
    """The sums over a node.

    part : whose flat gradient it is, if that may be taken for another.
    """

    losses: Losses
    gradient: Array
    part: Part | None = None


Task: TypeAlias = tuple[Node, "TreeSum[Sums]"]


class Engine:
    """The sum of weighted losses of a network over rows, and its gradient.

    A workspace a thread is taken at the start, a gradient for every group in work.

    nodes : those to sum over, where it is not over all blocks.
    """

    def __init__(
        self,
        network: Network,
        rows: Blocks,
        threads: Threads,
        nodes: Sequence[Node] | None = None,
    ) -> None:
        self.network, self.threads, self.dtype = network, threads, rows.dtype
        if nodes is None:
            assert isinstance(rows, Rows)
            nodes = [Node(0, len(rows.slices))]
        self.nodes = nodes
        most = group_size(sum(node.size for node in nodes))
        self._groups = {node: [*cut(node, most)] for node in nodes}
        # What a thread takes at a time.
        self.groups = [group for groups in self._groups.values() for group in groups]
        self._workspaces = [
            ThreadWorkspace(network, rows, most) for _ in range(threads.n)
        ]
        self._theta = np.empty(network.layout.n_parameters, self.dtype)
        self._V = network.layout.layers(self._theta)
        self._r: Draw = []
        self._spare = [workspace.new_part() for workspace in self._workspaces]

    def __call__(self, theta: Array) -> tuple[Losses, Array]:
        """Return the sums over all rows at ``theta``, with a float64 gradient."""
        (total,), tasks = self._begin(theta)
        if self.threads.n == 1:
            for task in tasks:
                self._sum(0, task)
        else:
            self.threads.run(self._sum, tasks)
        losses, gradient, part = total.value
        if gradient.nbytes > LARGE:
            self._spare.clear()
            return losses, gradient.astype(np.float64, copy=False)
        gradient = gradient.astype(np.float64, copy=part is not None)
        self.give_back(total.value)
        return losses, gradient

    def sums(self, theta: Array) -> list[Sums]:
        """Return the sums over each node, in memory that is to be given back."""
        totals, tasks = self._begin(theta)
        self.threads.run(self._sum, tasks)
        return [total.value for total in totals]

    def _begin(self, theta: Array) -> tuple[list[TreeSum[Sums]], list[Task]]:
        """Take the parameters over; return the sums to come, and the tasks."""
        np.copyto(self._theta, theta, casting="same_kind")
        if self.network.dropout:
            self._r = draw(theta, self.network.hidden)
        totals = [
            TreeSum(node, groups, self._plus) for node, groups in self._groups.items()
        ]
        tasks = [
            (group, total)
            for total, groups in zip(totals, self._groups.values())
            for group in groups
        ]
        return totals, tasks

    def _sum(self, thread: int, task: Task) -> None:
        """Sum over one group of blocks, on one thread."""
        group, total = task
        workspace = self._workspaces[thread]
        part = self._take(workspace)
        losses = workspace.sum(group, part, self._V, self._r)
        total.add(group, Sums(losses, part.flat, part))

    def give_back(self, total: Sums) -> None:
        """Take the memory of a sum back, which was read."""
        if total.part is not None:
            self._spare.append(total.part)

    def _plus(self, node: Node, left: Sums, right: Sums) -> Sums:
        """The sums over a node from those over its halves; their memory is used."""
        total = plus(node, left, right)
        used = [right.part, left.part if total.part is None else None]
        self._spare.extend(part for part in used if part is not None)
        return total

    def _take(self, workspace: ThreadWorkspace) -> Part:
        try:
            return self._spare.pop()
        except IndexError:
            return workspace.new_part()


class ThreadWorkspace:
    """Memory of one thread, for one block at a time: activations and gradients."""

    def __init__(self, network: Network, rows: Blocks, most: int) -> None:
        self.network, self.rows = network, rows
        self._parts = [self.new_part() for _ in range(depth(most))]
        self._memory: dict[int, tuple[Workspace, Block | None]] = {}
        for n in rows.sizes:
            self._memory[n] = network.workspace(n, rows.dtype), rows.memory(n)

    def new_part(self) -> Part:
        """Return memory for one more gradient."""
        flat = np.empty(self.network.layout.n_parameters, self.rows.dtype)
        return Part(flat, self.network.layout.views(flat))

    def sum(
        self, node: Node, into: Part, V: Sequence[Array], r: Draw, level: int = 0
    ) -> Losses:
        """Return the losses of a group of blocks; its gradient is in place in ``into``.

        r : the random numbers of dropout, if there is any.
        level : of the node below the group.
        """
        if node.size == 1:
            workspace, memory = self._memory[self.rows.size(node.start)]
            block = self.rows.load(node.start, memory)
            return self.network.loss_and_gradient(V, block, workspace, into.layers, r)
        left, right = node.halves
        part = self._parts[level]
        losses = self.sum(left, into, V, r, level + 1)
        others = self.sum(right, part, V, r, level + 1)
        np.add(into.flat, part.flat, out=into.flat)
        return plus_losses(losses, others)


def plus(node: Node, left: Sums, right: Sums) -> Sums:
    """The sums over a node from those over its halves, in the memory of the first."""
    losses = plus_losses(left.losses, right.losses)
    if node.size <= GROUP_BLOCKS or left.gradient.dtype == np.float64:
        gradient = np.add(left.gradient, right.gradient, out=left.gradient)
        return Sums(losses, gradient, left.part)
    gradient = np.add(left.gradient, right.gradient, dtype=np.float64)
    return Sums(losses, gradient)


def plus_losses(one: Losses, other: Losses) -> Losses:
    """Both together."""
    return Losses(one.trained + other.trained, one.held_out + other.held_out)


def logits(
    network: Network,
    theta: Array,
    features: Features,
    threads: Threads,
    overflowed: NDArray[np.bool_],
) -> Array:
    """The logit of every row.

    overflowed : is set, in place, for rows of which a pre-activation is not finite.
    """
    V = network.layout.layers(theta)
    z = np.empty(features.X.shape[0], features.dtype)
    memory: list[dict[int, tuple]] = [{} for _ in range(threads.n)]

    def work(thread: int, number: int) -> None:
        rows = features.slices[number]
        n = rows.stop - rows.start
        if n not in memory[thread]:
            workspace = network.workspace(n, features.dtype, backward=False)
            memory[thread][n] = workspace, features.memory(n)
        workspace, input_memory = memory[thread][n]
        X = features.load(number, input_memory)
        z[rows] = network.logits(V, X, workspace, overflowed=overflowed[rows])

    threads.run(work, range(len(features.slices)))
    return z
