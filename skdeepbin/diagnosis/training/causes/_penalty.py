"""Causes in the penalty and the dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    LEARNT,
    better_on_held_out,
    failing,
    losses,
    remedy,
    remedy_on_held_out,
    severity,
    stuck,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import Trial, TrialRunner
from skdeepbin.diagnosis.training.causes._labels import both_classes_tell

# Penalties above the default by this factor are suspected.
STRONG = 10.0
# Penalties above what suits the weight of the rows by this factor are; beyond the one
# before they are accused untried where trying takes too long.
OVER = 2.0
# Weights of a smaller mean look normalised, as do those that sum to one, to this error.
NORMALISED, SUMS_TO_ONE = 1e-3, 1e-6


def outweighed(e: Evidence) -> Finding | None:
    """Find a penalty that is too strong for the total weight of the rows."""
    model = e.model
    if not model.scales_itself or isinstance(model.estimator.alpha, str):
        return None
    alpha, penalty = model.parameters["alpha"], e.penalty
    if alpha <= OVER * penalty.auto or not failing(e):
        return None
    cause = (
        f"The penalty outweighs the rows: alpha={alpha:g} against a total weight of "
        f"{penalty.weight:.3g}"
    )
    normalise = ""
    sums_to_one = penalty.n_weights > 1 and abs(penalty.weight - 1) < SUMS_TO_ONE
    if sums_to_one or penalty.weight < NORMALISED * penalty.n_weights:
        cause += ". The sample weights look normalised, but a weight counts rows"
        factor = penalty.n_weights / penalty.weight
        normalise = (
            f". Or multiply the weights by {factor:.3g}, their number / their sum"
        )
    change: Mapping[str, Any] = {"alpha": "auto"}
    try:
        trial = _lighter(e, penalty.auto)
    except OutOfBudget:
        is_clear = stuck(e) and alpha > STRONG * penalty.auto
        if not is_clear or TrialRunner(e).has_tried(change):
            return None
        what = untried(change)
    else:
        if trial is None:
            return None
        change, what = trial.change, remedy(e, trial)
    return Finding(
        code="over_regularized",
        severity=severity(e),
        evidence={
            **losses(e),
            "alpha": alpha,
            "the strongest that suits it": penalty.auto,
        },
        cause=cause,
        remedy=what + normalise,
        change=change,
    )


def _lighter(e: Evidence, auto: float) -> Trial | None:
    """Return a lighter penalty that learns, on rows held out too if they tell."""
    runner = TrialRunner(e)
    for alpha in ("auto", float(f"{auto / 10:.1g}")):
        trial = runner.run({"alpha": alpha})
        if runner.explains(trial) and (
            not both_classes_tell(e)
            or better_on_held_out(e, runner.run({}, trial.steps), trial)
        ):
            return trial
    return None


# A dropout above this one is suspected: UMLAUT's limit.
LARGE_DROPOUT = 0.5


def over_regularized(e: Evidence) -> Finding | None:
    """Find a penalty or a dropout that leaves no weights to learn with."""
    if not failing(e):
        return None
    alpha, usual = e.model.parameters["alpha"], e.model.usual_alpha
    dropout = e.model.parameters.get("dropout", 0.0)
    changes = []
    if alpha > STRONG * usual:
        changes.append({"alpha": usual})
    if dropout > LARGE_DROPOUT:
        changes.append({"dropout": 0.0})
    if len(changes) == 2:
        changes.append(changes[0] | changes[1])
    runner = TrialRunner(e)
    steps = runner.long_steps(e.model.hidden)
    trial = runner.first_that_explains(*changes, steps=steps)
    if trial is None or not better_on_held_out(e, runner.run({}, steps), trial):
        return None
    found = losses(e)
    if "alpha" in trial.change:
        found["alpha"] = alpha
        found["size of the weights over that of a start"] = float(e.scale.mean())
    if "dropout" in trial.change:
        found["dropout"] = dropout
    cause = "The penalty holds the weights so small that the network cannot fit"
    if "alpha" not in trial.change:
        cause = "So many units are left out in training that too few are left to fit"
    return Finding(
        code="over_regularized",
        severity=severity(e),
        evidence=found,
        cause=cause,
        remedy=remedy(e, trial),
        change=trial.change,
    )


# Penalties below are suspected where the weights have become this small next to a usual
# start, and that is not because so large a share of a layer is dead.
SHRUNK, DEAD = 0.3, 0.5


def held_down(e: Evidence) -> Finding | None:
    """Find a usual penalty that has drawn the weights of few rows to zero."""
    alpha = e.model.parameters["alpha"]
    shrunk = float(e.scale.mean())
    shrunk_to_zero = e.start_scale >= 1 and shrunk < SHRUNK
    dead = e.layers.dead.max(initial=0) > DEAD
    if not (stuck(e) and alpha and shrunk_to_zero) or dead:
        return None
    runner = TrialRunner(e)
    trial = runner.first_that_explains({"alpha": alpha / 10})
    if trial is None:
        return None
    if not better_on_held_out(e, runner.run({}, trial.steps), trial):
        return None
    return Finding(
        code="over_regularized",
        severity=severity(e),
        evidence={
            **losses(e),
            "alpha": alpha,
            "size of the weights over that of a start": shrunk,
        },
        cause="The penalty draws the weights to zero, faster than they learn",
        remedy=remedy(e, trial),
        change=trial.change,
    )


def penalised(e: Evidence) -> Finding | None:
    """Find a usual penalty that is too strong for these rows."""
    alpha = e.model.parameters["alpha"]
    if not (failing(e) and alpha and e.model.scales_itself):
        return None
    runner = TrialRunner(e)
    steps = runner.long_steps(e.model.hidden)
    control = runner.run({}, steps)
    trial = runner.run({"alpha": alpha / 10}, steps)
    if e.gain(control.loss) >= LEARNT or e.gain(trial.loss) < LEARNT:
        return None
    if not better_on_held_out(e, control, trial):
        return None
    return Finding(
        code="over_regularized",
        severity=severity(e),
        evidence={**losses(e), "alpha": alpha},
        cause="The penalty is too strong for what is to be told apart",
        remedy=remedy_on_held_out(control, trial),
        change=trial.change,
    )
