"""Rules about how a network was started and trained.

Each is ``evidence -> Finding | None``. A rule first asks what is cheap and must hold
if it is right, and then tries its remedy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin.diagnosis._evidence import Evidence
from skdeepbin.diagnosis._experiments import STUCK, Laboratory, Trial, tried
from skdeepbin.diagnosis._findings import Finding, shown

# Of the gain of other models over the class frequencies, on rows they were not fitted
# to, a network that learnt has this share, on its own rows; tests/diagnosis/setups.py.
LEARNT = 0.7
# Standard deviation of the starting weights over that of "he" or "xavier", outside of
# which a start is suspected. Each layer multiplies the signal by about this.
SMALL_START, LARGE_START = 1 / 2, 2.0
# Weights below the square root of the rounding error: products of two vanish.
ZERO = 1e-8
# Units whose weights agree to this share of their size are the same unit.
SAME = 1e-6
# A loss that is this many times the least it was has run away (TheDeepChecker).
DIVERGED = 2.0
# Update-to-weight ratios outside of which steps are suspected (TheDeepChecker's
# log10 from -4 to -1; Karpathy and CS231n want about 1e-3).
SHORT_STEPS, LONG_STEPS = 1e-4, 1e-1
# So many times the usual learning rate is suspected as well, as is a loss that rises
# at this share of the iterations.
FAR_FROM_USUAL, RISES = 5.0, 0.3
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
# The loss still falls if it fell by this share over the last tenth of the iterations,
# as in training/_stopping.py.
STILL_FALLING = 0.01


def stuck(e: Evidence) -> bool:
    """Whether the network knows no more than how frequent the classes are."""
    return e.loss >= STUCK * e.entropy


def failing(e: Evidence) -> bool:
    """Whether the network is far from what other models reach."""
    if e.reachable >= STUCK * e.entropy:
        return stuck(e)
    return e.gain(e.loss) < LEARNT


def severity(e: Evidence) -> str:
    """How bad it is that the network is failing."""
    return "error" if stuck(e) else "warning"


def losses(e: Evidence) -> dict[str, float]:
    """The numbers that every finding about a loss starts with."""
    found = {"loss": e.loss, "entropy of the class frequencies": e.entropy}
    if not stuck(e):
        found["loss of another model"] = e.reachable
    return found


def setting(change: dict[str, Any] | Any) -> str:
    """Parameters as they are written in a call."""
    return ", ".join(f"{name}={_written(value)}" for name, value in change.items())


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def remedy(e: Evidence, trial: Trial, otherwise: str) -> str:
    """What to set, and what it did when it was tried.

    otherwise : what to do where nothing has to be set.
    """
    what = f"Set {setting(trial.change)}" if trial.change else otherwise
    return f"{what}: {tried(trial, e.loss)}"


def fresh_start(e: Evidence) -> dict[str, Any]:
    """The change to a start as it should be."""
    return {"init": "auto"} if e.subject.scales_itself else {}


FIT_ANEW = "Fit anew from random weights, with warm_start=False"


def not_finite(e: Evidence) -> Finding | None:
    """Weights that are infinite or not numbers."""
    subject = e.subject
    for number, V in enumerate(zip(subject.weights, subject.biases), start=1):
        if all(np.isfinite(part).all() for part in V):
            continue
        change = {subject.rate_name: (subject.rate or 1.0) / 10}
        share = np.mean([not np.isfinite(v) for v in V[0].ravel()])
        cause = "The weights became infinite or not a number: training ran away"
        what = f"Set {setting(change)}, scale X, and fit anew from random weights"
        found = {"share of its weights": float(share)}
        return Finding("diverged", "error", number, found, cause, what, change)
    return None


def zero_init(e: Evidence) -> Finding | None:
    """Hidden units that are all the same: their gradients stay the same, too."""
    network, theta, _ = e.network
    hidden = network.layout.layers(theta)[:-1]
    for number, V in enumerate(hidden, start=1):
        size = abs(V).max()
        none = size < ZERO
        twins = V.shape[1] > 1 and bool(np.ptp(V, axis=1).max() <= SAME * size)
        if not (none or twins) or not failing(e):
            continue
        trial = Laboratory(e).first_that_moves(fresh_start(e))
        if trial is None:
            return None
        cause = (
            f"All {V.shape[1]} units of hidden layer {number} have the same weights, so "
            "that they get the same gradient and stay one unit"
        )
        if none:
            cause = (
                f"The weights of hidden layer {number} are zero, and no signal passes"
            )
        found = {**losses(e), "largest weight": size}
        what = remedy(e, trial, FIT_ANEW)
        return Finding(
            "zero_init", severity(e), number, found, cause, what, trial.change
        )
    return None


def _start(e: Evidence) -> float:
    """The mean factor between a given start and the one that the activation needs."""
    factors = e.layers.start[:-1]
    with np.errstate(divide="ignore"):
        return float(np.exp(np.mean(np.log(factors)))) if len(factors) else 1.0


def init_too_small(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal smaller."""
    start = _start(e)
    if start >= SMALL_START or not failing(e):
        return None
    trial = Laboratory(e).first_that_moves(fresh_start(e))
    if trial is None:
        return None
    cause = (
        f"The starting weights are too small for {len(e.subject.hidden)} hidden layers "
        f"of {e.subject.activation}: each layer shrinks the signal, and to the output "
        "all rows look alike"
    )
    found = losses(e) | {"standard deviation over what is needed": start}
    found["spread over the rows in the last hidden layer"] = e.layers.spread[-2]
    what = remedy(e, trial, FIT_ANEW)
    layer = int(e.layers.spread.argmin()) + 1
    code = "init_too_small"
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def init_too_large(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal larger, or saturates."""
    start = _start(e)
    if start <= LARGE_START or (e.subject.init is None and not failing(e)):
        return None
    laboratory = Laboratory(e)
    trial = laboratory.try_out(fresh_start(e))
    found = losses(e) | {"standard deviation over what is needed": start}
    if failing(e) and laboratory.moves(trial):
        what = remedy(e, trial, FIT_ANEW)
    else:
        control = laboratory.try_out({})
        if not better_on_held_out(e, control, trial):
            return None
        found["loss of rows held out"] = control.held_out
        what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    effect = (
        "saturates its units"
        if e.layers.saturated.max(initial=0) > SATURATED
        else ("makes the signal larger")
    )
    cause = (
        f"The starting weights are too large for {e.subject.activation}: each layer "
        f"{effect}, and the first answers are far off"
    )
    layer = 1
    code = "init_too_large"
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def better_on_held_out(e: Evidence, control: Trial, trial: Trial) -> bool:
    """Whether a change helps on rows that neither was trained on."""
    before = min(control.held_out, 2 * e.entropy)
    missing = max(before - e.reachable, 0)
    return before - trial.held_out > max(0.3 * missing, 0.05 * e.entropy)


def on_held_out(control: Trial, trial: Trial) -> str:
    """What an experiment did to rows held out, for the end of a remedy."""
    return (
        f"with it the loss of rows held out is {shown(trial.held_out)} instead of "
        f"{shown(control.held_out)} after {trial.steps} steps"
    )


def _curve(e: Evidence) -> tuple[float, float]:
    """Share of the iterations at which the loss rose, and its most over its least."""
    curve = e.subject.loss[np.isfinite(e.subject.loss)]
    if len(curve) < 2:
        return 0.0, 1.0
    rises = np.diff(curve) > 1e-6 * abs(curve[:-1])
    worst = curve[1:].max() / max(curve[0], e.entropy)
    return float(rises.mean()), float(worst)


def _slower(e: Evidence) -> list[dict[str, Any]]:
    """Shorter steps to try."""
    subject, rate = e.subject, e.subject.rate
    if rate is None:
        return []
    usual = subject.usual_rate or rate
    rates = [usual] if rate > usual else []
    rates += [rate / 10, rate / 100]
    return [{subject.rate_name: float(f"{value:.3g}")} for value in rates]


def diverged(e: Evidence) -> Finding | None:
    """A loss that ran away and did not come back."""
    subject = e.subject
    curve = subject.loss
    least = np.nanmin(curve)
    away = curve[-1] > DIVERGED * max(least, e.entropy) and not subject.scales_itself
    if not (subject.stop_reason == "diverged" or away or not np.isfinite(curve[-1])):
        return None
    if not failing(e):
        return None
    found = {"largest loss": float(np.nanmax(curve)), "least loss": float(least)}
    if subject.rate is not None:
        found[subject.rate_name] = subject.rate
    trial = Laboratory(e).first_that_moves(*_slower(e))
    cause = (
        "The loss ran away upwards: every step went beyond the valley it was to enter"
    )
    if trial is None:
        what, change = "Scale X, and check it for values far from the others", {}
    else:
        what, change = remedy(e, trial, FIT_ANEW), dict(trial.change)
    return Finding("diverged", "error", None, found, cause, what, change)


def learning_rate_too_high(e: Evidence) -> Finding | None:
    """Steps that go beyond the valley."""
    subject = e.subject
    if subject.rate is None or subject.usual_rate is None or not failing(e):
        return None
    rises, worst = _curve(e)
    ratio = subject.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = subject.rate > FAR_FROM_USUAL * subject.usual_rate
    if not (far or (rises > RISES and worst > 1.05) or ratio > LONG_STEPS):
        return None
    trial = Laboratory(e).first_that_moves(*_slower(e))
    if trial is None:
        return None
    found = losses(e) | {subject.rate_name: subject.rate}
    found["share of iterations at which the loss rose"] = rises
    dead = e.layers.dead.max(initial=0)
    cause = "The steps are too long, so that the loss jumps instead of falling"
    if dead > DEAD:
        cause = "The steps are too long: they have thrown most units where relu is zero"
        found["share of dead units in the worst layer"] = dead
    code = "learning_rate_too_high"
    what = remedy(e, trial, FIT_ANEW)
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def _other_ways(e: Evidence, *activations: str) -> list[dict[str, Any]]:
    """Another start, shorter steps, another activation, fewer layers."""
    subject = e.subject
    ways = [fresh_start(e)] if subject.init is not None or not fresh_start(e) else []
    ways += [{"activation": name} for name in activations]
    if len(subject.hidden) > 2:
        ways.append({"hidden_layer_sizes": subject.hidden[:2]})
    return ways


def saturated_tanh(e: Evidence) -> Finding | None:
    """Units at the flat ends of tanh, where no gradient passes."""
    shares = e.layers.saturated
    if e.subject.activation != "tanh" or shares.max(initial=0) < SATURATED:
        return None
    ways = _other_ways(e, "relu")
    return _by_mechanism(
        e,
        "saturated_tanh",
        int(shares.argmax()) + 1,
        {"share of saturated activations": shares.max()},
        "Most units of the layer are at the flat ends of tanh, where its slope is below "
        "2 % and no gradient passes",
        ways,
    )


def dead_relu(e: Evidence) -> Finding | None:
    """Units that are zero for every row and have no gradient to come back."""
    shares = e.layers.dead
    if shares.max(initial=0) < DEAD:
        return None
    return _by_mechanism(
        e,
        "dead_relu",
        int(shares.argmax()) + 1,
        {"share of dead units": shares.max()},
        "Most units of the layer are zero for every row: they pass no gradient and "
        "cannot come back",
        _other_ways(e, "tanh"),
    )


def _ratio(e: Evidence) -> float:
    """The sensitivity of the logit to the first weights over that to the last."""
    first, last = e.layers.sensitivity[[0, -1]]
    return float(first / last) if last > 0 else np.nan


def exploding_gradient(e: Evidence) -> Finding | None:
    """Gradients that grow from layer to layer on the way back."""
    ratio = _ratio(e)
    if len(e.subject.hidden) < 2 or not ratio > EXPLODES:
        return None
    return _by_mechanism(
        e,
        "exploding_gradient",
        1,
        {"gradient of the first layer over that of the last": ratio},
        "The gradient grows from layer to layer on its way back, so that no step suits "
        "all layers",
        _other_ways(e, "tanh"),
    )


def vanishing_gradient(e: Evidence) -> Finding | None:
    """Gradients that shrink from layer to layer on the way back."""
    depth, ratio = len(e.subject.hidden), _ratio(e)
    if depth < 3 or not ratio ** (1 / depth) < VANISHES:
        return None
    slope = ""
    if e.subject.activation == "logistic":
        slope = ", as the slope of the logistic function is 1/4 at most"
    return _by_mechanism(
        e,
        "vanishing_gradient",
        1,
        {
            "gradient of the first layer over that of the last": ratio,
            "spread over the rows in the last hidden layer": e.layers.spread[-2],
        },
        f"The gradient shrinks from layer to layer on its way back through {depth} hidden "
        f"layers{slope}",
        _other_ways(e, *[a for a in ("tanh", "relu") if a != e.subject.activation]),
    )


def forward_collapse(e: Evidence) -> Finding | None:
    """Rows that look more alike from layer to layer."""
    spread = e.layers.spread[:-1]
    if len(spread) < 2:
        return None
    if spread[-1] > max(COLLAPSED, COLLAPSES * spread[0]):
        return None
    ways = _other_ways(e, *[a for a in ("tanh", "relu") if a != e.subject.activation])
    if e.subject.scales_itself and isinstance(e.subject.parameters["init"], str):
        ways.insert(0, {"init": "auto"})
    return _by_mechanism(
        e,
        "forward_collapse",
        int(spread.argmin()) + 1,
        {
            "spread over the rows in the first hidden layer": spread[0],
            "spread in the last": spread[-1],
        },
        "From layer to layer the rows become more alike, so that the output sees one row",
        ways,
    )


def _by_mechanism(
    e: Evidence,
    code: str,
    layer: int,
    measured: dict[str, float],
    cause: str,
    ways: list[dict[str, Any]],
) -> Finding | None:
    """The finding that a mechanism explains a failure, if a way around it helps."""
    trial = Laboratory(e).first_that_moves(*ways) if failing(e) else None
    if trial is None:
        return None
    what = remedy(e, trial, FIT_ANEW)
    found = losses(e) | measured
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def learning_rate_too_low(e: Evidence) -> Finding | None:
    """Steps that are too short to arrive."""
    subject = e.subject
    if subject.rate is None or subject.usual_rate is None or not failing(e):
        return None
    ratio = subject.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = subject.rate < subject.usual_rate / FAR_FROM_USUAL
    patient = subject.n_iter >= 50 and ratio < SHORT_STEPS
    if not (far or patient):
        return None
    rates = [subject.usual_rate] if far else []
    rates += [subject.rate * factor for factor in (10, 100, 1000)]
    changes = [{subject.rate_name: float(f"{rate:.3g}")} for rate in rates]
    trial = Laboratory(e).first_that_moves(*changes)
    if trial is None:
        return None
    found = losses(e) | {subject.rate_name: subject.rate}
    if np.isfinite(ratio):
        found["length of a step over that of the weights"] = ratio
    cause = f"The steps are too short to arrive in {subject.n_iter} iterations"
    what = remedy(e, trial, FIT_ANEW)
    code = "learning_rate_too_low"
    return Finding(code, severity(e), None, found, cause, what, trial.change)


def _still_falls(e: Evidence) -> float:
    """By which share the loss fell over the last tenth of the iterations."""
    curve = e.subject.validation if e.subject.validated else e.subject.loss
    curve = curve[np.isfinite(curve)]
    if not e.subject.ended_at_max_iter or not len(curve):
        return 0.0
    if len(curve) < 2:
        return 1.0
    tenth = max(1, len(curve) // 10)
    before, after = curve[:-tenth].min(), curve[-tenth:].min()
    return float(1 - after / before) if before > 0 else 0.0


def too_few_iterations(e: Evidence) -> Finding | None:
    """A loss that still fell when `max_iter` was reached."""
    falls, n = _still_falls(e), e.subject.n_iter
    short = failing(e)
    if falls < STILL_FALLING and not (short and e.subject.ended_at_max_iter):
        return None
    found = losses(e) | {"share by which it fell over the last tenth": falls}
    enough = max(4 * n, 200)
    change = {"max_iter": enough}
    what = f"Set max_iter={enough}"
    if short:
        laboratory = Laboratory(e)
        trial = laboratory.try_out(change, steps=min(enough, 10 * n, 400))
        if not laboratory.moves(trial):
            return None
        what = f"Set max_iter={enough}: {tried(trial, e.loss, 'going on')}"
    cause = f"The loss was still falling when training ended after {n} iterations"
    bad = severity(e) if short else "info"
    return Finding("too_few_iterations", bad, None, found, cause, what, change)
