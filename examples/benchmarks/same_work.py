"""What the benchmarks check before they time: that all contestants do the same work.

A contestant that fails a check raises `OtherWork`, so that it has no figure. The
formulas are those of `skdeepbin/network/_network.py`, written once more in float64.
"""

from itertools import pairwise

import numpy as np
from scipy.special import expit
from sklearn.base import clone

BLOCK = 10_000  # rows that the reference takes at a time
# Of a step, relative to how far it moves. float32 is relative to the weights, and so
# coarser of their changes.
ROUNDING = {"float32": 2e-3, "float64": 1e-9}


class OtherWork(Exception):
    """A contestant does not do the work that the others do."""


def require(condition, name, what):
    """Raise unless a contestant does what it must."""
    if not condition:
        raise OtherWork(f"{name}: {what}")


def start(sizes, dtype):
    """Return weights and biases of each layer, the same at each call."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, (2 / a) ** 0.5, (a, b)) for a, b in pairwise(sizes)]
    biases = [np.full(b, 0.01) for b in sizes[1:]]
    return [W.astype(dtype) for W in weights], [b.astype(dtype) for b in biases]


def batch_gradient(weights, biases, X, y, activation):
    """Return the gradient of the mean log loss over all rows."""
    gradient = [0.0] * (len(weights) + len(biases))
    for first in range(0, len(X), BLOCK):
        A = [X[first : first + BLOCK].astype(float)]
        for W, b in zip(weights[:-1], biases):
            Z = A[-1] @ W + b
            A.append(np.tanh(Z) if activation == "tanh" else np.maximum(Z, 0))
        z = A[-1] @ weights[-1] + biases[-1]
        dZ = (expit(z) - y[first : first + BLOCK, np.newaxis]) / len(X)
        for layer in reversed(range(len(weights))):
            gradient[layer] = gradient[layer] + A[layer].T @ dZ
            gradient[layer - len(biases)] = gradient[layer - len(biases)] + dZ.sum(0)
            slope = 1 - A[layer] ** 2 if activation == "tanh" else A[layer] > 0
            dZ = dZ @ weights[layer].T * slope
    return gradient


def after_steps(start, X, y, activation, rate, n):
    """Return the parameters after n steps of gradient descent on all rows."""
    weights, biases = ([a.astype(float) for a in arrays] for arrays in start)
    for _ in range(n):
        gradient = batch_gradient(weights, biases, X, y, activation)
        for array, slope in zip([*weights, *biases], gradient):
            array -= rate * slope
    return weights, biases


def check_parameters(name, found, sizes, dtype):
    """Check that a network has these layers, in this precision."""
    shapes = [*pairwise(sizes), *((size,) for size in sizes[1:])]
    arrays = [np.asarray(array) for arrays in found for array in arrays]
    require([a.shape for a in arrays] == shapes, name, f"its layers are not {sizes}")
    require({a.dtype for a in arrays} == {np.dtype(dtype)}, name, f"it is not {dtype}")


def check_steps(name, found, start, expected):
    """Check that parameters moved from the start to what is expected, to rounding."""
    from_to = [
        np.concatenate([a.ravel() for a in [*W, *b]]) for W, b in (start, expected)
    ]
    found = np.concatenate(
        [np.asarray(a, float).ravel() for a in [*found[0], *found[1]]]
    )
    moved = np.linalg.norm(from_to[1] - from_to[0])
    error = np.linalg.norm(found - from_to[1]) / moved
    limit = ROUNDING[start[0][0].dtype.name]
    require(
        error < limit, name, f"it is {error:.1e} of the way from where it should be"
    )


class Counted:
    """An activation that counts the numbers that it is called with."""

    def __init__(self, activation):
        self.activation, self.forwards, self.backwards = activation, [], []

    def forward(self, Z):
        """Return the values, and count them."""
        self.forwards.append(Z.size)
        return np.tanh(Z) if self.activation == "tanh" else np.maximum(Z, 0)

    def derivative(self, Z):
        """Return the slopes, and count them."""
        self.backwards.append(Z.size)
        if self.activation == "tanh":
            return 1 - np.tanh(Z) ** 2
        return (Z > 0).astype(Z.dtype)


def check_passes(name, model, X, y):
    """Check that an iteration of ours is one pass over all rows, there and back.

    A mini-batch of all rows is not: a second pass measures the loss.
    """
    totals = []
    for n in 1, 3:
        counted = Counted(model.activation)
        other = clone(model).set_params(
            activation=counted, max_iter=n, warm_start=False
        )
        other.fit(X, y)
        totals.append([sum(counted.forwards), sum(counted.backwards)])
    units = sum(len(b) for b in other.intercepts_[:-1])
    passes = np.diff(totals, axis=0)[0] / (2 * units * len(X))
    require((passes == 1).all(), name, f"its passes there and back are {passes}, not 1")


def check_full_batch(name, model, n_rows, n_steps, before=None):
    """Check that an estimator took so many steps, each on all rows, at its rate.

    before : the estimator before, where its start was warm.
    """
    if hasattr(model, "t_"):
        steps, size = model.n_iter_, model.batch_size
        rows = (model.t_ - (before.t_ if before else 0)) / steps
        require(size != "auto" and size >= n_rows, name, f"its batches are {size} rows")
        require(rows == n_rows, name, f"it counts {rows} rows a step")
    else:
        steps, size = (
            model.n_iter_ - (before.n_iter_ if before else 0),
            model.batch_size,
        )
        require(size is None, name, f"its batches are {size} rows")
        rates = {*model.history_["step_size"][-n_steps:]}
        require(rates == {model.learning_rate}, name, f"its rates are {rates}")
    require(steps == n_steps, name, f"it took {steps} steps, not {n_steps}")
