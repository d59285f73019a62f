"""Threads of our own, and BLAS held to one thread inside each.

NumPy releases the interpreter lock in its loops and matrix products, so threads that
each work through their own blocks use all cores also where BLAS, which only splits
single products, cannot: in small products and between them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import TypeAlias, TypeVar

from joblib import cpu_count
from threadpoolctl import LibController, OpenBLASController, ThreadpoolController

T = TypeVar("T")
# What a thread is told to do, in the context of the caller.
Order: TypeAlias = tuple[Context, Callable[[int], None]]


@cache
def _blas() -> list[LibController]:
    """The BLAS libraries of this process; to look for them takes milliseconds."""
    libraries: list[LibController] = (
        ThreadpoolController().select(user_api="blas").lib_controllers
    )
    return libraries


def blas_threads() -> int:
    """Return the number of threads that BLAS may use at this moment."""
    libraries = _blas()
    return int(max(lib.num_threads for lib in libraries) if libraries else cpu_count())


def n_threads(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` means: -1 is all cores."""
    if n_jobs is None:
        return blas_threads()
    return n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs)


_before: list[int] = []
_holders: set[object] = set()
_lock = Lock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread while this or any other such block is running.

    The limit is one of the process. It is counted, not set and reset by each block, as
    blocks that overlap would otherwise reset it to what another had set. Since
    threadpoolctl 3.8 only the thread that set a limit can change it, unless it is told
    that this thread is done: it is, as the last block is.
    """
    holder = object()
    try:
        with _lock:
            if not _holders:
                _before[:] = [library.num_threads for library in _blas()]
                _holders.add(holder)
                for library in _blas():
                    library.set_num_threads(1)
            _holders.add(holder)
        yield
    finally:
        with _lock:
            if holder in _holders:
                _holders.remove(holder)
                if not _holders:
                    _reset()


def _reset() -> None:
    """Give BLAS the threads back that it had."""
    let_go = getattr(OpenBLASController, "clear_controlling_thread", None)
    if let_go:
        let_go(force=True)
    for library, n in zip(_blas(), _before):
        library.set_num_threads(n)
    if let_go:
        let_go()


def _in_a_fork() -> None:
    """Forget the blocks of threads that a new process has no copy of."""
    if _holders:
        _holders.clear()
        _reset()
    _lock.release()


if hasattr(os, "register_at_fork"):
    # No thread may be setting a limit then, or the new process has BLAS's lock closed.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_a_fork
    )


class Threads:
    """``n`` threads, the caller's among them, that share out tasks.

    A context manager: the others start where it is entered and end where it is left.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._work: list[SimpleQueue[Order | None]] = []
        self._outcomes: SimpleQueue[BaseException | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def __enter__(self) -> Threads:
        try:
            for number in range(1, self.n):
                self._work.append(SimpleQueue())
                order = number, self._work[-1]
                self._threads.append(
                    Thread(target=self._serve, args=order, daemon=True)
                )
                self._threads[-1].start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        """Tell all that there is no more work, also if this is interrupted."""
        try:
            for work in self._work:
                work.put(None)
        except BaseException:
            for work in self._work:
                work.put(None)
            raise
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def run(self, job: Callable[[int, T], None], tasks: Iterable[T]) -> None:
        """Call ``job(thread, task)`` for every task, on whichever thread is free.

        The other threads take over the caller's context, NumPy's error state with it.
        After an exception no task is begun; it is raised when all threads have stopped.
        """
        if not self._work:
            for task in tasks:
                job(0, task)
            return
        waiting = deque(tasks)

        def work(thread: int) -> None:
            try:
                while True:
                    try:
                        task = waiting.popleft()
                    except IndexError:
                        return
                    job(thread, task)
            except BaseException:
                waiting.clear()
                raise

        n_at_work = 0
        try:
            for queue in self._work:
                queue.put((copy_context(), work))
                n_at_work += 1
            work(0)
        except BaseException:
            waiting.clear()
            raise
        finally:
            outcomes = [self._outcomes.get() for _ in range(n_at_work)]
        for error in filter(None, outcomes):
            raise error

    def _serve(self, number: int, queue: SimpleQueue[Order | None]) -> None:
        while (order := queue.get()) is not None:
            context, work = order
            try:
                context.run(work, number)
            except BaseException as error:
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)
