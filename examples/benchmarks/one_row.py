"""Microseconds of `predict_proba` for a single row, next to MLPClassifier.

    python examples/benchmarks/one_row.py [--repeats 9]

Medians over turns of a thousand calls each, in float64.
"""

import argparse
import statistics
import warnings
from time import perf_counter

from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from skdeepbin import DeepBinaryClassifier

CALLS = 1000


def latency(model, row):
    """Mean microseconds of a call."""
    start = perf_counter()
    for _ in range(CALLS):
        model.predict_proba(row)
    return (perf_counter() - start) / CALLS * 1e6


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats

    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    print("hidden layers: skdeepbin, MLPClassifier")
    for hidden in [(), (16, 8), (64, 64), (256, 256, 256)]:
        models = DeepBinaryClassifier(hidden), MLPClassifier(hidden)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five iterations do not converge
            fitted = [model.set_params(max_iter=5).fit(X, y) for model in models]
        turns = [[latency(model, X[:1]) for model in fitted] for _ in range(repeats)]
        ours, theirs = map(statistics.median, zip(*turns))
        print(f"{hidden}: {ours:.0f}, {theirs:.0f}")


if __name__ == "__main__":
    main()
