"""What is measured of each layer, beside the reference network."""

import numpy as np
import pytest

from skdeepbin.diagnosis.training._layers import measure
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout, Parameters
from tests.diagnosis.sabotage import random_network


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_measured(name):
    known = random_network((4, 6, 5, 1), name)
    layout = Layout((4, 6, 5, 1))
    theta = layout.pack(Parameters(known.weights, known.biases))
    network = Network(layout, ACTIVATIONS[name])
    w = np.full(known.n, 1 / known.n)
    found = measure(network, name, theta, known.X, known.y[:, 0], w)
    np.testing.assert_allclose(found.logits, known.Z[-1][:, 0])
    gradient = [np.linalg.norm(dW) ** 2 + np.linalg.norm(db) ** 2
                for dW, db in zip(*known.gradient)]  # fmt: skip
    np.testing.assert_allclose(found.gradient**2, gradient)
    spread = [np.median(a.std(axis=0)) for a in (*known.A[1:-1], known.Z[-1])]
    np.testing.assert_allclose(found.spread, spread)
