"""
One partition after the other, or all at every step
===================================================

`partial_fit` takes a step on one partition at a time, in the process that calls it; the
cluster only loads and prepares them. `DaskDeepBinaryClassifier.fit` steps on the sum
over all. Which is better depends on the number of rows: docs/scaling.md.
"""

import time
from importlib.util import find_spec

import numpy as np
from sklearn.metrics import log_loss

from skdeepbin import DeepBinaryClassifier


def rows(n, seed):
    """Features, and labels that no linear model tells apart."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 10))
    return X, X[:, 0] * X[:, 1] + X[:, 2] + rng.logistic(size=n) / 2 > 0


def compare():
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    from skdeepbin.dask import DaskDeepBinaryClassifier

    X, y = rows(40_000, seed=0)
    X_test, y_test = rows(10_000, seed=1)
    X, y = da.from_array(X, chunks=(4000, 10)), da.from_array(y, chunks=4000)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster):
        start = time.perf_counter()
        step_by_step = DeepBinaryClassifier(32, solver="adam", random_state=0)
        for _ in range(10):
            for X_i, y_i in zip(X.to_delayed().ravel(), y.to_delayed().ravel()):
                step_by_step.partial_fit(X_i.compute(), y_i.compute(), [False, True])
        report("partial_fit, 100 steps", step_by_step, start, X_test, y_test)
        start = time.perf_counter()
        exact = DaskDeepBinaryClassifier(32, random_state=0).fit(X, y)
        report(f"fit, {exact.n_iter_} steps", exact, start, X_test, y_test)


def report(name, model, start, X, y):
    seconds = time.perf_counter() - start
    loss = log_loss(y, model.predict_proba(X)[:, 1])
    print(f"{name:24} {seconds:5.1f} s  log loss {loss:.3f}")


# %%
# Worker processes start by importing this file, so what starts them is kept from that.

if __name__ == "__main__":
    if find_spec("distributed") is None:
        print("This example needs Dask: `pip install 'skdeepbin[dask]'`.")
    else:
        compare()
