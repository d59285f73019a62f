"""The fitted classifier that is exported, and its ensemble as one network.

The mean of the logits of k networks is the logit of a single one, in which the networks
lie side by side::

    W_1 = [W_1^1 .. W_1^k],   W_l = diag(W_l^1 .. W_l^k),   W_L = [W_L^1; ..; W_L^k] / k
    b_l = [b_l^1 .. b_l^k],   b_L = (b_L^1 + .. + b_L^k) / k

A bin of a column, ``clip(u, 0, 1)`` with ``u = (x - e_k) / (e_{k+1} - e_k)``, is two
layers of relu, through which the columns pass in two halves::

    clip(u, 0, 1) = 1 - relu(1 - relu(x - e_k) / (e_{k+1} - e_k)),
    x = relu(x) - relu(-x)

The difference comes first, so that nothing is lost where the edges are far from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skdeepbin.engine._bins import Bins, bins_of
from skdeepbin.network._activations import ACTIVATIONS, Activation
from skdeepbin.network._parameters import Array, Parameters


def check_fitted(value: Any, kind: type, name: str) -> None:
    """Raise unless the value is a fitted estimator of this kind.

    name : of the parameter that it was given as.
    """
    if not isinstance(value, kind):
        got, hint = f"a {type(value).__name__}", ""
        if isinstance(value, type):
            got = f"the class {value.__name__}"
        if isinstance(value, Pipeline):
            hint = f" Give its last step, `{name}[-1]`; the steps before are for X."
        raise TypeError(f"`{name}` must be a fitted {kind.__name__}; got {got}.{hint}")
    if not hasattr(value, "coefs_"):
        raise NotFittedError(
            f"`{name}` must be a fitted {kind.__name__}; this one is not fitted yet. "
            "Call `fit` first."
        )


def exportable(clf: Any, to: str, name: str) -> tuple[Activation, ...]:
    """Return the activation of each hidden layer; raise if one is not known elsewhere.

    to : the field of `Activation` that has it there.
    name : of where that is.
    """
    activations: tuple[Activation, ...] = clf.model_.activations
    for number, activation in enumerate(activations, start=1):
        if getattr(activation, to) is None:
            known = [row.name for row in ACTIVATIONS.values() if getattr(row, to)]
            raise ValueError(
                f"The classifier must have hidden layers that {name} knows, of "
                f"{', '.join(known)}; hidden layer {number} is of {activation.name}."
            )
    return activations


# Of relu, before the network that reads what comes out of them.
LAYERS_OF_BINS = 2


def reads_bins(clf: Any) -> bool:
    """Tell if a network reads bins of the features beside them."""
    return bool(clf.model_.reads_bins)


def one_network(clf: Any) -> Parameters:
    """Copies of the parameters; of an ensemble, of the network with its logit.

    Where any reads bins, with two layers of relu before it.
    """
    if not reads_bins(clf):
        return _side_by_side(clf.model_.networks)
    bins = bins_of(clf.bin_edges_)
    width = clf.n_features_in_ + bins.n
    widened = [
        Parameters([_with_rows(W, width), *weights], biases)
        for (W, *weights), biases in clf.model_.networks
    ]
    return _behind_bins(_side_by_side(widened), bins, clf.n_features_in_)


def _with_rows(W: Array, n: int) -> Array:
    """A first layer that reads n features, the last of which have no weight."""
    return np.pad(W, ((0, n - len(W)), (0, 0)))


def _behind_bins(parameters: Parameters, bins: Bins, n_features: int) -> Parameters:
    """The network of features and bins as one of the features alone."""
    (W, *weights), (b, *biases) = parameters
    unit = _units_of_bins(bins, W.dtype)
    low = bins.lower * unit
    slope = 1 / (bins.upper * unit - low)
    one = np.eye(n_features)
    rise = np.zeros((n_features, bins.n))
    rise[bins.columns, np.arange(bins.n)] = unit
    zeros = np.zeros(2 * n_features)
    of_bins = W[n_features:]
    new = [
        np.hstack([one, -one, rise]),
        block_diag(np.eye(2 * n_features), -np.diag(slope)),
        np.vstack([W[:n_features], -W[:n_features], -of_bins]),
    ]
    new_biases = [
        np.append(zeros, -low),
        np.append(zeros, np.ones(bins.n)),
        b + of_bins.sum(axis=0),
    ]
    cast = [part.astype(W.dtype) for part in new]
    return Parameters(
        [*cast, *weights], [*(part.astype(W.dtype) for part in new_biases), *biases]
    )


def _units_of_bins(bins: Bins, dtype: np.dtype) -> Array:
    """Factors, powers of two, with which no difference of a bin leaves the range."""
    limits = np.finfo(dtype)
    is_tiny = bins.upper / 2 - bins.lower / 2 < 2 * float(limits.tiny)
    is_far = np.maximum(abs(bins.lower), abs(bins.upper)) > 1
    return np.where(is_tiny, 2.0 ** (limits.nmant + 4), np.where(is_far, 0.5, 1.0))


def _side_by_side(networks: Sequence[Parameters]) -> Parameters:
    """One network with the mean of the logits, in parameters of its own."""
    k = len(networks)
    if k == 1:
        return Parameters(*([part.copy() for part in parts] for parts in networks[0]))
    layers = list(zip(*(weights for weights, _ in networks)))
    biases = list(zip(*(biases for _, biases in networks)))
    last = sum(biases[-1]) / biases[-1][0].dtype.type(k)
    joined = [*map(np.concatenate, biases[:-1]), last]
    if len(layers) == 1:
        return Parameters([np.mean(layers[0], axis=0)], joined)
    inner = [block_diag(*layer) for layer in layers[1:-1]]
    output = np.vstack(layers[-1]) / layers[-1][0].dtype.type(k)
    return Parameters([np.hstack(layers[0]), *inner, output], joined)
