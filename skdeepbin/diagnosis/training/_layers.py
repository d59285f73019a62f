"""Measurements of each layer of a network.

With ``a_l`` the activations and ``d_l = dz / dZ_l`` of a row, for each layer::

    spread_l       median over its units of the standard deviation over the rows
    sensitivity_l  root mean square over the rows of  |a_{l-1}| |d_l|

The first falls where all rows come to look alike, going forward; the second is the size
of dz / dW_l, without the sum over the rows, whose signs would cancel, and falls or
rises from layer to layer where the gradient does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skdeepbin.diagnosis._activations import traits_of
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array


class Layers(NamedTuple):
    """Measurements of each layer, from the first hidden one to the output.

    logits : of the rows.
    spread, sensitivity : as the module says.
    error : root mean square over the rows of |d_l|.
    gradient : norm of the gradient of the mean loss.
    dead : share of the units that are zero for every row, of relu; hidden layers only.
    saturated : share of the activations that are near the ends of the function.
    size : root mean square of the weights.
    """

    logits: Array
    spread: Array
    sensitivity: Array
    error: Array
    gradient: Array
    dead: Array
    saturated: Array
    size: Array


def measure(
    network: Network,
    activation: str,
    theta: Array,
    X: Array,
    y: NDArray[np.bool_],
    w: Array,
) -> Layers:
    """Return the measurements of a network with parameters ``theta`` on rows of X.

    w : weights of the rows; they sum to one.
    """
    V = network.layout.layers(theta)
    workspace = network.workspace(len(X), float, backward=False)
    with np.errstate(all="ignore"):
        X_1 = np.vstack([X.T, np.ones(len(X))])
        z = network.logits(V, X_1, workspace).copy()
        A = [a[:-1] for a in workspace.A]
        D = _backward(network, V, workspace.Z)
        error = w * (expit(z) - y)
        inputs = [X_1, *workspace.A]
        gradient = [np.linalg.norm(a @ (error * d).T) for a, d in zip(inputs, D)]
        spread = [np.median(a.std(axis=1)) for a in (*A, z[np.newaxis])]
        lengths = [
            np.sqrt(np.mean((a[:-1] ** 2).sum(axis=0) * (d**2).sum(axis=0)))
            for a, d in zip(inputs, D)
        ]
        errors = [np.sqrt(np.mean((d**2).sum(axis=0))) for d in D]
        size = [np.sqrt(np.mean(W**2)) for W in network.layout.views(theta).weights]
    dead, saturated = shares(activation, A)
    measured = (spread, lengths, errors, gradient, dead, saturated, size)
    return Layers(z, *(np.asarray(values, float) for values in measured))


def shares(activation: str, A: Sequence[Array]) -> tuple[list[float], list[float]]:
    """Return the share of dead units and of saturated activations of each layer."""
    traits = traits_of(activation)
    dead = [float(np.mean(~(a > 0).any(axis=1))) if traits.can_die else 0.0 for a in A]
    far = [float(np.mean(abs(a - traits.middle) > traits.saturated)) for a in A]
    return dead, far


def _backward(network: Network, V: Sequence[Array], Z: Sequence[Array]) -> list[Array]:
    """Return ``dz / dZ_l`` of each row, from the first layer to the output.

    Z : those of the workspace.
    """
    D: list[Array] = [np.ones_like(Z[-1])]
    for layer in range(len(V) - 1, 0, -1):
        F = Z[layer - 1].copy()
        network.activation.derivative(F, np.empty_like(F))
        D.insert(0, (V[layer][:-1] @ D[0]) * F)
    return D
