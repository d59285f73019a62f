"""Microseconds of `predict_proba` for a single row, next to MLPClassifier.

    python examples/benchmarks/one_row.py [--repeats 9]

Medians over turns of a thousand calls each, in float64. The MLPClassifier is ours,
exported: it has the same weights and, which is checked, gives the same probabilities.
"""

import argparse
import statistics
import warnings
from time import perf_counter

import numpy as np
from same_work import require
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from skdeepbin import DeepBinaryClassifier
from skdeepbin.export import to_mlp

CALLS = 1000


def latency(model, row):
    """Return the mean microseconds of a call."""
    start = perf_counter()
    for _ in range(CALLS):
        model.predict_proba(row)
    return (perf_counter() - start) / CALLS * 1e6


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats

    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    print("hidden layers: skdeepbin, MLPClassifier")
    for hidden in [(), (16, 8), (64, 64), (256, 256, 256)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five iterations do not converge
            model = DeepBinaryClassifier(hidden, max_iter=5, random_state=0).fit(X, y)
        fitted = model, to_mlp(model)
        one, other = (model.predict_proba(X) for model in fitted)
        require(np.allclose(one, other, 1e-9), "MLPClassifier", "it predicts otherwise")
        turns = [[latency(model, X[:1]) for model in fitted] for _ in range(repeats)]
        ours, theirs = map(statistics.median, zip(*turns))
        print(f"{hidden}: {ours:.0f}, {theirs:.0f}")


if __name__ == "__main__":
    main()
