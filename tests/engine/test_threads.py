import threading
from contextvars import ContextVar
from time import sleep

import numpy as np
import pytest
from joblib import cpu_count
from threadpoolctl import threadpool_limits

from skdeepbin.engine import _threads
from skdeepbin.engine._threads import (
    Threads,
    blas_threads,
    n_threads,
    one_blas_thread,
)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_task_is_done_once(n):
    done = []
    with Threads(n) as threads:
        for _ in range(3):
            threads.run(lambda thread, task: done.append(task), range(100))
    assert sorted(done) == sorted([*range(100)] * 3)


@pytest.mark.parametrize("n", [1, 3])
def test_tasks_are_shared_out(n):
    seen = set()
    with Threads(n) as threads:
        threads.run(lambda thread, task: (seen.add(thread), sleep(0.01)), range(12))
    assert seen == set(range(n))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_ends_the_work_and_is_raised(n, error):
    begun = []

    def job(thread, task):
        begun.append(task)
        if task == 2:
            raise error("task 2")
        sleep(0.001)

    before = threading.active_count()
    with Threads(n) as threads:
        with pytest.raises(error, match="task 2"):
            threads.run(job, range(1000))
        assert len(begun) < 1000
        again = []
        threads.run(lambda thread, task: again.append(task), range(5))
        assert sorted(again) == [*range(5)]
    assert threading.active_count() == before


def test_no_thread_is_left_after_an_error_inside():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), Threads(3):
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_other_threads_have_the_callers_context():
    known = ContextVar("known")
    known.set("here")
    seen = {}
    with Threads(3) as threads:
        threads.run(
            lambda thread, task: (seen.update({thread: known.get()}), sleep(0.01)),
            range(9),
        )
    assert seen == dict.fromkeys(range(3), "here")


def test_threads_do_not_keep_a_process_alive():
    with Threads(2) as threads:
        assert all(thread.daemon for thread in threads._threads)


def test_a_system_that_gives_no_more_threads_leaves_none(monkeypatch):
    before, start = threading.active_count(), threading.Thread.start
    started = []

    def limited(self):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="can't start"), Threads(5):
        pass
    assert len(started) == 2
    assert threading.active_count() == before


def interrupted_once(queue):
    """A queue of which one `put` is interrupted."""

    class Interrupted:
        waits = True

        def put(self, item):
            if self.waits:
                self.waits = False
                raise KeyboardInterrupt
            queue.put(item)

    return Interrupted()


def test_all_threads_end_also_if_ending_them_is_interrupted():
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), Threads(3) as threads:
        threads._work[0] = interrupted_once(threads._work[0])
    for thread in threads._threads:
        thread.join(10)
    assert threading.active_count() == before


@pytest.mark.parametrize("number", [0, 1])
def test_work_that_is_interrupted_as_it_is_given_out_ends(number):
    begun = []

    def job(thread, task):
        begun.append(task)
        sleep(0.001)

    with Threads(3) as threads:
        queue = threads._work[number]
        threads._work[number] = interrupted_once(queue)
        with pytest.raises(KeyboardInterrupt):
            threads.run(job, range(1000))
        assert len(begun) < 1000
        threads._work[number] = queue
        again = []
        threads.run(lambda thread, task: again.append(task), range(5))
        assert sorted(again) == [*range(5)]


def test_a_new_process_has_no_limit_of_threads_that_it_has_not():
    """What a fork does in the child, with the lock that the parent took for it."""
    with threadpool_limits(2, user_api="blas"):
        one = one_blas_thread()
        one.__enter__()
        assert blas_threads() == 1
        _threads._lock.acquire()
        _threads._in_a_fork()
        assert blas_threads() == 2
        assert not _threads._holders
        assert not _threads._lock.locked()
        one.__exit__(None, None, None)  # of no consequence any more
        assert blas_threads() == 2
        with one_blas_thread():
            assert blas_threads() == 1
        _threads._lock.acquire()
        _threads._in_a_fork()  # where none was held
        assert blas_threads() == 2


def test_without_a_blas_that_tells_it_is_all_cores(monkeypatch):
    monkeypatch.setattr(_threads, "_blas", list)
    assert blas_threads() == cpu_count()
    with one_blas_thread():
        pass


def test_blas_is_held_to_one_thread_and_let_go():
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == 2
        with one_blas_thread():
            assert blas_threads() == 1
        assert blas_threads() == 2
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == 2


def test_blocks_that_overlap_leave_the_limit_as_it_was():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_blas_thread():
            inside.set()
            leave.wait()

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=other)
        with one_blas_thread():
            thread.start()
            inside.wait()
        assert blas_threads() == 1  # the other is still inside
        leave.set()
        thread.join()
        assert blas_threads() == 2


def test_n_jobs():
    with threadpool_limits(1, user_api="blas"):
        assert n_threads(None) == 1
    with threadpool_limits(2, user_api="blas"):
        assert n_threads(None) == 2
        assert n_threads(np.int64(3)) == 3
    assert n_threads(-1) == cpu_count()
    assert n_threads(-2) == max(1, cpu_count() - 1)
    assert n_threads(-1000) == 1


@pytest.mark.parametrize("n_cores", [1, 2, 3, 8])
def test_negative_n_jobs_count_from_all_cores(n_cores, monkeypatch):
    monkeypatch.setattr(_threads, "cpu_count", lambda: n_cores)
    left = [n_threads(-n_jobs) for n_jobs in range(1, 12)]
    assert left == [max(1, n) for n in range(n_cores, n_cores - 11, -1)]
