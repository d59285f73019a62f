"""Causes in the steps of the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    better_on_held_out,
    failing,
    losses,
    remedy,
    remedy_on_held_out,
    setting,
    severity,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TrialRunner
from skdeepbin.diagnosis.training.causes._duration import fall_at_the_end
from skdeepbin.diagnosis.training.causes._signal import DEAD
from skdeepbin.training._stopping import STILL_FALLING


def not_finite(e: Evidence) -> Finding | None:
    """Find weights that are infinite or not a number."""
    model = e.model
    for number, (W, b) in enumerate(zip(model.weights, model.biases), start=1):
        if np.isfinite(W).all() and np.isfinite(b).all():
            continue
        change = {model.rate_name: (model.rate or 1.0) / 10}
        return Finding(
            code="diverged",
            severity="error",
            layer=number,
            evidence={"share of its weights": float(np.mean(~np.isfinite(W)))},
            cause="The weights became infinite or not a number: training ran away",
            remedy=f"Set {setting(change)}, scale X, and fit anew from random weights",
            change=change,
        )
    return None


# A loss that is this many times the one at the start has run away; TheDeepChecker's
# twice the least is reached by steps that are only too long.
DIVERGED = 10.0


def diverged(e: Evidence) -> Finding | None:
    """Find a loss that ran away and did not come back."""
    model, curve = e.model, e.model.loss
    first = max(float(curve[0]), e.entropy)
    away = not model.scales_itself and curve[-1] > DIVERGED * first
    if not (model.stop_reason == "diverged" or away or not np.isfinite(curve[-1])):
        return None
    if not failing(e):
        return None
    found = {"largest loss": float(np.nanmax(curve)), **losses(e)}
    if model.rate is not None:
        found[model.rate_name] = model.rate
    runner, slower = TrialRunner(e), _slower(e)
    what = "Scale X, and check it for values far from the others"
    change: Mapping[str, Any] = {}
    try:
        trial = runner.first_that_explains(*slower)
        if trial is not None:
            what, change = remedy(e, trial), trial.change
    except OutOfBudget:
        if slower and not runner.has_tried(slower[0]):
            what, change = untried(slower[0]), slower[0]
    return Finding(
        code="diverged",
        severity="error",
        evidence=found,
        cause=(
            "The loss ran away upwards: each step went beyond the valley it was to "
            "enter"
        ),
        remedy=what,
        change=change,
    )


def _slower(e: Evidence) -> list[dict[str, Any]]:
    """Return shorter steps to try."""
    model, rate = e.model, e.model.rate
    if rate is None:
        return []
    usual = model.usual_rate or rate
    rates: list[Any] = [usual] if rate > usual else []
    rates += [rate / 10, rate / 100]
    rates = [float(f"{value:.3g}") for value in rates]
    if model.scales_itself:
        rates.insert(0, "auto")
    return [{model.rate_name: value} for value in rates]


# Update-to-weight ratio above which steps are suspected (TheDeepChecker's log10 of -1;
# Karpathy and CS231n want about 1e-3).
LONG_STEPS = 1e-1
# As are steps at which the loss rose, at this share of the iterations and to this many
# times its start; a rise of less than this share of the loss is rounding.
RISES, RISES_TO, ROUNDING = 0.3, 1.05, 1e-6


def _curve(e: Evidence) -> tuple[float, float]:
    """Return the share of iterations at which the loss rose, and most over start."""
    curve = e.model.loss[np.isfinite(e.model.loss)]
    if len(curve) < 2:
        return 0.0, 1.0
    rises = np.diff(curve) > ROUNDING * abs(curve[:-1])
    worst = curve[1:].max() / max(curve[0], e.entropy)
    return float(rises.mean()), float(worst)


def learning_rate_too_high(e: Evidence) -> Finding | None:
    """Find steps that go beyond the valley."""
    model = e.model
    if model.rate is None or model.usual_rate is None:
        return None
    rises, worst = _curve(e)
    ratio = model.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    jumps = rises > RISES and worst > RISES_TO
    if not (model.is_fast or jumps or ratio > LONG_STEPS):
        return None
    found = {
        **losses(e),
        model.rate_name: model.rate,
        "share of iterations at which the loss rose": rises,
        "largest loss": float(np.nanmax(model.loss)),
    }
    cause = "The steps are too long, so that the loss jumps instead of falling"
    trial = TrialRunner(e).first_that_explains(*_slower(e)) if failing(e) else None
    if trial is None:
        return _jumpy(e, found, cause) if model.is_fast else None
    dead = e.layers.dead.max(initial=0)
    if dead > DEAD:
        cause = "The steps are too long: they threw most units where relu is zero"
        found["share of dead units in the worst layer"] = dead
    return Finding(
        code="learning_rate_too_high",
        severity=severity(e),
        evidence=found,
        cause=cause,
        remedy=remedy(e, trial),
        change=trial.change,
    )


def _jumpy(e: Evidence, found: dict[str, float], cause: str) -> Finding | None:
    """Return the finding about long steps that led to a lower loss all the same."""
    runner = TrialRunner(e)
    control = runner.run({})
    change = _slower(e)[0]
    what, bad = f"Set {setting(change)}", "warning" if failing(e) else "info"
    for slower in _slower(e):
        trial = runner.run(slower)
        if better_on_held_out(e, control, trial):
            change, bad = slower, "warning"
            what = remedy_on_held_out(control, trial)
            break
    else:
        if _curve(e)[1] < DIVERGED:
            return None
    return Finding(
        code="learning_rate_too_high",
        severity=bad,
        evidence=found,
        cause=cause,
        remedy=what,
        change=change,
    )


# Update-to-weight ratio below which steps are suspected (TheDeepChecker's log10 of -4),
# after so many iterations as show that it stays there.
SHORT_STEPS, PATIENT = 1e-4, 50
# A learning rate of less than the usual one over this is suspected as well.
FAR_FROM_USUAL = 5.0
# As is a loss that still falls after so many iterations: these are enough, if each is
# long enough.
MANY = 100


def learning_rate_too_low(e: Evidence) -> Finding | None:
    """Find steps that are too short to arrive."""
    model = e.model
    if model.rate is None or model.usual_rate is None or not failing(e):
        return None
    ratio = model.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = model.rate < model.usual_rate / FAR_FROM_USUAL
    patient = model.n_iter >= PATIENT and ratio < SHORT_STEPS
    creeps = model.n_iter >= MANY and fall_at_the_end(e) > STILL_FALLING
    fades = model.parameters["learning_rate"] == "invscaling"
    if not (far or patient or creeps or fades):
        return None
    rates = [model.usual_rate] if far else []
    rates += [model.rate * factor for factor in (10, 100, 1000)]
    changes: list[dict[str, Any]] = [
        {model.rate_name: float(f"{rate:.3g}")} for rate in rates
    ]
    if fades:
        changes = [change | {"learning_rate": "constant"} for change in changes]
    trial = TrialRunner(e).first_that_explains(*changes)
    if trial is None:
        return None
    found = {**losses(e), model.rate_name: model.rate}
    if np.isfinite(ratio):
        found["length of a step over that of the weights"] = ratio
    return Finding(
        code="learning_rate_too_low",
        severity=severity(e),
        evidence=found,
        cause=f"The steps are too short to arrive in {model.n_iter} iterations",
        remedy=remedy(e, trial),
        change=trial.change,
    )
