"""Causes in the number of iterations."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._criteria import (
    FAR,
    better_on_held_out,
    failing,
    losses,
    setting,
    severity,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TrialRunner, effect_of
from skdeepbin.training._stopping import STILL_FALLING


def fall_at_the_end(e: Evidence) -> float:
    """Return by which share the loss fell over the last tenth of the iterations."""
    curve = e.model.validation if e.model.validated else e.model.loss
    curve = curve[np.isfinite(curve)]
    if not e.model.ended_at_max_iter or not len(curve):
        return 0.0
    if len(curve) < 2:
        return 1.0
    tenth = max(1, len(curve) // 10)
    before, after = curve[:-tenth].min(), curve[-tenth:].min()
    return float(1 - after / before) if before > 0 else 0.0


# The iterations that are proposed: so many times as many, and no fewer than these.
TIMES, AT_LEAST = 4, 200
# And that are tried out, at most.
TRIED = 400
# They must lower the loss of rows held out by this share, too.
MORE = 0.02


def too_few_iterations(e: Evidence) -> Finding | None:
    """Find training that ended before it had learnt what it could."""
    if not failing(e):
        return None
    model, n = e.model, e.model.n_iter
    enough = max(TIMES * n, AT_LEAST)
    runner = TrialRunner(e)
    trial = runner.run({}, steps=min(enough, TRIED))
    before = e.entropy if model.ended_at_max_iter else min(e.loss, e.entropy)
    if not runner.moves(trial) or trial.held_out >= (1 - MORE) * before:
        return None
    cause = f"Training ended after {n} iterations, before the loss had fallen far"
    change: dict[str, Any] = {"max_iter": enough}
    bad = severity(e)
    if not model.ended_at_max_iter:
        if trial.steps <= n:
            return None
        cause = f"Training ended on a plateau after {n} iterations"
        change = {"n_iter_no_change": enough, "tol": 1e-6}
        if model.validated:
            change = {"n_iter_no_change": enough}
    what = f"Set {setting(change)}: {effect_of(trial, e.loss)}"
    if model.is_step_by_step:
        change = {}
        what = f"Call partial_fit more often: {effect_of(trial, e.loss)}"
    if not model.ended_at_max_iter and e.gain(e.loss) > FAR:
        control = runner.run({}, min(n, trial.steps))
        bad = "warning" if better_on_held_out(e, control, trial) else "info"
    return Finding(
        code="too_few_iterations",
        severity=bad,
        evidence={
            **losses(e),
            "fall of the loss over the last tenth": fall_at_the_end(e),
        },
        cause=cause,
        remedy=what,
        change=change,
    )


# A fall of less than this, in entropies of the classes, is not worth going on for.
WORTH = 0.002


def still_falling(e: Evidence) -> Finding | None:
    """Find a loss that is low, and still fell when `max_iter` was reached."""
    fall, n = fall_at_the_end(e), e.model.n_iter
    if fall < STILL_FALLING or fall * e.loss < WORTH * e.entropy:
        return None
    change = {"max_iter": TIMES * n}
    what = f"Set {setting(change)}"
    if e.model.is_step_by_step:
        change, what = {}, "Call partial_fit more often"
    return Finding(
        code="too_few_iterations",
        severity="info",
        evidence={**losses(e), "fall of the loss over the last tenth": fall},
        cause=f"The loss was still falling when training ended after {n} iterations",
        remedy=what,
        change=change,
    )
