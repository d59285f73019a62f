"""A worker that dies or joins changes nothing; without any, a fit ends."""

import os
import signal
import time

import numpy as np
import pytest

from skdeepbin.dask import DaskDeepBinaryClassifier
from skdeepbin.dask._placement import Placement
from skdeepbin.dask._worker_pool import WorkerPool
from skdeepbin.training._observer import Observer
from tests.dask.conftest import running_cluster
from tests.dask.setups import SMALL, fitted, lazy, same_bits


@pytest.fixture(scope="module")
def given(client, data):
    X, y, w = data
    return lazy(X, 2500), lazy(y, 2500), lazy(w, 2500)


@pytest.fixture(scope="module")
def undisturbed(client, given):
    clf = DaskDeepBinaryClassifier(**SMALL | {"max_iter": 15}, client=client)
    return fitted(clf, *given)


def kill(client):
    """End a worker process at once."""
    os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)


def at(iteration, act, monkeypatch):
    """Do something after an iteration."""

    def on_step(observer, network, step):
        if step.iteration == iteration:
            act()
        return False

    monkeypatch.setattr(Observer, "on_step", on_step)


@pytest.mark.parametrize(
    "moment", ["_distribute", "broadcast", "_scatter", "iteration 3"]
)
def test_a_worker_that_dies(given, undisturbed, monkeypatch, moment):
    """While partitions are loaded, before rows are split, and at a gradient."""
    with running_cluster() as client:
        if moment == "iteration 3":
            at(3, lambda: kill(client), monkeypatch)
        else:
            owner = Placement if moment == "_distribute" else WorkerPool
            function, calls = getattr(owner, moment), []

            def first_kill(*args):
                if not calls:
                    calls.append(args)
                    os.kill(pid, signal.SIGKILL)
                return function(*args)

            pid = min(client.run(os.getpid).values())
            monkeypatch.setattr(owner, moment, first_kill)
        clf = DaskDeepBinaryClassifier(**SMALL | {"max_iter": 15}, client=client)
        assert same_bits(fitted(clf, *given), undisturbed)


def test_a_worker_that_joins_is_used(given, undisturbed, monkeypatch):
    with running_cluster(1) as client:
        names = []
        monkeypatch.setattr("skdeepbin.dask._worker_pool.REFRESH_INTERVAL", 0.0)

        def join():
            client.cluster.scale(2)
            client.wait_for_workers(2, timeout=60)

        def note(observer, network, step):
            if step.iteration == 3:
                join()
            if step.iteration == 10:
                time.sleep(1)
                has = client.has_what().values()
                names.extend(
                    sum("WorkerPartitions" in key for key in keys) for keys in has
                )
            return False

        monkeypatch.setattr(Observer, "on_step", note)
        clf = DaskDeepBinaryClassifier(**SMALL | {"max_iter": 15}, client=client)
        assert same_bits(fitted(clf, *given), undisturbed)
        assert names == [1, 1]


def test_no_worker_is_left(given, monkeypatch, tmp_path):
    monkeypatch.setattr("skdeepbin.dask._worker_pool.WORKER_TIMEOUT", 1.0)
    with running_cluster(1) as client:
        at(3, lambda: client.cluster.scale(0), monkeypatch)
        path = tmp_path / "fit.npz"
        clf = DaskDeepBinaryClassifier(
            **SMALL, client=client, checkpoint=path, checkpoint_interval=0
        )
        start = time.monotonic()
        with pytest.raises(RuntimeError, match=r"No worker is left, for 1 seconds"):
            fitted(clf, *given)
        assert time.monotonic() - start < 30
        assert not hasattr(clf, "coefs_")
        assert path.exists()


def too_much(block, block_id=None):
    """Take memory without end, for one partition."""
    if block_id[0] == 3:
        hoard = [block]
        while True:
            hoard.append(np.ones(4_000_000))
    return block


def test_too_little_memory(given):
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        running_cluster(1, memory_limit="400MB") as client,
    ):
        X = given[0].map_blocks(too_much, meta=np.empty((0, 0)))
        clf = DaskDeepBinaryClassifier(**SMALL, client=client)
        with pytest.raises(MemoryError, match="Workers died while they loaded"):
            clf.fit(X, *given[1:])


def test_a_worker_that_has_paused_for_want_of_memory(client, data, monkeypatch):
    monkeypatch.setattr("skdeepbin.dask._worker_pool.WORKER_TIMEOUT", 0.0)
    worker_info = WorkerPool._worker_info

    async def paused(self):
        workers = await worker_info(self)
        return {n: {**w, "status": "paused"} for n, w in workers.items()}

    def slow(block):
        time.sleep(1)
        return block

    X, y, _ = data
    clf = DaskDeepBinaryClassifier(**SMALL, client=client)
    X = lazy(X, 10_000).map_blocks(slow, meta=np.empty((0, 0)))
    distribute = Placement._distribute

    def distribute_and_pause(self, assignment):
        distribute(self, assignment)
        monkeypatch.setattr(WorkerPool, "_worker_info", paused)

    monkeypatch.setattr(Placement, "_distribute", distribute_and_pause)
    with pytest.raises(MemoryError, match="has paused, as its memory is nearly full"):
        clf.fit(X, lazy(y, 10_000))


def test_a_client_that_is_closed_at_work(client, given, monkeypatch):
    from distributed import Client

    other = Client(client.scheduler.address, set_as_default=False)
    at(3, other.close, monkeypatch)
    clf = DaskDeepBinaryClassifier(**SMALL, client=other)
    with pytest.raises(ValueError, match=r"`client` must be connected.*it is closed"):
        fitted(clf, *given)
    assert not hasattr(clf, "coefs_")
