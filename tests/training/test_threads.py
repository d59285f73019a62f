import threading
from time import sleep

import numpy as np
import pytest
from joblib import cpu_count
from threadpoolctl import threadpool_limits

from skdeepbin.training._threads import (
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


def test_tasks_are_shared_out():
    seen = set()
    with Threads(3) as threads:
        threads.run(lambda thread, task: (seen.add(thread), sleep(0.01)), range(12))
    assert seen == {0, 1, 2}


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
