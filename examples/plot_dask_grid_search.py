"""
A search over depth and activation on a cluster
===============================================

Data that fit the memory of every worker: each fit of the search is a task of its own,
through joblib's Dask backend. The scores are those of a search without a cluster.
"""

from importlib.util import find_spec

import joblib
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skdeepbin import DeepBinaryClassifier


def search_on(cluster_workers):
    """A search on so many workers of this machine."""
    from dask.distributed import Client, LocalCluster

    digits = load_digits()
    X, y = scale(digits.data), digits.target % 2
    model = DeepBinaryClassifier(16, random_state=0, tol=1e-3)
    grid = {"depth": [1, 2, 3], "activation": ["relu", "tanh"]}
    cluster = LocalCluster(
        n_workers=cluster_workers, threads_per_worker=1, dashboard_address=":0"
    )
    # To scatter X and y once spares each task its own copy on the way.
    with cluster, Client(cluster), joblib.parallel_config("dask", scatter=[X, y]):
        return GridSearchCV(model, grid, cv=3).fit(X, y)


# %%
# Worker processes start by importing this file, so what starts them is kept from that.

if __name__ == "__main__":
    if find_spec("distributed") is None:
        print("This example needs Dask: `pip install 'skdeepbin[dask]'`.")
    else:
        search = search_on(2)
        results = search.cv_results_
        print(search.best_params_, f"{search.best_score_:.3f}")
        for activation in ("relu", "tanh"):
            chosen = results["param_activation"] == activation
            depths = results["param_depth"][chosen].astype(int)
            plt.plot(depths, results["mean_test_score"][chosen], "o-", label=activation)
        plt.xlabel("hidden layers")
        plt.ylabel("accuracy, three folds")
        plt.xticks([1, 2, 3])
        plt.legend()
        plt.savefig("dask_grid_search.png", dpi=100)
