"""Train a network, and do not give up at the first failure.

A descent that runs away goes on from its best point with steps a tenth as long, at most
``RETRIES`` times. With several penalties the network goes on from one to the next while
that gains. One that ends where it knows no more than how frequent the classes are, and
has come to rest there, is started once more, from other weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step, joined
from skdeepbin.training._loop import Solution, Solve
from skdeepbin.training._objective import ObjectiveFunction
from skdeepbin.training._stopping import AT_REST, INTERRUPTED, Stopping

RETRIES = 3
SHORTER = 0.1
# With this share of the loss of a constant a network has learnt nothing.
STUCK = 0.999


def _go_on(step: Step) -> bool:
    """Do not end after this step."""
    return False


class Stage(NamedTuple):
    """What is minimised with one penalty.

    objective : on all rows.
    batches : number of the epoch -> the objective of each mini-batch; None without.
    """

    objective: ObjectiveFunction
    batches: Callable[[int], Iterable[ObjectiveFunction]] | None = None


class Training(NamedTuple):
    """How to train, the same for all networks of a committee.

    solver : the factor on its steps -> the solver.
    stopping : when to end.
    constant : the losses of one who knows only the frequencies of the classes.
    on_step : is told of every step; whether to end after it.
    """

    solver: Callable[..., Solve]
    stopping: Stopping
    constant: Losses
    on_step: Callable[[Step], bool] = _go_on


def train(
    stages: Sequence[Stage],
    start: Callable[[], Array],
    training: Training,
    state: Any = None,
    stage: int = 0,
) -> Solution:
    """Train from a start, or from a second one if the first learns nothing.

    stages : with one penalty after the other, from strong to weak.
    start : gives another point at each call.
    state : of the optimiser, where it goes on.
    stage : number of the one to begin with.
    """
    first = _follow_penalties(stages, start(), training, state, stage)
    if first.stop_reason not in AT_REST or state is not None or first.has_learnt:
        return first
    try:
        second = _follow_penalties(stages, start(), training, None, 0)
    except KeyboardInterrupt:
        return interrupted(first)
    if second.has_learnt:
        return second._replace(n_starts=2)
    first = first._replace(n_starts=2)
    return interrupted(first) if second.stop_reason == INTERRUPTED else first


def _follow_penalties(
    stages: Sequence[Stage],
    theta: Array,
    training: Training,
    state: Any,
    stage: int,
) -> Solution:
    """Train with one penalty after the other, each from the best point so far.

    It ends with the first that does not lower what is watched. Where the training loss
    itself is watched there is only one penalty: a weaker one always lowers that.
    """
    stopping = training.stopping
    solution = _descend(stages[stage], theta, training, state)
    solution = solution._replace(stage=stage, best_stage=stage)
    for number in range(stage + 1, len(stages)):
        left = stopping.max_iter - len(solution.history["loss"]) + 1
        if solution.stop_reason != "early_stopping" or left < 1:
            break
        assert solution.best is not None
        if not isfinite(stopping.rank(solution.best)[0]):  # nothing tells which is best
            break
        course = training._replace(
            stopping=stopping.at_most(left),
            on_step=_counted_on(training.on_step, len(solution.history["loss"]) - 1),
        )
        try:
            after = _descend(stages[number], solution.best.theta, course, None)
        except KeyboardInterrupt:
            return interrupted(solution)
        gains = after.best is not None and stopping.gains(after.best, solution.best)
        history = joined(solution.history, after.history)
        if not gains and after.stop_reason in ("early_stopping", "diverged"):
            return solution._replace(history=history)
        best = after if gains else solution
        solution = after._replace(
            history=history,
            best=best.best,
            has_learnt=best.has_learnt,
            stage=number,
            best_stage=number if gains else solution.best_stage,
        )
    return solution


def _counted_on(on_step: Callable[[Step], bool], n: int) -> Callable[[Step], bool]:
    """Pass on the steps of a descent that follows on `n` iterations."""

    def counted(step: Step) -> bool:
        if not step.iteration:  # the point that the last descent ended with
            return False
        return on_step(step._replace(iteration=step.iteration + n))

    return counted


def interrupted(solution: Solution) -> Solution:
    """The solution as what is left where going on from it was interrupted."""
    return solution._replace(stop_reason=INTERRUPTED)


def _has_learnt(step: Step, constant: Losses) -> bool:
    """Whether a network knows more than the frequencies of the classes.

    On the rows it is trained on, and on those that validate, if any do.
    """
    losses = step.loss - step.penalty, step.validation_loss
    return not any(ours >= STUCK * known for ours, known in zip(losses, constant))


def _descend(stage: Stage, theta: Array, training: Training, state: Any) -> Solution:
    """The solution of one descent, which has shorter steps wherever it ran away."""
    stopping, objective = training.stopping, stage.objective
    options = {} if stage.batches is None else {"batches": stage.batches}
    solve = training.solver(1, **options)
    solution = solve(objective, theta, stopping, training.on_step, state)
    history = solution.history
    for retry in range(1, RETRIES + 1):
        left = stopping.max_iter - len(history["loss"]) + 1
        if solution.stop_reason != "diverged" or solution.best is None or left < 1:
            break
        shorter = training.solver(SHORTER**retry, **options)
        theta = solution.best.theta
        try:
            solution = shorter(
                objective, theta, stopping.at_most(left), training.on_step
            )
        except KeyboardInterrupt:
            solution = interrupted(solution)
            break
        history = joined(history, solution.history)
    best = solution.best
    has_learnt = best is not None and _has_learnt(best, training.constant)
    return solution._replace(history=history, has_learnt=has_learnt)
