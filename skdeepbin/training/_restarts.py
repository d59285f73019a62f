"""Train one network, and do not give up at the first failure.

A run that diverges goes on from its best point with steps a tenth as long, at most
``RETRIES`` times. With several penalties the network goes on from one to the next while
that gains. One that ends no better than the class frequencies, and has come to rest
there, is started once more, from other weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple

from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step, joined
from skdeepbin.training._loop import NO_SESSION
from skdeepbin.training._objective import ObjectiveFunction
from skdeepbin.training._observer import NO_OBSERVER, Observer
from skdeepbin.training._optimizers import Batches
from skdeepbin.training._session import RunResult, Session
from skdeepbin.training._solvers import SolverSpec
from skdeepbin.training._stopping import AT_REST, INTERRUPTED, Stopping

RETRIES = 3
SHORTER = 0.1
# With this share of the loss of the class frequencies a network has learnt nothing.
STUCK = 0.999


class Stage(NamedTuple):
    """The objective with one penalty.

    objective : on all rows.
    batches : number of the epoch -> the objective of each mini-batch; None without.
    """

    objective: ObjectiveFunction
    batches: Batches | None = None


@dataclass(frozen=True)
class Training:
    """Settings of the training of one network.

    baseline : the losses of the class frequencies.
    observer, network : who follows the steps, and as which network's.
    first : number of iterations before.
    session : keeps the state of each run.
    """

    solver: SolverSpec
    stopping: Stopping
    baseline: Losses
    observer: Observer = NO_OBSERVER
    network: int = 0
    first: int = 0
    session: Session = NO_SESSION

    def on_step(self, step: Step) -> bool:
        """Pass a step on to the observer; true if it asks to stop."""
        if self.first:
            if not step.iteration:  # the point that the last run ended with
                return False
            step = step._replace(iteration=step.iteration + self.first)
        return self.observer.on_step(self.network, step)

    def after(self, n_iter: int) -> Training:
        """Return how to train on after so many iterations."""
        left = self.stopping.at_most(self.stopping.max_iter - n_iter)
        return replace(self, stopping=left, first=self.first + n_iter)


def train_network(
    stages: Sequence[Stage],
    theta: Array,
    training: Training,
    state: Any = None,
    first: int = 0,
) -> RunResult:
    """Train with one penalty after the other, each from the best point so far.

    It ends with the first that does not lower what is monitored. Where that is the
    training loss there is only one penalty: a weaker one always lowers that.

    stages : from the strong penalty to the weak.
    state : of the optimiser, where it is resumed.
    first : number of the stage to begin with.
    """
    stopping = training.stopping
    result = _run(stages[first], theta, training, state)
    result = result._replace(stage=first, best_stage=first)
    for number in range(first + 1, len(stages)):
        n_iter = len(result.history["loss"]) - 1
        if result.stop_reason != "early_stopping" or n_iter >= stopping.max_iter:
            break
        assert result.best is not None
        if not isfinite(stopping.rank(result.best)[0]):  # nothing tells which is best
            break
        try:
            after = _run(stages[number], result.best.theta, training.after(n_iter))
        except KeyboardInterrupt:
            return interrupted(result)
        gains = after.best is not None and stopping.gains(after.best, result.best)
        history = joined(result.history, after.history)
        if not gains and after.stop_reason in ("early_stopping", "diverged"):
            return result._replace(history=history)
        best = after if gains else result
        result = after._replace(
            history=history,
            best=best.best,
            has_learnt=best.has_learnt,
            stage=number,
            best_stage=number if gains else result.best_stage,
        )
    return result


def is_stuck(result: RunResult) -> bool:
    """Tell if a network has come to rest where it has learnt nothing."""
    return result.stop_reason in AT_REST and not result.has_learnt


def restarted(
    first: RunResult, stages: Sequence[Stage], theta: Array, training: Training
) -> RunResult:
    """Train from another start; return that result, or the first if it is no better."""
    try:
        second = train_network(stages, theta, training)
    except KeyboardInterrupt:
        return interrupted(first)
    if second.has_learnt:
        return second._replace(n_starts=2)
    first = first._replace(n_starts=2)
    return interrupted(first) if second.stop_reason == INTERRUPTED else first


def _run(
    stage: Stage, theta: Array, training: Training, state: Any = None
) -> RunResult:
    """Run the solver, with shorter steps from the best point wherever it diverges."""
    session, stopping = training.session, training.stopping
    solve = training.solver.solver(stage.batches)
    result, history = None, None
    for retry in range(1 + RETRIES):
        ended = session.next_result()
        try:
            if ended is None:
                ended = solve(
                    stage.objective,
                    theta,
                    stopping,
                    training.on_step,
                    state,
                    session=session,
                )
                session.end(ended)
        except KeyboardInterrupt:
            if result is None:
                raise
            result = interrupted(result)
            break
        result = ended
        history = result.history if history is None else joined(history, result.history)
        left = training.stopping.max_iter - len(history["loss"]) + 1
        if result.stop_reason != "diverged" or result.best is None or left < 1:
            break
        theta, state, stopping = result.best.theta, None, stopping.at_most(left)
        shorter = training.solver.at_rate(SHORTER ** (retry + 1))
        solve = shorter.solver(stage.batches)
    assert result is not None
    assert history is not None
    if stage.batches is not None and training.stopping.max_iter:
        result = _measured(result, stage.objective)
    has_learnt = result.best is not None and _has_learnt(result.best, training.baseline)
    return result._replace(history=history, has_learnt=has_learnt)


def _measured(result: RunResult, objective: ObjectiveFunction) -> RunResult:
    """Return a run in mini-batches with the losses of its best point on all rows."""
    if result.best is None:
        return result
    try:
        found = objective(result.best.theta)
    except KeyboardInterrupt:
        return interrupted(result)
    best = result.best._replace(loss=found.value, penalty=found.penalty)
    return result._replace(best=best)


def interrupted(result: RunResult) -> RunResult:
    """Return what is left of a training that was interrupted after this result."""
    return result._replace(stop_reason=INTERRUPTED)


def _has_learnt(step: Step, baseline: Losses) -> bool:
    """Tell if a step is below the class frequencies, in training and validation."""
    losses = step.loss - step.penalty, step.validation_loss
    return not any(ours >= STUCK * known for ours, known in zip(losses, baseline))
