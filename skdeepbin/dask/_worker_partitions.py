"""The partitions that one worker holds, with engines that sum over their rows."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._node_sums import NodeSum
from skdeepbin.dask._partition import Partition
from skdeepbin.engine._blocks import BLOCK_WORK, Rows, block_sizes, training_work
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._threads import Threads, n_threads, one_blas_thread
from skdeepbin.network._network import Block
from skdeepbin.network._parameters import Array

# Cached engines: one for the training rows of a network, one for its last steps on all.
MAX_ENGINES = 2


class WorkerPartitions:
    """Partitions of one worker, with a cache of engines that is not pickled."""

    def __init__(self, n_threads: int, *partitions: Partition) -> None:
        self.n_threads, self.partitions = n_threads, partitions
        self._engines: dict[Any, Engine] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple:
        return type(self), (self.n_threads, *self.partitions)

    def map(self, function: Callable, *args: Any) -> dict[int, Any]:
        """Return the result of a function for each partition, by its number."""
        return {p.number: function(p, *args) for p in self.partitions}

    def sums(
        self, config: BroadcastConfig, split: HashSplit | None, theta: Array
    ) -> list[NodeSum]:
        """Return the sums over the largest tree nodes within the partitions."""
        key = config.token, split
        with (
            self._lock,
            one_blas_thread(),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            if key not in self._engines:
                for old in [*self._engines][: 1 - MAX_ENGINES]:
                    del self._engines[old]
                self._engines[key] = self._engine(config, split)
            engine = self._engines[key]
            with Threads(engine.threads.n) as engine.threads:
                return _copied_sums(engine, theta)

    def _engine(self, config: BroadcastConfig, split: HashSplit | None) -> Engine:
        partitions = [p for p in self.partitions if p.shape[0]]
        nodes = config.block_layout.nodes(p.number for p in partitions)
        n_rows = sum(p.shape[0] for p in partitions)
        n_blocks = sum(node.size for node in nodes)
        n = self.n_threads if config.n_jobs is None else n_threads(config.n_jobs)
        work = training_work(config.network, n_rows, config.dtype.itemsize)
        n = 1 if work < n_blocks * BLOCK_WORK else min(n, max(n_blocks, 1))
        rows = PartitionRows(partitions, config, split, n)
        return Engine(config.network, rows, Threads(n), nodes)


def _copied_sums(engine: Engine, theta: Array) -> list[NodeSum]:
    """Return the sums at ``theta``, in memory that the engine does not reuse."""
    node_sums = []
    for node, total in zip(engine.nodes, engine.sums(theta)):
        gradient = total.gradient if total.part is None else total.gradient.copy()
        engine.give_back(total)
        node_sums.append(NodeSum(*node, total.losses, gradient))
    return node_sums


class PartitionRows:
    """Rows of several partitions by blocks, as an engine reads them.

    n_threads : that read them; so many lazy partitions are loaded at a time.
    """

    def __init__(
        self,
        partitions: list[Partition],
        config: BroadcastConfig,
        split: HashSplit | None,
        n_threads: int,
    ) -> None:
        self.config, self.split, self.dtype = config, split, config.dtype
        self._max_loaded, self._lock = n_threads, Lock()
        self._slices: dict[int, slice] = {}
        self._partition_of: dict[int, Partition] = {}
        self._loaded: dict[int, Rows] = {}
        layout = config.block_layout
        for partition in partitions:
            first = layout.first_block[partition.number]
            for block, rows in enumerate(layout.slices(partition.number), first):
                self._slices[block], self._partition_of[block] = rows, partition

    @property
    def sizes(self) -> set[int]:
        return block_sizes(self._slices.values())

    def size(self, number: int) -> int:
        rows = self._slices[number]
        return rows.stop - rows.start

    def memory(self, n_rows: int) -> Block | None:
        if not self._partition_of or self.config.caches_blocks:
            return None
        return self._rows(next(iter(self._partition_of.values()))).memory(n_rows)

    def load(self, number: int, memory: Block | None) -> Block:
        partition = self._partition_of[number]
        first = self.config.block_layout.first_block[partition.number]
        return self._rows(partition).load(number - first, memory)

    def _rows(self, partition: Partition) -> Rows:
        with self._lock:
            if partition.number not in self._loaded:
                if partition.source is not None:
                    for old in [*self._loaded][: 1 - self._max_loaded or None]:
                        del self._loaded[old]
                self._loaded[partition.number] = partition.rows(self.config, self.split)
            return self._loaded[partition.number]
