"""Fitted classifiers to export, of every kind."""

import numpy as np

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS

SIZES = {"none": (), "one": (5,), "three": (6, 4, 3)}
# By name: the activation, the hidden layers, the size of the ensemble, and the bins.
NETWORKS = {
    f"{activation}-{depth}-{k}{', bins' * (n_bins > 0)}": (activation, sizes, k, n_bins)
    for activation in sorted(ACTIVATIONS)
    for depth, sizes in SIZES.items()
    for k, n_bins in [(1, 0), (3, 0), (3, 4)]
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
    activation, sizes, k, n_bins = NETWORKS[kind]
    clf = net(
        hidden_layer_sizes=sizes, activation=activation, n_networks=k, n_bins=n_bins
    )
    return clf.fit(X, y)
