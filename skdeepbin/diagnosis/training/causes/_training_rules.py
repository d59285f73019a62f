"""Rules about the steps of a training: ``evidence -> Finding | None``."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    FAR,
    FIT_ANEW,
    better_on_held_out,
    failing,
    losses,
    on_held_out,
    remedy,
    setting,
    severity,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TrialRunner, effect_of
from skdeepbin.diagnosis.training.causes._layer_rules import DEAD

# A loss that is this many times the one at the start has run away; TheDeepChecker's
# twice the least is reached by steps that are only too long.
DIVERGED = 10.0
# Update-to-weight ratios outside of which steps are suspected (TheDeepChecker's
# log10 from -4 to -1; Karpathy and CS231n want about 1e-3).
SHORT_STEPS, LONG_STEPS = 1e-4, 1e-1
# So many times the usual learning rate is suspected as well, as is a loss that rises
# at this share of the iterations.
FAR_FROM_USUAL, RISES = 5.0, 0.3
# The loss still falls if it fell by this share over the last tenth of the iterations,
# as in training/_stopping.py.
STILL_FALLING = 0.01
# And what it fell by is worth going on for, in entropies of the classes.
WORTH = 0.002
# So many iterations are enough, if each is long enough.
MANY = 100
# More iterations must lower the loss of rows held out by this share, too.
MORE = 0.02


def not_finite(e: Evidence) -> Finding | None:
    """Weights that are infinite or not a number."""
    model = e.model
    for number, V in enumerate(zip(model.weights, model.biases), start=1):
        if all(np.isfinite(part).all() for part in V):
            continue
        change = {model.rate_name: (model.rate or 1.0) / 10}
        share = np.mean([not np.isfinite(v) for v in V[0].ravel()])
        cause = "The weights became infinite or not a number: training ran away"
        what = f"Set {setting(change)}, scale X, and fit anew from random weights"
        found = {"share of its weights": float(share)}
        return Finding("diverged", "error", number, found, cause, what, change)
    return None


def _curve(e: Evidence) -> tuple[float, float]:
    """Share of the iterations at which the loss rose, and its most over its least."""
    curve = e.model.loss[np.isfinite(e.model.loss)]
    if len(curve) < 2:
        return 0.0, 1.0
    rises = np.diff(curve) > 1e-6 * abs(curve[:-1])
    worst = curve[1:].max() / max(curve[0], e.entropy)
    return float(rises.mean()), float(worst)


def _slower(e: Evidence) -> list[dict[str, Any]]:
    """Shorter steps to try."""
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


def diverged(e: Evidence) -> Finding | None:
    """A loss that ran away and did not come back."""
    model, curve = e.model, e.model.loss
    first = max(float(curve[0]), e.entropy)
    away = not model.scales_itself and curve[-1] > DIVERGED * first
    if not (model.stop_reason == "diverged" or away or not np.isfinite(curve[-1])):
        return None
    if not failing(e):
        return None
    found = {"largest loss": float(np.nanmax(curve))} | losses(e)
    if model.rate is not None:
        found[model.rate_name] = model.rate
    cause = (
        "The loss ran away upwards: each step went beyond the valley it was to enter"
    )
    runner, ways = TrialRunner(e), _slower(e)
    what, change = "Scale X, and check it for values far from the others", {}
    try:
        trial = runner.first_that_explains(*ways)
        if trial is not None:
            what, change = remedy(e, trial, FIT_ANEW), dict(trial.change)
    except OutOfBudget:
        if ways and not runner.has_tried(ways[0]):
            what, change = untried(ways[0]), ways[0]
    return Finding("diverged", "error", None, found, cause, what, change)


def learning_rate_too_high(e: Evidence) -> Finding | None:
    """Steps that go beyond the valley."""
    model = e.model
    if model.rate is None or model.usual_rate is None:
        return None
    rises, worst = _curve(e)
    ratio = model.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = e.model.is_fast
    jumps = rises > RISES and worst > 1.05
    if not (far or jumps or ratio > LONG_STEPS):
        return None
    found = losses(e) | {model.rate_name: model.rate}
    found["share of iterations at which the loss rose"] = rises
    found["largest loss"] = float(np.nanmax(model.loss))
    cause = "The steps are too long, so that the loss jumps instead of falling"
    code, runner = "learning_rate_too_high", TrialRunner(e)
    if not failing(e):
        return _jumpy(e, found, cause) if far else None
    trial = runner.first_that_explains(*_slower(e))
    if trial is None:
        return _jumpy(e, found, cause) if far else None
    dead = e.layers.dead.max(initial=0)
    if dead > DEAD:
        cause = "The steps are too long: they threw most units where relu is zero"
        found["share of dead units in the worst layer"] = dead
    what = remedy(e, trial, FIT_ANEW)
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def _jumpy(e: Evidence, found: dict[str, float], cause: str) -> Finding | None:
    """The finding about long steps that led to a lower loss all the same."""
    runner, code = TrialRunner(e), "learning_rate_too_high"
    control = runner.run({})
    for change in _slower(e):
        trial = runner.run(change)
        if better_on_held_out(e, control, trial):
            what = f"Set {setting(change)}: {on_held_out(control, trial)}"
            return Finding(code, "warning", None, found, cause, what, change)
    if _curve(e)[1] < DIVERGED:
        return None
    change = _slower(e)[0]
    bad = "warning" if failing(e) else "info"
    return Finding(code, bad, None, found, cause, f"Set {setting(change)}", change)


def learning_rate_too_low(e: Evidence) -> Finding | None:
    """Steps that are too short to arrive."""
    model = e.model
    if model.rate is None or model.usual_rate is None or not failing(e):
        return None
    ratio = model.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = model.rate < model.usual_rate / FAR_FROM_USUAL
    patient = model.n_iter >= 50 and ratio < SHORT_STEPS
    creeps = model.n_iter >= MANY and _still_falls(e) > STILL_FALLING
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
    found = losses(e) | {model.rate_name: model.rate}
    if np.isfinite(ratio):
        found["length of a step over that of the weights"] = ratio
    cause = f"The steps are too short to arrive in {model.n_iter} iterations"
    what = remedy(e, trial, FIT_ANEW)
    code = "learning_rate_too_low"
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def _still_falls(e: Evidence) -> float:
    """By which share the loss fell over the last tenth of the iterations."""
    curve = e.model.validation if e.model.validated else e.model.loss
    curve = curve[np.isfinite(curve)]
    if not e.model.ended_at_max_iter or not len(curve):
        return 0.0
    if len(curve) < 2:
        return 1.0
    tenth = max(1, len(curve) // 10)
    before, after = curve[:-tenth].min(), curve[-tenth:].min()
    return float(1 - after / before) if before > 0 else 0.0


def too_few_iterations(e: Evidence) -> Finding | None:
    """Training that ended before it had learnt what it could."""
    if not failing(e):
        return None
    model, n = e.model, e.model.n_iter
    enough = max(4 * n, 200)
    runner = TrialRunner(e)
    trial = runner.run({}, steps=min(enough, 400))
    before = e.entropy if model.ended_at_max_iter else min(e.loss, e.entropy)
    elsewhere = trial.held_out < (1 - MORE) * before
    if not (runner.moves(trial) and elsewhere):
        return None
    cause = f"Training ended after {n} iterations, before the loss had fallen far"
    change: dict[str, Any] = {"max_iter": enough}
    if not model.ended_at_max_iter:
        if trial.steps <= n:
            return None
        cause = f"Training ended on a plateau after {n} iterations"
        change = {"n_iter_no_change": enough, "tol": 1e-6}
        if model.validated:
            change = {"n_iter_no_change": enough}
    what = f"Set {setting(change)}: {effect_of(trial, e.loss)}"
    if model.is_step_by_step:
        change, what = {}, f"Call partial_fit more often: {effect_of(trial, e.loss)}"
    found = losses(e) | {"fall of the loss over the last tenth": _still_falls(e)}
    bad, code = severity(e), "too_few_iterations"
    if not model.ended_at_max_iter and e.gain(e.loss) > FAR:
        control = runner.run({}, min(n, trial.steps))
        bad = "warning" if better_on_held_out(e, control, trial) else "info"
    return Finding(code, bad, None, found, cause, what, change)


def still_falling(e: Evidence) -> Finding | None:
    """A loss that is low, and still fell when `max_iter` was reached."""
    falls, n = _still_falls(e), e.model.n_iter
    if falls < STILL_FALLING or falls * e.loss < WORTH * e.entropy:
        return None
    found = losses(e) | {"fall of the loss over the last tenth": falls}
    change = {"max_iter": 4 * n}
    cause = f"The loss was still falling when training ended after {n} iterations"
    what = f"Set {setting(change)}"
    if e.model.is_step_by_step:
        change, what = {}, "Call partial_fit more often"
    return Finding("too_few_iterations", "info", None, found, cause, what, change)
