"""The grid search over depth and activation, next to the same one over MLPClassifier.

    python examples/benchmarks/grid.py [--repeats 3]

Depth 1 to 4, relu and tanh, five folds, 64 units a layer, the same number of full-batch
iterations with the same fixed learning rate and penalty, on breast cancer and on digits
(odd or even); searches take turns, medians, seconds. That each fit of either took all
these steps, on all rows and with the same number of parameters, is checked where it is
scored.
"""

import argparse
import statistics
import warnings
from functools import partial
from time import perf_counter

from same_work import check_full_batch, check_passes, require
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier

COMMON = {
    "alpha": 1e-4,
    "max_iter": 100,
    "tol": 0.0,
    "n_iter_no_change": 10**9,
    "random_state": 0,
}
ACTIVATIONS = ["relu", "tanh"]
DEPTHS = [1, 2, 3, 4]


def ours():
    """Return our model and what is searched."""
    model = DeepBinaryClassifier(
        64, solver="gd", learning_rate=0.1, early_stopping=False, **COMMON
    )
    return model, {"depth": DEPTHS, "activation": ACTIVATIONS}


def theirs():
    """Return the same of MLPClassifier, which need not shuffle all rows."""
    model = MLPClassifier(
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.1,
        batch_size=10**6,  # more rows than there are is all of them
        shuffle=False,
        **COMMON,
    )
    sizes = [(64,) * depth for depth in DEPTHS]
    return model, {"hidden_layer_sizes": sizes, "activation": ACTIVATIONS}


def checked_score(model, X, y, *, n_rows, works):
    """Return the accuracy, and note the work of the fit, which is checked."""
    name = type(model).__name__
    check_full_batch(name, model, n_rows - len(y), COMMON["max_iter"])
    arrays = [*model.coefs_, *model.intercepts_]
    works.append((len(y), sum(a.size for a in arrays), arrays[0].dtype))
    return model.score(X, y)


def seconds(search, X, y):
    """Return how long a search takes."""
    start = perf_counter()
    search.fit(X, y)
    return perf_counter() - start


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    digits = load_digits()
    tables = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits, odd or even": (digits.data, digits.target % 2),
    }
    for table, (X, y) in tables.items():
        X = StandardScaler().fit_transform(X)
        for dtype in ["float64", "float32"]:
            X = X.astype(dtype)
            check_passes("skdeepbin", ours()[0], X, y)
            times = {"skdeepbin": [], "MLPClassifier": []}
            for _ in range(repeats):
                works = {name: [] for name in times}
                for name, make in zip(times, (ours, theirs)):
                    score = partial(checked_score, n_rows=len(y), works=works[name])
                    search = GridSearchCV(
                        *make(), scoring=score, cv=5, refit=False, error_score="raise"
                    )
                    times[name].append(seconds(search, X, y))
                one, other = (sorted(map(str, work)) for work in works.values())
                require(one == other, "MLPClassifier", "its networks are not ours")
            a, b = map(statistics.median, times.values())
            print(
                f"{table:20} {dtype}: skdeepbin {a:6.2f} s, MLPClassifier {b:6.2f} s, "
                f"ratio {b / a:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
