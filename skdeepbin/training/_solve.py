"""Minimise an objective: evaluate, step, record, until there is a reason to stop."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from time import perf_counter
from typing import NamedTuple, TypeAlias

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Step, columns, measurements
from skdeepbin.training._optimizers import Optimizer
from skdeepbin.training._stopping import Progress, Stopping

ObjectiveFunction: TypeAlias = Callable[[Array], tuple[float, Array]]


class Solution(NamedTuple):
    """The best point of a descent, its loss, why the descent ended, and its course."""

    theta: Array
    loss: float
    stop_reason: str
    history: History


def descend(
    objective: ObjectiveFunction,
    theta: Array,
    optimizer: Optimizer,
    stopping: Stopping,
    on_step: Callable[[Step], None],
) -> Solution:
    """Follow the optimiser from ``theta``: one evaluation an iteration.

    1. Evaluate value and gradient.
    2. Ask the optimiser, which accepts the point or not, where to evaluate next.
    3. Record where the descent stands now.
    4. Stop if there is a reason to.
    """
    start = perf_counter()
    state = optimizer.init(theta)
    progress = Progress(theta)
    rows: list[tuple[float, ...]] = []
    iteration, reason = 0, None
    while reason is None:
        value, gradient = objective(theta)
        move = optimizer.step(theta, value, gradient, state)
        if move.accepted:
            here = theta, value, sqrt(float(gradient @ gradient))
        step = Step(iteration, *here, move.step_size, perf_counter() - start)
        iteration += 1
        rows.append(measurements(step))
        on_step(step)
        progress = stopping.follow(progress, step)
        reason = stopping.reason(progress, step)
        theta, state = move.theta, move.state
    return Solution(progress.theta, progress.loss, reason, columns(rows))
