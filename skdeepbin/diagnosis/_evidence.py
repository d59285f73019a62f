"""What is measured, once, about a network and a sample of its rows.

With ``A_l`` the activations and ``D_l = dz / dZ_l`` of a row, for each layer::

    spread_l       median over its units of the standard deviation over the rows
    sensitivity_l  root mean square over the rows of  |a_{l-1}| |d_l|

The first falls where all rows come to look alike, going forward; the second is the size
of dz / dW_l, without the sum over the rows, whose signs would cancel, and falls or
rises from layer to layer where the gradient does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, xlogy
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_class_weight

from skdeepbin.diagnosis._subject import Subject, subjects
from skdeepbin.diagnosis._tables import Columns, References, columns, references
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS
from skdeepbin.network._loss import log_loss
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array, Layout, Parameters
from skdeepbin.training._units import units_of

# Rows and entries of X that are looked at.
ROWS, ENTRIES = 2000, 10**7

# Where a unit counts as saturated: |tanh| > 0.99, TheDeepChecker's and DeepDiagnosis'
# |z| >= 5 rounded to what loses 98 % of the slope; for the logistic function the same.
SATURATED = {"tanh": 0.99, "logistic": 0.98}


class Layers(NamedTuple):
    """What is measured of each layer, from the first hidden one to the output.

    spread, sensitivity : as the module says.
    gradient : norm of the gradient of the mean loss.
    dead : share of the units that are zero for every row, of relu.
    saturated : share of the activations that are near the ends of the function.
    scale : root mean square of the weights over what the activation's start has.
    start : the same of a start that was given as a number, else of the weights.
    """

    spread: Array
    sensitivity: Array
    gradient: Array
    dead: Array
    saturated: Array
    scale: Array
    start: Array


@dataclass(frozen=True)
class Evidence:
    """A network and a sample of the rows, in the units of its training.

    X : the rows as the network is given them.
    y : whether a row is of the second class.
    w : weights of the rows by `class_weight`; they sum to one.
    n_rows : of the whole table.
    """

    subject: Subject
    X: Array
    y: NDArray[np.bool_]
    w: Array
    n_rows: int

    @cached_property
    def entropy(self) -> float:
        """The loss of one who knows only how frequent the classes are."""
        share = float(self.w @ self.y)
        return -float(xlogy(share, share) + xlogy(1 - share, 1 - share))

    @cached_property
    def network(self) -> tuple[Network, Array, Array]:
        """The network, its parameters and the rows, in the units of training."""
        subject = self.subject
        layout = Layout((self.X.shape[1], *subject.hidden, 1))
        network = Network(layout, ACTIVATIONS[subject.activation])
        theta = layout.pack(Parameters(subject.weights, subject.biases))
        if not subject.scales_itself:
            return network, theta, self.X
        units = units_of(self.X, lambda rows: np.ones(self.X.shape[0])[rows])
        X = (self.X - units.shift) / units.scale
        return network, units.from_user(theta, layout), X

    @cached_property
    def logits(self) -> Array:
        """The logit of each row."""
        return self._passes[0]

    @cached_property
    def probabilities(self) -> Array:
        """The probability of the second class."""
        return expit(self.logits)

    @cached_property
    def loss(self) -> float:
        """The mean log loss of the network, without its penalty."""
        return self.loss_of(self.logits, slice(None))

    def loss_of(self, z: Array, rows: Any) -> float:
        """The mean log loss of logits for some of the rows."""
        w = self.w[rows]
        losses, _ = log_loss(z, self.y[rows].astype(float))
        with np.errstate(invalid="ignore", over="ignore"):
            value = float(w @ losses / w.sum())
        return value if np.isfinite(value) else np.inf

    @cached_property
    def layers(self) -> Layers:
        """What is measured of each layer."""
        _, A, D, gradient = self._passes
        network, theta, X = self.network
        W = network.layout.views(theta).weights
        inputs = [X.T, *A]
        with np.errstate(all="ignore"):
            spread = [np.median(a.std(axis=1)) for a in (*A, self.logits[np.newaxis])]
            lengths = [
                np.sqrt(np.mean((a**2).sum(axis=0) * (d**2).sum(axis=0)))
                for a, d in zip(inputs, D)
            ]
            scale = [np.sqrt(np.mean(V**2)) / ideal for V, ideal in zip(W, self.ideal)]
        init = self.subject.init
        start = scale if init is None else [init / ideal for ideal in self.ideal]
        activation = self.subject.activation
        dead = [np.mean(~(a > 0).any(axis=1)) if activation == "relu" else 0 for a in A]
        found = (spread, lengths, gradient, dead, self._saturated(A), scale, start)
        return Layers(*(np.asarray(values, float) for values in found))

    def _saturated(self, A: Sequence[Array]) -> list[float]:
        activation = self.subject.activation
        if activation not in SATURATED:
            return [0.0 for _ in A]
        middle = 0.5 if activation == "logistic" else 0.0
        half = 1 - middle
        return [
            float(np.mean(abs(a - middle) > SATURATED[activation] * half)) for a in A
        ]

    @property
    def ideal(self) -> list[float]:
        """The standard deviation that the weights of each layer should start with."""
        rule = INITIALIZERS[ACTIVATIONS[self.subject.activation].init]
        sizes = self.network[0].layout.sizes
        return [rule(*shape) for shape in zip(sizes, sizes[1:])]

    @cached_property
    def _passes(self) -> tuple[Array, list[Array], list[Array], list[float]]:
        """Logits, activations, ``dz / dZ_l``, and the norm of each layer's gradient."""
        network, theta, X = self.network
        V = network.layout.layers(theta)
        workspace = network.workspace(len(X), float, backward=False)
        with np.errstate(all="ignore"):
            X_1 = np.vstack([X.T, np.ones(len(X))])
            z = network.logits(V, X_1, workspace).copy()
            A = [a.copy() for a in workspace.Z[:-1]]
            D = _backward(network, V, A)
            error = self.w * (expit(z) - self.y)
            inputs = [X_1, *workspace.A]
            norms = [
                float(np.linalg.norm(a @ (error * d).T)) for a, d in zip(inputs, D)
            ]
        return z, A, D, norms

    @cached_property
    def references(self) -> References:
        """What simple models find in the sample."""
        return references(self.X, self.y, self.w)

    @cached_property
    def columns(self) -> Columns:
        """What is to be said of single features."""
        return columns(self.X, self.y)

    @property
    def reachable(self) -> float:
        """A loss that another model has, on rows that it was not fitted to."""
        return min(self.references.best_loss, self.entropy)

    def gain(self, loss: float) -> float:
        """The share of what other models gain over the class frequencies."""
        return (self.entropy - loss) / max(self.entropy - self.reachable, 1e-3)


def _backward(network: Network, V: Sequence[Array], A: Sequence[Array]) -> list[Array]:
    """``dz / dZ_l`` of each row, from the first layer to the output."""
    D = [np.ones((1, A[0].shape[1] if A else 1))]
    for layer in range(len(A), 0, -1):
        F = A[layer - 1].copy()
        network.activation.derivative(F, np.empty_like(F))
        D.insert(0, (V[layer][:-1] @ D[0]) * F)
    return D


def gather(clf: Any, X: Any, y: Any) -> list[Evidence]:
    """The evidence about each network of a fitted estimator."""
    networks = subjects(clf)
    for transform in networks[0].prefix:
        X = transform.transform(X)
    X = check_array(X, accept_sparse="csr", input_name="X")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"`y` must be of shape (n_samples,); got shape {y.shape}.")
    check_consistent_length(X, y)
    first = networks[0]
    n_features = first.weights[0].shape[0]
    if X.shape[1] != n_features:
        raise ValueError(
            f"X must have the {n_features} features that `clf` was fitted on; got "
            f"{X.shape[1]}."
        )
    unknown = np.setdiff1d(y, first.classes)
    if unknown.size:
        raise ValueError(
            f"`y` must hold the classes of `clf`, {first.classes.tolist()}; got "
            f"{unknown.tolist()[0]!r}."
        )
    second = y == first.classes[1]
    if second.all() or not second.any():
        raise ValueError(
            "`y` must hold both classes, as nothing can be learnt from one; got only "
            f"{y[0]!r}."
        )
    factors = compute_class_weight(
        first.parameters.get("class_weight"), classes=first.classes, y=y
    )
    chosen = sample(second, min(ROWS, max(ENTRIES // n_features, 50)))
    X, n_rows = X[chosen], len(y)
    X = np.asarray(X.toarray() if issparse(X) else X, dtype=float)
    w = factors[second[chosen].astype(int)]
    return [Evidence(s, X, second[chosen], w / w.sum(), n_rows) for s in networks]


def sample(second: NDArray[np.bool_], n: int, seed: int = 0) -> NDArray[np.intp]:
    """At most about n rows, of either class the same share, at least 20 if it can."""
    if len(second) <= n:
        return np.arange(len(second))
    rng = np.random.RandomState(seed)
    parts = []
    for rows in (np.flatnonzero(second), np.flatnonzero(~second)):
        k = max(round(n * len(rows) / len(second)), min(20, len(rows)))
        parts.append(rng.permutation(rows)[:k])
    return np.sort(np.concatenate(parts))
