"""Fitted classifiers to export, of every kind."""

import numpy as np

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS

SIZES = {"none": (), "one": (5,), "three": (6, 4, 3)}
# By name: the activation, the hidden layers, the size of the committee.
NETWORKS = {
    f"{activation}-{depth}-{k}": (activation, sizes, k)
    for activation in sorted(ACTIVATIONS)
    for depth, sizes in SIZES.items()
    for k in (1, 3)
}
LABELS = {
    "int": np.array([3, 7]),
    "negative": np.array([-1, 1]),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0]),
    "text": np.array(["no", "yes"]),
    "object": np.array(["no", "yes"], dtype=object),
}


def net(**parameters):
    """A classifier that is quick to fit."""
    quick = {"max_iter": 15, "random_state": 0, "early_stopping": False}
    return DeepBinaryClassifier(**({"hidden_layer_sizes": 5} | quick | parameters))


def fitted(kind, X, y):
    """One of NETWORKS."""
    activation, sizes, k = NETWORKS[kind]
    clf = net(hidden_layer_sizes=sizes, activation=activation, n_networks=k)
    return clf.fit(X, y)
