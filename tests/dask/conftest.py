"""A cluster on this machine: two worker processes of one thread, over tcp."""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.dask.setups import NEEDED


@contextmanager
def running_cluster(n_workers=2, **options):
    distributed = pytest.importorskip("distributed", reason=NEEDED)
    cluster = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        protocol="tcp",
        dashboard_address=":0",
        silence_logs=50,
        **options,
    )
    with cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(n_workers, timeout=60)
        yield client


@pytest.fixture(scope="session")
def client():
    """Two workers, for tests that leave them alive."""
    with running_cluster() as client:
        yield client


@pytest.fixture(scope="session")
def data():
    """Features in several units, and labels that no linear model tells apart."""
    rng = np.random.RandomState(0)
    X = rng.randn(20_000, 6) * [1, 10, 0.1, 3, 1, 1] + [0, 5, 0, 100, 0, 0]
    X[::50] = X[0]  # equal rows on all partitions
    y = np.where(X[:, 0] * X[:, 2] * 10 + rng.randn(len(X)) > 0, "yes", "no")
    w = rng.gamma(1, size=len(X))
    return X, y, w
