"""What the descents of a fit have come to, so that another fit goes on from there.

Everything in a fit but its descents is quick, and the same each time: a fit that is
begun again asks for the same descents in the same order. So those that ended are not
made again but remembered, and the one that was in work goes on where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import History, Step
from skdeepbin.training._objective import Evaluation, ObjectiveFunction
from skdeepbin.training._stopping import Progress, Stopping


class Measured(NamedTuple):
    """What is known of a point: an evaluation, with norms instead of the gradient.

    gradient_norms, norms : of each layer, that of the gradient and of the parameters.
    """

    theta: Array
    value: float
    penalty: float
    validation_loss: float
    validation_score: float
    gradient_norms: tuple[float, ...]
    norms: tuple[float, ...]


class Course(NamedTuple):
    """A descent after a step, from where it can go on.

    theta, state : the point that was evaluated last, and what the optimiser knew
        before.
    next : the same, one step on.
    here : where the descent stands.
    progress, history : as far as that.
    """

    theta: Array
    state: Any
    next: tuple[Array, Any]
    here: Measured
    progress: Progress
    history: History


class Replay(NamedTuple):
    """A descent whose state is not known, by what it was told so far."""

    evaluations: tuple[Evaluation, ...]


class Past(NamedTuple):
    """The descents that ended, in their order, and the one that was in work."""

    solutions: tuple[Any, ...] = ()
    course: Course | Replay | None = None


# Is told of every step, by a function that gives the course; whether it must be kept.
OnCourse = Callable[[Callable[[], Course | Replay], bool], None]


class Journal:
    """Remembers the descents of a fit.

    Parameters
    ----------
    past : Past
        What an earlier fit of the same came to.
    keep : callable
        ``keep(past, at_once)`` is called at every step, with a function that gives the
        Past up to there.
    """

    def __init__(
        self, past: Past, keep: Callable[[Callable[[], Past], bool], None]
    ) -> None:
        self._keep = keep
        self._ended = list(past.solutions)
        self._to_come = deque(past.solutions)
        self._course = past.course

    def watched(self, solve: Callable[..., Any]) -> Callable[..., Any]:
        """The solver, which answers from memory where it can."""

        def remembered(
            objective: ObjectiveFunction,
            theta: Array,
            stopping: Stopping,
            on_step: Callable[[Step], bool],
            state: Any = None,
        ) -> Any:
            if self._to_come:
                return self._to_come.popleft()
            course, self._course = self._course, None
            solution = solve(
                objective,
                theta,
                stopping,
                on_step,
                state,
                course=course,
                on_course=self._on_course,
            )
            self._ended.append(solution)
            return solution

        return remembered

    def _on_course(
        self, course: Callable[[], Course | Replay], at_once: bool = False
    ) -> None:
        ended = tuple(self._ended)
        self._keep(lambda: Past(ended, course()), at_once)
