"""Causes in the size of the network: too little of it, or too much."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._criteria import (
    FAR,
    LEARNT,
    better_on_held_out,
    failing,
    losses,
    on_held_out,
    remedy_on_held_out,
    setting,
    severity,
    stuck,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import LONG_WORK, Trial, TrialRunner, n_steps
from skdeepbin.diagnosis.training.causes._features import are_unscaled, must_be_scaled


def _first_better(
    e: Evidence,
    *sizes: Any,
    settings: Mapping[str, Any] = MappingProxyType({}),
    **others: Any,
) -> tuple[Trial, Trial] | None:
    """Return the first network of other sizes that does better, and one of the same.

    settings : of both.
    others : of the first alone.
    """
    runner = TrialRunner(e)
    same: dict[str, Any] = {"hidden_layer_sizes": e.model.hidden}
    for hidden in sizes:
        steps = runner.long_steps(hidden)
        change = {**settings, **others, "hidden_layer_sizes": hidden}
        trial = runner.run(change, steps)
        control = runner.run({**settings, **same} if settings else {}, steps)
        if better_on_held_out(e, control, trial):
            # "auto" and not what it came to, so that no remedy names what is set
            now = {**e.model.estimator.get_params(deep=False), **same}
            new = {k: v for k, v in change.items() if k not in now or now[k] != v}
            return trial._replace(change=new), control
    return None


def linear_network(e: Evidence) -> Finding | None:
    """Find a network without units that bend."""
    if e.model.hidden and e.model.activation != "identity":
        return None
    better = _first_better(e, (50, 50), activation="relu")
    if better is None:
        return None
    trial, control = better
    lighter = {"alpha": e.model.parameters["alpha"] / 100}
    linear = TrialRunner(e).run(lighter, trial.steps)
    if not better_on_held_out(e, linear, trial):  # a linear model would do
        return None
    return Finding(
        code="underfitting",
        severity=severity(e),
        evidence=losses(e),
        cause=(
            "Without a hidden layer of units that bend, the network is a linear model"
        ),
        remedy=remedy_on_held_out(control, trial),
        change=trial.change,
    )


# A narrowest layer of this width is suspected; of a network that has learnt, of the
# second.
NARROW, VERY_NARROW = 8, 3
# The width that is tried in place of a narrower one.
WIDER = 50


def too_few_units(e: Evidence) -> Finding | None:
    """Find a layer that is too narrow for what is to be told apart."""
    hidden = e.model.hidden
    if not hidden or min(hidden) > (NARROW if failing(e) else VERY_NARROW):
        return None
    runner = TrialRunner(e)
    longer = runner.run({}, runner.long_steps(hidden))
    if failing(e) and e.gain(longer.loss) >= LEARNT:
        return None
    wider = tuple(max(width, WIDER) for width in hidden)
    settings = dict(e.model.usual_settings)
    sizes = settings.pop("hidden_layer_sizes")
    better = _first_better(e, wider, (WIDER, WIDER)) or _first_better(
        e, sizes, settings=settings
    )
    if better is None:
        return None
    trial, control = better
    layer = int(np.argmin(hidden)) + 1
    return Finding(
        code="too_few_units",
        severity=severity(e),
        layer=layer,
        evidence={**losses(e), "units of the narrowest layer": float(min(hidden))},
        cause=f"Hidden layer {layer} is too narrow for what is to be told apart",
        remedy=remedy_on_held_out(control, trial),
        change=trial.change,
    )


# The width that is tried in place of a narrower one where none is too narrow.
MUCH_WIDER = 100


def underfitting(e: Evidence) -> Finding | None:
    """Find a network that other models beat by far."""
    if not failing(e):
        return None
    bad = severity(e) if e.gain(e.loss) < FAR else "info"
    wider = tuple(max(width, MUCH_WIDER) for width in e.model.hidden)
    settings = dict(e.model.usual_settings)
    sizes = settings.pop("hidden_layer_sizes")
    better = _first_better(e, wider) or _first_better(e, sizes, **settings)
    change: Mapping[str, Any] = {}
    if better is not None:
        trial, control = better
        what, change = remedy_on_held_out(control, trial), trial.change
    else:
        what = (
            "Prefer such a model for this table, or make features of which the logit "
            "is a smoother function"
        )
        bad = "error" if stuck(e) else "info"
    return Finding(
        code="underfitting",
        severity=bad,
        evidence=losses(e),
        cause=(
            f"A {e.baselines.best_name} model predicts rows it has not seen far better"
        ),
        remedy=what,
        change=change,
    )


# A validation loss that ends so far above its minimum has turned (SageMaker has 0.1).
TURNED = 1.1
# Loss of rows held out over the best of another model, in whose favour so much of the
# entropy is left, and over that of training.
WORSE, WORSE_BY, GAP = 1.5, 0.1, 1.5
# A loss of rows held out above this many entropies is worth a warning.
NO_BETTER = 0.9
# Iterations of a refit, at most.
REFIT = 600


def overfitting(e: Evidence) -> Finding | None:
    """Find a network that knows its own rows and no others."""
    model, curve = e.model, e.model.validation
    change, effect = model.against_overfitting
    what = f"Set {setting(change)}, {effect}"
    cause = "The network fits its own rows far better than rows it has not seen"
    if curve.size > 1 and not model.validated and curve[-1] > TURNED * curve.min():
        return Finding(
            code="overfitting",
            severity="warning",
            evidence={
                "validation loss at the end": curve[-1],
                "at its least": curve.min(),
                "loss of training": e.loss,
            },
            cause=cause,
            remedy=what,
            change=change,
        )
    if model.validated or e.loss > e.reachable or failing(e):
        return None
    runner = TrialRunner(e)
    most = n_steps(len(runner.train), e.X.shape[1], model.hidden, LONG_WORK, REFIT)
    trial = runner.run({}, steps=min(model.n_iter, most))
    gap = trial.held_out > GAP * max(trial.loss, e.loss)
    worse = trial.held_out > WORSE * e.reachable + WORSE_BY * e.entropy
    useless = trial.held_out > e.entropy
    if not np.isfinite(trial.held_out) or not gap or not (worse or useless):
        return None
    if not model.scales_itself and are_unscaled(e):
        scaled = runner.run({}, trial.steps, StandardScaler())
        if better_on_held_out(e, trial, scaled):
            return must_be_scaled(e, "StandardScaler", on_held_out(trial, scaled), {})
    known = e.n_rows == len(e.y)  # else a refit on fewer rows fits others worse
    bad = known and trial.held_out > NO_BETTER * e.entropy
    larger = "" if "alpha" in change else ", a larger `alpha`"
    return Finding(
        code="overfitting",
        severity="warning" if bad else "info",
        evidence={
            "loss of its own rows": e.loss,
            "loss of rows held out of a refit": trial.held_out,
            f"loss of a {e.baselines.best_name} model on such rows": e.reachable,
            "parameters for each row": model.n_parameters / e.n_rows,
        },
        cause=cause,
        remedy=f"{what}{larger or ','} or fewer units",
        change=change,
    )
