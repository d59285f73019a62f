"""Threads and processes, started in every way: right results, nothing left behind."""

import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score
from threadpoolctl import threadpool_limits

from skdeepbin import DeepBinaryClassifier
from skdeepbin.engine._threads import blas_threads
from skdeepbin.training._observer import Observer
from tests.reliability.fits import COMMON, FITS, X, Y, bits

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # forks of processes with threads, which is what is tried here
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

MANY = np.random.RandomState(0).normal(size=(30_000, 20))
OF_MANY = MANY[:, 0] * MANY[:, 1] > 0
ROOT = Path(__file__).parents[2]
SECONDS = 120  # from which it counts as a deadlock


def make(**changes):
    return DeepBinaryClassifier(**COMMON | changes)


def large(n_jobs=2):
    """A fit with threads of its own."""
    clf = DeepBinaryClassifier(16, max_iter=5, random_state=0, n_jobs=n_jobs)
    return clf.fit(MANY, OF_MANY)


@pytest.fixture(scope="module")
def model():
    return large()


def trace():
    """What a fit or a prediction must leave as it was."""
    return threading.active_count(), blas_threads()


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
def test_one_model_in_many_threads(method, n_jobs, model):
    model.set_params(n_jobs=n_jobs)
    predict = getattr(model, method)
    expected, before = predict(MANY), trace()
    with ThreadPoolExecutor(16) as pool:
        results = [pool.submit(predict, MANY) for _ in range(32)]
        for result in results:
            np.testing.assert_array_equal(result.result(SECONDS), expected)
    assert trace() == before


def test_fits_in_many_threads():
    expected = {name: bits(make(**FITS[name]).fit(X, Y)) for name in FITS}
    before = trace()
    with ThreadPoolExecutor(8) as pool:
        fits = {
            name: pool.submit(make(**FITS[name], n_jobs=2).fit, X, Y) for name in FITS
        }
        for name, fit in fits.items():
            assert bits(fit.result(SECONDS)) == expected[name]
    assert trace() == before


def test_large_fits_in_many_threads(model):
    before = trace()
    with ThreadPoolExecutor(4) as pool:
        for fit in [pool.submit(large) for _ in range(4)]:
            assert bits(fit.result(SECONDS)) == bits(model)
    assert trace() == before


def _in_a_process(queue):
    queue.put((bits(large()), trace()[1]))


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_after_a_start_of_a_process(start, model):
    """Also a fork of a process that has had threads."""
    processes = multiprocessing.get_context(start)
    queue = processes.Queue()
    child = processes.Process(target=_in_a_process, args=(queue,))
    child.start()
    learnt, limit = queue.get(timeout=SECONDS)
    child.join(SECONDS)
    assert child.exitcode == 0
    assert learnt == bits(model)
    assert limit >= 1


def forks_while_another_thread_fits():
    """In a process of its own: other libraries' locks are none of ours."""
    warnings.simplefilter("ignore")
    end = threading.Event()

    def fit_on():
        while not end.is_set():
            make().fit(X, Y)

    thread = threading.Thread(target=fit_on)
    thread.start()
    try:
        for _ in range(5):
            test_after_a_start_of_a_process("fork", large())
    finally:
        end.set()
        thread.join()


def test_a_fork_while_another_thread_fits():
    """The child holds copies of locks; none may be one that nobody opens."""
    name = "forks_while_another_thread_fits"
    code = f"from tests.reliability.test_parallel import {name}; {name}()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=SECONDS)


BACKENDS = ["loky", "threading", "multiprocessing", "sequential"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_backends_of_joblib(backend):
    expected = cross_val_score(make(), X, Y)
    before = trace()
    with parallel_config(backend=backend, n_jobs=2):
        scores = cross_val_score(make(), X, Y)
    np.testing.assert_array_equal(scores, expected)
    assert trace()[1] == before[1]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_searches_in_searches(backend):
    inner = GridSearchCV(make(max_iter=5), {"depth": [1, 2]}, cv=2, n_jobs=2)
    expected = cross_val_score(inner, X, Y, cv=3)
    with parallel_config(backend=backend, n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(inner, X, Y, cv=3), expected)


def _most_threads():
    """How many threads a fit and BLAS have while it runs."""
    counts = []
    clf = DeepBinaryClassifier(16, max_iter=5, random_state=0)

    class Count(Observer):
        def on_step(self, network, step):
            counts.append((threading.active_count(), blas_threads()))

    base = threading.active_count()
    watched = "skdeepbin._classifier.observed"
    with patch(watched, lambda *_: nullcontext(Count())):
        clf.fit(MANY, OF_MANY)
    return max(n - base + 1 for n, _ in counts), max(blas for _, blas in counts)


def test_no_more_threads_than_there_are_cores():
    """By default as many as BLAS may use, which loky divides; then one in BLAS."""
    with threadpool_limits(1):
        assert _most_threads() == (1, 1)
    ours, blas = _most_threads()
    assert ours <= cpu_count()
    assert blas == 1
    workers = Parallel(n_jobs=2, backend="loky")(delayed(_most_threads)() for _ in "ab")
    assert sum(ours for ours, _ in workers) <= max(cpu_count(), 2)
    assert all(blas == 1 for _, blas in workers)


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("act", ["fit", "predict", "error"])
def test_the_limit_of_the_caller_stays(limit, act, model):
    acts = {
        "fit": partial(large, n_jobs=2),
        "predict": partial(model.predict, MANY),
        "error": partial(make().fit, MANY, 0 * OF_MANY),
    }
    with threadpool_limits(limit):
        before = trace()
        if act == "error":
            with pytest.raises(ValueError, match="got 1 class"):
                acts[act]()
        else:
            acts[act]()
        assert trace() == before


def test_no_file_is_left_open(tmp_path):
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("open files cannot be counted here")
    path = tmp_path / "fit.npz"
    make(checkpoint=path, checkpoint_interval=0).fit(X, Y)
    before = len(os.listdir(folder))
    for _ in range(3):
        make(checkpoint=path, checkpoint_interval=0).fit(X, Y)
    assert len(os.listdir(folder)) == before
