"""Causes in the features: their scale, and those that say nothing or too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._criteria import (
    LEARNT,
    better_on_held_out,
    failing,
    losses,
    remedy,
    remedy_on_held_out,
    setting,
    severity,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TAIL, TrialRunner, effect_of
from skdeepbin.diagnosis.training.causes._labels import both_classes_tell
from skdeepbin.engine._scaling import RARE


def no_variation(e: Evidence) -> Finding | None:
    """Find a table of constant features."""
    if len(e.columns.constant) < e.X.shape[1]:
        return None
    return Finding(
        code="constant_features",
        severity="error",
        evidence={"constant features": float(e.model.n_features)},
        cause="All features are constant: there is nothing to tell rows apart by",
        remedy="Check how X is made",
    )


def rare_features(e: Evidence) -> Finding | None:
    """Find features that are zero in most rows, in units that do not suit them."""
    scaling = e.model.parameters.get("feature_scaling", "auto")
    if scaling == "auto" or not failing(e):
        return None
    filled = np.mean(e.X != 0, axis=0)
    rare = int(np.sum((filled > 0) & (filled <= RARE)))
    if not rare:
        return None
    runner, change = TrialRunner(e), {"feature_scaling": "auto"}
    trial = runner.run(change)
    what = remedy(e, trial)
    if not runner.explains(trial):  # it may learn its own rows in any units
        control = runner.run({}, trial.steps)
        if not better_on_held_out(e, control, trial):
            return None
        what = remedy_on_held_out(control, trial)
    return Finding(
        code="unscaled_features",
        severity=severity(e),
        evidence={**losses(e), "features that are zero in most rows": float(rare)},
        cause=(
            f"Most entries of some features are zero, and feature_scaling={scaling!r} "
            "gives these a scale that does not suit them"
        ),
        remedy=what,
        change=change,
    )


# Standard deviations of features, largest over smallest, and mean over standard
# deviation, from which they count as unscaled; UMLAUT's and DeepDiagnosis' range of
# [-1, 1] accuses standardised features as well.
RATIO, LARGE, SMALL, OFF_CENTRE = 10.0, 10.0, 0.1, 3.0
# The small standard deviation is the one that so many features are below: a single
# feature that is small does no harm.
SMALL_SHARE = 0.25


def are_unscaled(e: Evidence) -> bool:
    """Return whether features are far out, whichever of them matter."""
    spread = _spreads(e)
    if not len(spread):
        return False
    if e.model.scales_itself:
        return e.columns.tail > TAIL
    mean = abs(e.columns.mean[e.columns.spread > 0])
    off = np.where(mean > 1, mean / spread, 0)
    least = np.quantile(spread, SMALL_SHARE)
    return bool(
        spread.max() > LARGE
        or spread.max() < SMALL
        or (spread.max() > 1 and least < max(SMALL, spread.max() / RATIO))
        or off.max() > OFF_CENTRE
    )


def _are_uneven(e: Evidence) -> bool:
    """Return whether some feature has a spread that others have not."""
    spread = _spreads(e)
    return bool(len(spread)) and bool(spread.max() > RATIO * spread.min())


def _spreads(e: Evidence) -> np.ndarray:
    return e.columns.spread[e.columns.spread > 0]


def _extremes(e: Evidence) -> dict[str, float]:
    spread = _spreads(e)
    return {
        "largest standard deviation of a feature": spread.max(),
        "smallest": spread.min(),
    }


def unscaled_features(e: Evidence) -> Finding | None:
    """Find features in units in which no step suits all weights."""
    return _if_scaling_helps(e) if are_unscaled(e) else None


def unevenly_scaled(e: Evidence) -> Finding | None:
    """Find features of uneven spread, where more iterations as they are do not help."""
    if e.model.scales_itself or not _are_uneven(e) or not failing(e):
        return None
    runner = TrialRunner(e)
    longer = runner.run({}, runner.long_steps(e.model.hidden))
    return None if e.gain(longer.loss) >= LEARNT else _if_scaling_helps(e)


def _if_scaling_helps(e: Evidence) -> Finding | None:
    if not failing(e):
        return None
    runner = TrialRunner(e)
    helped = runner.scaled({})
    if helped is None and not e.model.scales_itself:
        helped = runner.scaled(runner.faster_settings[-1])
    if helped is None:
        return None
    scaler, trial = helped
    return must_be_scaled(e, scaler, effect_of(trial, e.loss), trial.change)


def must_be_scaled(
    e: Evidence, scaler: str, effect: str, also: Mapping[str, Any]
) -> Finding:
    """Return the finding that features must be scaled.

    also : parameters that must be set as well.
    """
    how = "with_mean=False" if e.is_sparse and scaler == "StandardScaler" else ""
    call = f"sklearn.preprocessing.{scaler}({how})"
    more = f", and set {setting(also)}" if also else ""
    return Finding(
        code="unscaled_features",
        severity=severity(e),
        evidence={**losses(e), **_extremes(e)},
        cause=(
            "Features of very different or very large scale let a few weights decide "
            "all"
        ),
        remedy=f"Put {call} before the classifier{more}: {effect}",
    )


def unscaled_but_harmless(e: Evidence) -> Finding | None:
    """Find features of very different scale that have done no visible harm."""
    spread = _spreads(e)
    if not len(spread) or failing(e):
        return None
    harm = "trains in units of their spread, so that this does no harm"
    if e.model.scales_itself:
        if spread.max() < RATIO**2 * spread.min():
            return None
    elif are_unscaled(e) or _are_uneven(e):
        harm = "has learnt all the same, if more slowly"
    else:
        return None
    return Finding(
        code="unscaled_features",
        severity="info",
        evidence=_extremes(e),
        cause=f"Features are not of one scale; the classifier {harm}",
        remedy=(
            "Put sklearn.preprocessing.StandardScaler() before it, to compare weights"
        ),
    )


# Features that are named in a remedy.
NAMED = 5


def constant_features(e: Evidence) -> Finding | None:
    """Find features that say nothing, or nothing new."""
    constant, duplicate = e.columns.constant, e.columns.duplicate
    if not len(constant) + len(duplicate) or len(constant) == e.X.shape[1]:
        return None
    some = [*constant.tolist(), *duplicate.tolist()][:NAMED]
    listed = ", ".join(str(e.number_of(feature)) for feature in some)
    return Finding(
        code="constant_features",
        severity="info",
        evidence={"constant": float(len(constant)), "duplicate": float(len(duplicate))},
        cause=f"Features are constant or repeat others: {listed}",
        remedy="Drop them, or put sklearn.feature_selection.VarianceThreshold() before",
    )


# AUC of one feature from which it may be a copy of the label; it is one for sure from
# the second on, with a gap between the classes of so many of its standard deviations.
LEAK, SURE_LEAK, LEAK_GAP = 0.99, 0.999, 0.25


def leaking_feature(e: Evidence) -> Finding | None:
    """Find one feature that alone predicts what all others together do not."""
    columns = e.columns
    best = int(columns.auc.argmax())
    others = columns.auc[~columns.same_as_best]
    if columns.auc[best] < LEAK or others.max(initial=0.5) >= LEAK:
        return None
    if not both_classes_tell(e):
        return None
    sure = columns.auc[best] > SURE_LEAK and columns.gap > LEAK_GAP
    named = e.number_of(best)
    return Finding(
        code="leaking_feature",
        severity="warning" if sure else "info",
        evidence={
            "AUC of the feature alone": columns.auc[best],
            "AUC of the next": others.max(initial=0.5),
        },
        cause=(
            f"Feature {named} alone all but tells the label, as if it were made from it"
        ),
        remedy=(
            f"Check how feature {named} is made, and drop it if it is not known in time"
        ),
    )
