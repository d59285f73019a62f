"""The defaults beside what they were chosen against, on data that this script makes.

    python examples/benchmarks/defaults.py [few] [penalties] [scaling] [wide]
        [weights] [activations] [stream] [rates]

A table or two each; all of them take about seven minutes on one core. Log losses and
accuracies are of rows that were not trained on, means over draws.
"""

import argparse
import warnings
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from unittest.mock import patch

import numpy as np
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    make_classification,
    make_moons,
)
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, scale

from skdeepbin import DeepBinaryClassifier
from skdeepbin.inputs import _weights
from skdeepbin.network import _initializers
from skdeepbin.network._activations import ACTIVATIONS


def net(seed=0, **parameters):
    return DeepBinaryClassifier(random_state=seed, **parameters)


@contextmanager
def row_of(activation, **changes):
    """The row of an activation with other entries, for a while."""
    usual = ACTIVATIONS[activation]
    ACTIVATIONS[activation] = replace(usual, **changes)
    try:
        yield
    finally:
        ACTIVATIONS[activation] = usual


def loss(model, X, y, n):
    """The log loss of the rows after the first n, on which the model is trained."""
    return log_loss(y[n:], model.fit(X[:n], y[:n]).predict_proba(X[n:]), labels=[0, 1])


def accuracy(model, X, y, n):
    return model.fit(X[:n], y[:n]).score(X[n:], y[n:])


def table(title, names, rows):
    """Print a table in Markdown, row after row as they come."""
    print(f"\n| {title} | {' | '.join(names)} |")
    print("| --- |" + " ---: |" * len(names))
    for name, values in rows:
        cells = " | ".join(f"{value:.3f}" for value in values)
        print(f"| {name} | {cells} |", flush=True)


def labels_of(z, rng):
    return (rng.uniform(size=len(z)) < 1 / (1 + np.exp(-z))).astype(int)


def few():
    """The one penalty of few rows; and with which XOR is learnt."""
    alphas = ["auto", 0.2, 0.4, 0.8, 1.6, 3.0, 5.0]

    def clusters(n, p, seed):
        return make_classification(
            n + 1000, p, n_informative=2, n_redundant=0, random_state=seed
        )

    def planes(n, p, seed):  # all features tell; for odd seeds a bent plane
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n + 1000, p))
        direction = rng.normal(size=p)
        z = 2.5 * X @ direction / np.linalg.norm(direction)
        return X, labels_of(z + seed % 2 * 2 * X[:, 0] * X[:, 1], rng)

    def draws(make, n, p):
        for seed in range(16):
            X, y = make(n, p, seed)
            known = np.r_[np.flatnonzero(y == 0)[: n // 2], np.flatnonzero(y)[: n // 2]]
            others = np.setdiff1d(np.arange(len(y)), known)
            order = np.r_[known, others]
            yield seed, X[order], y[order]

    def rows(make, sizes):
        for p in 2, 5, 10:
            for n in sizes:
                losses = [
                    [loss(LogisticRegression(), X, y, n)]
                    + [loss(net(seed, alpha=a), X, y, n) for a in alphas]
                    for seed, X, y in draws(make, n, p)
                ]
                yield f"{n} rows, {p} features", np.mean(losses, axis=0)

    names = ["LogisticRegression", *map(str, alphas)]
    table("log loss, two features tell", names, rows(clusters, (6, 12, 24, 36)))
    table("log loss, all features tell", names, rows(planes, (6, 12, 36)))
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    learnt = [
        np.mean([net(s, alpha=a).fit(X, [0, 1, 1, 0]).score(X, [0, 1, 1, 0]) == 1
                 for s in range(8)])
        for a in alphas
    ]  # fmt: skip
    table("share that learns", list(map(str, alphas)), [("XOR, 4 rows", learnt)])


def problems():
    for n in 300, 1000:
        yield f"moons, {n}", *make_moons(n + 2000, noise=0.2, random_state=0), n
    for n, flips in (400, 0.2), (1500, 0.05), (4000, 0.2):
        X, y = make_classification(
            n + 2000, 20, n_informative=8, flip_y=flips, random_state=n
        )
        yield f"classification, {n}, {flips:.0%} flipped", scale(X), y, n
    rng = np.random.RandomState(0)
    X = rng.normal(size=(3000, 12))
    yield "exclusive or of 12", X, (X[:, 0] * X[:, 1] > 0).astype(int), 1500
    X, y = load_breast_cancer(return_X_y=True)
    order = rng.permutation(len(y))
    yield "breast cancer", scale(X)[order], y[order], 400
    X, digit = load_digits(return_X_y=True)
    yield "digits, odd", X, digit % 2, 1000


def penalties():
    """The penalties where rows validate, one after the other."""
    paths = [(10.0, 1.0), (5.0,), (1.0,), (20.0, 3.0, 0.5), (1.0, 10.0)]

    def rows():
        seconds = np.zeros(len(paths))
        for name, X, y, n in problems():
            values = []
            for number, alphas in enumerate(paths):
                start = perf_counter()
                with row_of("relu", alphas=alphas):
                    values.append(np.mean([loss(net(s), X, y, n) for s in range(4)]))
                seconds[number] += perf_counter() - start
            yield name, values
        yield "seconds of all", seconds

    table("log loss", [", ".join(f"{a:g}" for a in path) for path in paths], rows())


def rare():
    rng = np.random.default_rng(0)
    for n_words in 400, 3000:
        n = 1500
        frequency = 1 / np.arange(1, n_words + 1)
        chosen = rng.choice(n_words, n * 40, p=frequency / frequency.sum())
        entries = np.ones(len(chosen)), (np.repeat(np.arange(n), 40), chosen)
        X = sparse.csr_matrix(entries, (n, n_words))
        z = X @ rng.normal(size=n_words) * 0.5
        yield f"words by Zipf's law, 1000 x {n_words}", X, labels_of(z - z.mean(), rng)
    kinds = rng.geometric(0.01, size=(1500, 3)) % 500
    z = sum(rng.normal(size=500)[column] for column in kinds.T)
    X = OneHotEncoder(handle_unknown="ignore").fit_transform(kinds).tocsr()
    yield "three one-hot categories of 500 kinds", X, labels_of(z, rng)
    X = rng.normal(size=(1500, 20))
    yield "dense, 1000 x 20", X, labels_of(X @ rng.normal(size=20), rng)


def scaling():
    """The scaling of features, on words, categories and dense columns."""
    ways = ["auto", "standard", "none"]

    def rows():
        for name, X, y in rare():
            peer = loss(LogisticRegression(max_iter=1000), X, y, 1000)
            yield (
                name,
                [peer] + [loss(net(feature_scaling=way), X, y, 1000) for way in ways],
            )

    table("log loss", ["LogisticRegression", *ways], rows())


def wide():
    """More features than rows: the penalty, and a smaller first layer."""
    alphas = ["auto", 5.0, 20.0, 100.0]

    def rows():
        for n, p in (186, 496), (300, 300), (100, 1000):
            losses = []
            for seed in range(6):
                rng = np.random.RandomState(seed)
                X = rng.normal(size=(n + 1000, p))
                y = labels_of(X[:, :20] @ rng.normal(size=20) * 0.7, rng)
                prior = log_loss(y[n:], np.full(1000, y[:n].mean()))
                models = [LogisticRegression(C=0.01)] + [net(alpha=a) for a in alphas]
                here = [prior] + [loss(model, X, y, n) for model in models]
                usual, _initializers.WIDE = _initializers.WIDE, np.inf
                losses.append([*here, loss(net(), X, y, n)])
                _initializers.WIDE = usual
            yield f"{n} x {p}", np.mean(losses, axis=0)

    names = ["class frequencies", "LogisticRegression(C=.01)", *map(str, alphas)]
    table("log loss", [*names, "auto, start as of few features"], rows())


# How many rows a weight of one stands for, where weights are normalised.
ROWS_A_WEIGHT = {
    "root mean square": lambda w: 1 / np.sqrt(np.mean(w**2)),
    "mean": lambda w: 1 / w.mean(),
    "Kish": lambda w: w.sum() / (w**2).sum(),
}


class Counted(DeepBinaryClassifier):
    """A network whose weights are made counts by one of these rules."""

    rule = "mean"

    def fit(self, X, y, sample_weight):
        factor = ROWS_A_WEIGHT[self.rule](sample_weight[sample_weight > 0])
        with patch.object(_weights, "rows_a_weight", lambda squares, unit: 1.0):
            return super().fit(X, y, factor * sample_weight)


def weights():
    """Weights that sum to one: which of them is a row."""
    tables = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "20 features": make_classification(
            600, 20, n_informative=5, flip_y=0.1, random_state=0
        ),
    }

    def score(model, X, y, rng, boosted):
        rows = rng.permutation(len(y))
        train, test = rows[: len(y) // 2], rows[len(y) // 2 :]
        if boosted:
            model = AdaBoostClassifier(model, n_estimators=5, random_state=0)
            return model.fit(X[train], y[train]).score(X[test], y[test])
        w = rng.lognormal(sigma=1.5, size=len(train))
        return model.fit(X[train], y[train], w / w.sum()).score(X[test], y[test])

    def rows():
        for name, (X, y) in tables.items():
            X = scale(X)
            for boosted in False, True:
                scores = []
                for rule in ROWS_A_WEIGHT:
                    Counted.rule = rule
                    scores.append(
                        [
                            score(
                                Counted(random_state=0),
                                X,
                                y,
                                np.random.RandomState(seed),
                                boosted,
                            )
                            for seed in range(10)
                        ]
                    )
                kind = "AdaBoost of 5" if boosted else "log-normal weights"
                yield f"{name}, {kind}", np.mean(scores, axis=1)

    table("accuracy", [*ROWS_A_WEIGHT], rows())


def activations():
    """The rows of tanh and logistic, on moons of 300 and 1,000 rows."""
    changes = {
        "as is": {},
        "patience 1": {"patience": 1},
        "relu's penalties": {"alphas": (10.0, 1.0)},
        "output layer 1": {"output_scale": 1.0},
        "output layer 0.1": {"output_scale": 0.1},
        "stretch 1": {"stretch": 1.0},
        "stretch 2": {"stretch": 2.0},
    }

    def rows():
        for activation in "tanh", "logistic":
            for n in 300, 1000:
                values = []
                for change in changes.values():
                    with row_of(activation, **change):
                        values.append(
                            np.mean(
                                [
                                    accuracy(
                                        net(seed, activation=activation),
                                        *make_moons(
                                            n + 1000, noise=0.2, random_state=seed
                                        ),
                                        n,
                                    )
                                    for seed in range(8)
                                ]
                            )
                        )
                yield f"{activation}, {n} rows", values

    table("accuracy", list(changes), rows())


def stream():
    """Rows that come a few at a time."""
    X, y = load_breast_cancer(return_X_y=True)
    solvers = ["auto", "gd", "nesterov", "momentum"]

    def rows():
        for size, passes in (1, 2), (4, 5), (16, 10), (100, 30):
            scores = []
            for seed in range(3):
                order = np.random.RandomState(seed).permutation(len(y))
                A, t = scale(X)[order], y[order]
                models = [MLPClassifier(random_state=seed)]
                models += [net(seed, solver=solver) for solver in solvers]
                for _ in range(passes):
                    for start in range(0, 400, size):
                        part = slice(start, start + size)
                        for model in models:
                            model.partial_fit(A[part], t[part], classes=[0, 1])
                scores.append([model.score(A[400:], t[400:]) for model in models])
            yield f"{size} rows at a time, {passes} passes", np.mean(scores, axis=0)

    table("accuracy", ["MLPClassifier", *solvers], rows())


def rates():
    """The learning rates of streams; nan where the loss ran away."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(y))
    X, y = scale(X)[order], y[order]
    choices = ["auto", 0.001, 0.01, 0.1, 0.3, 1.0]

    def score(model, size, passes):
        for start in [*range(0, 400, size)] * passes:
            part = slice(start, start + size)
            try:
                model.partial_fit(X[:400][part], y[:400][part], classes=[0, 1])
            except ValueError:  # its weights are beyond numbers
                return np.nan
        return model.score(X[400:], y[400:])

    def rows():
        for solver in "adam", "gd", "nesterov":
            for size, passes in (1, 1), (4, 2), (16, 4):
                models = [net(solver=solver, learning_rate=rate) for rate in choices]
                name = f"{solver}, {size} rows at a time"
                yield name, [score(model, size, passes) for model in models]

    table("accuracy", list(map(str, choices)), rows())


TABLES = {
    make.__name__: make
    for make in (few, penalties, scaling, wide, weights, activations, stream, rates)
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", choices=[*TABLES, []])
    warnings.simplefilter("ignore")
    for name in parser.parse_args().tables or TABLES:
        print(f"\n## {name}: {TABLES[name].__doc__}")
        TABLES[name]()


if __name__ == "__main__":
    main()
