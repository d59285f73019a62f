"""
More rows than the workers have memory for
==========================================

A Dask array on disk that is larger than half of the memory of all workers is not held
there: at every gradient each worker reads its partitions again, one at a time. Nothing
is spilled. The same goes for Parquet and Zarr. A single .npy file on one machine needs
no cluster: a `numpy.memmap` will do.
"""

import tempfile
import warnings
from importlib.util import find_spec

import numpy as np

LIMIT = "600MB"  # of each worker; Python and its libraries take 200 MB of it


def rows(n, block_id=None):
    """The rows of a partition: ten features, and a label in the last column."""
    rng = np.random.RandomState(block_id[0])
    X = rng.standard_normal((n, 60))
    return np.column_stack([X, X[:, 0] * X[:, 1] + X[:, 2] > 0])


def fit_from_disk(folder):
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    from skdeepbin.dask import DaskDeepBinaryClassifier
    from skdeepbin.diagnosis import LearningWarning

    data = da.map_blocks(
        rows, 22_000, chunks=((22_000,) * 60, (61,)), dtype=float, meta=np.empty((0, 0))
    )
    da.to_npy_stack(folder, data)
    data = da.from_npy_stack(folder)
    X, y = data[:, :-1], data[:, -1]
    print(f"{X.nbytes / 1e6:.0f} MB of features, two workers of {LIMIT}")
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=LIMIT,
        dashboard_address=":0",
    )
    with cluster, Client(cluster) as client:
        model = DaskDeepBinaryClassifier(
            16, max_iter=8, learning_rate=0.03, early_stopping=False, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearningWarning)  # 8 steps are few
            model.fit(X, y)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        spilled = sum(worker["metrics"]["spilled_bytes"]["disk"] for worker in workers)
    print(f"loss {model.history_['loss'][0]:.3f} -> {model.loss_:.3f}")
    print(f"{spilled} bytes spilled")


# %%
# Worker processes start by importing this file, so what starts them is kept from that.

if __name__ == "__main__":
    if find_spec("distributed") is None:
        print("This example needs Dask: `pip install 'skdeepbin[dask]'`.")
    else:
        with tempfile.TemporaryDirectory() as folder:
            fit_from_disk(folder)
