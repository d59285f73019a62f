from functools import partial

import numpy as np
import pytest

from skdeepbin.training._history import BY_LAYER, COLUMNS, joined, mean, together
from skdeepbin.training._lbfgs import lbfgs
from skdeepbin.training._loop import minimize
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import (
    Adam,
    BarzilaiBorwein,
    GradientDescent,
    InMiniBatches,
    Momentum,
)
from skdeepbin.training._session import Evaluations, RunState, one_step_on
from skdeepbin.training._stopping import (
    CALLBACK,
    INTERRUPTED,
    STOP_REASONS,
    Stopping,
    validation_loss,
)
from tests.training.runs import (
    RULES,
    START,
    InHand,
    Memory,
    OnlyAtTheEnd,
    counted,
    goes_on,
    parabola,
    same,
    valley,
)


def test_an_epoch_is_measured_by_what_it_met():
    """All rows are asked for at the start alone, and also at none that is resumed."""
    batches = InHand(lambda number: [(0.5, parabola)] * 2, lambda theta: (theta[0], 3))
    optimizer = InMiniBatches(GradientDescent(0.1), batches)
    objective, asked = counted(parabola)
    way = partial(minimize, objective, stopping=Stopping(6, 0.0, 9), on_step=goes_on)
    session = Memory()
    whole = way(START, optimizer=optimizer, session=session)
    assert len(asked) == 1
    values, points = [], [START]
    for _ in range(12):
        values.append(parabola(points[-1]).value)
        points.append(0.9 * points[-1])
    expected = [values[0], *np.add(values[::2], values[1::2]) / 2]
    np.testing.assert_allclose(whole.history["loss"], expected)
    np.testing.assert_allclose(
        whole.history["validation_loss"][1:], np.array(points)[2::2, 0]
    )
    norms = [np.linalg.norm(a + b) / 2 for a, b in zip(points[::2], points[1::2])]
    np.testing.assert_allclose(whole.history["gradient_norm"][1:], norms)
    state, *_ = session.saved[3]
    again = way(START, optimizer=optimizer, session=Memory(state))
    assert same(again, whole)
    assert len(asked) == 1


def test_the_best_point_is_none_that_the_next_epoch_ran_away_from():
    """One mini-batch an epoch, whose loss is of the point before its step."""

    def falls(theta):
        loss = 1.0 - 1e-3 * theta[0] if theta[0] < 2.5 else 1e6
        return Evaluation(loss, np.full(1, -1.0))

    optimizer = InMiniBatches(GradientDescent(1.0), InHand(lambda n: [(1.0, falls)]))
    rules = Stopping(9, 0.0, 9)
    result = minimize(falls, np.zeros(1), rules, goes_on, optimizer=optimizer)
    assert result.stop_reason == "diverged"
    assert result.best.theta[0] == 2.0


def rising_validation_loss(theta):
    """It is least two steps after the start."""
    value, gradient, *_ = parabola(theta)
    return Evaluation(value, gradient, 0.0, abs(value - 2.5 * 0.9**4))


def solve(
    objective=parabola,
    optimizer=None,
    max_iter=50,
    tol=0.0,
    patience=10,
    ends=goes_on,
    **more,
):
    steps = []

    def on_step(step):
        steps.append(step)
        return ends(step)

    result = minimize(
        objective,
        np.array([1.0, -2.0]),
        Stopping(max_iter, tol, patience, **more),
        on_step,
        optimizer=optimizer or GradientDescent(0.1),
    )
    return result, steps


def test_max_iter_is_the_number_of_gradients_after_the_first():
    calls = []

    def counted(theta):
        calls.append(theta)
        return parabola(theta)

    result, steps = solve(counted, max_iter=7)
    assert result.stop_reason == "max_iter"
    assert len(calls) == len(steps) == 8
    assert [step.iteration for step in steps] == list(range(8))
    np.testing.assert_array_equal(result.best.theta, calls[-1])


def test_converged_when_the_loss_stays_within_tol():
    result, steps = solve(tol=10.0, patience=4)
    assert result.stop_reason == "converged"
    assert len(steps) == 5


def test_a_slow_but_steady_fall_is_not_converged():
    """Each step falls by less than tol, ten of them by more."""
    result, _ = solve(max_iter=30, tol=0.005, patience=10)
    assert result.stop_reason == "max_iter"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_diverged_keeps_the_best_point_before(bad):
    def breaks(theta):
        value, gradient, *_ = parabola(theta)
        return Evaluation(bad if value < 1 else value, gradient)

    result, steps = solve(breaks)
    assert result.stop_reason == "diverged"
    assert result.best is steps[-2]
    assert parabola(result.best.theta).value == result.best.loss


def test_the_best_point_is_returned_also_when_the_loss_rises_again():
    result, steps = solve(optimizer=GradientDescent(2.1), max_iter=20)
    assert steps[-1].loss > steps[0].loss
    assert result.best is steps[0]


def test_a_rejected_trial_leaves_the_descent_where_it_was():
    def cliff(theta):
        """The trial after the first is beyond a cliff."""
        value, gradient, *_ = parabola(theta)
        return Evaluation(value if value in (2.5, 0) or value < 0.5 else 9.0, gradient)

    _, steps = solve(cliff, BarzilaiBorwein(), max_iter=3)
    np.testing.assert_array_equal(steps[0].theta, steps[1].theta)
    assert steps[0].loss == steps[1].loss


def test_history_has_a_row_for_every_step():
    result, steps = solve(max_iter=6)
    assert tuple(result.history) == (*COLUMNS, *BY_LAYER)
    for column in COLUMNS:
        expected = [getattr(step, column) for step in steps]
        np.testing.assert_array_equal(result.history[column], expected)


def test_joined_counts_the_common_point_once():
    first, _ = solve(max_iter=6)
    second, _ = solve(max_iter=3)
    both = joined(first.history, second.history)
    assert all(len(both[column]) == 6 + 1 + 3 for column in COLUMNS)


def test_every_reason_has_a_sentence():
    reasons = {
        solve(max_iter=1)[0].stop_reason,
        solve(tol=10.0)[0].stop_reason,
        solve(lambda theta: Evaluation(np.nan, theta))[0].stop_reason,
        solve(rising_validation_loss, monitor=validation_loss)[0].stop_reason,
    }
    assert {*reasons, INTERRUPTED, CALLBACK} == set(STOP_REASONS)


def test_who_is_told_of_a_step_can_end_the_descent():
    result, steps = solve(ends=lambda step: step.iteration == 3)
    assert result.stop_reason == CALLBACK
    assert [step.iteration for step in steps] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"max_iter": 3}, "max_iter"), ({"tol": 10.0}, "converged")],
)
def test_a_reason_of_its_own_comes_before_that_of_a_callback(settings, reason):
    assert solve(ends=lambda step: True, max_iter=0)[0].stop_reason == "max_iter"
    last = len(solve(**settings)[1]) - 1
    ended, _ = solve(ends=lambda step: step.iteration == last, **settings)
    assert ended.stop_reason == reason


def by_layer(max_iter=6):
    """Layers of one parameter each, and a step of a tenth of it."""
    return minimize(
        parabola,
        np.array([1.0, -2.0]),
        Stopping(max_iter, 0.0, 10),
        goes_on,
        optimizer=GradientDescent(0.1),
        layers=(slice(0, 1), slice(1, 2)),
    ).history


def test_layers_are_measured_apart():
    history = by_layer()
    sizes = 0.9 ** np.arange(7)
    np.testing.assert_allclose(history["gradient_norms"], np.outer(sizes, [1, 2]))
    np.testing.assert_allclose(history["update_ratios"], 0.1)
    whole = np.linalg.norm(history["gradient_norms"], axis=1)
    np.testing.assert_allclose(whole, history["gradient_norm"])


def test_layers_are_joined_and_put_together():
    short, long = by_layer(3), by_layer()
    assert joined(short, long)["update_ratios"].shape == (4 + 6, 2)
    both = together([short, long])
    assert both["gradient_norms"].shape == (2, 7, 2)
    np.testing.assert_array_equal(both["gradient_norms"][1], long["gradient_norms"])
    assert np.isnan(both["gradient_norms"][0, 4:]).all()
    assert joined(both, both)["gradient_norms"].shape == (2, 13, 2)


def test_the_mean_of_networks_of_which_some_or_all_have_no_number():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]])
    np.testing.assert_array_equal(mean(values), [2.0, 4.0, np.nan])


WAYS = {
    "gd": partial(minimize, optimizer=BarzilaiBorwein()),
    "adam": partial(minimize, optimizer=Adam(0.05)),
    "lbfgs": lbfgs,
}


@pytest.mark.parametrize("name", WAYS)
def test_a_run_that_was_saved_ends_the_same(name):
    """From wherever it was saved; and nothing is evaluated again."""
    objective, asked = counted(valley)
    session = Memory(asked=asked)
    whole = WAYS[name](objective, START, RULES, goes_on, session=session)
    assert len(session.saved) >= 39
    assert not any(at_once for _, at_once, _ in session.saved)
    for state, _, n_asked in session.saved[::7]:
        assert isinstance(state, Evaluations if name == "lbfgs" else RunState)
        again, asked_again = counted(valley)
        result = WAYS[name](again, START, RULES, goes_on, session=Memory(state))
        assert same(result, whole)
        assert len(asked_again) == len(asked) - n_asked
        assert (np.diff(result.history["seconds"]) >= 0).all()


@pytest.mark.parametrize("name", WAYS)
def test_a_state_is_saved_only_where_it_is_due(name):
    """At every step; at its end a run has a result, and is not saved."""
    objective, asked = counted(valley)
    session = Memory(asked=asked)
    session.is_due = False
    result = WAYS[name](objective, START, RULES, goes_on, session=session)
    assert not session.saved
    session = Memory(asked=asked)
    again = WAYS[name](objective, START, RULES, goes_on, session=session)
    assert same(again, result)
    if name != "lbfgs":
        lengths = [len(state.history["loss"]) for state in session.states]
        assert lengths == list(range(1, len(result.history["loss"])))


def test_seconds_go_on_where_a_run_was_saved():
    session = Memory()
    WAYS["adam"](valley, START, RULES, goes_on, session=session)
    state = session.states[9]
    state.history["seconds"][:] = 1000.0 + np.arange(10)
    result = WAYS["adam"](valley, START, RULES, goes_on, session=Memory(state))
    seconds = result.history["seconds"]
    np.testing.assert_array_equal(seconds[:10], 1000.0 + np.arange(10))
    assert ((seconds[10:] >= 1009) & (seconds[10:] < 1019)).all()


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("number", [1, 2, 13])
def test_ctrl_c_ends_it_with_what_there_is(name, number):
    """And the state is saved at once, from which it goes on as if nothing was."""
    whole = WAYS[name](valley, START, RULES, goes_on)
    session, objective = Memory(), counted(valley, number)[0]
    result = WAYS[name](objective, START, RULES, goes_on, session=session)
    n_steps = len(result.history["loss"])
    assert result.stop_reason == INTERRUPTED
    assert n_steps == number if name != "lbfgs" else 1 <= n_steps <= number
    best = whole.history["loss"][:n_steps].min()
    assert result.best.loss == best
    at_once = [at_once for _, at_once, _ in session.saved]
    assert at_once == [False] * (len(at_once) - 1) + [True]
    state = session.states[-1]
    again = WAYS[name](valley, START, RULES, goes_on, session=Memory(state))
    assert same(again, whole)
    quiet = WAYS[name](counted(valley, number)[0], START, RULES, goes_on)
    assert quiet.stop_reason == INTERRUPTED  # also where nothing is kept
    assert same(quiet, result)


@pytest.mark.parametrize("name", WAYS)
def test_ctrl_c_saves_also_what_is_not_due(name):
    whole = WAYS[name](valley, START, RULES, goes_on)
    session, objective = OnlyAtTheEnd(), counted(valley, 13)[0]
    WAYS[name](objective, START, RULES, goes_on, session=session)
    ((state, at_once, _),) = session.saved
    assert at_once
    again = WAYS[name](valley, START, RULES, goes_on, session=Memory(state))
    assert same(again, whole)


@pytest.mark.parametrize("name", WAYS)
def test_a_session_that_is_not_active_is_given_nothing(name):
    session = OnlyAtTheEnd()
    session.is_active = False
    objective, _ = counted(valley, 13)
    WAYS[name](objective, START, RULES, goes_on, session=session)
    assert not session.saved


@pytest.mark.parametrize("name", WAYS)
def test_ctrl_c_before_the_first_step_goes_on_up(name):
    with pytest.raises(KeyboardInterrupt):
        WAYS[name](counted(valley, 0)[0], START, RULES, goes_on)


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_a_step_that_is_interrupted_as_it_is_told_is_not_one(name):
    steps = []

    def on_step(step):
        steps.append(step)
        if len(steps) == 9:
            raise KeyboardInterrupt

    result = WAYS[name](valley, START, RULES, on_step)
    assert len(result.history["loss"]) == 8
    whole = WAYS[name](valley, START, RULES.at_most(7), goes_on)
    np.testing.assert_array_equal(result.theta, whole.theta)
    assert result.best.iteration == whole.best.iteration


def test_a_state_is_gone_on_with():
    """The second half of a descent, with what the optimiser knew in the middle."""
    way = partial(minimize, optimizer=Momentum(1e-4, 0.9))
    whole = way(valley, START, RULES, goes_on)
    first = way(valley, START, RULES.at_most(15), goes_on)
    theta, state = first.next
    second = way(valley, theta, RULES.at_most(24), goes_on, state)
    np.testing.assert_array_equal(second.theta, whole.theta)
    np.testing.assert_array_equal(second.state, whole.state)
    anew = way(valley, theta, RULES.at_most(24), goes_on)
    assert not np.array_equal(anew.theta, whole.theta)
    on = one_step_on(first)
    np.testing.assert_array_equal(on.theta, theta)
    np.testing.assert_array_equal(on.best.theta, theta)
    assert one_step_on(first._replace(best=None)).best is None


def test_the_ratio_of_a_change_to_nothing_is_infinite():
    steps = []
    rules = Stopping(1, 0.0, 9)
    minimize(
        lambda theta: Evaluation(1.0, np.ones(2)),
        np.array([0.0, 2.0]),
        rules,
        steps.append,
        optimizer=GradientDescent(0.5),
        layers=(slice(0, 1), slice(1, 2)),
    )
    assert steps[0].update_ratios == (np.inf, 0.25)
    assert steps[0].step_size == 0.5
