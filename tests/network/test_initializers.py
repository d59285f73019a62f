import numpy as np
import pytest

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, constant, initialize
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout

RULES = {**INITIALIZERS, "0.01": constant(0.01)}


@pytest.mark.parametrize("name", RULES)
def test_weights_have_the_standard_deviation_and_biases_are_zero(name, rng):
    layout = Layout((200, 300, 100, 1))
    weights, biases = layout.views(initialize(layout, RULES[name], rng))
    for W in weights[:-1]:
        assert W.std() == pytest.approx(RULES[name](*W.shape), rel=0.02)
        assert abs(W.mean()) < 0.02 * W.std()
    assert not any(b.any() for b in biases)


@pytest.mark.parametrize("name", RULES)
def test_same_seed_same_start(name):
    layout = Layout((4, 3, 1))
    first, second = (
        initialize(layout, RULES[name], np.random.RandomState(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_preferred_initializer_carries_the_signal_through_20_layers(name, rng):
    layout = Layout((100,) * 21 + (1,))
    activation = ACTIVATIONS[name]
    theta = initialize(layout, INITIALIZERS[activation.init], rng)
    network = Network(layout, activation)
    workspace = network.workspace(500, theta.dtype)
    X = np.vstack([rng.normal(size=(100, 500)), np.ones(500)])
    network.logits(layout.layers(theta), X, workspace)
    assert 0.05 < np.median(workspace.Z[-2].std(axis=1)) < 20


def test_the_output_layer_may_have_a_bias_and_smaller_weights():
    layout, scale = Layout((4, 3, 1)), 0.25
    plain, changed = (
        initialize(layout, INITIALIZERS["he"], np.random.RandomState(7), *more)
        for more in ((), (-1.5, scale))
    )
    (W1, W2), (b1, b2) = layout.views(changed)
    (V1, V2), _ = layout.views(plain)
    np.testing.assert_array_equal(W1, V1)
    np.testing.assert_array_equal(W2, scale * V2)
    assert b2 == -1.5
    assert not b1.any()


def test_standard_deviations_are_the_formulas():
    assert INITIALIZERS["he"](8, 100) == 0.5
    assert INITIALIZERS["xavier"](5, 3) == 0.5
    assert constant(0.7)(5, 3) == 0.7
