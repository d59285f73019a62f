"""The workers of a fit: one task per worker computes a function of its partitions.

One task per worker costs less than one per partition. When a worker is lost, Dask
computes its partitions again on other workers, and the tasks are submitted again. The
results have the same bits on any workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from functools import partial
from itertools import chain
from time import monotonic
from typing import Any

from skdeepbin._extras import extra
from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._node_sums import merge_workers, total_sum
from skdeepbin.dask._partition import PartitionError
from skdeepbin.dask._placement import Placement, WorkerLostError, identity
from skdeepbin.dask._worker_partitions import WorkerPartitions
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array

# Seconds to wait for a first worker, or for one that has paused for want of memory.
WORKER_TIMEOUT = 30.0
# Seconds between two looks at the workers: while results are awaited, and otherwise.
POLL_INTERVAL, REFRESH_INTERVAL = 0.25, 2.0
# Seconds in which a transfer of parameters to a running worker must begin.
SCATTER_TIMEOUT = 3.0
# Losses of workers in a row, without a result in between, after which a fit fails.
MAX_LOSSES = 10
# Up to so many workers exchange parameters and sums with the client directly. For more,
# parameters are broadcast along a tree, and tasks add the sums of so many at a time.
FAN_IN = 8


class NoWorkerError(RuntimeError):
    """Absence of any worker to continue the fit on."""


class WorkerPool:
    """Workers of a fit, which hold its partitions and compute functions of them."""

    def __init__(self, placement: Placement) -> None:
        self.client, self.placement = placement.client, placement
        self._next_refresh = 0.0
        self._previous_futures: Any = None

    def map(self, function: Callable, *args: Any) -> list[Any]:
        """Return the results of a function of each partition, in order.

        args : more arguments; futures are replaced by their results.
        """
        results: dict[int, Any] = {}
        for worker_results in self._results(WorkerPartitions.map, (function, *args)):
            results.update(worker_results)
        return [results[number] for number in range(len(results))]

    def broadcast(self, value: Any) -> Any:
        """Return a future of a value, sent to a worker once, with its first task."""
        return self.client.submit(identity, value, pure=False)

    def total(
        self, config: BroadcastConfig, config_future: Any, split: HashSplit | None
    ) -> Callable[[Array], tuple[Losses, Array]]:
        """Return the sums over all rows, as a function of ``theta``."""
        root = config.block_layout.root

        def total(theta: Array) -> tuple[Losses, Array]:
            if not config.network.dropout:  # it draws from all digits of theta
                theta = theta.astype(config.dtype)
            args = config_future, split
            worker_sums = self._results(WorkerPartitions.sums, args, theta)
            return total_sum(chain(*worker_sums), root)

        return total

    def _results(
        self, task: Callable, args: tuple, theta: Array | None = None
    ) -> list[Any]:
        """Return the result of a task on each worker."""
        self._check_connected()
        return self.client.sync(self._run_with_retries, task, args, theta)

    def _check_connected(self) -> None:
        if self.client.status not in ("running", "connecting"):
            raise ValueError(
                f"`client` must be connected to a cluster; it is {self.client.status}."
                " Start one and connect to it, as in "
                "`client = distributed.Client(...)`."
            )

    async def _run_with_retries(
        self, task: Callable, args: tuple, theta: Array | None
    ) -> list[Any]:
        """Run a task on each worker, again after the loss of a worker."""
        losses = 0
        while True:
            try:
                await self._refresh_placement()
                return await self._run(task, args, theta)
            except Exception as error:
                if isinstance(error, (PartitionError, MemoryError, NoWorkerError)):
                    raise
                # Dask raises errors of many types if a worker leaves just then.
                is_lost = isinstance(error, (WorkerLostError, CancelledError, OSError))
                if not (is_lost or await self._has_lost_worker()):
                    raise
                self._next_refresh = 0.0
                losses += 1
                if losses > MAX_LOSSES:
                    raise RuntimeError(
                        f"Workers were lost {losses} times without an answer in "
                        "between, at last with: "
                        f"{error or type(error).__name__}. Look at their logs; most "
                        "often they had too little memory."
                    ) from error
                await asyncio.sleep(POLL_INTERVAL)

    async def _run(self, task: Callable, args: tuple, theta: Array | None) -> list[Any]:
        worker_partitions = self.placement.worker_partitions
        scattered = await self._scatter(theta) if theta is not None else {}
        # The client sends messages at most every 10 ms. Futures of the previous run are
        # released here, so that their release and the new tasks share one message.
        self._previous_futures = None
        futures = [
            self.client.submit(
                task,
                partitions,
                *args,
                *([scattered[worker]] if scattered else []),
                workers=[worker],
                pure=False,
            )
            for worker, partitions in worker_partitions.items()
        ]
        self._previous_futures = futures, scattered
        if task is WorkerPartitions.sums:
            futures = self._merge(futures, args[0])
        try:
            return await self._gather(futures)
        except (WorkerLostError, CancelledError):
            raise
        except Exception as error:
            explained = self.placement.explain(error)
            if explained is error:
                raise
            raise explained from error

    async def _gather(self, futures: list[Any]) -> list[Any]:
        """Wait for results, as long as no worker leaves or stays paused."""
        wait = extra("distributed", "dask").wait
        start = monotonic()
        while True:
            try:
                with self.client.as_current():  # `wait` uses the current client
                    await wait(futures, timeout=POLL_INTERVAL)
                return await self.client.gather(futures, direct=True)
            except TimeoutError:
                await self._check_workers(start)

    def _merge(self, futures: list[Any], config_future: Any) -> list[Any]:
        """Submit tasks that merge the sums of workers, until few futures are left."""
        size = max(FAN_IN, 2)
        while len(futures) > FAN_IN:
            futures = [
                self.client.submit(
                    merge_workers,
                    config_future,
                    *futures[first : first + size],
                    pure=False,
                )
                for first in range(0, len(futures), size)
            ]
        return futures

    async def _scatter(self, theta: Array) -> dict[str, Any]:
        """Send the parameters to each worker, and return a future for each."""
        workers = [*self.placement.worker_partitions]
        scatter = partial(
            self.client.scatter,
            theta,
            direct=True,
            hash=False,
            timeout=SCATTER_TIMEOUT,
        )
        if len(workers) > FAN_IN:
            return dict.fromkeys(workers, await scatter(broadcast=True))
        futures = await asyncio.gather(*(scatter(workers=[name]) for name in workers))
        return dict(zip(workers, futures))

    async def _check_workers(self, start: float) -> None:
        """Raise if a worker has left, or has been paused for long since ``start``."""
        info = await self._worker_info()
        workers = self.placement.worker_partitions.keys()
        if not workers <= info.keys():
            raise WorkerLostError("a worker has gone")
        paused = [w for w in workers if info[w]["status"] == "paused"]
        if paused and monotonic() - start > WORKER_TIMEOUT:
            raise MemoryError(
                f"The worker {paused[0]} has paused, as its memory is nearly full, for "
                f"{WORKER_TIMEOUT:g} seconds. Give the workers more memory, or add "
                "some, or make the partitions smaller."
            )

    async def _has_lost_worker(self) -> bool:
        """Return True if a worker with partitions has left."""
        info = await self._worker_info()
        return not self.placement.worker_partitions.keys() <= info.keys()

    async def _worker_info(self) -> Mapping[str, Any]:
        """Return the scheduler's description of each worker, by address."""
        self._check_connected()
        scheduler = await self.client.scheduler.identity()
        return scheduler["workers"]

    async def _refresh_placement(self) -> None:
        """Update the placement for the running workers, at intervals."""
        if monotonic() < self._next_refresh:
            return
        deadline = monotonic() + WORKER_TIMEOUT
        while True:
            n_threads = {
                name: max(worker["nthreads"], 1)
                for name, worker in (await self._worker_info()).items()
                if worker["status"] == "running"
                or name in self.placement.worker_partitions
            }
            if n_threads:
                break
            if monotonic() > deadline:
                raise NoWorkerError(
                    f"No worker is left, for {WORKER_TIMEOUT:g} seconds now, to go on "
                    "with the fit. Start workers, and fit again."
                )
            await asyncio.sleep(POLL_INTERVAL)
        self._next_refresh = monotonic() + REFRESH_INTERVAL
        self.placement.update(n_threads)
