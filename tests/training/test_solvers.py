from functools import partial

import numpy as np
import pytest

from skdeepbin.training._lbfgs import lbfgs
from skdeepbin.training._loop import minimize
from skdeepbin.training._optimizers import InMiniBatches
from skdeepbin.training._solvers import (
    IN_BATCHES,
    IN_STEPS,
    SAFE_POWER,
    SOLVERS,
    SolverSpec,
)
from skdeepbin.training._stopping import Stopping
from tests.training.runs import (
    RULES,
    START,
    InHand,
    Memory,
    counted,
    goes_on,
    parabola,
    same,
    valley,
)

# Two steps an epoch, on other objectives.
batches = InHand(lambda number: [(0.5, parabola), (0.5, valley)])


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("rate", [None, 0.02])
@pytest.mark.parametrize("factor", [1, 0.1])
@pytest.mark.parametrize(
    ("name", "batched"),
    [(name, False) for name in SOLVERS] + [(name, True) for name in IN_BATCHES],
)
def test_a_solver_takes_the_rate_that_suits_it(name, dropout, batched, rate, factor):
    """By two iterations of what the table makes with that rate."""
    row = SOLVERS[name]
    spec = SolverSpec(row, rate, 0.8, dropout).at_rate(factor)
    solve_it = spec.solver(batches) if batched else spec.solver()
    rules = Stopping(2, 0.0, 9)
    theta = np.array([0.3, -0.2])
    result = solve_it(parabola, theta, rules, goes_on)
    if name == "lbfgs":
        expected = lbfgs(parabola, theta, rules, goes_on)
    else:
        if rate is None:
            rate = row.batch_rate if batched else row.rate
            if dropout and name == "gd":
                rate = row.batch_rate  # no line search
        optimizer = row.make(rate and factor * rate, 0.8)
        if batched:
            optimizer = InMiniBatches(optimizer, batches)
        way = partial(minimize, optimizer=optimizer)
        expected = way(parabola, theta, rules, goes_on)
    assert same(result, expected)


def test_which_solvers_step_on_mini_batches():
    assert set(SOLVERS) - set(IN_BATCHES) == {"rprop", "lbfgs"}
    assert set(SOLVERS) - set(IN_STEPS) == {"lbfgs"}


@pytest.mark.parametrize("name", IN_STEPS)
def test_scales_are_factors_on_a_rate_that_is_found_by_itself(name):
    """Where a step is a change of a parameter, and not a multiple of the gradient."""
    row, scales = SOLVERS[name], np.array([1.0, 0.25])
    scaled = SolverSpec(row, scales=scales)
    if row.moves_by_rate:
        np.testing.assert_array_equal(scaled.rate(False), row.rate * scales)
    else:
        assert scaled.rate(False) == row.rate
    given = SolverSpec(row, 0.02, scales=scales)
    assert given.rate(False) == given.rate(True) == 0.02


@pytest.mark.parametrize("name", SOLVERS)
def test_factors_multiply(name):
    spec = SolverSpec(SOLVERS[name], 0.5)
    assert spec.at_rate(0.1).at_rate(0.2).rate(False) == pytest.approx(0.01)
    assert spec.rate(False) == 0.5  # itself it does not change


@pytest.mark.parametrize("name", SOLVERS)
def test_layers_and_session_are_passed_on(name):
    spec = SolverSpec(SOLVERS[name], 1e-4, layers=(slice(0, 1), slice(1, 3)))
    objective, asked = counted(valley)
    session = Memory(asked=asked)
    whole = spec.solver()(objective, START, RULES, goes_on, session=session)
    assert whole.history["gradient_norms"].shape[1] == 2
    state, _, n_asked = session.saved[9]
    again, asked_again = counted(valley)
    result = spec.solver()(again, START, RULES, goes_on, session=Memory(state))
    assert same(result, whole)
    assert len(asked_again) == len(asked) - n_asked


@pytest.mark.parametrize("name", SOLVERS)
def test_steps_on_other_rows_each_time_are_no_longer_than_is_safe(name):
    """Up to some power of the rows the rate is that of mini-batches."""
    row = SOLVERS[name]
    if row.moves_by_rate or name not in IN_BATCHES:
        assert row.stream_rate(1.0) is row.stream_rate(1e6) is None
        return
    assert row.stream_rate(0.0) == row.stream_rate(SAFE_POWER) == row.batch_rate
    assert row.stream_rate(5 * SAFE_POWER) == pytest.approx(row.batch_rate / 5)
