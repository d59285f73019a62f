"""Partitions of a fit as futures on workers, assigned again when workers come or go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skdeepbin._extras import extra
from skdeepbin.dask._assignment import assign_partitions
from skdeepbin.dask._lazy_partition import LazyPartition, cull_graphs
from skdeepbin.dask._partition import (
    PartitionError,
    check_lazy_partition,
    check_partition,
)
from skdeepbin.dask._worker_partitions import WorkerPartitions


class WorkerLostError(Exception):
    """Loss of a worker before it returned its result."""


def identity(value: Any) -> Any:
    """Return the value: a task that moves it to a worker."""
    return value


class Placement:
    """Partitions of a fit on the workers of a cluster.

    ``worker_partitions`` has a future of `WorkerPartitions` for each worker's address.

    sizes : the work of each partition, in any unit.
    reads_again : whether features are read at every use, not held.
    """

    def __init__(
        self,
        client: Any,
        sources: Sequence[LazyPartition],
        sizes: Sequence[float],
        reads_again: bool,
    ) -> None:
        self.client, self.reads_again = client, reads_again
        self.worker_partitions: dict[str, Any] = {}
        self._sources, self._sizes = sources, sizes
        self._partitions: list[Any] = [None] * len(sources)
        self._assignment: dict[int, str] = {}
        self._n_threads: dict[str, int] = {}

    def keep_in_place(self) -> None:
        """Assign persisted partitions to the workers that hold them."""
        keys = [source.X.key for source in self._sources]
        who_has = self.client.sync(self.client.scheduler.who_has, keys=keys)
        self._assignment = {
            number: workers[0]
            for number, key in enumerate(keys)
            if (workers := who_has.get(key))
        }

    def update(self, n_threads: dict[str, int]) -> None:
        """Distribute the partitions again if the workers have changed.

        n_threads : the threads of each worker that is to be used.
        """
        if self.worker_partitions and n_threads == self._n_threads:
            return
        # Workers keep their order, so that those that stay keep their partitions.
        staying = {w: n_threads[w] for w in self._n_threads if w in n_threads}
        self._n_threads = staying | n_threads
        self._distribute(
            assign_partitions(self._sizes, self._assignment, self._n_threads)
        )

    def _distribute(self, assignment: dict[int, str]) -> None:
        """Submit tasks that load, move and group the partitions as assigned."""
        submit = self.client.submit
        numbers_of: dict[str, list[int]] = {}
        for number, worker in assignment.items():
            numbers_of.setdefault(worker, []).append(number)
            partition = self._partitions[number]
            if partition is not None and self._assignment[number] != worker:
                self._partitions[number] = submit(
                    identity,
                    partition,
                    workers=[worker],
                    allow_other_workers=True,
                    pure=False,
                )
        for worker, numbers in numbers_of.items():
            self._load([n for n in numbers if self._partitions[n] is None], worker)
        before = {
            worker: [n for n, holder in self._assignment.items() if holder == worker]
            for worker in self.worker_partitions
        }
        self.worker_partitions = {
            worker: self.worker_partitions[worker]
            if before.get(worker) == numbers
            else submit(
                WorkerPartitions,
                self._n_threads[worker],
                *(self._partitions[number] for number in numbers),
                workers=[worker],
                pure=False,
            )
            for worker, numbers in numbers_of.items()
        }
        self._assignment = assignment

    def _load(self, numbers: list[int], worker: str) -> None:
        """Submit tasks that load partitions, on this worker unless it leaves."""
        where = {"workers": [worker], "allow_other_workers": True}
        sources = [self._sources[number] for number in numbers]
        if self.reads_again:
            futures = [
                self.client.submit(
                    check_lazy_partition, number, source, pure=False, **where
                )
                for number, source in zip(numbers, cull_graphs(sources))
            ]
        else:
            load = extra("dask", "dask").delayed(check_partition, pure=False)
            delayed = [
                load(number, source.X, source.y, source.w)
                for number, source in zip(numbers, sources)
            ]
            futures = self.client.compute(delayed, **where)
        for number, future in zip(numbers, futures):
            self._partitions[number] = future

    def explain(self, error: Exception) -> Exception:
        """Return the error to raise for that of a task; the same if it is clear."""
        if isinstance(error, (PartitionError, MemoryError)):
            return error
        KilledWorker = extra("distributed", "dask").KilledWorker
        failed = [
            number
            for number, future in enumerate(self._partitions)
            if future is not None and future.status == "error"
        ]
        if not failed:
            is_lost = isinstance(error, KilledWorker)
            return WorkerLostError(str(error)) if is_lost else error
        if isinstance(error, KilledWorker):
            return MemoryError(
                f"Workers died while they loaded partition {failed[0]} (from 0) or "
                "held it, most often for want of memory. Give them more, or make the "
                "partitions smaller."
            )
        return RuntimeError(
            f"Partition {failed[0]} (from 0) could not be loaded: {error!r}. See the "
            "error above for where."
        )
