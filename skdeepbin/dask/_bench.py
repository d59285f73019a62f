"""Where a worker works: the partitions that it holds, and memory for gradients."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._part import Part
from skdeepbin.engine._blocks import BLOCK_WORK, Rows, block_sizes, training_work
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._threads import Threads, n_threads, one_blas_thread
from skdeepbin.network._network import Block, Losses
from skdeepbin.network._parameters import Array

# Engines that stay: one for the rows of a network, one for its last steps on all.
KEPT_ENGINES = 2


class NodeSum(NamedTuple):
    """The sums over the blocks ``start .. stop``."""

    start: int
    stop: int
    losses: Losses
    gradient: Array


class Bench:
    """The partitions of a worker.

    It is pickled as what it was made from.
    """

    def __init__(self, n_threads: int, *parts: Part) -> None:
        self.n_threads, self.parts = n_threads, parts
        self._engines: dict[Any, Engine] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple:
        return type(self), (self.n_threads, *self.parts)

    def each(self, question: Callable, *args: Any) -> dict[int, Any]:
        """The answers of its partitions to a question, by their numbers."""
        return {part.number: question(part, *args) for part in self.parts}

    def sums(
        self, config: BroadcastConfig, split: HashSplit | None, theta: Array
    ) -> list[NodeSum]:
        """The sums over the largest nodes that lie in its partitions."""
        key = config.token, split
        with (
            self._lock,
            one_blas_thread(),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            if key not in self._engines:
                for old in [*self._engines][: 1 - KEPT_ENGINES]:
                    del self._engines[old]
                self._engines[key] = self._engine(config, split)
            engine = self._engines[key]
            with Threads(engine.threads.n) as engine.threads:
                return _read(engine, theta)

    def _engine(self, config: BroadcastConfig, split: HashSplit | None) -> Engine:
        parts = [part for part in self.parts if part.shape[0]]
        nodes = config.block_layout.nodes(part.number for part in parts)
        n_rows = sum(part.shape[0] for part in parts)
        n_blocks = sum(node.size for node in nodes)
        n = self.n_threads if config.n_jobs is None else n_threads(config.n_jobs)
        work = training_work(config.network, n_rows, config.dtype.itemsize)
        n = 1 if work < n_blocks * BLOCK_WORK else min(n, max(n_blocks, 1))
        rows = RowsOfParts(parts, config, split, n)
        return Engine(config.network, rows, Threads(n), nodes)


def _read(engine: Engine, theta: Array) -> list[NodeSum]:
    """The sums at ``theta``, in memory of their own."""
    answers = []
    for node, total in zip(engine.nodes, engine.sums(theta)):
        gradient = total.gradient if total.part is None else total.gradient.copy()
        engine.give_back(total)
        answers.append(NodeSum(*node, total.losses, gradient))
    return answers


class RowsOfParts:
    """The blocks of several partitions, by their numbers among all blocks.

    n_threads : that read them; so many partitions are open where they are read again.
    """

    def __init__(
        self,
        parts: list[Part],
        config: BroadcastConfig,
        split: HashSplit | None,
        n_threads: int,
    ) -> None:
        self.config, self.split, self.dtype = config, split, config.dtype
        self._most, self._lock = n_threads, Lock()
        self._slices: dict[int, slice] = {}
        self._owner: dict[int, Part] = {}
        self._open: dict[int, Rows] = {}
        for part in parts:
            first = config.block_layout.first_block[part.number]
            for number, rows in enumerate(
                config.block_layout.slices(part.number), first
            ):
                self._slices[number], self._owner[number] = rows, part

    @property
    def sizes(self) -> set[int]:
        """The numbers of rows that blocks have."""
        return block_sizes(self._slices.values())

    def size(self, number: int) -> int:
        """How many rows a block has."""
        rows = self._slices[number]
        return rows.stop - rows.start

    def memory(self, n_rows: int) -> Block | None:
        """Memory to load a block into, unless all are kept."""
        if not self._owner or self.config.caches_blocks:
            return None
        return self._rows(next(iter(self._owner.values()))).memory(n_rows)

    def load(self, number: int, memory: Block | None) -> Block:
        """One block, in place in ``memory`` unless it was kept."""
        part = self._owner[number]
        first = self.config.block_layout.first_block[part.number]
        return self._rows(part).load(number - first, memory)

    def _rows(self, part: Part) -> Rows:
        with self._lock:
            if part.number not in self._open:
                if part.source is not None:
                    for old in [*self._open][: 1 - self._most or None]:
                        del self._open[old]
                self._open[part.number] = part.rows(self.config, self.split)
            return self._open[part.number]
