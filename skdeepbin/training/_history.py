"""The measurements of each iteration."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skdeepbin.network._parameters import Array


class Step(NamedTuple):
    """The state of a descent after one evaluation of value and gradient.

    iteration : evaluations since the start; 0 is the starting point itself.
    theta : where the descent stands; a rejected trial leaves it where it was.
    loss : penalised mean loss at ``theta``.
    penalty : the part of it that is the penalty.
    gradient_norm : Euclidean norm of the gradient there.
    step_size : multiple of the gradient that the next trial is away from it.
    seconds : time since the start.
    validation_loss : mean loss of the held-out rows there; nan if none are.
    validation_score : what the user's scorer says of them; nan without one.
    gradient_norms : norm of the gradient of each layer.
    update_ratios : for each layer, norm of the change that the next trial is away, by
        that of its parameters.
    """

    iteration: int
    theta: Array
    loss: float
    penalty: float
    gradient_norm: float
    step_size: float
    seconds: float
    validation_loss: float = nan
    validation_score: float = nan
    gradient_norms: tuple[float, ...] = ()
    update_ratios: tuple[float, ...] = ()


History: TypeAlias = dict[str, NDArray[np.float64]]
COLUMNS = (
    "loss",
    "penalty",
    "validation_loss",
    "validation_score",
    "gradient_norm",
    "step_size",
    "seconds",
)
# These have one number for each layer, on the last axis.
BY_LAYER = ("gradient_norms", "update_ratios")

# The numbers of one step, in the order of the columns.
Row: TypeAlias = tuple[Any, ...]


def columns(rows: list[Row]) -> History:
    """The rows of ``measurements`` as one array a column."""
    return {
        name: np.array(values, dtype=np.float64)
        for name, values in zip((*COLUMNS, *BY_LAYER), zip(*rows))
    }


def rows(history: History) -> list[Row]:
    """The rows that ``columns`` made the history from."""
    single = [history[name].tolist() for name in COLUMNS]
    by_layer = [list(map(tuple, history[name].tolist())) for name in BY_LAYER]
    return list(zip(*single, *by_layer))


# What is kept of a step for every iteration.
measurements: Callable[[Step], Row] = attrgetter(*COLUMNS, *BY_LAYER)


def joined(first: History, second: History, common: int = 1) -> History:
    """The history of a training and of the one that went on from where it ended.

    common : points at the end of the first that the second starts with.
    """
    second = second | {"seconds": second["seconds"] + first["seconds"][..., -1:]}
    history = {c: np.hstack([first[c], second[c][..., common:]]) for c in COLUMNS}
    for c in BY_LAYER:
        parts = first[c], second[c][..., common:, :]
        history[c] = np.concatenate(parts, axis=-2)
    return history


def together(histories: list[History]) -> History:
    """One history of several networks, with nan where one ended before the last.

    Its columns have an axis in front, for the network, unless there is only one.
    """
    if len(histories) == 1:
        return histories[0]
    length = max(len(history["loss"]) for history in histories)
    whole = {
        c: np.full((len(histories), length, *values.shape[1:]), np.nan)
        for c, values in histories[0].items()
    }
    for number, history in enumerate(histories):
        for column, values in history.items():
            whole[column][number, : len(values)] = values
    return whole


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the networks that have a number at an iteration; nan where none has."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
