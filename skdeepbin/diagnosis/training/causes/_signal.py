"""Causes in the layers: signals and gradients that die, vanish, explode or collapse.

A rule first asks what is cheap and must hold if it is right, and then tries its remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    failing,
    losses,
    remedy,
    severity,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import TrialRunner


def _other_settings(e: Evidence, *activations: str) -> list[dict[str, Any]]:
    """Return a start that suits the activation, other activations, fewer layers."""
    model = e.model
    settings: list[dict[str, Any]] = []
    if model.parameters.get("init", "auto") != "auto":
        settings.append({"init": "auto"})
    settings += [{"activation": a} for a in activations if a != model.activation]
    if len(model.hidden) > 2:
        settings.append({"hidden_layer_sizes": model.hidden[:2]})
    return settings


def _if_a_way_around_helps(
    e: Evidence,
    *activations: str,
    code: str,
    layer: int,
    evidence: Mapping[str, float],
    cause: str,
) -> Finding | None:
    """Return the finding that a mechanism explains a failure, if a change helps."""
    if not failing(e):
        return None
    runner, settings = TrialRunner(e), _other_settings(e, *activations)
    change: Mapping[str, Any]
    try:
        trial = runner.first_that_explains(*settings) or runner.fit_anew()
    except OutOfBudget:
        if not settings or runner.has_tried(settings[0]):  # in vain
            raise
        change, what = settings[0], untried(settings[0])
    else:
        if trial is None:
            return None
        change, what = trial.change, remedy(e, trial)
    return Finding(
        code=code,
        severity=severity(e),
        layer=layer,
        evidence={**losses(e), **evidence},
        cause=cause,
        remedy=what,
        change=change,
    )


# Share of a layer that is saturated (DeepDiagnosis, TheDeepChecker).
SATURATED = 0.5


def saturated_tanh(e: Evidence) -> Finding | None:
    """Find units at the flat ends of tanh, where no gradient passes."""
    shares = e.layers.saturated
    if e.model.activation != "tanh" or shares.max(initial=0) < SATURATED:
        return None
    return _if_a_way_around_helps(
        e,
        "relu",
        code="saturated_tanh",
        layer=int(shares.argmax()) + 1,
        evidence={"share of saturated activations": shares.max()},
        cause=(
            "Most units of the layer are at the flat ends of tanh, where its slope is "
            "below 2 % and hardly a gradient passes"
        ),
    )


# Share of a layer that is dead: DeepDiagnosis has 0.7, and he initialisation in depth
# already shows 0.4.
DEAD = 0.7


def dead_relu(e: Evidence) -> Finding | None:
    """Find units that are zero for every row and have no gradient to come back."""
    shares = e.layers.dead
    if shares.max(initial=0) < DEAD:
        return None
    return _if_a_way_around_helps(
        e,
        "tanh",
        code="dead_relu",
        layer=int(shares.argmax()) + 1,
        evidence={"share of dead units": shares.max()},
        cause=(
            "Most units of the layer are zero for every row: they pass no gradient and "
            "cannot come back"
        ),
    )


def dead_but_harmless(e: Evidence) -> Finding | None:
    """Find dead units in a network that learnt."""
    shares = e.layers.dead
    if shares.max(initial=0) < DEAD or failing(e):
        return None
    return Finding(
        code="dead_relu",
        severity="info",
        layer=int(shares.argmax()) + 1,
        evidence={"share of dead units": shares.max()},
        cause="Most units of the layer are zero for every row and do nothing",
        remedy="Make the layer narrower, or set activation='tanh'",
    )


# A rise of the error from the last layer to the first; AutoTrainer's 70.
EXPLODES = 70.0


def exploding_gradient(e: Evidence) -> Finding | None:
    """Find gradients that grow from layer to layer on the way back."""
    ratio = float(e.layers.error[0] / e.layers.error[-1])
    if len(e.model.hidden) < 2 or not ratio > EXPLODES:
        return None
    return _if_a_way_around_helps(
        e,
        "tanh",
        code="exploding_gradient",
        layer=1,
        evidence={"error in the first layer over that in the last": ratio},
        cause=(
            "The error grows from layer to layer on its way back, so that no step "
            "suits all layers"
        ),
    )


# A fall of the sensitivity by half a layer is suspected (TheDeepChecker's factor
# between two checks): the logistic function's steepest slope is 1/4.
VANISHES = 0.5
# In fewer hidden layers than this it costs no more than time.
DEEP = 3


def vanishing_gradient(e: Evidence) -> Finding | None:
    """Find gradients that shrink from layer to layer on the way back."""
    depth = len(e.model.hidden)
    first, last = e.start.sensitivity[[0, -1]]
    ratio = float(first / last) if last > 0 else np.nan
    if depth < DEEP or not ratio ** (1 / depth) < VANISHES:
        return None
    slope = ""
    if e.model.activation == "logistic":
        slope = ", as the slope of the logistic function is 1/4 at most"
    measured = {
        "dz / dW of the first layer over that of the last": ratio,
        "spread over the rows in the last hidden layer": e.layers.spread[-2],
    }
    recorded = e.model.gradient_norms
    if recorded is not None and recorded[0, -1] > 0:
        measured["the same as recorded at the start"] = recorded[0, 0] / recorded[0, -1]
    return _if_a_way_around_helps(
        e,
        "tanh",
        "relu",
        code="vanishing_gradient",
        layer=1,
        evidence=measured,
        cause=(
            "The gradient shrinks from layer to layer on its way back through "
            f"{depth} hidden layers{slope}"
        ),
    )


# Median standard deviation of a unit over the rows, calibrated on 48 networks, and its
# fall from the first hidden layer to the last.
COLLAPSED, COLLAPSES = 3e-3, 0.1


def forward_collapse(e: Evidence) -> Finding | None:
    """Find rows that look more alike from layer to layer."""
    spread = e.start.spread[:-1]
    if len(spread) < 2 or spread[-1] > max(COLLAPSED, COLLAPSES * spread[0]):
        return None
    return _if_a_way_around_helps(
        e,
        "tanh",
        "relu",
        code="forward_collapse",
        layer=len(spread),
        evidence={
            "spread over the rows in the first hidden layer at the start": spread[0],
            "in the last": spread[-1],
        },
        cause=(
            "From layer to layer the rows become more alike, until the output sees "
            "one row"
        ),
    )
