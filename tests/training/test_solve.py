import numpy as np
import pytest

from skdeepbin.training._history import BY_LAYER, COLUMNS, joined, mean, together
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import barzilai_borwein, gradient_descent
from skdeepbin.training._solve import descend
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
