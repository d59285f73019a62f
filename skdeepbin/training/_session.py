"""The progress of a fit as data, and the session that keeps it.

Everything in a fit but its runs of a solver is quick, and the same each time. So a fit
that is resumed asks for the same runs in the same order: those that ended are replayed
from their results, and the one that was interrupted goes on from its state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Step
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import Epoch
from skdeepbin.training._stopping import Progress


class Point(NamedTuple):
    """A point of a run and what was measured there.

    gradient_norms, norms : of each layer, that of the gradient and of the parameters.
    """

    theta: Array
    value: float
    penalty: float
    validation_loss: float
    validation_score: float
    gradient_norms: tuple[float, ...]
    norms: tuple[float, ...]


class RunState(NamedTuple):
    """A run after a step, from where it can go on.

    theta, state : the point that was evaluated last, and what the optimiser knew
        before.
    next : the same, one step on.
    here : where the run stands.
    progress, history : as far as that.
    """

    theta: Array
    state: Any
    next: tuple[Array, Any]
    here: Point
    progress: Progress
    history: History


class Evaluations(NamedTuple):
    """The state of a run that can only be retold: what its solver was told so far."""

    evaluations: tuple[Evaluation, ...]


class RunResult(NamedTuple):
    """The end of a run of a solver, or of several in a row.

    best : its best step; None if the loss was not finite even at the start.
    theta, state : where to go on from: the last point that was evaluated, and what the
        optimiser knew before; the best one, and None, where it has come to rest.
    next : the same, one step on.
    stop_reason : a key of STOP_REASONS.
    history : of its steps.
    n_starts : how many starts it took.
    has_learnt : whether the best step is below the loss of the class frequencies.
    stage : number of the penalty that it ended with.
    best_stage : number of the penalty of the best step.
    alpha : that penalty, as a multiple of the ensemble's.
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


class FitState(NamedTuple):
    """A fit as far as it has come: the runs that ended, and the one that is running."""

    ended: tuple[RunResult, ...] = ()
    running: RunState | Evaluations | None = None


class Session:
    """Keeper of the progress of a fit. This one keeps nothing.

    `training/` asks it before and after each run and where `is_due` is true.
    """

    @property
    def is_active(self) -> bool:
        """True if anything is kept."""
        return False

    @property
    def is_due(self) -> bool:
        """True if the next state should be saved."""
        return False

    def next_result(self) -> RunResult | None:
        """Return the result of the next run that ended before the fit was resumed.

        None where the next run is to be made, from the state that `running` gives.
        """
        return None

    def running(self) -> RunState | Evaluations | None:
        """Return the state of the run that was interrupted, once; else None."""
        return None

    def save(self, state: RunState | Evaluations, at_once: bool = False) -> None:
        """Save a state of the run; `at_once` waits until it is written."""

    def end(self, result: RunResult) -> None:
        """Note that a run has ended."""

    def finish(self) -> None:
        """Note that the fit has ended."""


def one_step_on(result: RunResult) -> RunResult:
    """Return the result as it stands at its next point, which is not evaluated yet."""
    theta, state = result.next
    if isinstance(state, Epoch):
        state = state._replace(met=None)
    best = result.best and result.best._replace(theta=theta)
    return result._replace(best=best, theta=theta, state=state)
