import numpy as np
import pytest

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, initialize
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training._objective import Objective


def problem(name, depth, rng, *, n_rows=40, cuts=(), dtype=np.float64, alpha=3.0):
    """An objective over blocks cut at ``cuts``, and a point."""
    layout = Layout((4, *(5,) * depth, 1))
    activation = ACTIVATIONS[name]
    theta = initialize(layout, INITIALIZERS[activation.init], rng)
    theta += rng.normal(scale=0.1, size=theta.size)
    X = rng.normal(size=(n_rows, 4)).astype(dtype)
    y = rng.randint(0, 2, n_rows).astype(dtype)
    w = rng.uniform(0.1, 2, n_rows).astype(dtype)
    blocks = list(zip(*(np.split(a, cuts) for a in (X, y, w))))
    network = Network(layout, activation)
    return Objective(network, blocks, float(w.sum()), alpha, np.dtype(dtype)), theta


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("cuts", [(), (7, 30)])
def test_gradient_is_central_difference(name, depth, cuts, rng):
    objective, theta = problem(name, depth, rng, cuts=cuts)
    _, gradient = objective(theta)
    h = 1e-6
    differences = np.empty_like(theta)
    for i in range(theta.size):
        step = h * np.eye(1, theta.size, i)[0]
        differences[i] = (objective(theta + step)[0] - objective(theta - step)[0]) / (
            2 * h
        )
    error = np.linalg.norm(gradient - differences)
    assert error <= 1e-6 * np.linalg.norm(differences)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("cuts", [(1,), (20,), (10, 11, 39), (5, 5)])
def test_cuts_change_nothing_beyond_rounding(name, cuts):
    whole, theta = problem(name, 2, np.random.RandomState(0))
    cut, _ = problem(name, 2, np.random.RandomState(0), cuts=cuts)
    value, gradient = whole(theta)
    cut_value, cut_gradient = cut(theta)
    assert cut_value == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(cut_gradient, gradient, rtol=1e-11, atol=1e-14)


def test_float32_data_give_a_float64_gradient_of_float32_accuracy():
    exact, theta = problem("tanh", 2, np.random.RandomState(0))
    rough, _ = problem("tanh", 2, np.random.RandomState(0), dtype=np.float32)
    value, gradient = rough(theta)
    assert gradient.dtype == np.float64
    assert value == pytest.approx(exact(theta)[0], rel=1e-5)
    np.testing.assert_allclose(gradient, exact(theta)[1], rtol=1e-3, atol=1e-6)


def test_the_penalty_is_on_weights_only(rng):
    with_penalty, theta = problem("relu", 2, np.random.RandomState(0), alpha=3.0)
    without, _ = problem("relu", 2, np.random.RandomState(0), alpha=0.0)
    weights = theta.copy()
    weights[with_penalty.network.layout.n_weights :] = 0
    scale = 3.0 / with_penalty.total_weight
    value, gradient = with_penalty(theta)
    free_value, free_gradient = without(theta)
    assert value - free_value == pytest.approx(scale / 2 * weights @ weights)
    np.testing.assert_allclose(gradient - free_gradient, scale * weights, atol=1e-15)
