from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from skdeepbin.training._optimizers import (
    MEMORY,
    SUFFICIENT_DECREASE,
    barzilai_borwein,
    gradient_descent,
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
