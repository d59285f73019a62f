"""Rules about the start of a network and what happens from layer to layer.

Each is ``evidence -> Finding | None``. A rule first asks what is cheap and must hold
if it is right, and then tries its remedy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    FIT_ANEW,
    better_on_held_out,
    failing,
    fresh_start,
    losses,
    on_held_out,
    remedy,
    setting,
    severity,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._layers import Layers
from skdeepbin.diagnosis.training._trials import Trial, TrialRunner

# Standard deviation of the starting weights over that of "he" or "xavier", outside of
# which a start is suspected. Each layer multiplies the signal by about this.
SMALL_START, LARGE_START = 1 / 2, 2.0
# Weights below the square root of the rounding error: products of two vanish.
ZERO = 1e-8
# Units whose weights agree to this share of their size are the same unit.
SAME = 1e-6
# Shares of a layer: saturated (DeepDiagnosis, TheDeepChecker), dead (DeepDiagnosis
# has 0.7; he initialisation in depth already shows 0.4).
SATURATED, DEAD = 0.5, 0.7
# A rise from layer to layer; AutoTrainer's 70 from the last to the first.
EXPLODES = 70.0
# The logistic function's steepest slope is 1/4: a fall by half a layer is suspected
# (TheDeepChecker's factor between two checks).
VANISHES = 0.5
# Median standard deviation of a unit over the rows, calibrated on 48 networks, and its
# fall from the first hidden layer to the last.
COLLAPSED, COLLAPSES = 3e-3, 0.1


def zero_init(e: Evidence) -> Finding | None:
    """Hidden units that are all the same: their gradients stay the same, too."""
    network, theta, _ = e.network
    given = e.model.init is not None and e.model.init < ZERO
    for number, V in enumerate(network.layout.layers(theta)[:-1], start=1):
        size = float(abs(V[:-1]).max())
        twins = V.shape[1] > 1 and bool(np.ptp(V, axis=1).max() <= SAME * abs(V).max())
        none = given or (size < ZERO and e.model.init is None)
        if not (none or twins) or not failing(e):
            continue
        cause = (
            f"All {V.shape[1]} units of hidden layer {number} have the same weights, "
            "so that they get the same gradient and remain one unit"
        )
        if none:
            cause = f"The weights of hidden layer {number} are zero: no signal passes"
        if given:
            cause = f"The weights started at as good as zero, init={e.model.init:g}"
        change = fresh_start(e)
        try:
            what = remedy(e, TrialRunner(e).run(change), FIT_ANEW)
        except OutOfBudget:
            what = untried(change)
        found = {**losses(e), "largest weight": size}
        return Finding("zero_init", severity(e), number, found, cause, what, change)
    return None


def _from_usual_start(e: Evidence) -> Trial | None:
    """A fit from a usual start, if that makes the loss move."""
    runner = TrialRunner(e)
    if not failing(e):
        return None
    if e.model.init is None:
        return runner.fit_anew()
    return runner.first_that_explains(fresh_start(e))


def _limit(e: Evidence, factor: float) -> float:
    """The limit on a start; its square where training may have changed the weights."""
    return factor if e.model.init is not None else factor**2


def init_too_small(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal smaller."""
    trial = _from_usual_start(e) if e.start_scale < _limit(e, SMALL_START) else None
    if trial is None:
        return None
    cause = (
        f"The weights started too small for {len(e.model.hidden)} hidden layers of "
        f"{e.model.activation}: each shrinks the signal, until to the output all "
        "rows look alike"
    )
    found = losses(e) | {"their size over the usual": e.start_scale}
    spread = e.start.spread if e.model.init is not None else e.layers.spread
    found["spread over the rows in the last hidden layer"] = spread[-2]
    what = remedy(e, trial, FIT_ANEW)
    layer = len(e.model.hidden)
    code = "init_too_small"
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def init_too_large(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal larger, or saturates."""
    if e.start_scale <= _limit(e, LARGE_START) or (
        e.model.init is None and e.model.is_fast
    ):
        return None
    found = losses(e) | {"their size over the usual": e.start_scale}
    trial = _from_usual_start(e)
    if trial is not None:
        what = remedy(e, trial, FIT_ANEW)
    elif e.model.init is None:
        return None
    else:
        runner = TrialRunner(e)
        trial, control = runner.run(fresh_start(e)), runner.run({})
        if not better_on_held_out(e, control, trial):
            return None
        what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    effect = "makes the signal larger"
    if e.start.saturated.max(initial=0) > SATURATED:
        effect = "sends its units to the flat ends"
    cause = (
        f"The weights started too large for {e.model.activation}: each layer "
        f"{effect}, and the first answers are far off"
    )
    code = "init_too_large"
    return Finding(code, severity(e), 1, found, cause, what, trial.change)


def _other_ways(e: Evidence, *activations: str) -> list[dict[str, Any]]:
    """The start that suits the activation, another activation, fewer layers."""
    model = e.model
    ways: list[dict[str, Any]] = []
    if model.parameters.get("init", "auto") != "auto":
        ways.append({"init": "auto"})
    ways += [{"activation": a} for a in activations if a != model.activation]
    if len(model.hidden) > 2:
        ways.append({"hidden_layer_sizes": model.hidden[:2]})
    return ways


def saturated_tanh(e: Evidence) -> Finding | None:
    """Units at the flat ends of tanh, where no gradient passes."""
    shares = e.layers.saturated
    if e.model.activation != "tanh" or shares.max(initial=0) < SATURATED:
        return None
    measured = {"share of saturated activations": shares.max()}
    cause = (
        "Most units of the layer are at the flat ends of tanh, where its slope is "
        "below 2 % and hardly a gradient passes"
    )
    layer = int(shares.argmax()) + 1
    return _by_mechanism(e, "saturated_tanh", layer, measured, cause, "relu")


def dead_relu(e: Evidence) -> Finding | None:
    """Units that are zero for every row and have no gradient to come back."""
    shares = e.layers.dead
    if shares.max(initial=0) < DEAD:
        return None
    measured = {"share of dead units": shares.max()}
    cause = (
        "Most units of the layer are zero for every row: they pass no gradient and "
        "cannot come back"
    )
    layer = int(shares.argmax()) + 1
    return _by_mechanism(e, "dead_relu", layer, measured, cause, "tanh")


def dead_but_harmless(e: Evidence) -> Finding | None:
    """Dead units in a network that learnt."""
    shares = e.layers.dead
    if shares.max(initial=0) < DEAD or failing(e):
        return None
    found = {"share of dead units": shares.max()}
    layer = int(shares.argmax()) + 1
    cause = "Most units of the layer are zero for every row and do nothing"
    what = "Make the layer narrower, or set activation='tanh'"
    return Finding("dead_relu", "info", layer, found, cause, what)


def _ratio(layers: Layers) -> float:
    """The sensitivity of the logit to the first weights over that to the last."""
    first, last = layers.sensitivity[[0, -1]]
    return float(first / last) if last > 0 else np.nan


def exploding_gradient(e: Evidence) -> Finding | None:
    """Gradients that grow from layer to layer on the way back."""
    ratio = float(e.layers.error[0] / e.layers.error[-1])
    if len(e.model.hidden) < 2 or not ratio > EXPLODES:
        return None
    measured = {"error in the first layer over that in the last": ratio}
    cause = (
        "The error grows from layer to layer on its way back, so that no step suits "
        "all layers"
    )
    return _by_mechanism(e, "exploding_gradient", 1, measured, cause, "tanh")


def vanishing_gradient(e: Evidence) -> Finding | None:
    """Gradients that shrink from layer to layer on the way back, from the start."""
    depth, ratio = len(e.model.hidden), _ratio(e.start)
    if depth < 3 or not ratio ** (1 / depth) < VANISHES:
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
    cause = (
        "The gradient shrinks from layer to layer on its way back through "
        f"{depth} hidden layers{slope}"
    )
    return _by_mechanism(e, "vanishing_gradient", 1, measured, cause, "tanh", "relu")


def forward_collapse(e: Evidence) -> Finding | None:
    """Rows that look more alike from layer to layer, from the start."""
    spread = e.start.spread[:-1]
    if len(spread) < 2 or spread[-1] > max(COLLAPSED, COLLAPSES * spread[0]):
        return None
    measured = {
        "spread over the rows in the first hidden layer at the start": spread[0],
        "in the last": spread[-1],
    }
    cause = (
        "From layer to layer the rows become more alike, until the output sees one row"
    )
    layer, code = len(spread), "forward_collapse"
    return _by_mechanism(e, code, layer, measured, cause, "tanh", "relu")


def _by_mechanism(
    e: Evidence,
    code: str,
    layer: int,
    measured: dict[str, float],
    cause: str,
    *activations: str,
) -> Finding | None:
    """The finding that a mechanism explains a failure, if a way around it helps."""
    if not failing(e):
        return None
    runner, ways = TrialRunner(e), _other_ways(e, *activations)
    found = losses(e) | measured
    try:
        trial = runner.first_that_explains(*ways) or runner.fit_anew()
    except OutOfBudget:
        if runner.has_tried(ways[0]):  # in vain
            raise
        what = untried(ways[0])
        return Finding(code, severity(e), layer, found, cause, what, ways[0])
    if trial is None:
        return None
    what = remedy(e, trial, FIT_ANEW)
    return Finding(code, severity(e), layer, found, cause, what, trial.change)
