"""The training loop: evaluate, step, record, until there is a reason to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot, inf, sqrt
from time import perf_counter
from typing import Any

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Row, Step, columns, measurements, rows
from skdeepbin.training._objective import Evaluation, ObjectiveFunction
from skdeepbin.training._optimizers import Epoch, Optimizer
from skdeepbin.training._session import Point, RunResult, RunState, Session
from skdeepbin.training._stopping import (
    AT_REST,
    CALLBACK,
    INTERRUPTED,
    Progress,
    Stopping,
)

ALL = (slice(None),)  # the parameters as one layer
NO_SESSION = Session()


def minimize(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], bool],
    state: Any = None,
    *,
    optimizer: Optimizer,
    layers: Sequence[slice] = ALL,
    session: Session = NO_SESSION,
) -> RunResult:
    """Follow the optimiser from ``theta``: one evaluation an iteration.

    1. Evaluate value and gradient, unless the epoch that led here has met them.
    2. Ask the optimiser, which accepts the point or not, where to evaluate next.
    3. Record where the run stands now.
    4. Stop if there is a reason to.

    At Ctrl-C it ends after the last step that was recorded; before the first one the
    KeyboardInterrupt goes on.
    """
    recorder = Recorder(stopping, on_step, layers)
    resumed = session.running()
    if isinstance(resumed, RunState):
        recorder.resume(resumed.progress, resumed.history)
        after, here = resumed.next, resumed.here
        theta, state = resumed.theta, resumed.state
    else:
        after = theta, optimizer.init(theta) if state is None else state
    n_steps, progress = recorder.n_steps, recorder.progress
    try:
        while recorder.reason is None:
            trial, knowing = after
            met = knowing.met if isinstance(knowing, Epoch) else None
            evaluation = objective(trial) if met is None else met
            there = recorder.measured(trial, evaluation)
            move = optimizer.step(trial, evaluation.value, evaluation.gradient, knowing)
            del evaluation, met  # their gradient is as large as the point
            if move.accepted or not recorder.n_steps:
                here = there
            recorder.record(here, move.step_size, move.theta, move.holds)
            theta, state, after = trial, knowing, (move.theta, move.state)
            n_steps, progress = recorder.n_steps, recorder.progress
            if session.is_due and recorder.reason is None:
                history = recorder.history(n_steps)
                session.save(RunState(theta, state, after, here, progress, history))
    except KeyboardInterrupt:
        if progress.best is None:
            raise
        recorder.go_back(progress, n_steps)
        recorder.reason = INTERRUPTED
        if session.is_active:
            history = recorder.history(n_steps)
            session.save(RunState(theta, state, after, here, progress, history), True)
    return recorder.result(theta, state, after)


class Recorder:
    """Record of the steps of a run, which tells when to stop."""

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
        self._rows: list[Row] = []

    def resume(self, progress: Progress, history: History) -> None:
        """Go on from the record of an earlier run."""
        self.progress, self._rows = progress, rows(history)
        self._start -= float(history["seconds"][-1])

    def go_back(self, progress: Progress, n_steps: int) -> None:
        """Go back to the record after so many steps."""
        self.progress = progress
        del self._rows[n_steps:]

    def history(self, n_steps: int) -> History:
        """Return the measurements of the first so many steps."""
        return columns(self._rows[:n_steps])

    @property
    def n_steps(self) -> int:
        """Number of steps so far."""
        return len(self._rows)

    def measured(self, theta: Array, evaluation: Evaluation) -> Point:
        """Return the point with the norms of its parameters and gradient."""
        return Point(
            theta,
            evaluation.value,
            evaluation.penalty,
            evaluation.validation_loss,
            evaluation.validation_score,
            _norms(evaluation.gradient, self.layers),
            _norms(theta, self.layers),
        )

    def record(
        self, here: Point, step_size: float, to: Array, holds: bool = True
    ) -> None:
        """Record one more step, from which the next trial leads ``to`` a point.

        holds : whether its loss can be believed.
        """
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
        self.progress = self.stopping.follow(self.progress, step, holds)
        self.reason = self.stopping.reason(self.progress, step)
        if ends and self.reason is None:
            self.reason = CALLBACK

    def result(self, theta: Array, state: Any, after: tuple[Array, Any]) -> RunResult:
        """Return the result of the run, which has ended."""
        assert self.reason is not None
        best, history = self.progress.best, self.history(self.n_steps)
        if self.reason in AT_REST and best is not None:
            theta, state, after = best.theta, None, (best.theta, None)
        return RunResult(best, theta, state, after, self.reason, history)


def _norms(vector: Array, layers: Sequence[slice]) -> tuple[float, ...]:
    """Return the Euclidean norm of each layer's part."""
    parts = [vector[where] for where in layers]
    return tuple([sqrt(part.dot(part)) for part in parts])


PART = 2**16  # entries looked at at a time


def _distances(one: Array, other: Array, layers: Sequence[slice]) -> tuple[float, ...]:
    """Return the Euclidean distance of each layer's parts."""
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
