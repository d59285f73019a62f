"""Rules about what can be learnt: ``evidence -> Finding | None``.

The size of the network, the labels and the features.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._criteria import (
    FAR,
    LEARNT,
    better_on_held_out,
    failing,
    losses,
    on_held_out,
    remedy,
    setting,
    severity,
    stuck,
    untried,
)
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._tables import overlap
from skdeepbin.diagnosis.training._trials import (
    LONG_WORK,
    MOST_IF_LONG,
    TAIL,
    Trial,
    TrialRunner,
    effect_of,
    n_steps,
)
from skdeepbin.engine._scaling import RARE as RARE_FEATURE

# Standard errors by which the AUC of the models must exceed 0.5 to be a sign that the
# labels depend on the features.
SIGNAL = 2.5
# Standard deviations of features, largest over smallest, and mean over standard
# deviation, from which they count as unscaled; UMLAUT's and DeepDiagnosis' range of
# [-1, 1] accuses standardised features as well.
RATIO, LARGE, SMALL, OFF_CENTRE = 10.0, 10.0, 0.1, 3.0
# A narrowest layer of this width is suspected, even of a network that has learnt.
NARROW, VERY_NARROW = 8, 3
# Penalties above the default by this factor are suspected.
STRONG = 10.0
# Penalties above what suits the weight of the rows by this factor are; beyond the one
# before they are accused untried where trying takes too long.
OVER = 2.0
# Weights of a smaller mean look normalised, as do those that sum to one.
NORMALISED = 1e-3
# And others where the weights have become this small next to a usual start.
SHRUNK = 0.3
# Labels that are wrong where a model is surest: the least share, and how far that is
# from what overlapping classes give, 0, to what labels changed at random give, 1. From
# a share of wrong labels in all, the two are hard to tell apart.
NOISE, NOISE_EVENLY, HARD_TO_TELL = 0.08, 0.4, 0.35
# Rows for each feature, below which no model finds a weak dependence.
ENOUGH_ROWS = 5.0
# And of each class, below which none finds a strong one: with 15 and 15 rows an AUC of
# one is five standard errors above 0.5.
ENOUGH_OF_A_CLASS = 15
# Held-out loss over the best of another model, and over that of training.
WORSE, GAP = 1.5, 1.5
# A validation loss that ends so far above its minimum has turned (SageMaker has 0.1).
TURNED = 1.1
# SageMaker's ClassImbalance: 10 to 1; and the share of the rare class that is found.
RARE, FOUND, NEARLY_ALL = 0.1, 0.4, 0.9
# AUC of one feature from which it may be a copy of the label.
LEAK, LEAK_GAP = 0.99, 0.25


def no_variation(e: Evidence) -> Finding | None:
    """A table of constant features."""
    constant = e.columns.constant
    if len(constant) < e.X.shape[1]:
        return None
    found = {"constant features": float(e.model.n_features)}
    cause = "All features are constant: there is nothing to tell rows apart by"
    what = "Check how X is made"
    return Finding("constant_features", "error", None, found, cause, what)


def _defaults(e: Evidence) -> dict[str, Any]:
    """The settings of a network that learns most tables."""
    if not e.model.scales_itself:
        return {
            "hidden_layer_sizes": (50, 50),
            "activation": "relu",
            "solver": "adam",
            "learning_rate_init": 0.01,
            "alpha": 1e-4,
        }
    default = type(e.model.estimator)()
    names = ["hidden_layer_sizes", "activation", "depth", "init", "solver"]
    names += ["learning_rate", "alpha", "dropout", "batch_size"]
    return {name: getattr(default, name) for name in names}


def labels_unlearnable(e: Evidence) -> Finding | None:
    """Labels that do not depend on the features, as far as any model can see."""
    baselines = e.baselines
    if baselines.signal >= SIGNAL or min(e.y.sum(), (~e.y).sum()) < ENOUGH_OF_A_CLASS:
        return None
    if e.model.validation.size and e.model.validation.min() < 0.95 * e.entropy:
        return None
    if e.n_rows < ENOUGH_ROWS * e.model.n_features and not stuck(e):
        return None
    trial = TrialRunner(e).run(_defaults(e), scaler=StandardScaler())
    if trial.held_out < 0.95 * e.entropy:
        return None
    found = {
        "entropy of the class frequencies": e.entropy,
        **{f"loss of a {name} model": v for name, v in baselines.losses.items()},
    }
    cause = (
        "No model predicts the labels of rows it has not seen, neither a linear one "
        "nor neighbours, trees or a network of default settings"
    )
    what = (
        "Check that the rows of X and y belong together, and look for features that y "
        "depends on"
    )
    return Finding("labels_unlearnable", "error", None, found, cause, what)


def rare_features(e: Evidence) -> Finding | None:
    """Features that are zero in most rows, in units in which they drown or shout."""
    scaling = e.model.parameters.get("feature_scaling", "auto")
    if scaling == "auto" or not failing(e):
        return None
    filled = np.mean(e.X != 0, axis=0)
    rare = int(np.sum((filled > 0) & (filled <= RARE_FEATURE)))
    if not rare:
        return None
    runner, change = TrialRunner(e), {"feature_scaling": "auto"}
    trial = runner.run(change)
    what = remedy(e, trial, "")
    if not runner.explains(trial):  # it may learn its own rows in any units
        control = runner.run({}, trial.steps)
        if not better_on_held_out(e, control, trial):
            return None
        what = f"Set {setting(change)}: {on_held_out(control, trial)}"
    found = losses(e) | {"features that are zero in most rows": float(rare)}
    cause = (
        f"Most entries of some features are zero, and feature_scaling={scaling!r} "
        "gives these a scale that does not suit them"
    )
    code = "unscaled_features"
    return Finding(code, severity(e), None, found, cause, what, change)


def unscaled_features(e: Evidence) -> Finding | None:
    """Features in units in which no step suits all weights."""
    return _if_scaling_helps(e) if _are_unscaled(e) else None


def unevenly_scaled(e: Evidence) -> Finding | None:
    """Features of uneven spread, where more iterations as they are do not help."""
    if e.model.scales_itself or not _are_uneven(e) or not failing(e):
        return None
    long = TrialRunner(e).run({}, _long(e, e.model.hidden))
    return None if e.gain(long.loss) >= LEARNT else _if_scaling_helps(e)


def _if_scaling_helps(e: Evidence) -> Finding | None:
    if not failing(e):
        return None
    runner = TrialRunner(e)
    found_scaler = runner.scaled({})
    if found_scaler is None and not e.model.scales_itself:
        found_scaler = runner.scaled(runner.faster_settings[-1])
    if found_scaler is None:
        return None
    name, trial = found_scaler
    also = f", and set {setting(trial.change)}" if trial.change else ""
    return _unscaled(e, name, effect_of(trial, e.loss), also)


def _unscaled(e: Evidence, scaler: str, effect: str, also: str) -> Finding:
    """The finding that features must be scaled."""
    cause = (
        "Features of very different or very large scale let a few weights decide all"
    )
    how = "with_mean=False" if e.is_sparse and scaler == "StandardScaler" else ""
    call = f"sklearn.preprocessing.{scaler}({how})"
    what = f"Put {call} before the classifier{also}: {effect}"
    found, code = losses(e) | _scales(e), "unscaled_features"
    return Finding(code, severity(e), None, found, cause, what)


def _are_unscaled(e: Evidence) -> bool:
    """Whether features are far out, whichever of them matter."""
    spread = e.columns.spread[e.columns.spread > 0]
    if not len(spread):
        return False
    if e.model.scales_itself:
        return e.columns.tail > TAIL
    mean = abs(e.columns.mean[e.columns.spread > 0])
    off = np.where(mean > 1, mean / spread, 0)
    small = max(SMALL, spread.max() / RATIO) > np.quantile(spread, 0.25)
    return bool(
        spread.max() > LARGE
        or spread.max() < SMALL
        or (small and spread.max() > 1)
        or off.max() > OFF_CENTRE
    )


def _are_uneven(e: Evidence) -> bool:
    """Whether some feature has a spread that others have not."""
    spread = e.columns.spread[e.columns.spread > 0]
    return bool(len(spread)) and bool(spread.max() > RATIO * spread.min())


def _scales(e: Evidence) -> dict[str, float]:
    spread = e.columns.spread[e.columns.spread > 0]
    return {
        "largest standard deviation of a feature": spread.max(),
        "smallest": spread.min(),
    }


def outweighed(e: Evidence) -> Finding | None:
    """A penalty that is too strong for the total weight of the rows."""
    model = e.model
    if not model.scales_itself or isinstance(model.estimator.alpha, str):
        return None
    alpha, penalty = model.parameters["alpha"], e.penalty
    if alpha <= OVER * penalty.auto or not failing(e):
        return None
    found = losses(e) | {"alpha": alpha, "the strongest that suits it": penalty.auto}
    cause = (
        f"The penalty outweighs the rows: alpha={alpha:g} against a total weight of "
        f"{penalty.weight:.3g}"
    )
    normalise = ""
    sums_to_one = penalty.n_weights > 1 and abs(penalty.weight - 1) < 1e-6
    if sums_to_one or penalty.weight < NORMALISED * penalty.n_weights:
        cause += ". The sample weights look normalised, but a weight counts rows"
        factor = penalty.n_weights / penalty.weight
        normalise = (
            f". Or multiply the weights by {factor:.3g}, their number / their sum"
        )
    try:
        trial = _lighter(e, penalty.auto)
    except OutOfBudget:
        change: dict[str, Any] = {"alpha": "auto"}
        is_clear = stuck(e) and alpha > STRONG * penalty.auto
        if not is_clear or TrialRunner(e).has_tried(change):
            return None
        what = untried(change)
    else:
        if trial is None:
            return None
        change, what = dict(trial.change), remedy(e, trial, "")
    what += normalise
    return Finding("over_regularized", severity(e), None, found, cause, what, change)


def _lighter(e: Evidence, auto: float) -> Trial | None:
    """A trial with a lighter penalty that learns, on rows held out too if they tell."""
    runner = TrialRunner(e)
    tell = min(e.y.sum(), (~e.y).sum()) >= ENOUGH_OF_A_CLASS
    for alpha in ("auto", float(f"{auto / 10:.1g}")):
        trial = runner.run({"alpha": alpha})
        if runner.explains(trial) and not (
            tell and not better_on_held_out(e, runner.run({}, trial.steps), trial)
        ):
            return trial
    return None


def over_regularized(e: Evidence) -> Finding | None:
    """A penalty or a dropout that leaves no weights to learn with."""
    model = e.model
    if not failing(e):
        return None
    alpha, usual = model.parameters["alpha"], model.usual_alpha
    dropout = model.parameters.get("dropout", 0.0)
    changes = []
    if alpha > STRONG * usual:
        changes.append({"alpha": usual})
    if dropout > 0.5:  # UMLAUT's limit
        changes.append({"dropout": 0.0})
    if len(changes) == 2:
        changes.append(changes[0] | changes[1])
    runner, steps = TrialRunner(e), _long(e, model.hidden)
    trial = runner.first_that_explains(*changes, steps=steps)
    if trial is None:
        return None
    if not better_on_held_out(e, runner.run({}, steps), trial):
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
    what = remedy(e, trial, "")
    code = "over_regularized"
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def held_down(e: Evidence) -> Finding | None:
    """A usual penalty that has drawn the weights of few rows to zero."""
    alpha = e.model.parameters["alpha"]
    shrunk = float(e.scale.mean())
    shrunk_to_zero = e.start_scale >= 1 and shrunk < SHRUNK
    dead = e.layers.dead.max(initial=0) > 0.5
    if not (stuck(e) and alpha and shrunk_to_zero) or dead:
        return None
    runner = TrialRunner(e)
    trial = runner.first_that_explains({"alpha": alpha / 10})
    if trial is None:
        return None
    if not better_on_held_out(e, runner.run({}, trial.steps), trial):
        return None
    found = losses(e) | {"alpha": alpha}
    found["size of the weights over that of a start"] = shrunk
    cause = "The penalty draws the weights to zero, faster than they learn"
    what = remedy(e, trial, "")
    code = "over_regularized"
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def penalised(e: Evidence) -> Finding | None:
    """A usual penalty that is too strong for these rows."""
    alpha = e.model.parameters["alpha"]
    if not (failing(e) and alpha and e.model.scales_itself):
        return None
    runner, steps = TrialRunner(e), _long(e, e.model.hidden)
    control, trial = (
        runner.run(change, steps) for change in ({}, {"alpha": alpha / 10})
    )
    if e.gain(control.loss) >= LEARNT or e.gain(trial.loss) < LEARNT:
        return None
    if not better_on_held_out(e, control, trial):
        return None
    found = losses(e) | {"alpha": alpha}
    cause = "The penalty is too strong for what is to be told apart"
    what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    return Finding(
        "over_regularized", severity(e), None, found, cause, what, trial.change
    )


def class_imbalance(e: Evidence) -> Finding | None:
    """A rare class that is hardly ever predicted."""
    share = float(np.mean(e.y))
    rare = share < 0.5
    few = min(share, 1 - share)
    if few >= RARE:
        return None
    predicted = (e.logits > 0) == rare
    recall = float(predicted[e.y == rare].mean())
    if recall >= NEARLY_ALL:
        return None
    found = {"share of the rare class": few, "share of it that is predicted": recall}
    cause = "One class is rare, and the network predicts it for only a part of its rows"
    what = "Lower the threshold on predict_proba"
    change: dict[str, Any] = {}
    if "class_weight" in e.model.parameters:
        change = {"class_weight": "balanced"}
        what = "Set class_weight='balanced', or lower the threshold on predict_proba"
    bad = "warning" if recall < FOUND else "info"
    return Finding("class_imbalance", bad, None, found, cause, what, change)


def too_few_units(e: Evidence) -> Finding | None:
    """A layer that is too narrow for what is to be told apart."""
    hidden = e.model.hidden
    if not hidden or min(hidden) > (NARROW if failing(e) else VERY_NARROW):
        return None
    longer = TrialRunner(e).run({}, _long(e, hidden))
    if failing(e) and e.gain(longer.loss) >= LEARNT:
        return None
    wider = tuple(max(width, 50) for width in hidden)
    settings = _defaults(e)
    sizes = settings.pop("hidden_layer_sizes")
    better = _first_better(e, wider, (50, 50)) or _first_better(
        e, sizes, settings=settings
    )
    if better is None:
        return None
    trial, control = better
    layer = int(np.argmin(hidden)) + 1
    found = losses(e) | {"units of the narrowest layer": float(min(hidden))}
    cause = f"Hidden layer {layer} is too narrow for what is to be told apart"
    what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    code = "too_few_units"
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def _long(e: Evidence, sizes: Any) -> int:
    """Iterations of a long experiment."""
    n = len(TrialRunner(e).train)
    return n_steps(n, e.X.shape[1], sizes, LONG_WORK, MOST_IF_LONG)


def _first_better(
    e: Evidence,
    *sizes: Any,
    settings: Mapping[str, Any] = MappingProxyType({}),
    **others: Any,
) -> tuple[Trial, Trial] | None:
    """The first network of other sizes that does better, and one of the same sizes.

    settings : of both.
    others : of the first alone.
    """
    runner = TrialRunner(e)
    same: dict[str, Any] = {"hidden_layer_sizes": e.model.hidden}
    for hidden in sizes:
        steps = _long(e, hidden)
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
    """A network without units that bend."""
    if e.model.hidden and e.model.activation != "identity":
        return None
    better = _first_better(e, (50, 50), activation="relu")
    if better is None:
        return None
    trial, control = better
    lighter = {"alpha": e.model.parameters["alpha"] / 100}
    held_down = TrialRunner(e).run(lighter, trial.steps)
    if not better_on_held_out(e, held_down, trial):  # a linear model would do
        return None
    found, code = losses(e), "underfitting"
    cause = "Without a hidden layer of units that bend, the network is a linear model"
    what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def underfitting(e: Evidence) -> Finding | None:
    """A network that has not the form, or not the training, for what others find."""
    if not failing(e):
        return None
    found, code = losses(e), "underfitting"
    cause = f"A {e.baselines.best_name} model predicts rows it has not seen far better"
    bad = severity(e) if e.gain(e.loss) < FAR else "info"
    wider = tuple(max(width, 100) for width in e.model.hidden)
    settings = _defaults(e)
    sizes = settings.pop("hidden_layer_sizes")
    better = _first_better(e, wider) or _first_better(e, sizes, **settings)
    if better is not None:
        trial, control = better
        what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
        return Finding(code, bad, None, found, cause, what, trial.change)
    what = (
        "Prefer such a model for this table, or make features of which the logit is a "
        "smoother function"
    )
    bad = "error" if stuck(e) else "info"
    return Finding(code, bad, None, found, cause, what)


def label_noise(e: Evidence) -> Finding | None:
    """Labels that are wrong even where a model is sure."""
    baselines = e.baselines
    sure, error = baselines.sure_error, baselines.error
    natural = overlap(error)
    chance = 2 * np.sqrt(natural * (1 - natural) / max(len(e.y) / 3, 1))
    evenly = natural + NOISE_EVENLY * (error - natural)
    if sure < max(NOISE, evenly, natural + chance) or baselines.signal < SIGNAL:
        return None
    found = {"share of other labels": error, "the same where a model is surest": sure}
    found["what overlapping classes would give there"] = natural
    cause = "Labels differ from those of similar rows as often where the class is clear"
    change, _ = e.model.against_overfitting
    what = f"Check how y was collected; against fitting the noise set {setting(change)}"
    bad = "warning" if error < HARD_TO_TELL else "info"
    return Finding("label_noise", bad, None, found, cause, what, change)


def overfitting(e: Evidence) -> Finding | None:
    """A network that knows its own rows and no others."""
    model = e.model
    change, effect = model.against_overfitting
    cause = "The network fits its own rows far better than rows it has not seen"
    curve = model.validation
    if curve.size > 1 and not model.validated and curve[-1] > TURNED * curve.min():
        found = {"validation loss at the end": curve[-1], "at its least": curve.min()}
        found["loss of training"] = e.loss
        what = f"Set {setting(change)}, {effect}"
        return Finding("overfitting", "warning", None, found, cause, what, change)
    if model.validated or e.loss > e.reachable or failing(e):
        return None
    runner = TrialRunner(e)
    most = n_steps(len(runner.train), e.X.shape[1], model.hidden, LONG_WORK, 600)
    trial = runner.run({}, steps=min(model.n_iter, most))
    gap = trial.held_out > GAP * max(trial.loss, e.loss)
    worse = trial.held_out > WORSE * e.reachable + 0.1 * e.entropy
    if (
        not np.isfinite(trial.held_out)
        or not gap
        or not (worse or trial.held_out > e.entropy)
    ):
        return None
    if not model.scales_itself and _are_unscaled(e):
        scaled = runner.run({}, trial.steps, StandardScaler())
        if better_on_held_out(e, trial, scaled):
            return _unscaled(e, "StandardScaler", on_held_out(trial, scaled), "")
    found = {
        "loss of its own rows": e.loss,
        "loss of rows held out of a refit": trial.held_out,
        f"loss of a {e.baselines.best_name} model on such rows": e.reachable,
        "parameters for each row": model.n_parameters / e.n_rows,
    }
    known = e.n_rows == len(e.y)  # else a refit on fewer rows fits others worse
    what = f"Set {setting(change)}, {effect}, a larger `alpha` or fewer units"
    if "alpha" in change:
        what = f"Set {setting(change)}, {effect}, or fewer units"
    bad = "warning" if known and trial.held_out > e.entropy * 0.9 else "info"
    return Finding("overfitting", bad, None, found, cause, what, change)


def leaking_feature(e: Evidence) -> Finding | None:
    """One feature that alone predicts what all others together do not."""
    columns = e.columns
    best = int(columns.auc.argmax())
    others = columns.auc[~columns.same_as_best]
    if columns.auc[best] < LEAK or others.max(initial=0.5) >= LEAK:
        return None
    if min(e.y.sum(), (~e.y).sum()) < ENOUGH_OF_A_CLASS:  # by chance
        return None
    sure = columns.auc[best] > 0.999 and columns.gap > LEAK_GAP
    found = {
        "AUC of the feature alone": columns.auc[best],
        "AUC of the next": others.max(initial=0.5),
    }
    named = e.number_of(best)
    cause = f"Feature {named} alone all but tells the label, as if it were made from it"
    what = f"Check how feature {named} is made, and drop it if it is not known in time"
    bad = "warning" if sure else "info"
    return Finding("leaking_feature", bad, None, found, cause, what)


def constant_features(e: Evidence) -> Finding | None:
    """Features that say nothing, or nothing new."""
    constant, duplicate = e.columns.constant, e.columns.duplicate
    if not len(constant) + len(duplicate) or len(constant) == e.X.shape[1]:
        return None
    found = {"constant": float(len(constant)), "duplicate": float(len(duplicate))}
    some = [*constant.tolist(), *duplicate.tolist()][:5]
    listed = ", ".join(str(e.number_of(feature)) for feature in some)
    cause = f"Features are constant or repeat others: {listed}"
    what = "Drop them, or put sklearn.feature_selection.VarianceThreshold() before"
    return Finding("constant_features", "info", None, found, cause, what)


def unscaled_but_harmless(e: Evidence) -> Finding | None:
    """Features of very different scale that have done no visible harm."""
    spread = e.columns.spread[e.columns.spread > 0]
    if not len(spread) or failing(e):
        return None
    harm = "trains in units of their spread, so that this does no harm"
    if not e.model.scales_itself:
        harm = "has learnt all the same, if more slowly"
    elif spread.max() < RATIO**2 * spread.min():
        return None
    if not (e.model.scales_itself or _are_unscaled(e) or _are_uneven(e)):
        return None
    cause = f"Features are not of one scale; the classifier {harm}"
    what = "Put sklearn.preprocessing.StandardScaler() before it, to compare weights"
    return Finding("unscaled_features", "info", None, _scales(e), cause, what)
