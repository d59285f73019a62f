from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from skdeepbin.training._optimizers import (
    FASTER,
    MEMORY,
    OPTIMIZERS,
    SHRINK,
    SLOWER,
    SUFFICIENT_DECREASE,
    adam,
    barzilai_borwein,
    gradient_descent,
    momentum,
    nesterov,
    rprop,
)


def quadratic(condition, size=10, scale=1):
    """``theta' H theta / 2``, eigenvalues from ``scale`` to ``scale * condition``."""
    H = scale * np.geomspace(1, condition, size)
    return lambda theta: (float(theta @ (H * theta)) / 2, H * theta)


def rosenbrock(theta):
    return float(rosen(theta)), rosen_der(theta)


def flat_then_steep(theta):
    """Hardly any slope at the start: gradients of 1e-7, as in a net that is stuck."""
    return float(1e-7 * theta @ theta), 2e-7 * theta


def run(optimizer, objective, theta, n_iter):
    """All moves and values, one a gradient."""
    state, moves, values = optimizer.init(theta), [], []
    for _ in range(n_iter):
        value, gradient = objective(theta)
        move = optimizer.step(theta, value, gradient, state)
        theta, state = move.theta, move.state
        moves.append(move)
        values.append(value)
    return moves, values


PROBLEMS = {
    "round": (quadratic(1), np.ones(10)),
    "long valley": (quadratic(1e4), np.ones(10)),
    "huge curvature": (quadratic(100, scale=1e8), np.ones(10)),
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "flat": (flat_then_steep, np.ones(10)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_barzilai_borwein_finds_the_minimum(name):
    objective, start = PROBLEMS[name]
    _, values = run(barzilai_borwein(), objective, start, 300)
    assert min(values) < 1e-6 * values[0]


@pytest.mark.parametrize("name", PROBLEMS)
def test_accepted_points_satisfy_the_non_monotone_armijo_rule(name):
    objective, start = PROBLEMS[name]
    moves, values = run(barzilai_borwein(), objective, start, 100)
    points = [start, *(move.theta for move in moves)]
    accepted = [i for i, move in enumerate(moves) if move.accepted]
    for last, this in pairwise(accepted):
        recent = [values[i] for i in accepted if i < this][-MEMORY:]
        step = points[this] - points[last]
        promised = -step @ objective(points[last])[1]
        assert values[this] <= max(recent) - SUFFICIENT_DECREASE * promised


def test_a_rejected_trial_comes_back_towards_the_last_accepted_point():
    optimizer = barzilai_borwein()
    start, gradient = np.zeros(2), np.array([1.0, 0.0])
    first = optimizer.step(start, 1.0, gradient, optimizer.init(start))
    for value in (2.0, np.inf, np.nan):
        second = optimizer.step(first.theta, value, gradient, first.state)
        assert not second.accepted
        assert 0 < second.step_size < first.step_size
        np.testing.assert_allclose(second.theta, -second.step_size * gradient)


@pytest.mark.parametrize("size", [1e160, 1e300])
def test_a_gradient_whose_square_is_no_number_makes_steps_shorter(size):
    with np.errstate(over="ignore"):
        optimizer, start = barzilai_borwein(), np.zeros(2)
        gradient = np.array([size, 0.0])
        first = optimizer.step(start, 1.0, gradient, optimizer.init(start))
        state = first.state._replace(step_size=1.0)
        second = optimizer.step(first.theta, 2.0, gradient, state)
    assert second.step_size == pytest.approx(SHRINK[0], rel=2**-8)
    assert not second.accepted


def test_steps_do_not_pass_on_rounding(rng):
    """The same gradients up to their last bits lead to the same step sizes."""
    objective, start = PROBLEMS["long valley"]

    def rounded_differently(theta):
        value, gradient = objective(theta)
        return value, gradient * (1 + 1e-15 * rng.normal(size=gradient.size))

    moves, _ = run(barzilai_borwein(), objective, start, 30)
    others, _ = run(barzilai_borwein(), rounded_differently, start, 30)
    assert [m.step_size for m in moves] == [m.step_size for m in others]


def test_gradient_descent_is_the_formula():
    moves, _ = run(gradient_descent(0.1), quadratic(3), np.ones(10), 5)
    theta = np.ones(10)
    for move in moves:
        theta = theta - 0.1 * quadratic(3)(theta)[1]
        np.testing.assert_array_equal(move.theta, theta)
        assert move.accepted


# A rate that suits each of the others, and the share of the fall that it then reaches.
FIXED = {
    "gd": 0.1,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adam": 0.05,
    "rprop": 0.01,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_down(name):
    optimizer = OPTIMIZERS[name].make(FIXED[name], 0.9)
    _, values = run(optimizer, quadratic(10), np.ones(10), 300)
    assert min(values) < 1e-4 * values[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_leaves_its_arguments_alone(name):
    """So a state may be kept, and gone on with later."""
    optimizer, objective = OPTIMIZERS[name].make(FIXED[name], 0.9), quadratic(10)
    theta = np.ones(10)
    state = optimizer.init(theta)
    for _ in range(5):
        value, gradient = objective(theta)
        first = optimizer.step(theta, value, gradient, state)
        second = optimizer.step(theta, value, gradient, state)
        np.testing.assert_array_equal(first.theta, second.theta)
        np.testing.assert_array_equal(gradient, objective(theta)[1])
        theta, state = first.theta, first.state


def test_momentum_is_the_formula():
    moves, _ = run(momentum(0.1, 0.9), quadratic(3), np.ones(10), 5)
    theta, v = np.ones(10), np.zeros(10)
    for move in moves:
        v = 0.9 * v - 0.1 * quadratic(3)(theta)[1]
        theta = theta + v
        np.testing.assert_allclose(move.theta, theta, rtol=1e-14)


def test_nesterov_takes_the_gradient_where_the_momentum_leads():
    """Its points are ``x + momentum v`` of the textbook's ``x``."""
    moves, _ = run(nesterov(0.1, 0.9), quadratic(3), np.ones(10), 5)
    x, v = np.ones(10), np.zeros(10)
    for move in moves:
        v_next = 0.9 * v - 0.1 * quadratic(3)(x + 0.9 * v)[1]
        x, v = x + v_next, v_next
        np.testing.assert_allclose(move.theta, x + 0.9 * v, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
def test_the_first_step_of_adam_is_the_learning_rate(scale):
    move = run(adam(0.01, epsilon=0), quadratic(3, scale=scale), np.ones(10), 1)[0][0]
    np.testing.assert_allclose(move.theta, 1 - 0.01, rtol=1e-12)


def test_rprop_follows_signs_with_a_step_a_parameter():
    optimizer, theta = rprop(0.1, 0.15), np.zeros(3)
    state = optimizer.init(theta)
    gradients = [[1e-7, -1, 0], [1e3, -1e-9, 0], [1, 1, 0], [1, 1, 0]]
    steps = [
        [-0.1, 0.1, 0],
        [-0.1 * FASTER, 0.1 * FASTER, 0],
        [-0.1 * FASTER**2, 0, 0],  # a sign has changed: no step, and half of it next
        [-0.15, -0.1 * FASTER * SLOWER, 0],  # not beyond the largest
    ]
    for gradient, step in zip(gradients, steps, strict=True):
        move = optimizer.step(theta, 0.0, np.array(gradient), state)
        np.testing.assert_allclose(move.theta - theta, step, rtol=1e-12)
        theta, state = move.theta, move.state


@pytest.mark.parametrize("scale", [1e-150, 1e-7, 1e150])
def test_the_size_of_the_gradient_does_not_matter_to_rprop(scale):
    one, _ = run(rprop(0.1, 1.0), quadratic(10), np.ones(10), 20)
    other, _ = run(rprop(0.1, 1.0), quadratic(10, scale=scale), np.ones(10), 20)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.theta, b.theta)
