"""Minimise an objective: evaluate, step, record, until there is a reason to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import hypot, inf, sqrt
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import minimize

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Step, columns, measurements, rows
from skdeepbin.training._objective import Evaluation, ObjectiveFunction
from skdeepbin.training._optimizers import OPTIMIZERS, Optimizer, in_mini_batches
from skdeepbin.training._resume_state import Course, Measured, OnCourse, Replay
from skdeepbin.training._stopping import (
    AT_REST,
    CALLBACK,
    INTERRUPTED,
    Progress,
    Stopping,
)

# ``(objective, theta, stopping, on_step, state) -> Solution``
Solve: TypeAlias = Callable[..., "Solution"]


class Solution(NamedTuple):
    """How a descent ended.

    best : its best step; None if the loss was not finite even at the start.
    theta, state : where to go on from: the last point that was evaluated, and what the
        optimiser knew before; the best one, and None, where it has come to rest.
    next : the same, one step on.
    stop_reason : a key of STOP_REASONS.
    history : its course.
    n_starts : how many starts it took.
    has_learnt : whether the best step knows more than the frequencies of the classes.
    stage : number of the penalty that it ended with.
    best_stage : number of the penalty of the best step.
    alpha : that penalty, as a multiple of the problem's.
    """

    best: Step | None
    theta: Array
    state: Any
    next: tuple[Array, Any]
    stop_reason: str
    history: History
    n_starts: int = 1
    has_learnt: bool = True
    stage: int = 0
    best_stage: int = 0
    alpha: float = 1.0


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
        on_step: Callable[[Step], bool],
        layers: Sequence[slice],
    ) -> None:
        self.stopping, self.on_step, self.layers = stopping, on_step, layers
        self.progress = Progress()
        self.reason: str | None = None
        self._start = perf_counter()
        self._rows: list[tuple] = []

    def go_on(self, progress: Progress, history: History) -> None:
        """Stand where an earlier descent stood."""
        self.progress, self._rows = progress, rows(history)
        self._start -= float(history["seconds"][-1])

    def go_back(self, progress: Progress, n_steps: int) -> None:
        """Stand where it stood after so many steps."""
        self.progress = progress
        del self._rows[n_steps:]

    def history(self, n_steps: int) -> History:
        """What was measured at the first so many steps."""
        return columns(self._rows[:n_steps])

    @property
    def n_steps(self) -> int:
        """Steps so far."""
        return len(self._rows)

    def measured(self, theta: Array, evaluation: Evaluation) -> Measured:
        """What is known of a point."""
        return Measured(
            theta,
            evaluation.value,
            evaluation.penalty,
            evaluation.validation_loss,
            evaluation.validation_score,
            _norms(evaluation.gradient, self.layers),
            _norms(theta, self.layers),
        )

    def record(self, here: Measured, step_size: float, to: Array) -> None:
        """One more step, from which the next trial leads ``to`` another point."""
        sizes = zip(_distances(here.theta, to, self.layers), here.norms)
        step = Step(
            self.n_steps,
            here.theta,
            here.value,
            here.penalty,
            hypot(*here.gradient_norms),
            step_size,
            perf_counter() - self._start,
            here.validation_loss,
            here.validation_score,
            here.gradient_norms,
            tuple(moved / size if size else inf for moved, size in sizes),
        )
        self._rows.append(measurements(step))
        ends = self.on_step(step)
        self.progress = self.stopping.follow(self.progress, step)
        self.reason = self.stopping.reason(self.progress, step)
        if ends and self.reason is None:
            self.reason = CALLBACK

    def solution(self, theta: Array, state: Any, after: tuple[Array, Any]) -> Solution:
        """What was found."""
        assert self.reason is not None
        best, history = self.progress.best, self.history(self.n_steps)
        if self.reason in AT_REST and best is not None:
            theta, state, after = best.theta, None, (best.theta, None)
        return Solution(best, theta, state, after, self.reason, history)


def _norms(vector: Array, layers: Sequence[slice]) -> tuple[float, ...]:
    """The Euclidean norm of each layer's part."""
    parts = [vector[where] for where in layers]
    return tuple([sqrt(part.dot(part)) for part in parts])


PART = 2**16  # entries looked at at a time


def _distances(one: Array, other: Array, layers: Sequence[slice]) -> tuple[float, ...]:
    """The Euclidean distance of each layer's parts."""
    if len(one) <= PART:
        return _norms(other - one, layers)
    distances = []
    for where in layers:
        a, b = one[where], other[where]
        squares = 0.0
        for start in range(0, len(a), PART):
            change = b[start : start + PART] - a[start : start + PART]
            squares += float(change.dot(change))
        distances.append(sqrt(squares))
    return tuple(distances)


# The parameters as one layer.
ALL = (slice(None),)


def _nowhere(course: Callable[[], Course | Replay], at_once: bool = False) -> None:
    """Keep no course."""


def descend(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], bool],
    state: Any = None,
    *,
    optimizer: Optimizer,
    layers: Sequence[slice] = ALL,
    course: Course | None = None,
    on_course: OnCourse = _nowhere,
) -> Solution:
    """Follow the optimiser from ``theta``: one evaluation an iteration.

    1. Evaluate value and gradient.
    2. Ask the optimiser, which accepts the point or not, where to evaluate next.
    3. Record where the descent stands now.
    4. Stop if there is a reason to.

    At Ctrl-C it ends after the last step that was recorded; before the first one the
    KeyboardInterrupt goes on.
    """
    recorder = Recorder(stopping, on_step, layers)
    if course is None:
        after = theta, optimizer.init(theta) if state is None else state
    else:
        recorder.go_on(course.progress, course.history)
        after, here = course.next, course.here
        theta, state = course.theta, course.state
    n_steps, progress = recorder.n_steps, recorder.progress
    try:
        while recorder.reason is None:
            trial, knowing = after
            evaluation = objective(trial)
            there = recorder.measured(trial, evaluation)
            move = optimizer.step(trial, evaluation.value, evaluation.gradient, knowing)
            del evaluation  # its gradient is as large as the point
            if move.accepted or not recorder.n_steps:
                here = there
            recorder.record(here, move.step_size, move.theta)
            theta, state, after = trial, knowing, (move.theta, move.state)
            n_steps, progress = recorder.n_steps, recorder.progress
            if recorder.reason is None:
                now = Course(theta, state, after, here, progress, {})
                on_course(partial(_with_history, now, recorder, n_steps), False)
    except KeyboardInterrupt:
        if progress.best is None:
            raise
        recorder.go_back(progress, n_steps)
        recorder.reason = INTERRUPTED
        now = Course(theta, state, after, here, progress, {})
        on_course(partial(_with_history, now, recorder, n_steps), True)
    return recorder.solution(theta, state, after)


def _with_history(course: Course, recorder: Recorder, n_steps: int) -> Course:
    return course._replace(history=recorder.history(n_steps))


# L-BFGS can go on from what it was told so far, as long as that is not more bytes.
LOG_BYTES = 2**28


def lbfgs(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], bool],
    state: None = None,
    *,
    layers: Sequence[slice] = ALL,
    course: Replay | None = None,
    on_course: OnCourse | None = None,
) -> Solution:
    """SciPy's L-BFGS-B: a line search, of one evaluation or a few, an iteration.

    What it knows cannot be taken from it. To go on, it is told once more what it was
    told before.

    References
    ----------
    Liu, Nocedal (1989), On the limited memory BFGS method for large scale optimization,
    https://doi.org/10.1007/BF01589116.
    """
    recorder = Recorder(stopping, on_step, layers)
    to_come = deque(() if course is None else course.evaluations)
    log: list[Evaluation] = []
    n_logged = 0 if on_course is None else max(1, LOG_BYTES // (8 * theta.size))

    def evaluated(theta: Array) -> Evaluation:
        evaluation = to_come.popleft() if to_come else objective(theta)
        if len(log) < n_logged:
            log.append(evaluation)
            offer(at_once=False)
        return evaluation

    def offer(at_once: bool) -> None:
        if on_course is not None:
            known = tuple(log)
            on_course(lambda: Replay(known), at_once)

    evaluations: dict[bytes, Evaluation] = {}
    there = evaluated(theta)
    here = recorder.measured(theta, there)
    evaluations[theta.tobytes()] = there

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        key = theta.tobytes()
        if key not in evaluations:
            evaluations[key] = evaluated(theta)
        return evaluations[key].value, evaluations[key].gradient

    def after_iteration(theta: Array) -> None:
        nonlocal here, there
        before, moved = here.theta, np.linalg.norm(theta - here.theta)
        moved /= np.linalg.norm(there.gradient)
        there = evaluations[theta.tobytes()]
        here = recorder.measured(theta.copy(), there)
        evaluations.clear()
        evaluations[theta.tobytes()] = there
        recorder.record(here, float(moved), before)
        if recorder.reason is not None:
            raise StopIteration

    recorder.record(here, 0.0, theta)
    try:
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
    except KeyboardInterrupt:  # the start has a best step, or nothing was minimised
        recorder.reason = INTERRUPTED
        offer(at_once=True)
    if recorder.reason is None:  # its line search found nothing lower
        recorder.reason = "converged"
    return recorder.solution(here.theta, None, (here.theta, None))


SOLVERS = (*OPTIMIZERS, "lbfgs")


# Those that can step on mini-batches.
IN_BATCHES = [name for name, way in OPTIMIZERS.items() if way.auto_in_batches]


def solver(
    name: str,
    learning_rate: float | None,
    momentum: float,
    dropout: bool,
    layers: Sequence[slice],
    factor: float,
    batches: Callable[[int], Iterable[ObjectiveFunction]] | None = None,
    scales: float | Array = 1.0,
) -> Solve:
    """The solver of that name.

    learning_rate : None is the one that suits the solver.
    dropout : whether there is any: the loss is then another function at every point.
    layers : where the parameters of each layer lie.
    factor : on the learning rate, for shorter steps.
    batches : number of the epoch -> the objective of each mini-batch; None for all rows
        at once.
    scales : factors on the rate that is found by itself, one or for each parameter;
        they count where a step is a change of a parameter and not a multiple of the
        gradient.
    """
    if name == "lbfgs":
        return partial(lbfgs, layers=layers)
    descent = OPTIMIZERS[name]
    rate: Any = learning_rate
    if rate is None:
        rate = descent.auto if batches is None else descent.auto_in_batches
        if dropout and rate is None:  # no line search
            rate = descent.auto_in_batches
    rate = None if rate is None else factor * rate
    if learning_rate is None and descent.moves_by_rate:
        rate = rate * scales
    optimizer = descent.make(rate, momentum)
    if batches is not None:
        optimizer = in_mini_batches(optimizer, batches)
    return partial(descend, optimizer=optimizer, layers=layers)
