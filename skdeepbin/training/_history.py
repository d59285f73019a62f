"""What happened at each iteration."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skdeepbin.network._parameters import Array


class Step(NamedTuple):
    """The state of a descent after one evaluation of value and gradient.

    iteration : evaluations since the start; 0 is the starting point itself.
    theta : where the descent stands; a rejected trial leaves it where it was.
    loss : penalised mean loss at ``theta``.
    gradient_norm : Euclidean norm of the gradient there.
    step_size : multiple of the gradient that the next trial is away from it.
    seconds : time since the start.
    """

    iteration: int
    theta: Array
    loss: float
    gradient_norm: float
    step_size: float
    seconds: float


History: TypeAlias = dict[str, NDArray[np.float64]]
COLUMNS = ("loss", "gradient_norm", "step_size", "seconds")


def columns(rows: list[tuple[float, ...]]) -> History:
    """The rows of ``measurements`` as one array a column."""
    return dict(zip(COLUMNS, np.array(rows, dtype=np.float64).T.copy()))


# The numbers of a step that are kept for every iteration.
measurements: Callable[[Step], tuple[float, ...]] = attrgetter(*COLUMNS)


def joined(first: History, second: History) -> History:
    """The history of a fit and of the one that went on from where it ended."""
    return {c: np.concatenate([first[c], second[c][1:]]) for c in COLUMNS}
