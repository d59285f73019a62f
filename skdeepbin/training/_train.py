"""Train a network, and do not give up at the first failure.

A descent that runs away goes on from its best point with steps a tenth as long, at most
``RETRIES`` times. A network that ends where it knows no more than how frequent the
classes are, and has come to rest there, is started once more, from other weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step, joined
from skdeepbin.training._objective import ObjectiveFunction
from skdeepbin.training._solve import Solution, Solve
from skdeepbin.training._stopping import INTERRUPTED, Stopping

RETRIES = 3
SHORTER = 0.1
# With this share of the loss of a constant a network has learnt nothing.
STUCK = 0.999


def _go_on(step: Step) -> bool:
    """Do not end after this step."""
    return False


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
    objective: ObjectiveFunction,
    start: Callable[[], Array],
    training: Training,
    state: Any = None,
) -> Solution:
    """The solution from a start, or from a second one if the first learns nothing.

    start : gives another point at each call.
    state : of the optimiser, where it goes on.
    """
    first = _descend(objective, start(), training, state)
    at_rest = first.stop_reason in ("converged", "early_stopping")
    if not at_rest or state is not None or first.has_learnt:
        return first
    try:
        second = _descend(objective, start(), training, None)
    except KeyboardInterrupt:
        return interrupted(first)
    if second.has_learnt:
        return second._replace(n_starts=2)
    first = first._replace(n_starts=2)
    return interrupted(first) if second.stop_reason == INTERRUPTED else first


def interrupted(solution: Solution) -> Solution:
    """The solution as what is left where going on from it was interrupted."""
    return solution._replace(stop_reason=INTERRUPTED)


def _has_learnt(step: Step, constant: Losses) -> bool:
    """Whether a network knows more than the frequencies of the classes.

    On the rows it is trained on, and on those that validate, if any do.
    """
    losses = step.loss - step.penalty, step.validation_loss
    return not any(ours >= STUCK * known for ours, known in zip(losses, constant))


def _descend(
    objective: ObjectiveFunction, theta: Array, training: Training, state: Any
) -> Solution:
    """The solution of one descent, which has shorter steps wherever it ran away."""
    stopping = training.stopping
    solution = training.solver(1)(objective, theta, stopping, training.on_step, state)
    history = solution.history
    for retry in range(1, RETRIES + 1):
        left = stopping.max_iter - len(history["loss"]) + 1
        if solution.stop_reason != "diverged" or solution.best is None or left < 1:
            break
        shorter, theta = training.solver(SHORTER**retry), solution.best.theta
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
