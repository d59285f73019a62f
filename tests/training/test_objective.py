from dataclasses import FrozenInstanceError, fields
from math import nan

import numpy as np
import pytest

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.engine._threads import Threads
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, initialize
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training._ensemble import View
from skdeepbin.training._objective import Evaluation, Objective
from skdeepbin.training._restarts import Training
from skdeepbin.training._solvers import SolverSpec
from skdeepbin.training._stopping import Stopping


def dataset(name, depth, rng, *, n_rows=40, block_rows=40, dtype=np.float64, alpha=3.0):
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
    scaling = FeatureScaling(np.zeros(4), np.ones(4))
    return Objective(engine, weights, alpha, scaling.conversion(layout)), theta


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("block_rows", [40, 7])
def test_gradient_is_central_difference(name, depth, block_rows, rng):
    objective, theta = dataset(name, depth, rng, block_rows=block_rows)
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
    exact, theta = dataset("tanh", 2, np.random.RandomState(0))
    rough, _ = dataset("tanh", 2, np.random.RandomState(0), dtype=np.float32)
    value, gradient, *_ = rough(theta)
    assert gradient.dtype == np.float64
    assert value == pytest.approx(exact(theta)[0], rel=1e-5)
    np.testing.assert_allclose(gradient, exact(theta)[1], rtol=1e-3, atol=1e-6)


def test_the_penalty_is_on_weights_only(rng):
    with_penalty, theta = dataset("relu", 2, np.random.RandomState(0), alpha=3.0)
    without, _ = dataset("relu", 2, np.random.RandomState(0), alpha=0.0)
    weights = theta.copy()
    for where in with_penalty.conversion.layout.biases:
        weights[where] = 0
    scale = 3.0 / with_penalty.weights.trained
    value, gradient, *_ = with_penalty(theta)
    free_value, free_gradient, *_ = without(theta)
    assert value - free_value == pytest.approx(scale / 2 * weights @ weights)
    np.testing.assert_allclose(gradient - free_gradient, scale * weights, atol=1e-15)
    assert with_penalty(theta).penalty == pytest.approx(value - free_value)


# No hidden layer: a weight and a bias, for a feature as it is.
NOTHING = FeatureScaling(np.zeros(1), np.ones(1)).conversion(Layout((1, 1)))


def known(held_out, conversion=NOTHING, validator=None):
    """An objective of a weight and a bias, by sums that are the same everywhere."""
    return Objective(
        lambda theta: (Losses(8.0, 6.0), np.array([5.0, 7.0])),
        Losses(4.0, held_out),
        0.5,
        conversion,
        validator,
    )


def test_losses_are_divided_by_the_weights_of_their_own_rows():
    """With sums that are known, and a penalty."""
    theta = np.array([2.0, 3.0])
    found = known(3.0)(theta)
    assert found.penalty == 0.5 / 2 * 2.0**2 / 4.0
    assert found.value == 8.0 / 4.0 + found.penalty
    assert found.validation_loss == 6.0 / 3.0
    np.testing.assert_array_equal(found.gradient, [(5 + 0.5 * 2) / 4, 7 / 4])
    assert np.isnan(known(0.0)(theta).validation_loss)
    assert np.isnan(found.validation_score)


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_it_is_the_objective_on_rows_that_are_scaled(name, rng):
    """Value and gradient, with the penalty on the weights for scaled features."""
    shift, scale = np.array([0.5, -3, 0, 10]), np.array([2, 0.25, 1, 16])
    X = shift + scale * rng.normal(size=(40, 4))
    layout = Layout((4, 5, 1))
    network = Network(layout, ACTIVATIONS[name])
    theta, y = rng.normal(size=layout.n_parameters), rng.randint(0, 2, 40) > 0
    weights, ones = Losses(40.0, 0.0), np.ones(4)

    def objective(X, scaling):
        rows = Rows(Features(X, np.float64, 20), y, None, np.ones(2))
        engine = Engine(network, rows, Threads(1))
        return Objective(engine, weights, 3.0, scaling.conversion(layout))

    ours = objective(X, FeatureScaling(shift, scale))(theta)
    scaled = objective((X - shift) / scale, FeatureScaling(np.zeros(4), ones))(theta)
    assert ours.value == pytest.approx(scaled.value, rel=1e-12)
    assert ours.penalty == scaled.penalty
    np.testing.assert_allclose(ours.gradient, scaled.gradient, rtol=1e-9, atol=1e-12)


def test_what_validates_sees_the_point_and_comes_before_the_rows_held_out():
    theta, told = np.array([2.0, 3.0]), []

    def validator(theta):
        told.append(theta)
        return (0.25, 0.75) if len(told) == 1 else (nan, 0.5)

    scaled = FeatureScaling(np.ones(1), np.array([2.0])).conversion(Layout((1, 1)))
    objective = known(3.0, scaled, validator)
    first, second = objective(theta), objective(theta)
    assert (first.validation_loss, first.validation_score) == (0.25, 0.75)
    assert (second.validation_loss, second.validation_score) == (6 / 3, 0.5)
    for point in told:
        np.testing.assert_array_equal(point, theta)


def test_a_bare_evaluation_has_no_penalty_and_nothing_that_validates():
    bare = Evaluation(1.0, np.ones(2))
    assert bare.penalty == 0
    assert np.isnan([bare.validation_loss, bare.validation_score]).all()


@pytest.mark.parametrize(
    "kind", [Layout, Network, Objective, SolverSpec, Stopping, Training, View]
)
def test_what_a_training_is_given_does_not_change(kind):
    names = [field.name for field in fields(kind)]
    thing = kind(**dict.fromkeys(names))
    with pytest.raises(FrozenInstanceError):
        setattr(thing, names[0], 1)
