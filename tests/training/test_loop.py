from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der
from skdeepbin.training._resume_state import Replay

from skdeepbin.training import _loop
from skdeepbin.training._history import BY_LAYER, COLUMNS, joined, mean, together
from skdeepbin.training._loop import (
    ALL,
    IN_BATCHES,
    SOLVERS,
    descend,
    lbfgs,
    one_step_on,
    solver,
)
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import (
    OPTIMIZERS,
    adam,
    barzilai_borwein,
    gradient_descent,
    in_mini_batches,
    momentum,
)
from skdeepbin.training._stopping import (
    CALLBACK,
    INTERRUPTED,
    STOP_REASONS,
    Stopping,
    validation_loss,
)


def parabola(theta):
    return Evaluation(float(theta @ theta) / 2, theta)


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
    ends=lambda step: False,
    **more,
):
    steps = []

    def on_step(step):
        steps.append(step)
        return ends(step)

    solution = descend(
        objective,
        np.array([1.0, -2.0]),
        Stopping(max_iter, tol, patience, **more),
        on_step,
        optimizer=optimizer or gradient_descent(0.1),
    )
    return solution, steps


def test_max_iter_is_the_number_of_gradients_after_the_first():
    calls = []

    def counted(theta):
        calls.append(theta)
        return parabola(theta)

    solution, steps = solve(counted, max_iter=7)
    assert solution.stop_reason == "max_iter"
    assert len(calls) == len(steps) == 8
    assert [step.iteration for step in steps] == list(range(8))
    np.testing.assert_array_equal(solution.best.theta, calls[-1])


def test_converged_when_the_loss_stays_within_tol():
    solution, steps = solve(tol=10.0, patience=4)
    assert solution.stop_reason == "converged"
    assert len(steps) == 5


def test_a_slow_but_steady_fall_is_not_converged():
    """Each step falls by less than tol, ten of them by more."""
    solution, _ = solve(max_iter=30, tol=0.005, patience=10)
    assert solution.stop_reason == "max_iter"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_diverged_keeps_the_best_point_before(bad):
    def breaks(theta):
        value, gradient, *_ = parabola(theta)
        return Evaluation(bad if value < 1 else value, gradient)

    solution, steps = solve(breaks)
    assert solution.stop_reason == "diverged"
    assert solution.best is steps[-2]
    assert parabola(solution.best.theta).value == solution.best.loss


def test_the_best_point_is_returned_also_when_the_loss_rises_again():
    solution, steps = solve(optimizer=gradient_descent(2.1), max_iter=20)
    assert steps[-1].loss > steps[0].loss
    assert solution.best is steps[0]


def test_a_rejected_trial_leaves_the_descent_where_it_was():
    def cliff(theta):
        """The trial after the first is beyond a cliff."""
        value, gradient, *_ = parabola(theta)
        return Evaluation(value if value in (2.5, 0) or value < 0.5 else 9.0, gradient)

    _, steps = solve(cliff, barzilai_borwein(), max_iter=3)
    np.testing.assert_array_equal(steps[0].theta, steps[1].theta)
    assert steps[0].loss == steps[1].loss


def test_history_has_a_row_for_every_step():
    solution, steps = solve(max_iter=6)
    assert tuple(solution.history) == (*COLUMNS, *BY_LAYER)
    for column in COLUMNS:
        expected = [getattr(step, column) for step in steps]
        np.testing.assert_array_equal(solution.history[column], expected)


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
        solve(rising_validation_loss, watched=validation_loss)[0].stop_reason,
    }
    assert {*reasons, INTERRUPTED, CALLBACK} == set(STOP_REASONS)


def test_who_is_told_of_a_step_can_end_the_descent():
    solution, steps = solve(ends=lambda step: step.iteration == 3)
    assert solution.stop_reason == CALLBACK
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
    return descend(
        parabola,
        np.array([1.0, -2.0]),
        Stopping(max_iter, 0.0, 10),
        lambda step: False,
        optimizer=gradient_descent(0.1),
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


def valley(theta):
    """Rosenbrock's."""
    return Evaluation(float(rosen(theta)), rosen_der(theta))


def counted(objective, interrupted_at=None):
    """The objective, and a list of the points that it is asked for."""
    asked = []

    def evaluate(theta):
        if len(asked) == interrupted_at:
            raise KeyboardInterrupt
        asked.append(theta.copy())
        return objective(theta)

    return evaluate, asked


START = np.array([-1.2, 1.0, 0.5])
RULES = Stopping(40, 0.0, 50)
WAYS = {
    "gd": partial(descend, optimizer=barzilai_borwein()),
    "adam": partial(descend, optimizer=adam(0.05)),
    "lbfgs": lbfgs,
}


def same(one, other):
    """Whether two solutions are the same, but for the seconds."""
    np.testing.assert_equal(
        {**one.history, "seconds": 0}, {**other.history, "seconds": 0}
    )
    np.testing.assert_array_equal(one.best.theta, other.best.theta)
    np.testing.assert_array_equal(one.theta, other.theta)
    np.testing.assert_array_equal(one.next[0], other.next[0])
    return (one.stop_reason, one.best.iteration) == (
        other.stop_reason,
        other.best.iteration,
    )


@pytest.mark.parametrize("name", WAYS)
def test_a_course_that_was_kept_ends_the_same(name):
    """From wherever it was kept; and nothing is evaluated again."""
    objective, asked = counted(valley)
    courses = []
    whole = WAYS[name](
        objective,
        START,
        RULES,
        lambda step: None,
        on_course=lambda course, at_once: courses.append((course(), len(asked))),
    )
    assert len(courses) >= 39
    for course, n_asked in courses[::7]:
        again, asked_again = counted(valley)
        solution = WAYS[name](again, START, RULES, lambda step: None, course=course)
        assert same(solution, whole)
        assert len(asked_again) == len(asked) - n_asked
        assert (np.diff(solution.history["seconds"]) >= 0).all()


def test_seconds_go_on_where_a_course_ended():
    courses = []
    WAYS["adam"](
        valley,
        START,
        RULES,
        lambda step: None,
        on_course=lambda course, at_once: courses.append(course()),
    )
    course = courses[9]
    course.history["seconds"][:] = 1000.0 + np.arange(10)
    solution = WAYS["adam"](valley, START, RULES, lambda step: None, course=course)
    seconds = solution.history["seconds"]
    np.testing.assert_array_equal(seconds[:10], 1000.0 + np.arange(10))
    assert ((seconds[10:] >= 1009) & (seconds[10:] < 1019)).all()


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("number", [1, 2, 13])
def test_ctrl_c_ends_it_with_what_there_is(name, number):
    """And the course is kept at once, from which it goes on as if nothing was."""
    told = []
    whole = WAYS[name](valley, START, RULES, lambda step: None)
    objective, _ = counted(valley, number)
    solution = WAYS[name](
        objective,
        START,
        RULES,
        lambda step: None,
        on_course=lambda course, at_once: told.append((course(), at_once)),
    )
    n_steps = len(solution.history["loss"])
    assert solution.stop_reason == INTERRUPTED
    assert n_steps == number if name != "lbfgs" else 1 <= n_steps <= number
    best = whole.history["loss"][:n_steps].min()
    assert solution.best.loss == best
    assert [at_once for _, at_once in told] == [False] * (len(told) - 1) + [True]
    course = told[-1][0]
    again = WAYS[name](valley, START, RULES, lambda step: None, course=course)
    assert same(again, whole)
    quiet = WAYS[name](counted(valley, number)[0], START, RULES, lambda step: None)
    assert quiet.stop_reason == INTERRUPTED  # also where nothing is kept


@pytest.mark.parametrize("name", WAYS)
def test_ctrl_c_before_the_first_step_goes_on_up(name):
    with pytest.raises(KeyboardInterrupt):
        WAYS[name](counted(valley, 0)[0], START, RULES, lambda step: None)


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_a_step_that_is_interrupted_as_it_is_told_is_not_one(name):
    steps = []

    def on_step(step):
        steps.append(step)
        if len(steps) == 9:
            raise KeyboardInterrupt

    solution = WAYS[name](valley, START, RULES, on_step)
    assert len(solution.history["loss"]) == 8
    whole = WAYS[name](valley, START, RULES.at_most(7), lambda step: None)
    np.testing.assert_array_equal(solution.theta, whole.theta)
    assert solution.best.iteration == whole.best.iteration


def test_a_state_is_gone_on_with():
    """The second half of a descent, with what the optimiser knew in the middle."""
    way = partial(descend, optimizer=momentum(1e-4, 0.9))
    whole = way(valley, START, RULES, lambda step: None)
    first = way(valley, START, RULES.at_most(15), lambda step: None)
    theta, state = first.next
    second = way(valley, theta, RULES.at_most(24), lambda step: None, state)
    np.testing.assert_array_equal(second.theta, whole.theta)
    np.testing.assert_array_equal(second.state, whole.state)
    anew = way(valley, theta, RULES.at_most(24), lambda step: None)
    assert not np.array_equal(anew.theta, whole.theta)
    on = one_step_on(first)
    np.testing.assert_array_equal(on.theta, theta)
    np.testing.assert_array_equal(on.best.theta, theta)
    assert one_step_on(first._replace(best=None)).best is None


def test_lbfgs_finds_the_minimum_with_an_evaluation_a_point():
    objective, asked = counted(valley)
    solution = lbfgs(objective, START, Stopping(200, 0.0, 10), lambda step: None)
    np.testing.assert_allclose(solution.best.theta, 1, rtol=1e-5)
    assert len({theta.tobytes() for theta in asked}) == len(asked)
    np.testing.assert_array_equal(solution.theta, solution.next[0])


@pytest.mark.parametrize("max_iter", [1, 2, 17, 100])
def test_lbfgs_makes_as_many_iterations_as_it_may(max_iter):
    steps = []
    rules = Stopping(max_iter, 0.0, 100)
    start = np.random.RandomState(0).normal(size=50)
    solution = lbfgs(valley, start, rules, steps.append)
    assert solution.stop_reason == "max_iter"
    assert [step.iteration for step in steps] == list(range(max_iter + 1))
    np.testing.assert_array_equal(solution.theta, steps[-1].theta)


def test_lbfgs_says_how_far_it_went_in_gradients():
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


def test_lbfgs_stops_where_its_line_search_finds_nothing_lower():
    def spike(theta):
        """Its gradient shows the wrong way."""
        return Evaluation(float(abs(theta).sum()), -np.ones_like(theta))

    solution = lbfgs(spike, START, RULES, lambda step: None)
    assert solution.stop_reason == "converged"
    np.testing.assert_array_equal(solution.theta, START)


def test_lbfgs_does_not_begin_where_the_loss_is_not_finite():
    objective, asked = counted(lambda theta: Evaluation(np.nan, theta))
    solution = lbfgs(objective, START, RULES, lambda step: None)
    assert (solution.stop_reason, solution.best, len(asked)) == ("diverged", None, 1)


@pytest.mark.parametrize(("n_bytes", "n"), [(0, 1), (5 * 8 * 3, 5), (6 * 8 * 3 - 1, 5)])
def test_lbfgs_remembers_gradients_up_to_a_size(n_bytes, n, monkeypatch):
    monkeypatch.setattr(_loop, "LOG_BYTES", n_bytes)
    courses = []
    whole = lbfgs(
        valley,
        START,
        RULES,
        lambda step: None,
        on_course=lambda course, at_once: courses.append(course()),
    )
    assert [len(course.evaluations) for course in courses] == list(range(1, n + 1))
    objective, asked = counted(valley)
    solution = lbfgs(objective, START, RULES, lambda step: None, course=courses[-1])
    assert isinstance(courses[-1], Replay)
    assert same(solution, whole)
    every, points = counted(valley)
    lbfgs(every, START, RULES, lambda step: None)
    np.testing.assert_array_equal(asked, points[n:])


def test_the_ratio_of_a_change_to_nothing_is_infinite():
    steps = []
    rules = Stopping(1, 0.0, 9)
    descend(
        lambda theta: Evaluation(1.0, np.ones(2)),
        np.array([0.0, 2.0]),
        rules,
        steps.append,
        optimizer=gradient_descent(0.5),
        layers=(slice(0, 1), slice(1, 2)),
    )
    assert steps[0].update_ratios == (np.inf, 0.25)
    assert steps[0].step_size == 0.5


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("rate", [None, 0.02])
@pytest.mark.parametrize("factor", [1, 0.1])
@pytest.mark.parametrize(
    ("name", "batched"),
    [(name, False) for name in SOLVERS] + [(name, True) for name in IN_BATCHES],
)
def test_a_solver_takes_the_rate_that_suits_it(name, dropout, batched, rate, factor):
    """By two iterations of what the table makes with that rate."""

    def batches(number):
        return [parabola, valley]

    given = {"batches": batches} if batched else {}
    solve_it = solver(name, rate, 0.8, dropout, ALL, factor, **given)
    rules = Stopping(2, 0.0, 9)
    theta = np.array([0.3, -0.2])
    solution = solve_it(parabola, theta, rules, lambda step: None)
    if name == "lbfgs":
        expected = lbfgs(parabola, theta, rules, lambda step: None)
    else:
        descent = OPTIMIZERS[name]
        if rate is None:
            rate = descent.auto_in_batches if batched else descent.auto
            if dropout and name == "gd":
                rate = descent.auto_in_batches  # no line search
        optimizer = descent.make(rate and factor * rate, 0.8)
        if batched:
            optimizer = in_mini_batches(optimizer, batches)
        way = partial(descend, optimizer=optimizer)
        expected = way(parabola, theta, rules, lambda step: None)
    assert same(solution, expected)


def test_which_solvers_step_on_mini_batches():
    assert set(SOLVERS) - set(IN_BATCHES) == {"rprop", "lbfgs"}
