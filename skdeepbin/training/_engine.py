"""Sum a network's loss and gradient over blocks of rows, with the same bits on any
number of threads.

Three levels, each folded in the order of the rows::

    block   rows that fit the cache, forward and backward in the precision of the data
    group   up to 16 blocks, a task for one thread, added in the precision of the data
    whole   groups added in float64, so that the error does not grow with the rows

Blocks and groups depend on the data alone. Threads take group after group; the sum
waits for the next group in order and holds those that come early.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skdeepbin.network._dropout import Draw, draw
from skdeepbin.network._network import Block, Losses, Network, Workspace
from skdeepbin.network._parameters import Array, Parameters
from skdeepbin.training._blocks import BLOCK_WORK, Features, Rows
from skdeepbin.training._threads import Threads, n_threads

# At most so many blocks to a group, and where there are fewer blocks so many groups
# that threads end at about the same time.
GROUP_BLOCKS, GROUPS = 16, 32


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
    of_a_thread = rows * network.workspace_size(1) + 3 * network.layout.n_parameters
    if not issparse(features.X):
        of_a_thread += rows * (features.X.shape[1] + 1)
    # theta, the best one, the last and the next, their gradients, the penalty
    of_the_descent = 8 * 8 * network.layout.n_parameters
    return n_threads * itemsize * of_a_thread + of_the_descent


def block_sizes(slices: Sequence[slice]) -> set[int]:
    """The one or two numbers of rows that blocks have: each has memory of its own."""
    return {rows.stop - rows.start for rows in slices}


class Part(NamedTuple):
    """The gradient of a part of the rows, flat and layer by layer."""

    flat: Array
    layers: Parameters


class Engine:
    """The sum of weighted losses of a network over rows, and its gradient.

    All memory is taken at the start: a workspace a thread, a gradient a group in work.
    """

    def __init__(self, network: Network, rows: Rows, threads: Threads) -> None:
        self.network, self.threads = network, threads
        self._theta = np.empty(network.layout.n_parameters, rows.dtype)
        V = network.layout.layers(self._theta)
        n_blocks = len(rows.slices)
        size = min(max(n_blocks // GROUPS, 1), GROUP_BLOCKS)
        starts = range(0, n_blocks, size)
        self.groups = [range(i, min(i + size, n_blocks)) for i in starts]
        self._desks = [Desk(network, V, rows) for _ in range(threads.n)]
        self._spare = [desk.new_part() for desk in self._desks]

    def __call__(self, theta: Array) -> tuple[Losses, Array]:
        """The sums at ``theta``, and a float64 gradient."""
        self._theta[:] = theta
        r = draw(theta, self.network.hidden) if self.network.dropout else []
        if len(self.groups) == 1:  # nothing to add up
            part = self._spare[0]
            losses = self._desks[0].sum(self.groups[0], part, r)
            return losses, part.flat.astype(np.float64)
        total = OrderedSum(theta.size)

        def work(thread: int, task: tuple[int, range]) -> None:
            number, group = task
            desk = self._desks[thread]
            part = self._take(desk)
            self._spare.extend(total.add(number, desk.sum(group, part, r), part))

        self.threads.run(work, enumerate(self.groups))
        return total.losses, total.gradient

    def _take(self, desk: Desk) -> Part:
        try:
            return self._spare.pop()
        except IndexError:
            return desk.new_part()


class Desk:
    """Where one thread works: a workspace, and a gradient, for one block at a time."""

    def __init__(self, network: Network, V: Sequence[Array], rows: Rows) -> None:
        self.network, self.V, self.rows = network, V, rows
        self.part = self.new_part()
        self._memory: dict[int, tuple[Workspace, Block | None]] = {}
        for n in block_sizes(rows.slices):
            self._memory[n] = network.workspace(n, rows.dtype), rows.memory(n)

    def new_part(self) -> Part:
        """Memory for one more gradient."""
        flat = np.empty(self.network.layout.n_parameters, self.rows.dtype)
        return Part(flat, self.network.layout.views(flat))

    def sum(self, group: range, into: Part, r: Draw) -> Losses:
        """The losses of a group of blocks; its gradient in place in ``into``.

        r : what dropout draws, if there is any.
        """
        losses = self._block(group[0], into, r)
        for number in group[1:]:
            losses = _plus(losses, self._block(number, self.part, r))
            np.add(into.flat, self.part.flat, out=into.flat)
        return losses

    def _block(self, number: int, into: Part, r: Draw) -> Losses:
        rows = self.rows.slices[number]
        workspace, memory = self._memory[rows.stop - rows.start]
        block = self.rows.load(number, memory)
        layers = into.layers
        return self.network.loss_and_gradient(self.V, block, workspace, layers, r)


class OrderedSum:
    """Adds parts in the order of their numbers, in whichever order they arrive."""

    def __init__(self, size: int) -> None:
        self.losses, self.gradient = Losses(0.0, 0.0), np.zeros(size)
        self._next = 0
        self._early: dict[int, tuple[Losses, Part]] = {}
        self._lock = Lock()

    def add(self, number: int, losses: Losses, part: Part) -> list[Part]:
        """Add a part now or when its turn comes; return those no longer needed."""
        used = []
        with self._lock:
            self._early[number] = losses, part
            while self._next in self._early:
                losses, part = self._early.pop(self._next)
                self.losses = _plus(self.losses, losses)
                self.gradient += part.flat
                self._next += 1
                used.append(part)
        return used


def _plus(one: Losses, other: Losses) -> Losses:
    return Losses(one.trained + other.trained, one.held_out + other.held_out)


def logits(
    network: Network, theta: Array, features: Features, threads: Threads
) -> Array:
    """The logit of every row."""
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
        z[rows] = network.logits(V, X, workspace)

    threads.run(work, range(len(features.slices)))
    return z
