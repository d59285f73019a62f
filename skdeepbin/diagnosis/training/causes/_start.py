"""Causes in the starting weights."""

from __future__ import annotations

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    better_on_held_out,
    failing,
    fresh_start,
    losses,
    remedy,
    remedy_on_held_out,
    severity,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import Trial, TrialRunner

# Weights below the square root of the rounding error: products of two vanish.
ZERO = 1e-8
# Units whose weights agree to this share of their size are the same unit.
SAME = 1e-6


def zero_init(e: Evidence) -> Finding | None:
    """Find hidden units that are all the same: their gradients stay the same, too."""
    network, theta, _ = e.network
    set_so = e.model.init is not None and e.model.init < ZERO
    for number, V in enumerate(network.layout.layers(theta)[:-1], start=1):
        size = float(abs(V[:-1]).max())
        twins = V.shape[1] > 1 and bool(np.ptp(V, axis=1).max() <= SAME * abs(V).max())
        zero = set_so or (size < ZERO and e.model.init is None)
        if not (zero or twins) or not failing(e):
            continue
        cause = (
            f"All {V.shape[1]} units of hidden layer {number} have the same weights, "
            "so that they get the same gradient and remain one unit"
        )
        if zero:
            cause = f"The weights of hidden layer {number} are zero: no signal passes"
        if set_so:
            cause = f"The weights started at as good as zero, init={e.model.init:g}"
        change = fresh_start(e)
        try:
            what = remedy(e, TrialRunner(e).run(change))
        except OutOfBudget:
            what = untried(change)
        return Finding(
            code="zero_init",
            severity=severity(e),
            layer=number,
            evidence={**losses(e), "largest weight": size},
            cause=cause,
            remedy=what,
            change=change,
        )
    return None


# Standard deviation of the starting weights over that of "he" or "xavier", outside of
# which a start is suspected. Each layer multiplies the signal by about this.
SMALL_START, LARGE_START = 1 / 2, 2.0
# Share of saturated activations at the start from which they are what is wrong with it.
SATURATED_START = 0.5


def _limit(e: Evidence, factor: float) -> float:
    """Return the limit on a start, squared where training may have moved it."""
    return factor if e.model.init is not None else factor**2


def _from_usual_start(e: Evidence) -> Trial | None:
    """Return a fit from a usual start, if that makes the loss move."""
    if not failing(e):
        return None
    if e.model.init is None:
        return TrialRunner(e).fit_anew()
    return TrialRunner(e).first_that_explains(fresh_start(e))


def init_too_small(e: Evidence) -> Finding | None:
    """Find a start in which every layer makes the signal smaller."""
    if not e.start_scale < _limit(e, SMALL_START):
        return None
    trial = _from_usual_start(e)
    if trial is None:
        return None
    spread = e.start.spread if e.model.init is not None else e.layers.spread
    return Finding(
        code="init_too_small",
        severity=severity(e),
        layer=len(e.model.hidden),
        evidence={
            **losses(e),
            "their size over the usual": e.start_scale,
            "spread over the rows in the last hidden layer": spread[-2],
        },
        cause=(
            f"The weights started too small for {len(e.model.hidden)} hidden layers of "
            f"{e.model.activation}: each shrinks the signal, until to the output all "
            "rows look alike"
        ),
        remedy=remedy(e, trial),
        change=trial.change,
    )


def init_too_large(e: Evidence) -> Finding | None:
    """Find a start in which every layer makes the signal larger, or saturates."""
    by_weights = e.model.init is None
    if e.start_scale <= _limit(e, LARGE_START) or (by_weights and e.model.is_fast):
        return None
    trial = _from_usual_start(e)
    if trial is not None:
        what = remedy(e, trial)
    elif by_weights:
        return None
    else:
        runner = TrialRunner(e)
        trial, control = runner.run(fresh_start(e)), runner.run({})
        if not better_on_held_out(e, control, trial):
            return None
        what = remedy_on_held_out(control, trial)
    effect = "makes the signal larger"
    if e.start.saturated.max(initial=0) > SATURATED_START:
        effect = "sends its units to the flat ends"
    return Finding(
        code="init_too_large",
        severity=severity(e),
        layer=1,
        evidence={**losses(e), "their size over the usual": e.start_scale},
        cause=(
            f"The weights started too large for {e.model.activation}: each layer "
            f"{effect}, and the first answers are far off"
        ),
        remedy=what,
        change=trial.change,
    )
