from math import nan

import numpy as np
import pytest

from skdeepbin.network._network import Losses
from skdeepbin.training._history import Step
from skdeepbin.training._loop import Recorder, descend
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import gradient_descent
from skdeepbin.training._restarts import STUCK, Stage, Training, train
from skdeepbin.training._stopping import INTERRUPTED, Stopping


class Script:
    """A solver that ends as it is told, and remembers what it was asked for.

    ends : of each descent in turn the stop reason, the number of iterations, and the
        loss, or an exception.
    """

    def __init__(self, *ends):
        self.ends, self.factors, self.asked = list(ends), [], []

    def __call__(self, factor):
        self.factors.append(factor)
        return self.solve

    def solve(self, objective, theta, stopping, on_step, state=None):
        self.asked.append((theta, stopping.max_iter, state))
        end = self.ends.pop(0)
        if end is KeyboardInterrupt:
            raise end
        reason, n_iter, loss = end
        recorder = Recorder(stopping, on_step, [slice(None)])
        here = theta + 1  # the best point is none that was started from
        for _ in range(n_iter + 1):
            recorder.record(recorder.measured(here, Evaluation(loss, here)), 1.0, here)
        recorder.reason = reason
        return recorder.solution(here, state, (here, state))


def run(script, max_iter=100, state=None, constant=0.7):
    starts = iter(np.array([[10.0], [20.0], [30.0]]))
    training = Training(
        script,
        Stopping(max_iter, 0.0, 10),
        Losses(constant, nan),
        lambda step: None,
    )
    return train([Stage(None)], lambda: next(starts), training, state)


def test_one_descent_that_learns_is_all():
    script = Script(("converged", 7, 0.1))
    solution = run(script, state="known")
    assert script.asked == [(10.0, 100, "known")]
    assert script.factors == [1]
    assert solution.has_learnt
    assert solution.n_starts == 1
    assert len(solution.history["loss"]) == 8


def test_one_that_runs_away_goes_on_from_its_best_with_shorter_steps():
    script = Script(("diverged", 9, 0.5), ("diverged", 9, 0.4), ("max_iter", 20, 0.3))
    solution = run(script)
    assert script.factors == [1, 0.1, pytest.approx(0.01)]  # as documented
    left = [100, 100 - 9, 100 - 9 - 9]
    assert script.asked == [(10 + i, left[i], None) for i in range(3)]
    assert solution.stop_reason == "max_iter"
    assert len(solution.history["loss"]) == 9 + 9 + 20 + 1
    assert solution.best.loss == 0.3


def test_it_runs_away_only_so_often():
    script = Script(*[("diverged", 3, 0.5)] * 9)
    assert run(script).stop_reason == "diverged"
    assert len(script.asked) == 1 + 3  # three times, as documented


@pytest.mark.parametrize(("n_iter", "n_descents"), [(98, 2), (99, 2), (100, 1)])
def test_shorter_steps_end_with_the_iterations(n_iter, n_descents):
    script = Script(("diverged", n_iter, 0.5), ("max_iter", 100 - n_iter, 0.5))
    assert len(run(script).history["loss"]) == 101
    assert len(script.asked) == n_descents


def test_where_no_loss_is_finite_it_is_not_tried_again():
    script = Script(("diverged", 0, nan))
    solution = run(script)
    assert solution.best is None
    assert not solution.has_learnt
    assert len(script.asked) == 1


@pytest.mark.parametrize("reason", ["converged", "early_stopping"])
def test_what_has_learnt_nothing_and_rests_is_started_once_more(reason):
    nothing = (reason, 5, 0.7)
    script = Script(nothing, ("max_iter", 6, 0.1))
    solution = run(script)
    assert [theta for theta, *_ in script.asked] == [10, 20]
    assert solution.best.loss == 0.1
    assert (solution.n_starts, len(solution.history["loss"])) == (2, 7)
    script = Script(nothing, ("converged", 6, 0.7))
    solution = run(script)  # the second is no better: the first is kept
    assert (solution.n_starts, len(solution.history["loss"])) == (2, 6)
    assert solution.stop_reason == reason


def test_what_is_on_its_way_or_goes_on_is_not_started_anew():
    for script, state in (
        (Script(("max_iter", 5, 0.7)), None),
        (Script(("converged", 5, 0.7)), "known"),
    ):
        solution = run(script, state=state)
        assert not solution.has_learnt
        assert (solution.n_starts, len(script.asked)) == (1, 1)


@pytest.mark.parametrize("share", [STUCK, STUCK - 1e-4])
def test_to_learn_is_to_be_below_the_constant_by_a_thousandth(share):
    for loss, penalty, watched in (
        (share * 0.7 + 5, 5.0, nan),
        (0.1, 0.0, share * 0.6),
        (share * 0.7, 0.0, 0.1),
    ):
        step = Step(0, np.zeros(1), loss, penalty, 0.0, 0.0, 0.0, watched)

        def solve(objective, theta, stopping, on_step, state=None, step=step):
            recorder = Recorder(stopping, on_step, [slice(None)])
            here = recorder.measured(theta, Evaluation(1.0, theta))
            recorder.record(here, 1.0, theta)
            recorder.reason = "max_iter"
            solution = recorder.solution(theta, None, (theta, None))
            return solution._replace(best=step)

        training = Training(
            lambda factor: solve,
            Stopping(9, 0.0, 9),
            Losses(0.7, 0.6),
            lambda step: None,
        )
        solution = train([Stage(None)], lambda: np.ones(1), training)
        assert solution.has_learnt == (share < STUCK)


def test_ctrl_c_keeps_what_there_is():
    solution = run(Script(("diverged", 4, 0.5), KeyboardInterrupt))
    assert solution.stop_reason == INTERRUPTED
    assert len(solution.history["loss"]) == 5
    for second in (KeyboardInterrupt, (INTERRUPTED, 3, 0.7)):
        solution = run(Script(("converged", 4, 0.7), second))
        assert solution.stop_reason == INTERRUPTED
        assert len(solution.history["loss"]) == 5
    solution = run(Script(("converged", 4, 0.7), (INTERRUPTED, 3, 0.1)))
    assert (solution.stop_reason, solution.best.loss) == (INTERRUPTED, 0.1)
    with pytest.raises(KeyboardInterrupt):
        run(Script(KeyboardInterrupt))


def test_shorter_steps_mend_a_descent_that_is_too_fast():
    """On a parabola, where steps of more than 2 run away."""

    def parabola(theta):
        return Evaluation(float(theta @ theta) / 2, theta)

    def solver(factor):
        def solve(*args):
            return descend(*args, optimizer=gradient_descent(3 * factor))

        return solve

    training = Training(
        solver, Stopping(60, 0.0, 60), Losses(0.1, nan), lambda step: None
    )
    solution = train([Stage(parabola)], lambda: np.ones(2), training)
    assert solution.has_learnt
    assert solution.stop_reason == "max_iter"
    assert len(solution.history["loss"]) == 61
    assert solution.best.loss < 1e-6
