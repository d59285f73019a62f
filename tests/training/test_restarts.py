from functools import partial
from math import nan

import numpy as np
import pytest

from skdeepbin.network._network import Losses
from skdeepbin.training._history import Step
from skdeepbin.training._loop import Recorder
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._observer import Observer
from skdeepbin.training._restarts import (
    STUCK,
    Stage,
    Training,
    is_stuck,
    restarted,
    train_network,
)
from skdeepbin.training._session import RunResult, Session
from skdeepbin.training._solvers import SOLVERS, SolverSpec
from skdeepbin.training._stopping import (
    INTERRUPTED,
    STOP_REASONS,
    Stopping,
    validation_loss,
)


class Script:
    """A solver that ends as it is told, and remembers what it was asked for.

    ends : of each run in turn the stop reason, the number of iterations, the loss and,
        if there is one, the loss of the held-out rows; or an exception.
    """

    def __init__(self, *ends):
        self.ends, self.factors, self.asked = list(ends), [], []
        self.objectives, self.batches = [], []

    def at_rate(self, factor):
        return Shorter(self, factor)

    def solver(self, batches=None, factor=1):
        self.batches.append(batches)

        def solve(*args, **options):
            self.factors.append(factor)
            return self.solve(*args, **options)

        return solve

    def solve(self, objective, theta, stopping, on_step, state=None, *, session):
        self.asked.append((theta, stopping.max_iter, state))
        self.objectives.append(objective)
        end = self.ends.pop(0)
        if end is KeyboardInterrupt:
            raise end
        reason, n_iter, loss, *watched = end
        recorder = Recorder(stopping, on_step, [slice(None)])
        here = theta + 1  # the best point is none that was started from
        evaluation = Evaluation(loss, here, 0.0, *watched)
        for _ in range(n_iter + 1):
            recorder.record(recorder.measured(here, evaluation), 1.0, here)
        recorder.reason = reason
        return recorder.result(here, state, (here, state))


class Shorter:
    """The script at another rate."""

    def __init__(self, script, factor):
        self.script, self.factor = script, factor

    def solver(self, batches=None):
        return self.script.solver(batches, self.factor)


def training(script, max_iter=100, constant=0.7, monitor=None, **more):
    stopping = Stopping(max_iter, 0.0, 10)
    if monitor is not None:
        stopping = Stopping(max_iter, 0.0, 10, monitor)
    return Training(script, stopping, Losses(constant, nan), **more)


def run(script, max_iter=100, state=None, constant=0.7):
    """Train from a start, and from a second one as an ensemble does."""
    starts = iter(np.array([[10.0], [20.0], [30.0]]))
    how, stages = training(script, max_iter, constant), [Stage(None)]
    result = train_network(stages, next(starts), how, state)
    if state is None and is_stuck(result):
        result = restarted(result, stages, next(starts), how)
    return result


def test_one_run_that_learns_is_all():
    script = Script(("converged", 7, 0.1))
    result = run(script, state="known")
    assert script.asked == [(10.0, 100, "known")]
    assert script.factors == [1]
    assert result.has_learnt
    assert result.n_starts == 1
    assert len(result.history["loss"]) == 8


def test_one_that_runs_away_goes_on_from_its_best_with_shorter_steps():
    script = Script(("diverged", 9, 0.5), ("diverged", 9, 0.4), ("max_iter", 20, 0.3))
    result = run(script)
    assert script.factors == [1, 0.1, pytest.approx(0.01)]  # as documented
    left = [100, 100 - 9, 100 - 9 - 9]
    assert script.asked == [(10 + i, left[i], None) for i in range(3)]
    assert result.stop_reason == "max_iter"
    assert len(result.history["loss"]) == 9 + 9 + 20 + 1
    assert result.best.loss == 0.3


def test_it_runs_away_only_so_often():
    script = Script(*[("diverged", 3, 0.5)] * 9)
    assert run(script).stop_reason == "diverged"
    assert len(script.asked) == 1 + 3  # three times, as documented


def test_what_was_known_is_not_known_where_steps_are_shorter():
    script = Script(("diverged", 3, 0.5), ("max_iter", 3, 0.4))
    run(script, state="known")
    assert [state for *_, state in script.asked] == ["known", None]


@pytest.mark.parametrize(("n_iter", "n_runs"), [(98, 2), (99, 2), (100, 1)])
def test_shorter_steps_end_with_the_iterations(n_iter, n_runs):
    script = Script(("diverged", n_iter, 0.5), ("max_iter", 100 - n_iter, 0.5))
    assert len(run(script).history["loss"]) == 101
    assert len(script.asked) == n_runs


def test_where_no_loss_is_finite_it_is_not_tried_again():
    script = Script(("diverged", 0, nan))
    result = run(script)
    assert result.best is None
    assert not result.has_learnt
    assert len(script.asked) == 1


@pytest.mark.parametrize("reason", ["converged", "early_stopping"])
def test_what_has_learnt_nothing_and_rests_is_started_once_more(reason):
    nothing = (reason, 5, 0.7)
    script = Script(nothing, ("max_iter", 6, 0.1))
    result = run(script)
    assert [theta for theta, *_ in script.asked] == [10, 20]
    assert result.best.loss == 0.1
    assert (result.n_starts, len(result.history["loss"])) == (2, 7)
    script = Script(nothing, ("converged", 6, 0.7))
    result = run(script)  # the second is no better: the first is kept
    assert (result.n_starts, len(result.history["loss"])) == (2, 6)
    assert result.stop_reason == reason


@pytest.mark.parametrize("reason", STOP_REASONS)
@pytest.mark.parametrize("has_learnt", [False, True])
def test_only_what_rests_and_has_learnt_nothing_is_stuck(reason, has_learnt):
    result = RunResult(None, None, None, None, reason, {}, has_learnt=has_learnt)
    rests = reason in ("converged", "early_stopping")
    assert is_stuck(result) == (rests and not has_learnt)


def test_what_is_on_its_way_or_goes_on_is_not_started_anew():
    for script, state in (
        (Script(("max_iter", 5, 0.7)), None),
        (Script(("converged", 5, 0.7)), "known"),
    ):
        result = run(script, state=state)
        assert not result.has_learnt
        assert (result.n_starts, len(script.asked)) == (1, 1)


@pytest.mark.parametrize("share", [STUCK, STUCK - 1e-4])
def test_to_learn_is_to_be_below_the_constant_by_a_thousandth(share):
    for loss, penalty, watched in (
        (share * 0.7 + 5, 5.0, nan),
        (0.1, 0.0, share * 0.6),
        (share * 0.7, 0.0, 0.1),
    ):
        step = Step(0, np.zeros(1), loss, penalty, 0.0, 0.0, 0.0, watched)

        class Best(Script):
            """A solver whose best step is this one."""

            def solve(self, *args, step=step, **options):
                return super().solve(*args, **options)._replace(best=step)

        how = training(Best(("max_iter", 0, 1.0)), 9)
        how = Training(how.solver, how.stopping, Losses(0.7, 0.6))
        result = train_network([Stage(None)], np.ones(1), how)
        assert result.has_learnt == (share < STUCK)


def test_ctrl_c_keeps_what_there_is():
    result = run(Script(("diverged", 4, 0.5), KeyboardInterrupt))
    assert result.stop_reason == INTERRUPTED
    assert len(result.history["loss"]) == 5
    for second in (KeyboardInterrupt, (INTERRUPTED, 3, 0.7)):
        result = run(Script(("converged", 4, 0.7), second))
        assert result.stop_reason == INTERRUPTED
        assert len(result.history["loss"]) == 5
    result = run(Script(("converged", 4, 0.7), (INTERRUPTED, 3, 0.1)))
    assert (result.stop_reason, result.best.loss) == (INTERRUPTED, 0.1)
    with pytest.raises(KeyboardInterrupt):
        run(Script(KeyboardInterrupt))


def test_shorter_steps_mend_a_run_that_is_too_fast():
    """On a parabola, where steps of more than 2 run away."""

    def parabola(theta):
        return Evaluation(float(theta @ theta) / 2, theta)

    how = training(SolverSpec(SOLVERS["gd"], 3.0), 60, 0.1)
    how = Training(how.solver, Stopping(60, 0.0, 60), how.baseline)
    result = train_network([Stage(parabola)], np.ones(2), how)
    assert result.has_learnt
    assert result.stop_reason == "max_iter"
    assert len(result.history["loss"]) == 61
    assert result.best.loss < 1e-6


class Told(Observer):
    """Of each step the network and the iteration; ends at one of them."""

    def __init__(self, last=None):
        self.last, self.steps = last, []

    def on_step(self, network, step):
        self.steps.append((network, step.iteration))
        return step.iteration == self.last


def penalties(script, n=3, first=0, max_iter=100, **more):
    """Train with so many penalties, monitored by the held-out rows."""
    stages = [Stage(f"objective {number}") for number in range(n)]
    how = training(script, max_iter, monitor=validation_loss, **more)
    return train_network(stages, np.array([10.0]), how, "known", first)


def stopped(n_iter, watched):
    return "early_stopping", n_iter, 0.5, watched


def test_penalties_follow_from_the_best_point_while_that_gains():
    script = Script(stopped(7, 0.4), stopped(5, 0.3), stopped(4, 0.35))
    told = Told()
    result = penalties(script, observer=told, network=2)
    assert script.objectives == [f"objective {number}" for number in range(3)]
    asked = [(10, 100, "known"), (11, 93, None), (12, 88, None)]
    assert script.asked == asked
    assert result.best.validation_loss == 0.3
    assert (result.stage, result.best_stage) == (1, 1)
    assert len(result.history["loss"]) == 7 + 5 + 4 + 1
    assert told.steps == [(2, i) for i in range(7 + 5 + 4 + 1)]  # each once


def test_a_penalty_that_does_not_gain_but_is_on_its_way_is_where_it_goes_on():
    script = Script(stopped(7, 0.4), ("max_iter", 93, 0.5, 0.45))
    result = penalties(script)
    assert (result.stage, result.best_stage) == (1, 0)
    assert (result.best.validation_loss, result.theta) == (0.4, 12)
    assert result.stop_reason == "max_iter"
    assert len(result.history["loss"]) == 101


def test_penalties_end_with_the_iterations():
    for n_iter, n_runs in ((99, 2), (100, 1)):
        script = Script(stopped(n_iter, 0.4), stopped(1, 0.5))
        penalties(script)
        assert len(script.asked) == n_runs


def test_it_begins_with_the_penalty_where_it_stood():
    script = Script(stopped(3, 0.4), stopped(3, 0.5))
    result = penalties(script, first=1)
    assert script.objectives == ["objective 1", "objective 2"]
    assert (result.stage, result.best_stage) == (1, 1)


def test_where_nothing_validates_there_is_no_next_penalty():
    script = Script(stopped(3, nan))
    assert len(penalties(script).history["loss"]) == 4


def test_who_sees_the_steps_can_end_the_last_penalty():
    """Counted from the start."""
    script = Script(stopped(3, 0.4), stopped(4, 0.3), stopped(4, 0.35))
    told = Told(last=5)
    how = training(script, monitor=validation_loss, observer=told).after(3)
    assert (how.first, how.stopping.max_iter) == (3, 97)
    step = Step(2, np.zeros(1), 0.5, 0.0, 0.0, 0.0, 0.0)
    assert how.on_step(step)
    assert not how.on_step(step._replace(iteration=0))  # was told before
    assert told.steps == [(0, 5)]
    assert how.after(4).first == 7


def test_ctrl_c_in_a_later_penalty_keeps_the_ones_before():
    result = penalties(Script(stopped(7, 0.4), KeyboardInterrupt))
    assert (result.stop_reason, result.best.validation_loss) == (INTERRUPTED, 0.4)
    assert len(result.history["loss"]) == 8


class Ended(Session):
    """A session that knows the results of some runs, and is told of the others."""

    def __init__(self, *known):
        self.known, self.ended = list(known), []

    def next_result(self):
        return self.known.pop(0) if self.known else None

    def end(self, result):
        self.ended.append(result)


def test_runs_that_ended_are_not_made_again():
    """Of shorter steps, of penalties and of the second start."""
    ends = ("diverged", 3, 0.5, 0.9), stopped(4, 0.8), stopped(5, 0.7), stopped(6, 0.8)
    session = Ended()
    whole = penalties(Script(*ends), session=session)
    results = session.ended
    assert len(results) == 4
    for number in range(5):
        script, session = Script(*ends[number:]), Ended(*results[:number])
        again = penalties(script, session=session)
        np.testing.assert_equal(
            again.history | {"seconds": 0}, whole.history | {"seconds": 0}
        )
        assert again.best.theta == whole.best.theta
        assert len(script.asked) == len(session.ended) == 4 - number


def test_mini_batches_are_those_of_the_stage():
    script = Script(stopped(3, 0.4), stopped(3, 0.5))
    whole = partial(Evaluation, 0.3, penalty=0.1)
    stages = [Stage(whole, "batches of 0"), Stage(whole, "batches of 1")]
    how = training(script, monitor=validation_loss)
    result = train_network(stages, np.array([10.0]), how)
    assert script.batches == ["batches of 0", "batches of 1"]
    # Of the best point the losses are those on all rows, and of the history not.
    assert (result.best.loss, result.best.penalty) == (0.3, 0.1)
    assert result.history["loss"][-1] == 0.5


def test_ctrl_c_in_the_last_measurement_keeps_what_was_trained():
    def whole(theta):
        raise KeyboardInterrupt

    script = Script(stopped(3, 0.4))
    result = train_network(
        [Stage(whole, "batches")], np.array([10.0]), training(script)
    )
    assert result.stop_reason == INTERRUPTED
    assert result.best.loss == 0.5
