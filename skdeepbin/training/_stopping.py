"""When a descent ends, why, and which of its points was the best."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import NamedTuple

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step

STOP_REASONS = {
    "converged": "the loss fell by less than `tol` over `n_iter_no_change` iterations",
    "max_iter": "`max_iter` iterations were made and the loss was still falling",
    "diverged": "the loss was no longer finite; the best weights before that are kept",
}


class Progress(NamedTuple):
    """The best point so far, and how long the loss has not fallen by ``tol``.

    reference : the loss that the next must undercut by more than ``tol``.
    waited : iterations since it was set.
    """

    theta: Array
    loss: float = inf
    reference: float = inf
    waited: int = 0


@dataclass(frozen=True)
class Stopping:
    """The rules of the parameters ``max_iter``, ``tol`` and ``n_iter_no_change``."""

    max_iter: int
    tol: float
    n_iter_no_change: int

    def follow(self, progress: Progress, step: Step) -> Progress:
        """The progress after one more step."""
        theta, loss, reference, waited = progress
        if step.loss < loss:
            theta, loss = step.theta, step.loss
        if step.loss < reference - self.tol:
            return Progress(theta, loss, step.loss, 0)
        return Progress(theta, loss, reference, waited + 1)

    def reason(self, progress: Progress, step: Step) -> str | None:
        """Why to end after this step, a key of STOP_REASONS, or None to go on."""
        if not isfinite(step.loss):
            return "diverged"
        if progress.waited >= self.n_iter_no_change:
            return "converged"
        if step.iteration >= self.max_iter:
            return "max_iter"
        return None
