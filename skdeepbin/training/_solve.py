"""Minimise an objective: evaluate, step, record, until there is a reason to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import hypot, inf, sqrt
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import minimize

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Step, columns, measurements
from skdeepbin.training._objective import Evaluation, ObjectiveFunction
from skdeepbin.training._optimizers import OPTIMIZERS, Optimizer, in_mini_batches
from skdeepbin.training._stopping import Progress, Stopping

# ``(objective, theta, stopping, on_step, state) -> Solution``
Solve: TypeAlias = Callable[..., "Solution"]


class Solution(NamedTuple):
    """How a descent ended.

    best : its best step; None if the loss was not finite even at the start.
    theta, state : where to go on from: the last point that was evaluated, and what the
        optimiser knew before.
    next : the same, one step on.
    stop_reason : a key of STOP_REASONS.
    history : its course.
    n_starts : how many starts it took.
    has_learnt : whether the best step knows more than the frequencies of the classes.
    """

    best: Step | None
    theta: Array
    state: Any
    next: tuple[Array, Any]
    stop_reason: str
    history: History
    n_starts: int = 1
    has_learnt: bool = True


def one_step_on(solution: Solution) -> Solution:
    """The solution that stands at its next point, not evaluated yet."""
    theta, state = solution.next
    best = solution.best and solution.best._replace(theta=theta)
    return solution._replace(best=best, theta=theta, state=state)


class Recorder:
    """Keeps what each step measured, and knows when to stop."""

    def __init__(
        self,
        stopping: Stopping,
        on_step: Callable[[Step], None],
        layers: Sequence[slice],
    ) -> None:
        self.stopping, self.on_step, self.layers = stopping, on_step, layers
        self.progress = Progress()
        self.reason: str | None = None
        self._start = perf_counter()
        self._rows: list[tuple[float, ...]] = []

    @property
    def n_steps(self) -> int:
        """Steps so far."""
        return len(self._rows)

    def record(
        self, theta: Array, evaluation: Evaluation, step_size: float, change: Array
    ) -> None:
        """One more step; ``change`` is what the next trial is away."""
        gradient_norms = _norms(evaluation.gradient, self.layers)
        sizes = zip(_norms(change, self.layers), _norms(theta, self.layers))
        step = Step(
            self.n_steps,
            theta,
            evaluation.value,
            evaluation.penalty,
            hypot(*gradient_norms),
            step_size,
            perf_counter() - self._start,
            evaluation.validation_loss,
            evaluation.validation_score,
            gradient_norms,
            tuple(moved / size if size else inf for moved, size in sizes),
        )
        self._rows.append(measurements(step))
        self.on_step(step)
        self.progress = self.stopping.follow(self.progress, step)
        self.reason = self.stopping.reason(self.progress, step)

    def solution(self, theta: Array, state: Any, after: tuple[Array, Any]) -> Solution:
        """What was found."""
        assert self.reason is not None
        history = columns(self._rows)
        return Solution(self.progress.best, theta, state, after, self.reason, history)


def _norms(vector: Array, layers: Sequence[slice]) -> tuple[float, ...]:
    """The Euclidean norm of each layer's part."""
    parts = [vector[where] for where in layers]
    return tuple([sqrt(part.dot(part)) for part in parts])


# The parameters as one layer.
ALL = (slice(None),)


def descend(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], None],
    state: Any = None,
    *,
    optimizer: Optimizer,
    layers: Sequence[slice] = ALL,
) -> Solution:
    """Follow the optimiser from ``theta``: one evaluation an iteration.

    1. Evaluate value and gradient.
    2. Ask the optimiser, which accepts the point or not, where to evaluate next.
    3. Record where the descent stands now.
    4. Stop if there is a reason to.
    """
    state = optimizer.init(theta) if state is None else state
    recorder = Recorder(stopping, on_step, layers)
    here: tuple[Array, Evaluation]
    while True:
        evaluation = objective(theta)
        move = optimizer.step(theta, evaluation.value, evaluation.gradient, state)
        if move.accepted or not recorder.n_steps:
            here = theta, evaluation
        recorder.record(*here, move.step_size, move.theta - here[0])
        if recorder.reason is not None:
            return recorder.solution(theta, state, (move.theta, move.state))
        theta, state = move.theta, move.state


def lbfgs(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], None],
    state: None = None,
    *,
    layers: Sequence[slice] = ALL,
) -> Solution:
    """SciPy's L-BFGS-B: a line search, of one evaluation or a few, an iteration.

    References
    ----------
    Liu, Nocedal (1989), On the limited memory BFGS method for large scale optimization,
    https://doi.org/10.1007/BF01589116.
    """
    recorder = Recorder(stopping, on_step, layers)
    evaluations: dict[bytes, Evaluation] = {}
    here, there = theta, objective(theta)
    evaluations[theta.tobytes()] = there

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        key = theta.tobytes()
        if key not in evaluations:
            evaluations[key] = objective(theta)
        return evaluations[key].value, evaluations[key].gradient

    def after_iteration(theta: Array) -> None:
        nonlocal here, there
        change = theta - here
        moved = np.linalg.norm(change) / np.linalg.norm(there.gradient)
        here, there = theta.copy(), evaluations[theta.tobytes()]
        evaluations.clear()
        evaluations[here.tobytes()] = there
        recorder.record(here, there, float(moved), change)
        if recorder.reason is not None:
            raise StopIteration

    recorder.record(here, there, 0.0, np.zeros_like(here))
    if recorder.reason is None:
        minimize(
            value_and_gradient,
            theta,
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": stopping.max_iter + 1,
                "maxfun": 100 * stopping.max_iter,
                "ftol": 0.0,
                "gtol": 0.0,
            },
        )
    if recorder.reason is None:  # its line search found nothing lower
        recorder.reason = "converged"
    return recorder.solution(here, None, (here, None))


SOLVERS = (*OPTIMIZERS, "lbfgs")


# Those that can step on mini-batches.
IN_BATCHES = [name for name, way in OPTIMIZERS.items() if way.auto_in_batches]


def solver(
    name: str,
    learning_rate: float | None,
    momentum: float,
    dropout: bool,
    layers: Sequence[slice],
    factor: float = 1,
    batches: Callable[[int], Iterable[ObjectiveFunction]] | None = None,
) -> Solve:
    """The solver of that name.

    learning_rate : None is the one that suits the solver.
    dropout : whether there is any: the loss is then another function at every point.
    layers : where the parameters of each layer lie.
    factor : on the learning rate, for shorter steps.
    batches : number of the epoch -> the objective of each mini-batch; None for all rows
        at once.
    """
    if name == "lbfgs":
        return partial(lbfgs, layers=layers)
    descent = OPTIMIZERS[name]
    rate = learning_rate
    if rate is None:
        rate = descent.auto if batches is None else descent.auto_in_batches
        if dropout and rate is None:  # no line search
            rate = descent.auto_in_batches
    rate = None if rate is None else factor * rate
    optimizer = descent.make(rate, momentum)
    if batches is not None:
        optimizer = in_mini_batches(optimizer, batches)
    return partial(descend, optimizer=optimizer, layers=layers)
