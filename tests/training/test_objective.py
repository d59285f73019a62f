from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._threads import Threads
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, initialize
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training._objective import Evaluation, Objective
from skdeepbin.training._stopping import Stopping


def problem(name, depth, rng, *, n_rows=40, block_rows=40, dtype=np.float64, alpha=3.0):
    """An objective over blocks of ``block_rows``, and a point."""
    layout = Layout((4, *(5,) * depth, 1))
    activation = ACTIVATIONS[name]
    theta = initialize(layout, INITIALIZERS[activation.init], rng)
    theta += rng.normal(scale=0.1, size=theta.size)
    X = rng.normal(size=(n_rows, 4))
    y = rng.randint(0, 2, n_rows).astype(bool)
    w = rng.uniform(0.1, 2, n_rows)
    rows = Rows(Features(X, dtype, block_rows), y, w, np.ones(2))
    engine = Engine(Network(layout, activation), rows, Threads(1))
    weights = Losses(w.sum(), 0.0)
    return Objective(engine, weights, alpha, layout.biases), theta


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("block_rows", [40, 7])
def test_gradient_is_central_difference(name, depth, block_rows, rng):
    objective, theta = problem(name, depth, rng, block_rows=block_rows)
    gradient = objective(theta).gradient
    h = 1e-6
    differences = np.empty_like(theta)
    for i in range(theta.size):
        step = h * np.eye(1, theta.size, i)[0]
        differences[i] = (objective(theta + step)[0] - objective(theta - step)[0]) / (
            2 * h
        )
    error = np.linalg.norm(gradient - differences)
    assert error <= 1e-6 * np.linalg.norm(differences)


def test_float32_data_give_a_float64_gradient_of_float32_accuracy():
    exact, theta = problem("tanh", 2, np.random.RandomState(0))
    rough, _ = problem("tanh", 2, np.random.RandomState(0), dtype=np.float32)
    value, gradient, *_ = rough(theta)
    assert gradient.dtype == np.float64
    assert value == pytest.approx(exact(theta)[0], rel=1e-5)
    np.testing.assert_allclose(gradient, exact(theta)[1], rtol=1e-3, atol=1e-6)


def test_the_penalty_is_on_weights_only(rng):
    with_penalty, theta = problem("relu", 2, np.random.RandomState(0), alpha=3.0)
    without, _ = problem("relu", 2, np.random.RandomState(0), alpha=0.0)
    weights = theta.copy()
    for where in with_penalty.biases:
        weights[where] = 0
    scale = 3.0 / with_penalty.weights.trained
    value, gradient, *_ = with_penalty(theta)
    free_value, free_gradient, *_ = without(theta)
    assert value - free_value == pytest.approx(scale / 2 * weights @ weights)
    np.testing.assert_allclose(gradient - free_gradient, scale * weights, atol=1e-15)
    assert with_penalty(theta).penalty == pytest.approx(value - free_value)


def test_losses_are_divided_by_the_weights_of_their_own_rows():
    """With sums that are known, and a penalty."""
    theta, gradient = np.array([2.0, 3.0]), np.array([5.0, 7.0])

    def objective(held_out):
        return Objective(
            lambda theta: (Losses(8.0, 6.0), gradient.copy()),
            Losses(4.0, held_out),
            0.5,
            [slice(1, 2)],
        )

    found = objective(3.0)(theta)
    assert found.penalty == 0.5 / 2 * 2.0**2 / 4.0
    assert found.value == 8.0 / 4.0 + found.penalty
    assert found.validation_loss == 6.0 / 3.0
    np.testing.assert_array_equal(found.gradient, [(5 + 0.5 * 2) / 4, 7 / 4])
    assert np.isnan(objective(0.0)(theta).validation_loss)
    assert np.isnan(found.validation_score)


def test_a_bare_evaluation_has_no_penalty_and_nothing_that_validates():
    bare = Evaluation(1.0, np.ones(2))
    assert bare.penalty == 0
    assert np.isnan([bare.validation_loss, bare.validation_score]).all()


@pytest.mark.parametrize("kind", [Layout, Network, Objective, Stopping])
def test_what_a_descent_is_given_does_not_change(kind):
    names = [field.name for field in fields(kind)]
    thing = kind(**dict.fromkeys(names))
    with pytest.raises(FrozenInstanceError):
        setattr(thing, names[0], 1)
