"""Causes in the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._baselines import overlap
from skdeepbin.diagnosis.training._criteria import setting, stuck
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TrialRunner

# Standard errors by which the AUC of the models must exceed 0.5 to be a sign that the
# labels depend on the features.
SIGNAL = 2.5
# Rows for each feature, below which no model finds a weak dependence.
ENOUGH_ROWS = 5.0
# And of each class, below which none finds a strong one: with 15 and 15 rows an AUC of
# one is five standard errors above 0.5.
ENOUGH_OF_A_CLASS = 15
# The loss of rows not seen over the entropy, below which a network has found something.
FINDS = 0.95


def both_classes_tell(e: Evidence) -> bool:
    """Return whether there are enough rows of each class to rule out chance."""
    return min(e.y.sum(), (~e.y).sum()) >= ENOUGH_OF_A_CLASS


def labels_unlearnable(e: Evidence) -> Finding | None:
    """Find labels that do not depend on the features, as far as any model can see."""
    baselines, validation = e.baselines, e.model.validation
    if baselines.signal >= SIGNAL or not both_classes_tell(e):
        return None
    if validation.size and validation.min() < FINDS * e.entropy:
        return None
    if e.n_rows < ENOUGH_ROWS * e.model.n_features and not stuck(e):
        return None
    trial = TrialRunner(e).run(e.model.usual_settings, scaler=StandardScaler())
    if trial.held_out < FINDS * e.entropy:
        return None
    return Finding(
        code="labels_unlearnable",
        severity="error",
        evidence={
            "entropy of the class frequencies": e.entropy,
            **{f"loss of a {name} model": v for name, v in baselines.losses.items()},
        },
        cause=(
            "No model predicts the labels of rows it has not seen, neither a linear "
            "one nor neighbours, trees or a network of default settings"
        ),
        remedy=(
            "Check that the rows of X and y belong together, and look for features "
            "that y depends on"
        ),
    )


# Labels that are wrong where a model is surest: the least share, and how far that is
# from what overlapping classes give, 0, to what labels changed at random give, 1. From
# a share of wrong labels in all, the two are hard to tell apart.
NOISE, NOISE_EVENLY, HARD_TO_TELL = 0.08, 0.4, 0.35


def label_noise(e: Evidence) -> Finding | None:
    """Find labels that are wrong even where a model is sure."""
    sure, error = e.baselines.sure_error, e.baselines.error
    natural = overlap(error)
    chance = 2 * np.sqrt(natural * (1 - natural) / max(len(e.y) / 3, 1))
    evenly = natural + NOISE_EVENLY * (error - natural)
    if sure < max(NOISE, evenly, natural + chance) or e.baselines.signal < SIGNAL:
        return None
    change, _ = e.model.against_overfitting
    return Finding(
        code="label_noise",
        severity="warning" if error < HARD_TO_TELL else "info",
        evidence={
            "share of other labels": error,
            "the same where a model is surest": sure,
            "what overlapping classes would give there": natural,
        },
        cause=(
            "Labels differ from those of similar rows as often where the class is clear"
        ),
        remedy=(
            "Check how y was collected; against fitting the noise set "
            f"{setting(change)}"
        ),
        change=change,
    )


# SageMaker's ClassImbalance: 10 to 1; and the share of the rare class that is found.
RARE, FOUND, NEARLY_ALL = 0.1, 0.4, 0.9


def class_imbalance(e: Evidence) -> Finding | None:
    """Find a rare class that is hardly ever predicted."""
    share = float(np.mean(e.y))
    rare = share < 0.5
    few = min(share, 1 - share)
    if few >= RARE:
        return None
    predicted = (e.logits > 0) == rare
    recall = float(predicted[e.y == rare].mean())
    if recall >= NEARLY_ALL:
        return None
    what, change = "Lower the threshold on predict_proba", dict[str, Any]()
    if "class_weight" in e.model.parameters:
        what = "Set class_weight='balanced', or lower the threshold on predict_proba"
        change = {"class_weight": "balanced"}
    return Finding(
        code="class_imbalance",
        severity="warning" if recall < FOUND else "info",
        evidence={
            "share of the rare class": few,
            "share of it that is predicted": recall,
        },
        cause=(
            "One class is rare, and the network predicts it for only a part of its rows"
        ),
        remedy=what,
        change=change,
    )
