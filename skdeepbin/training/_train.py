"""Train a network, and do not give up at the first failure.

A descent that runs away goes on from its best point with steps a tenth as long, at most
``RETRIES`` times. A network that ends where it knows no more than how frequent the
classes are, and has come to rest there, is started once more, from other weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step, joined
from skdeepbin.training._solve import ObjectiveFunction, Solution, Solve
from skdeepbin.training._stopping import Stopping

RETRIES = 3
SHORTER = 0.1
# With a loss this close to the entropy of the classes a network has learnt nothing.
STUCK = 0.999


class Training(NamedTuple):
    """How to train, the same for all networks of a committee.

    solver : the factor on its steps -> the solver.
    stopping : when to end.
    entropy : the loss of one who knows only the frequencies of the classes.
    on_step : is told of every step.
    """

    solver: Callable[[float], Solve]
    stopping: Stopping
    entropy: float
    on_step: Callable[[Step], None]


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
    solution = _descend(objective, start(), training, state)
    at_rest = solution.stop_reason != "max_iter" and state is None
    if at_rest and has_learnt_nothing(solution, training.entropy):
        second = _descend(objective, start(), training, None)
        if not has_learnt_nothing(second, training.entropy):
            return second
    return solution


def has_learnt_nothing(solution: Solution, entropy: float) -> bool:
    """Whether all that a network has found are the frequencies of the classes."""
    if solution.stop_reason == "diverged":
        return False
    losses = solution.history["loss"] - solution.history["penalty"]
    return bool(losses.min() >= STUCK * entropy)


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
        solution = training.solver(SHORTER**retry)(
            objective,
            solution.best.theta,
            stopping.at_most(left),
            training.on_step,
        )
        history = joined(history, solution.history)
    return solution._replace(history=history)
