"""Fits of every kind, small, to be interrupted."""

import numpy as np
from sklearn.datasets import make_moons

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS

X, Y = make_moons(300, noise=0.3, random_state=0)

# Of every solver, with what is drawn, cut, tried again or begun anew.
FITS = {
    "rprop": {},
    "gd": {"solver": "gd"},
    "momentum in mini-batches": {"solver": "momentum", "batch_size": 50},
    "nesterov with dropout": {"solver": "nesterov", "dropout": 0.1},
    "adam in mini-batches": {"solver": "adam", "batch_size": 50, "dropout": 0.1},
    "lbfgs": {"solver": "lbfgs"},
    "ensemble": {"n_networks": 3, "solver": "momentum"},
    "runs away": {"solver": "gd", "learning_rate": 1e3},
    "second start": {
        "solver": "lbfgs",
        "activation": "tanh",
        "alpha": 200.0,
        "early_stopping": False,
    },
    "scored": {"scoring": "roc_auc", "early_stopping": True},
    "single precision": {"dtype": "float32", "class_weight": "balanced"},
    "two activations": {"activation": ["tanh", "relu"]},
}
FITS |= {name: {"activation": name} for name in ACTIVATIONS}
FITS |= {f"init {name}": {"init": name} for name in INITIALIZERS}
COMMON = {"hidden_layer_sizes": 8, "max_iter": 60, "random_state": 0}


def bits(clf):
    """All that a fit has learnt and measured, but the seconds."""
    history = [v for name, v in clf.history_.items() if name != "seconds"]
    arrays = [*clf.coefs_, *clf.intercepts_, *history]
    return [np.asarray(array).tobytes() for array in arrays]
