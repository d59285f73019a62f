"""Seconds that `debug_backprop` and `diagnose` take.

    python examples/benchmarks/diagnosis.py [--repeats 5]

`debug_backprop` of two networks of four layers on 1,000 rows, tanh, with the right
gradients, with a known mistake in every hidden layer, and with one that is in no
catalogue; `diagnose` of four networks on 10,000 rows of 50 features; and fits without a
hidden layer of sparse tables from which nothing can be learnt, without the explanation
that they warn with and with it. Prints the median and the largest.
"""

import argparse
import statistics
import warnings
from itertools import pairwise, product
from time import perf_counter

import numpy as np
from scipy.sparse import random as random_sparse
from scipy.special import expit
from sklearn.datasets import make_classification

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import debug_backprop, diagnose

SIZES = (20, 16, 8, 4, 1), (20, 64, 64, 64, 1)
DERIVATIVES = {
    "right": lambda z: 1 - np.tanh(z) ** 2,
    "1 - z**2": lambda z: 1 - z**2,
    "unknown": lambda z: 1 - np.tanh(z) ** 2 + 0.1 * np.sin(3 * z),
}
NETWORKS = {
    "healthy": {},
    "small start": {"activation": "tanh", "init": 0.01, "solver": "gd", "depth": 4},
    "short steps": {"solver": "momentum", "learning_rate": 1e-6, "max_iter": 50},
    "logistic x 6": {"activation": "logistic", "solver": "gd", "depth": 6},
}


def backprop(derivative, sizes):
    """The arguments of `debug_backprop`, with this derivative of the hidden layers."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(1000, sizes[0])), rng.randint(0, 2, 1000)
    W = [rng.normal(scale=a**-0.5, size=(a, b)) for a, b in pairwise(sizes)]
    biases = [rng.normal(scale=0.1, size=width) for width in sizes[1:]]
    A, Z = [X], [X]
    for w, b in zip(W, biases):
        Z.append(A[-1] @ w + b)
        A.append(np.tanh(Z[-1]))
    dZ, dW, db = expit(Z[-1]) - y[:, None], [], []
    for layer in range(4, 0, -1):
        dW.insert(0, A[layer - 1].T @ dZ / 1000)
        db.insert(0, dZ.mean(axis=0))
        if layer > 1:
            dZ = dZ @ W[layer - 1].T * derivative(Z[layer - 1])
    return W, biases, X, y, dW, db


def fit_and_warn(clf, X, y, action):
    """Fit with warnings "ignore"d, so that no cause is looked for, or not."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter(action)
        clf.fit(X, y)


def seconds(function, *arguments, repeats):
    turns = []
    for _ in range(repeats):
        start = perf_counter()
        function(*arguments)
        turns.append(perf_counter() - start)
    return f"{statistics.median(turns):8.2f} {max(turns):8.2f}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")

    print(f"{'':44}{'median':>8} {'largest':>8}")
    for sizes, (name, derivative) in product(SIZES, DERIVATIVES.items()):
        arguments = backprop(derivative, sizes)
        cells = seconds(debug_backprop, *arguments, repeats=repeats)
        named = f"debug_backprop, {name}, {'-'.join(map(str, sizes))}"
        print(f"{named:44}{cells}", flush=True)
    X, y = make_classification(10_000, 50, n_informative=10, random_state=0)
    for name, parameters in NETWORKS.items():
        common = {"early_stopping": False, "max_iter": 100, "random_state": 0}
        clf = DeepBinaryClassifier(**(common | parameters)).fit(X, y)
        cells = seconds(diagnose, clf, X, y, repeats=repeats)
        print(f"{'diagnose, ' + name:44}{cells}", flush=True)
    for n, m, density in (5_000, 50_000, 1e-3), (100_000, 100_000, 1e-4):
        rng = np.random.default_rng(0)  # others number all entries of X that might be
        X = random_sparse(n, m, density, format="csr", random_state=rng)
        y = rng.integers(2, size=n)
        clf = DeepBinaryClassifier((), random_state=0)
        for action, said in ("ignore", "fit in vain"), ("always", "the same explained"):
            cells = seconds(fit_and_warn, clf, X, y, action, repeats=repeats)
            print(f"{f'{said}, {n:,} x {m:,}':44}{cells}", flush=True)


if __name__ == "__main__":
    main()
