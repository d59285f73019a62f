"""Seconds until the training loss that MLPClassifier's default ends with.

    python examples/benchmarks/learning.py [--repeats 3]

On ten problems, MLPClassifier trains for its default 200 epochs of mini-batch Adam.
Then every solver of skdeepbin, on the exact gradient over all rows and without a
learning rate given, trains a network of the same size until its log loss on the same
rows is as low; so do Adam on mini-batches, MLPClassifier's Adam on all rows, and a loop
in PyTorch if that is installed. All are given float64 and have the same layers, which
is checked, as is that the losses that ours records are those of its predictions. Prints
how many times as fast each was (the median of the turns), "-" where 2,000 iterations
(400 epochs in PyTorch) were not enough, and the geometric mean over the problems, in
which "-" counts as 1.
"""

import argparse
import statistics
import warnings
from functools import partial
from importlib.util import find_spec
from math import exp, log
from time import perf_counter

import numpy as np
from same_work import check_parameters, require
from sklearn import datasets
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from skdeepbin import DeepBinaryClassifier

SOLVERS = ["gd", "momentum", "nesterov", "adam", "rprop", "lbfgs"]
HIDDEN = (100,)
MAX_ITER = 2000


def spirals():
    """Return two arms that wind around each other."""
    rng = np.random.RandomState(0)
    t = 4 * np.pi * np.sqrt(rng.uniform(0.05, 1, 500))
    arm = np.c_[t * np.cos(t), t * np.sin(t)]
    X = np.vstack([arm, -arm]) + rng.normal(scale=0.3, size=(1000, 2))
    return X, np.repeat([0, 1], 500)


def xor():
    """Return rows of which the signs of two features tell."""
    X = np.random.RandomState(0).normal(size=(2000, 10))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def digits(labels):
    """Return the digits, these of them or the others."""
    data = datasets.load_digits()
    return data.data, np.isin(data.target, labels).astype(int)


PROBLEMS = {
    "breast cancer": datasets.load_breast_cancer(return_X_y=True),
    "digits, odd": digits([1, 3, 5, 7, 9]),
    "digits, above 4": digits([5, 6, 7, 8, 9]),
    "moons": datasets.make_moons(2000, noise=0.2, random_state=0),
    "circles": datasets.make_circles(2000, noise=0.1, factor=0.5, random_state=0),
    "spirals": spirals(),
    "exclusive or": xor(),
    "quantiles": datasets.make_gaussian_quantiles(
        n_samples=3000, n_features=10, n_classes=2, random_state=0
    ),
    "clusters, 20 features": datasets.make_classification(
        3000, 20, n_informative=10, n_clusters_per_class=4, random_state=0
    ),
    "clusters, 50 features": datasets.make_classification(
        10_000, 50, n_informative=15, n_clusters_per_class=4, random_state=0
    ),
}


def check_layers(name, parameters, X):
    """Check that a network has the layers of all, in float64."""
    check_parameters(name, parameters, (X.shape[1], *HIDDEN, 1), "float64")


def ours(target, X, y, **way):
    """Seconds until the log loss is ``target``; infinite if it is never."""
    model = DeepBinaryClassifier(
        HIDDEN,
        alpha=1e-4,
        max_iter=MAX_ITER,
        tol=0,
        n_iter_no_change=MAX_ITER,
        early_stopping=False,
        random_state=0,
        **way,
    )
    start = perf_counter()
    model.fit(X, y)
    setup = perf_counter() - start - model.history_["seconds"][-1]
    losses = model.history_["loss"] - model.history_["penalty"]
    check_layers("skdeepbin", (model.coefs_, model.intercepts_), X)
    at_the_end = log_loss(y, model.predict_proba(X))
    is_true = np.isclose(losses, at_the_end, rtol=1e-3, atol=1e-7).any()
    require(is_true, f"skdeepbin, {way}", f"its loss is {at_the_end}, not {losses[-1]}")
    there = np.flatnonzero(losses <= target)
    return setup + model.history_["seconds"][there[0]] if there.size else np.inf


def mlp_all_rows(target, X, y):
    """MLPClassifier's Adam on the gradient over all rows, at the rate that suits it.

    Without a penalty, which is part of its `loss_curve_`, and without a shuffle.
    """
    model = MLPClassifier(
        HIDDEN,
        alpha=0.0,
        batch_size=len(y),
        shuffle=False,
        learning_rate_init=0.01,
        max_iter=MAX_ITER,
        tol=0,
        n_iter_no_change=MAX_ITER,
        random_state=0,
    )
    start = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - start
    check_layers("MLPClassifier", (model.coefs_, model.intercepts_), X)
    there = np.flatnonzero(np.array(model.loss_curve_) <= target)
    return seconds * there[0] / model.n_iter_ if there.size else np.inf


def torch_adam(target, X, y):
    """The loop that one would write in PyTorch: MLPClassifier's default, there.

    Its penalty is divided by the rows of a mini-batch.
    """
    import torch

    torch.manual_seed(0)
    rows, X, y = X, torch.tensor(X), torch.tensor(y, dtype=torch.float64)
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], *HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(*HIDDEN, 1),
        torch.nn.Flatten(0),
    ).double()
    weights, biases = (
        [getattr(net[layer], part).detach().numpy() for layer in (0, 2)]
        for part in ("weight", "bias")
    )
    check_layers("PyTorch", ([W.T for W in weights], biases), rows)
    loss = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), weight_decay=1e-4 / 200)
    seconds = 0.0
    for _ in range(MAX_ITER // 5):
        with torch.no_grad():
            if loss(net(X), y) <= target:
                return seconds
        start = perf_counter()
        for rows in torch.randperm(len(y)).split(200):
            optimizer.zero_grad()
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
        seconds += perf_counter() - start
    return np.inf


WAYS = {solver: partial(ours, solver=solver) for solver in SOLVERS}
WAYS["adam, 200 rows"] = partial(ours, solver="adam", batch_size=200)
WAYS["MLP, all rows"] = mlp_all_rows
if find_spec("torch"):
    WAYS["PyTorch"] = torch_adam


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")

    print(" " * 36, *(f"{way:>14}" for way in WAYS))
    ratios = {way: [] for way in WAYS}
    for name, (X, y) in PROBLEMS.items():
        X = scale(X)
        turns = {way: [] for way in WAYS}
        for _ in range(repeats):
            peer = MLPClassifier(HIDDEN, random_state=0)
            start = perf_counter()
            peer.fit(X, y)
            seconds = perf_counter() - start
            target = log_loss(y, peer.predict_proba(X))
            for way, seconds_to in WAYS.items():
                turns[way].append(seconds / seconds_to(target, X, y))
        medians = {way: statistics.median(t) for way, t in turns.items()}
        for way, ratio in medians.items():
            ratios[way].append(ratio or 1)
        cells = (f"{r:14.1f}" if r else f"{'-':>14}" for r in medians.values())
        print(f"{name:22} loss {target:9.2e}", *cells, flush=True)
    means = (exp(statistics.fmean(map(log, r))) for r in ratios.values())
    print(f"{'geometric mean':37}", *(f"{mean:14.1f}" for mean in means))


if __name__ == "__main__":
    main()
