from itertools import pairwise

import numpy as np
import pytest

from skdeepbin.training import _lbfgs
from skdeepbin.training._lbfgs import EvaluationLog, lbfgs
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._session import Evaluations, Session
from skdeepbin.training._stopping import Stopping
from tests.training.runs import (
    RULES,
    START,
    Memory,
    counted,
    goes_on,
    parabola,
    same,
    valley,
)


def test_it_finds_the_minimum_with_an_evaluation_a_point():
    objective, asked = counted(valley)
    result = lbfgs(objective, START, Stopping(200, 0.0, 10), goes_on)
    np.testing.assert_allclose(result.best.theta, 1, rtol=1e-5)
    assert len({theta.tobytes() for theta in asked}) == len(asked)
    np.testing.assert_array_equal(result.theta, result.next[0])


@pytest.mark.parametrize("max_iter", [1, 2, 17, 100])
def test_it_makes_as_many_iterations_as_it_may(max_iter):
    steps = []
    rules = Stopping(max_iter, 0.0, 100)
    start = np.random.RandomState(0).normal(size=50)
    result = lbfgs(valley, start, rules, steps.append)
    assert result.stop_reason == "max_iter"
    assert [step.iteration for step in steps] == list(range(max_iter + 1))
    np.testing.assert_array_equal(result.theta, steps[-1].theta)


def test_it_says_how_far_it_went_in_gradients():
    steps = []
    lbfgs(valley, START, RULES, steps.append, layers=(slice(0, 1), slice(1, 3)))
    assert steps[0].step_size == 0
    for before, step in pairwise(steps):
        change = step.theta - before.theta
        moved = np.linalg.norm(change) / before.gradient_norm
        assert step.step_size == pytest.approx(moved, rel=1e-12)
        parts = [[v[:1], v[1:]] for v in (change, step.theta)]
        ratios = [np.linalg.norm(c) / np.linalg.norm(t) for c, t in zip(*parts)]
        np.testing.assert_allclose(step.update_ratios, ratios)
        expected = valley(step.theta)
        assert step.loss == expected.value
        assert step.gradient_norm == pytest.approx(np.linalg.norm(expected.gradient))


def test_it_stops_where_its_line_search_finds_nothing_lower():
    def spike(theta):
        """Its gradient shows the wrong way."""
        return Evaluation(float(abs(theta).sum()), -np.ones_like(theta))

    result = lbfgs(spike, START, RULES, goes_on)
    assert result.stop_reason == "converged"
    np.testing.assert_array_equal(result.theta, START)


def test_it_does_not_begin_where_the_loss_is_not_finite():
    objective, asked = counted(lambda theta: Evaluation(np.nan, theta))
    result = lbfgs(objective, START, RULES, goes_on)
    assert (result.stop_reason, result.best, len(asked)) == ("diverged", None, 1)


@pytest.mark.parametrize(("n_bytes", "n"), [(0, 1), (5 * 8 * 3, 5), (6 * 8 * 3 - 1, 5)])
def test_it_remembers_gradients_up_to_a_size(n_bytes, n, monkeypatch):
    monkeypatch.setattr(_lbfgs, "LOG_BYTES", n_bytes)
    session = Memory()
    whole = lbfgs(valley, START, RULES, goes_on, session=session)
    assert [len(s.evaluations) for s in session.states] == list(range(1, n + 1))
    objective, asked = counted(valley)
    state = session.states[-1]
    assert isinstance(state, Evaluations)
    result = lbfgs(objective, START, RULES, goes_on, session=Memory(state))
    assert same(result, whole)
    every, points = counted(valley)
    lbfgs(every, START, RULES, goes_on)
    np.testing.assert_array_equal(asked, points[n:])


def test_a_run_that_is_resumed_saves_the_whole_log():
    """Not only what was evaluated since."""
    first, second = Memory(), Memory()
    lbfgs(counted(valley, 9)[0], START, RULES, goes_on, session=first)
    second = Memory(first.states[-1])
    lbfgs(counted(valley, 4)[0], START, RULES, goes_on, session=second)
    assert len(first.states[-1].evaluations) == 9
    assert len(second.states[-1].evaluations) == 13


def test_evaluations_are_logged_only_where_they_are_kept():
    for session, n in ((Session(), 0), (Memory(), 3)):
        log = EvaluationLog(parabola, session, 3)
        assert [log(theta * START).value for theta in range(3)]
        assert len(log.state.evaluations) == n
