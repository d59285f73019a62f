"""The workers of a fit: who holds which partitions, and what all of them answer.

Of each worker a bench holds its partitions, and a task asks it: a question costs one
task a worker and not one a partition. Benches and partitions are made by tasks too:
what is lost with a worker is made again on others, by Dask, from where it came. What
was asked is asked again then, and the answer has the same bits, whoever gives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import partial
from time import monotonic
from typing import Any

from skdeepbin._extras import extra
from skdeepbin.dask._added import merged, total_of
from skdeepbin.dask._assign import assigned
from skdeepbin.dask._bench import Bench, NodeSum
from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._part import PartitionError, prepared
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array

# Seconds that are waited for workers where there are none, or for one that has paused
# for want of memory.
PATIENCE = 30.0
# Seconds between two looks at the workers, while they are waited for and else.
LOOK, LOOK_AGAIN = 0.25, 2.0
# Seconds in which parameters must have begun to be sent to a worker that is there.
SENT = 3.0
# So often may workers be lost without an answer in between.
MOST_LOSSES = 10
# To up to so many workers parameters are sent directly, and their sums are fetched
# directly. To more they go along a tree, and tasks add the sums of so many workers.
FEW_WORKERS = 8


class Lost(Exception):
    """A worker is no longer there, and with it what it was asked."""


class NoWorkerError(RuntimeError):
    """There is nobody to go on with."""


class Source:
    """The rows of a partition, lazy; Dask does not look into it.

    Parameters
    ----------
    X, y : Delayed
        The features and the labels.
    w : Delayed or None
        The weights.
    """

    def __init__(self, X: Any, y: Any, w: Any) -> None:
        self.X, self.y, self.w = X, y, w

    def features(self) -> Any:
        """X, read by the thread that calls."""
        return self._read(self.X)[0]

    def all(self) -> tuple:
        """X, y and the weights or None."""
        return self._read(self.X, self.y, self.w)

    def _read(self, *lazy: Any) -> tuple:
        return extra("dask", "dask").compute(*lazy, scheduler="synchronous")


def apart(sources: Sequence[Source]) -> list[Source]:
    """Each with no more of the graph than it needs, to be sent alone."""
    cull = extra("dask.optimization", "dask").cull
    Delayed = extra("dask.delayed", "dask").Delayed
    graphs: dict[int, tuple[Any, dict]] = {}  # most share one, which is long

    def own(lazy: Any) -> Any:
        if lazy is None:
            return None
        graph = lazy.__dask_graph__()
        if id(graph) not in graphs:
            graphs[id(graph)] = graph, dict(graph)
        needed, _ = cull(graphs[id(graph)][1], [lazy.key])
        return Delayed(lazy.key, needed)

    return [Source(own(s.X), own(s.y), own(s.w)) for s in sources]


def _same(value: Any) -> Any:
    return value


def _sums(bench: Bench, *args: Any) -> list[NodeSum]:
    return bench.sums(*args)


def _each(bench: Bench, question: Callable, *args: Any) -> dict[int, Any]:
    return bench.each(question, *args)


class Crew:
    """The workers of a fit.

    Parameters
    ----------
    client : distributed.Client
        The connection to the cluster.
    sources : list of Source
        The partitions.
    sizes : list of float
        How much work each is, in any unit.
    reads_again : bool
        Whether features are read whenever they are needed, not held.
    """

    def __init__(
        self,
        client: Any,
        sources: Sequence[Source],
        sizes: Sequence[float],
        reads_again: bool,
    ) -> None:
        self.client, self.reads_again = client, reads_again
        self._sources, self._sizes = sources, sizes
        self._parts: list[Any] = [None] * len(sources)
        self._holders: dict[int, str] = {}
        self._benches: dict[str, Any] = {}
        self._speeds: dict[str, int] = {}
        self._look_at = 0.0
        self._done_with: Any = None

    def stay_where_they_are(self) -> None:
        """Leave partitions that are in the memory of workers on these."""
        keys = [source.X.key for source in self._sources]
        who_has = self.client.sync(self.client.scheduler.who_has, keys=keys)
        self._holders = {
            number: names[0]
            for number, key in enumerate(keys)
            if (names := who_has.get(key))
        }

    def each(self, question: Callable, *args: Any) -> list[Any]:
        """The answers of all partitions, in order.

        args : futures among them stand for what they are of.
        """
        answers: dict[int, Any] = {}
        for some in self._answered(_each, (question, *args)):
            answers.update(some)
        return [answers[number] for number in range(len(self._sources))]

    def share(self, value: Any) -> Any:
        """A future of it: a worker gets it once, with whatever asks for it first."""
        return self.client.submit(_same, value, pure=False)

    def total(
        self, config: BroadcastConfig, shared: Any, split: HashSplit | None
    ) -> Callable[[Array], tuple[Losses, Array]]:
        """The sums over all rows, as a function of ``theta``."""
        root = config.block_layout.root

        def total(theta: Array) -> tuple[Losses, Array]:
            if not config.network.dropout:  # which is drawn from all digits
                theta = theta.astype(config.dtype)
            lists = self._answered(_sums, (shared, split), theta)
            return total_of([node for some in lists for node in some], root)

        return total

    def _answered(self, *question: Any) -> list[Any]:
        """The answers of all benches."""
        self._check_connected()
        return self.client.sync(self._ask, *question)

    def _check_connected(self) -> None:
        if self.client.status not in ("running", "connecting"):
            raise ValueError(
                f"`client` must be connected to a cluster; it is {self.client.status}."
                " Start one and connect to it, as in "
                "`client = distributed.Client(...)`."
            )

    async def _ask(
        self, ask: Callable, args: tuple, theta: Array | None = None
    ) -> list[Any]:
        """The answers of all benches."""
        losses = 0
        while True:
            try:
                await self._settle()
                return await self._answers(ask, args, theta)
            except Exception as error:
                if isinstance(error, (PartitionError, MemoryError, NoWorkerError)):
                    raise
                # Dask stumbles in many ways over a worker that goes just then.
                lost = isinstance(error, (Lost, CancelledError, OSError))
                if not (lost or await self._has_changed()):
                    raise
                self._look_at = 0.0
                losses += 1
                if losses > MOST_LOSSES:
                    raise RuntimeError(
                        f"Workers were lost {losses} times without an answer in "
                        "between, at last with: "
                        f"{error or type(error).__name__}. Look at their logs; most "
                        "often they had too little memory."
                    ) from error
                await asyncio.sleep(LOOK)

    async def _answers(
        self, ask: Callable, args: tuple, theta: Array | None
    ) -> list[Any]:
        client, benches = self.client, self._benches
        sent = await self._sent(theta) if theta is not None else {}
        # A client sends messages at most every 10 ms. So that the next question is not
        # held up by the word that this one is done with, both go together.
        self._done_with = None
        futures = [
            client.submit(
                ask,
                bench,
                *args,
                *([sent[worker]] if sent else []),
                workers=[worker],
                pure=False,
            )
            for worker, bench in benches.items()
        ]
        self._done_with = futures, sent
        if ask is _sums:
            futures = self._merged(futures, args[0])
        wait = extra("distributed", "dask").wait
        waiting_since = monotonic()
        try:
            while True:
                try:
                    with client.as_current():  # or it waits for another one's
                        await wait(futures, timeout=LOOK)
                    return await client.gather(futures, direct=True)
                except TimeoutError:
                    await self._check_team(waiting_since)
        except (Lost, CancelledError):
            raise
        except Exception as error:
            told = self._told(error)
            if told is error:
                raise
            raise told from error

    def _merged(self, futures: list[Any], shared: Any) -> list[Any]:
        """A few futures, of the sums of neighbours together."""
        while len(futures) > FEW_WORKERS:
            groups = [
                futures[first : first + max(FEW_WORKERS, 2)]
                for first in range(0, len(futures), max(FEW_WORKERS, 2))
            ]
            futures = [
                self.client.submit(merged, shared, *group, pure=False)
                for group in groups
            ]
        return futures

    async def _sent(self, theta: Array) -> dict[str, Any]:
        """The parameters on every worker that has a bench."""
        workers = [*self._benches]
        scatter = partial(
            self.client.scatter, theta, direct=True, hash=False, timeout=SENT
        )
        if len(workers) > FEW_WORKERS:
            return dict.fromkeys(workers, await scatter(broadcast=True))
        futures = await asyncio.gather(*(scatter(workers=[name]) for name in workers))
        return dict(zip(workers, futures))

    async def _check_team(self, since: float) -> None:
        """Raise if a worker has gone or cannot work."""
        there = await self._there()
        if not self._benches.keys() <= there.keys():
            raise Lost("a worker has gone")
        paused = [w for w in self._benches if there[w]["status"] == "paused"]
        if paused and monotonic() - since > PATIENCE:
            raise MemoryError(
                f"The worker {paused[0]} has paused, as its memory is nearly full, for "
                f"{PATIENCE:g} seconds. Give the workers more memory, or add some, or "
                "make the partitions smaller."
            )

    async def _has_changed(self) -> bool:
        """Whether a worker that has a bench has gone."""
        return not self._benches.keys() <= (await self._there()).keys()

    async def _there(self) -> Mapping[str, Any]:
        """The workers, and what the scheduler knows of each."""
        self._check_connected()
        identity = await self.client.scheduler.identity()
        return identity["workers"]

    async def _settle(self) -> None:
        """Distribute partitions to the workers, if others are there than before."""
        if monotonic() < self._look_at:
            return
        give_up = monotonic() + PATIENCE
        while True:
            there = await self._there()
            speeds = {
                name: max(worker["nthreads"], 1)
                for name, worker in there.items()
                if worker["status"] == "running" or name in self._benches
            }
            if speeds:
                break
            if monotonic() > give_up:
                raise NoWorkerError(
                    f"No worker is left, for {PATIENCE:g} seconds now, to go on with "
                    "the fit. Start workers, and fit again."
                )
            await asyncio.sleep(LOOK)
        self._look_at = monotonic() + LOOK_AGAIN
        if self._benches and speeds == self._speeds:
            return
        # In the order in which they came, so that who stays keeps what it holds.
        old = {name: speeds[name] for name in self._speeds if name in speeds}
        self._speeds = old | speeds
        self._distribute(assigned(self._sizes, self._holders, self._speeds))

    def _distribute(self, holders: dict[int, str]) -> None:
        """Make parts and benches where they are to be."""
        submit = self.client.submit
        held: dict[str, list[int]] = {}
        for number, worker in holders.items():
            held.setdefault(worker, []).append(number)
            if self._parts[number] is not None and self._holders[number] != worker:
                self._parts[number] = submit(
                    _same,
                    self._parts[number],
                    workers=[worker],
                    allow_other_workers=True,
                    pure=False,
                )
        for worker, numbers in held.items():
            self._prepare([n for n in numbers if self._parts[n] is None], worker)
        before = {
            worker: [n for n, holder in self._holders.items() if holder == worker]
            for worker in self._benches
        }
        self._benches = {
            worker: self._benches[worker]
            if before.get(worker) == numbers
            else submit(
                Bench,
                self._speeds[worker],
                *(self._parts[number] for number in numbers),
                workers=[worker],
                pure=False,
            )
            for worker, numbers in held.items()
        }
        self._holders = holders

    def _prepare(self, numbers: list[int], worker: str) -> None:
        """Have partitions made, on a worker if it is there."""
        where = {"workers": [worker], "allow_other_workers": True}
        sources = [self._sources[number] for number in numbers]
        if self.reads_again:
            futures = [
                self.client.submit(_prepared_from, number, source, pure=False, **where)
                for number, source in zip(numbers, apart(sources))
            ]
        else:
            lazy = extra("dask", "dask").delayed(prepared, pure=False)
            parts = [
                lazy(number, source.X, source.y, source.w)
                for number, source in zip(numbers, sources)
            ]
            futures = self.client.compute(parts, **where)
        for number, future in zip(numbers, futures):
            self._parts[number] = future

    def _told(self, error: Exception) -> Exception:
        """An error of a task, as the user is told it."""
        if isinstance(error, (PartitionError, MemoryError)):
            return error
        KilledWorker = extra("distributed", "dask").KilledWorker
        failed = [
            number
            for number, part in enumerate(self._parts)
            if part is not None and part.status == "error"
        ]
        if not failed:
            return Lost(str(error)) if isinstance(error, KilledWorker) else error
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


def _prepared_from(number: int, source: Source) -> Any:
    """A partition that is read again whenever it is needed."""
    return prepared(number, None, None, None, source)
