"""The fitted classifier that is exported, and its committee as one network.

The mean of the logits of k networks is the logit of a single one, in which the networks
lie side by side::

    W_1 = [W_1^1 .. W_1^k],   W_l = diag(W_l^1 .. W_l^k),   W_L = [W_L^1; ..; W_L^k] / k
    b_l = [b_l^1 .. b_l^k],   b_L = (b_L^1 + .. + b_L^k) / k
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import block_diag
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skdeepbin.network._parameters import Parameters


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


def one_network(clf: Any) -> Parameters:
    """Copies of the parameters; of a committee, of the network with its logit."""
    networks = clf._fitted_networks()
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
