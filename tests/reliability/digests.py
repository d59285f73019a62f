"""Digests of fits and predictions, to see that a change of the code changes no bit.

    python -m tests.reliability.digests FILE

Writes FILE where there is none, else compares with it and ends with status 1 where a
digest differs. The bits are of one machine and one NumPy: make the file before a change
and compare after it. With Dask installed, fits on a cluster are among them.
"""

import hashlib
import json
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy import sparse

from skdeepbin import DeepBinaryClassifier

AXES = {
    "solver": ["auto", "rprop", "gd", "momentum", "nesterov", "adam", "lbfgs"],
    "activation": ["relu", "tanh", "logistic", "identity"],
    "hidden_layer_sizes": [(), (5,), (8, 6), (6, 5, 4)],
    "dtype": ["auto", "float32", "float64"],
    "early_stopping": ["auto", True, False],
    "n_networks": [1, 3],
    "n_bins": ["auto", 0, 4],
    "dropout": [0.0, 0.3],
    "batch_size": [None, 40],
    "scoring": ["loss", "roc_auc"],
    "alpha": ["auto", 0.5],
    "init": ["auto", "he", "xavier", 0.5],
    "learning_rate": ["auto", 0.02],
    "feature_scaling": ["auto", "standard", "none"],
    "class_weight": [None, "balanced"],
}
DATA = {
    "weighted": [False, True],
    "container": ["dense", "csr", "float32"],
    "validation": [False, True],
    "then": ["end", "warm start", "partial_fit"],
}
N_DRAWN = 400


def table(n=240, p=6, seed=0):
    """Rows with a rare and a constant column, labels and weights."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, p)) * [1, 10, 0.1, 1, 1, 1] + [0, 5, 0, 0, 0, 0]
    X[:, 3] = np.where(rng.uniform(size=n) < 0.1, X[:, 3], 0)
    X[:, 5] = 3
    z = X[:, 0] + np.sin(X[:, 1]) + X[:, 3] + rng.normal(size=n) * 0.5
    return X, np.where(z > 0, "yes", "no"), rng.randint(0, 4, n) / 2


def digest(*values):
    """Of arrays, lists of them, dictionaries and whatever has a repr."""
    total = hashlib.blake2b(digest_size=12)
    for value in values:
        if isinstance(value, dict):
            parts = [digest(v) for key, v in sorted(value.items()) if key != "seconds"]
            total.update(repr((sorted(value), parts)).encode())
        elif isinstance(value, (list, tuple)):
            total.update(digest(*value).encode())
        elif isinstance(value, np.ndarray):
            total.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
        else:
            total.update(repr(value).encode())
    return total.hexdigest()


def of_model(model, X):
    """What a fitted classifier is, and what it says of rows."""
    return digest(
        model.coefs_,
        model.intercepts_,
        model.history_,
        model.loss_,
        model.alpha_,
        model.n_iter_,
        model.stop_reason_,
        model.decision_function(X),
        model.predict_proba(X[:3]),
        model.predict(X),
    )


def fitted(settings, data):
    """The digest of a fit and of what follows it; of its error if it has one."""
    X, y, w = table()
    X_val, y_val, w_val = table(60, seed=1)
    if data["container"] != "dense":
        of = sparse.csr_array if data["container"] == "csr" else np.float32
        X, X_val = of(X), of(X_val)
    w, w_val = (w, w_val) if data["weighted"] else (None, None)
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": w_val}
    given = given if data["validation"] else {}
    warm = data["then"] == "warm start"
    model = DeepBinaryClassifier(
        **settings, max_iter=12, random_state=3, warm_start=warm
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            digests = [of_model(model.fit(X, y, w, **given), X)]
            if warm:
                digests.append(of_model(model.fit(X, y, w, **given), X))
            if data["then"] == "partial_fit":
                for rows in (slice(0, 120), slice(120, 240)):
                    some = None if w is None else w[rows]
                    model.partial_fit(X[rows], y[rows], sample_weight=some)
                digests.append(of_model(model, X))
        except (ValueError, TypeError) as error:
            return type(error).__name__
    return digest(digests)


def streams():
    """`partial_fit` from the first row on."""
    X, y, w = table()
    for solver, activation in product(AXES["solver"][:-1], AXES["activation"]):
        model = DeepBinaryClassifier((5,), solver=solver, activation=activation)
        model.set_params(random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for start in range(0, 60, 3):
                rows = slice(start, start + 3)
                model.partial_fit(X[rows], y[rows], ["no", "yes"], w[rows])
        yield f"stream {solver} {activation}", of_model(model, X)


def clusters():
    """The same fits on a cluster, where Dask is installed."""
    try:
        import dask.array as da
        from distributed import Client, LocalCluster
    except ImportError:
        return
    from skdeepbin.dask import DaskDeepBinaryClassifier

    X, y, w = table()
    lazy = [da.from_array(a, chunks=(100, -1)[: a.ndim]) for a in (X, y, w)]
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False) as cluster,
        Client(cluster),
    ):
        for solver in AXES["solver"]:
            for more in ({}, {"n_networks": 2}, {"dropout": 0.2}, {"dtype": "float32"}):
                clf = DaskDeepBinaryClassifier(
                    (8, 6), solver=solver, max_iter=8, random_state=0, **more
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        clf.fit(*lazy)
                        found = digest(clf.coefs_, clf.intercepts_, clf.history_)
                    except ValueError as error:
                        found = type(error).__name__
                yield f"cluster {solver} {more}", found


def drawn():
    """Combinations, each value of each parameter in many of them."""
    rng = np.random.RandomState(0)

    def draw(axes):
        return {name: values[rng.randint(len(values))] for name, values in axes.items()}

    for _ in range(N_DRAWN):
        settings, data = draw(AXES), draw(DATA)
        if settings["n_bins"] == "auto" and settings["n_networks"] == 1:
            settings["n_bins"] = 0
        for name in ("batch_size", "dropout", "scoring", "learning_rate"):
            if rng.uniform() < 0.5:  # most exclude others
                settings[name] = AXES[name][0]
        yield settings, data


def all_digests():
    """By what was fitted."""
    found = {}
    for name, values in AXES.items():
        for value in values:
            for data in ({}, {"weighted": True}, {"container": "csr"}):
                data = {key: values[0] for key, values in DATA.items()} | data
                settings = {"hidden_layer_sizes": (8, 6), name: value}
                found[f"{name}={value!r} {data}"] = fitted(settings, data)
    for settings, data in drawn():
        found[f"{settings} {data}"] = fitted(settings, data)
    return found | dict(streams()) | dict(clusters())


def main(path):
    """The names of what differs."""
    found = all_digests()
    n_errors = sum(
        not set(value) <= set("0123456789abcdef") for value in found.values()
    )
    print(f"{len(found)} digests, {n_errors} of them errors")
    if not path.exists():
        path.write_text(json.dumps(found, indent=1))
        return []
    before = json.loads(path.read_text())
    return [key for key, value in before.items() if found.get(key) != value]


if __name__ == "__main__":
    differences = main(Path(sys.argv[1]))
    print(*differences, sep="\n")
    sys.exit(bool(differences))
