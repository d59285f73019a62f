"""When a descent ends, why, and which of its points was the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan
from typing import NamedTuple, TypeAlias

import numpy as np

from skdeepbin.training._history import History, Step

INTERRUPTED = "interrupted"
CALLBACK = "callback"
# The worst first: that of an ensemble is the worst of its networks.
STOP_REASONS = {
    INTERRUPTED: "they were interrupted; the best weights are kept",
    "diverged": "the loss ran away upwards; the best weights before that are kept",
    "max_iter": "`max_iter` iterations were made",
    CALLBACK: "a callback asked for it; the best weights are kept",
    "early_stopping": (
        "validation got better by less than `tol` over `n_iter_no_change` iterations; "
        "the best weights are kept"
    ),
    "converged": "the loss fell by less than `tol` over `n_iter_no_change` iterations",
}


# A loss so many times that at the start, or 1 if that is more, does not come back.
EXPLODED = 100


# Why a descent ends that has nothing more to gain.
AT_REST = ("converged", "early_stopping")


Monitor: TypeAlias = Callable[[Step], float]


def training_loss(step: Step) -> float:
    """Return the penalised training loss."""
    return step.loss


def validation_loss(step: Step) -> float:
    """Return the validation loss."""
    return step.validation_loss


def validation_error(step: Step) -> float:
    """Return the negative validation score: less is better."""
    return -step.validation_score


class Progress(NamedTuple):
    """The best step so far, and how long what is monitored has not fallen by ``tol``.

    first : the loss at the start.
    best : the step with the least of what is monitored.
    reference : what the next must undercut by more than ``tol``.
    waited : iterations since it was set.
    """

    first: float | None = None
    best: Step | None = None
    reference: float = inf
    waited: int = 0


@dataclass(frozen=True)
class Stopping:
    """The rules of the parameters ``max_iter``, ``tol`` and ``n_iter_no_change``.

    monitor : what should fall, the loss or something that validates.
    """

    max_iter: int
    tol: float
    n_iter_no_change: int
    monitor: Monitor = training_loss

    def at_most(self, max_iter: int) -> Stopping:
        """Return the rules for fewer iterations."""
        return replace(self, max_iter=max_iter)

    def follow(self, progress: Progress, step: Step, holds: bool = True) -> Progress:
        """The progress after one more step.

        holds : whether its loss can be believed; what validates it can.
        """
        first, best, reference, waited = progress
        first = step.loss if first is None else first
        value = self.monitor(step)
        if isnan(value):  # a score that cannot be computed
            value = inf
        holds = holds or self.monitor is not training_loss
        if isfinite(step.loss) and (
            best is None or (holds and self.rank(step) < self.rank(best))
        ):
            best = step
        if value < reference - self.tol:
            return Progress(first, best, value, 0)
        return Progress(first, best, reference, waited + 1)

    def gains(self, step: Step, best: Step) -> bool:
        """Tell if a step is better than the best one by more than `tol`."""
        return self.rank(step)[0] < self.rank(best)[0] - self.tol

    def rank(self, step: Step) -> tuple[float, float]:
        """Return the monitored metric and the loss, which decides between equals."""
        value = self.monitor(step)
        return inf if isnan(value) else value, step.loss

    def reason(self, progress: Progress, step: Step) -> str | None:
        """Why to end after this step, a key of STOP_REASONS, or None to go on."""
        limit = EXPLODED * max(1.0, progress.first or 0.0)
        if isnan(step.gradient_norm) or not isfinite(step.loss) or step.loss > limit:
            return "diverged"
        if progress.waited >= self.n_iter_no_change:
            return "converged" if self.monitor is training_loss else "early_stopping"
        if step.iteration >= self.max_iter:
            return "max_iter"
        return None


# Over the last tenth of the iterations, by more than this share of what is left.
STILL_FALLING = 0.01


def is_still_falling(history: History, monitor: str) -> bool:
    """Tell if more iterations would have helped, by the monitored metric."""
    values = history[monitor]
    if np.isnan(values).any():
        values = history["loss"]
    tenth = max(1, len(values) // 10)
    before, after = np.nanmin(values[:-tenth]), np.nanmin(values[-tenth:])
    return bool(after < (1 - STILL_FALLING) * before)
