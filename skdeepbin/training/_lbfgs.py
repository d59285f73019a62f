"""SciPy's L-BFGS-B as a solver of the training loop's shape."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize as scipy_minimize

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step
from skdeepbin.training._loop import ALL, NO_SESSION, Recorder
from skdeepbin.training._objective import Evaluation, ObjectiveFunction
from skdeepbin.training._session import Evaluations, RunResult, Session
from skdeepbin.training._stopping import INTERRUPTED, Stopping

# A run can go on from what it was told so far, as long as that is not more bytes.
LOG_BYTES = 2**28


def lbfgs(
    objective: ObjectiveFunction,
    theta: Array,
    stopping: Stopping,
    on_step: Callable[[Step], bool],
    state: Any = None,
    *,
    layers: Sequence[slice] = ALL,
    session: Session = NO_SESSION,
) -> RunResult:
    """Minimise by L-BFGS: a line search, of one evaluation or a few, an iteration.

    What it knows cannot be taken from it. To resume, it is told once more what it was
    told before.

    References
    ----------
    Liu, Nocedal (1989), On the limited memory BFGS method for large scale optimization,
    https://doi.org/10.1007/BF01589116.
    """
    recorder = Recorder(stopping, on_step, layers)
    log = EvaluationLog(objective, session, theta.size)
    steps = Iterations(recorder, log, theta)
    try:
        if recorder.reason is None:
            scipy_minimize(
                steps.value_and_gradient,
                theta,
                jac=True,
                method="L-BFGS-B",
                callback=steps.after_iteration,
                options={
                    "maxiter": stopping.max_iter + 1,
                    "maxfun": 100 * stopping.max_iter,
                    "ftol": 0.0,
                    "gtol": 0.0,
                },
            )
    except KeyboardInterrupt:  # the start has a best step, or nothing was minimised
        recorder.reason = INTERRUPTED
        if session.is_active:
            session.save(log.state, at_once=True)
    if recorder.reason is None:  # its line search found nothing lower
        recorder.reason = "converged"
    end = steps.here.theta
    return recorder.result(end, None, (end, None))


class EvaluationLog:
    """The objective with a log of its evaluations, which begins with those known.

    Parameters
    ----------
    objective : callable
        Evaluated where the log has no more evaluations to come.
    session : Session
        Saves the log.
    size : int
        Number of parameters.
    """

    def __init__(
        self, objective: ObjectiveFunction, session: Session, size: int
    ) -> None:
        self._objective, self._session = objective, session
        resumed = session.running()
        known = resumed.evaluations if isinstance(resumed, Evaluations) else ()
        self._to_come = deque(known)
        self._log: list[Evaluation] = []
        self._most = max(1, LOG_BYTES // (8 * size)) if session.is_active else 0

    @property
    def state(self) -> Evaluations:
        """The evaluations so far, or the first of them if they are many."""
        return Evaluations(tuple(self._log))

    def __call__(self, theta: Array) -> Evaluation:
        if self._to_come:
            evaluation = self._to_come.popleft()
        else:
            evaluation = self._objective(theta)
        if len(self._log) < self._most:
            self._log.append(evaluation)
            if self._session.is_due:
                self._session.save(self.state)
        return evaluation


class Iterations:
    """SciPy's evaluations put together to iterations, each recorded at its end.

    here : the point of the last iteration.
    """

    def __init__(self, recorder: Recorder, log: EvaluationLog, theta: Array) -> None:
        self._recorder, self._log = recorder, log
        self._there = log(theta)
        self._known = {theta.tobytes(): self._there}
        self.here = recorder.measured(theta, self._there)
        recorder.record(self.here, 0.0, theta)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Evaluate a point, if that was not done since the last iteration."""
        key = theta.tobytes()
        if key not in self._known:
            self._known[key] = self._log(theta)
        return self._known[key].value, self._known[key].gradient

    def after_iteration(self, theta: Array) -> None:
        """Record the iteration that has led to a point; StopIteration ends the run."""
        before, moved = self.here.theta, np.linalg.norm(theta - self.here.theta)
        moved /= np.linalg.norm(self._there.gradient)
        self._there = self._known[theta.tobytes()]
        self.here = self._recorder.measured(theta.copy(), self._there)
        self._known.clear()
        self._known[theta.tobytes()] = self._there
        self._recorder.record(self.here, float(moved), before)
        if self._recorder.reason is not None:
            raise StopIteration
