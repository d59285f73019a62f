import numpy as np
import pytest

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import (
    INITIALIZERS,
    constant,
    initialize,
    orthogonal,
    step_scales,
    stretches,
    suited,
    suited_rules,
)
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
    network = Network(layout, activation)
    theta = initialize(layout, suited_rules(network), rng)
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


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(("fan_in", "fan_out"), [(8, 100), (5, 3), (4, 4), (3, 1)])
def test_standard_deviations_are_the_formulas(name, fan_in, fan_out):
    row, known = INITIALIZERS[name], {"fan_in": fan_in, "fan_out": fan_out}
    assert row.name == name
    expected = eval(row.formula, {"sqrt": np.sqrt, "max": max}, known)
    assert row(fan_in, fan_out) == pytest.approx(expected, rel=1e-15)
    assert constant(0.7)(fan_in, fan_out) == 0.7


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (6, 6), (1, 3), (3, 1)])
def test_orthogonal_weights_are_at_right_angles(shape, rng):
    draws = np.array([orthogonal(shape, rng) for _ in range(2000)])
    fewer = draws if shape[0] >= shape[1] else draws.transpose(0, 2, 1)
    products = fewer.transpose(0, 2, 1) @ fewer
    length = max(1, shape[1] / shape[0])
    expected = np.broadcast_to(length * np.eye(min(shape)), products.shape)
    np.testing.assert_allclose(products, expected, atol=1e-13)
    assert abs(draws.mean(axis=0)).max() < 0.1 * draws.std()  # no sign is likelier


def test_each_layer_has_a_rule_of_its_own():
    layout = Layout((40, 50, 60, 1))
    rules = [constant(0), INITIALIZERS["he"], constant(2)]
    weights = layout.views(initialize(layout, rules, np.random.RandomState(0))).weights
    assert not weights[0].any()
    assert weights[1].std() == pytest.approx(INITIALIZERS["he"](50, 60), rel=0.05)
    assert weights[2].std() == pytest.approx(2, rel=0.2)


def test_each_layer_starts_as_suits_its_activation():
    names = ["logistic", "relu", "tanh"]
    layout, rows = Layout((3, 4, 5, 6, 1)), tuple(ACTIVATIONS[n] for n in names)
    network = Network(layout, rows)
    assert [rule.name for rule in suited_rules(network)] == [
        *(row.init for row in rows),
        rows[-1].init,
    ]
    s = rows[0].stretch
    assert stretches(network) == [s, s, 1, 1]
    scales = layout.layers(step_scales(network, layout))
    assert [np.unique(V).tolist() for V in scales] == [[s], [s], [1], [1]]
    assert step_scales(Network(layout, rows[1]), layout) == 1
    ones = np.ones(layout.n_parameters)
    theta = suited(ones, network, np.random.RandomState(0))
    weights, biases = layout.views(theta)
    assert [np.unique(W).tolist() for W in weights] == [[s], [s], [1], [1]]
    # by the units of the layer before, each of which is 1/2 at zero
    assert biases[1].tolist() == [s - 4 * s * rows[0].center] * 5
    assert biases[2].tolist() == [1] * 6
