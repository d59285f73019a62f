"""The grid search over depth and activation, next to the same one over MLPClassifier.

    python examples/benchmarks/grid.py [--repeats 3]

Depth 1 to 4, relu and tanh, five folds, 64 units a layer, the same number of full-batch
iterations with the same fixed learning rate, on breast cancer and on digits (odd or
even); searches take turns, medians, seconds.
"""

import argparse
import statistics
import warnings
from time import perf_counter

from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier

COMMON = {"max_iter": 100, "tol": 0.0, "n_iter_no_change": 10**9, "random_state": 0}
ACTIVATIONS = ["relu", "tanh"]
DEPTHS = [1, 2, 3, 4]


def ours():
    model = DeepBinaryClassifier(
        64, solver="gd", learning_rate=0.1, early_stopping=False, **COMMON
    )
    return model, {"depth": DEPTHS, "activation": ACTIVATIONS}


def theirs():
    # A batch of more rows than there are is all rows.
    model = MLPClassifier(
        solver="sgd", momentum=0.0, learning_rate_init=0.1, batch_size=10**6, **COMMON
    )
    sizes = [(64,) * depth for depth in DEPTHS]
    return model, {"hidden_layer_sizes": sizes, "activation": ACTIVATIONS}


def seconds(search, X, y):
    start = perf_counter()
    search.fit(X, y)
    return perf_counter() - start


def main():
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
        for dtype in ["float32", "float64"]:
            times = {"skdeepbin": [], "MLPClassifier": []}
            for _ in range(repeats):
                for name, make in zip(times, (ours, theirs)):
                    search = GridSearchCV(*make(), cv=5, refit=False)
                    times[name].append(seconds(search, X.astype(dtype), y))
            a, b = map(statistics.median, times.values())
            print(
                f"{table:20} {dtype}: skdeepbin {a:6.2f} s, MLPClassifier {b:6.2f} s, "
                f"ratio {b / a:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
