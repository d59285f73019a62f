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
from skdeepbin.diagnosis._layers import Layers
from skdeepbin.diagnosis._subject import RARELY_TOO_HIGH

# Of the gain of other models over the class frequencies, on rows they were not fitted
# to, a network that learnt has this share, on its own rows; tests/diagnosis/setups.py.
LEARNT = 0.7
# Below this one it is no matter of taste.
FAR = 0.5
# Standard deviation of the starting weights over that of "he" or "xavier", outside of
# which a start is suspected. Each layer multiplies the signal by about this.
SMALL_START, LARGE_START = 1 / 2, 2.0
# Weights below the square root of the rounding error: products of two vanish.
ZERO = 1e-8
# Units whose weights agree to this share of their size are the same unit.
SAME = 1e-6
# A loss that is this many times the one at the start has run away; TheDeepChecker's
# twice the least is reached by steps that are only too long.
DIVERGED = 10.0
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
# So many iterations are enough, if each is long enough.
MANY = 100
# More iterations must lower the loss of rows held out by this share, too.
MORE = 0.02


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
    """Weights that are infinite or not a number."""
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
    given = e.subject.init is not None and e.subject.init < ZERO
    for number, V in enumerate(network.layout.layers(theta)[:-1], start=1):
        size = float(abs(V[:-1]).max())
        twins = V.shape[1] > 1 and bool(np.ptp(V, axis=1).max() <= SAME * abs(V).max())
        none = given or size < ZERO
        if not (none or twins) or not failing(e):
            continue
        cause = (
            f"All {V.shape[1]} units of hidden layer {number} have the same weights, "
            "so that they get the same gradient and remain one unit"
        )
        if none:
            cause = f"The weights of hidden layer {number} are zero: no signal passes"
        if given:
            cause = f"The weights started at as good as zero, init={e.subject.init:g}"
        trial = Laboratory(e).try_out(fresh_start(e))
        what = remedy(e, trial, FIT_ANEW)
        found = {**losses(e), "largest weight": size}
        return Finding(
            "zero_init", severity(e), number, found, cause, what, trial.change
        )
    return None


def _from_usual_start(e: Evidence) -> Trial | None:
    """A fit from a usual start, if that makes the loss move."""
    laboratory = Laboratory(e)
    if not failing(e):
        return None
    if e.subject.init is None:
        return laboratory.fit_anew()
    return laboratory.first_that_explains(fresh_start(e))


def init_too_small(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal smaller."""
    trial = _from_usual_start(e) if e.given_scale < SMALL_START else None
    if trial is None:
        return None
    cause = (
        f"The weights started too small for {len(e.subject.hidden)} hidden layers of "
        f"{e.subject.activation}: each shrinks the signal, until to the output all "
        "rows look alike"
    )
    found = losses(e) | {"their size over the usual": e.given_scale}
    spread = e.start.spread if e.subject.init is not None else e.layers.spread
    found["spread over the rows in the last hidden layer"] = spread[-2]
    what = remedy(e, trial, FIT_ANEW)
    layer = len(e.subject.hidden)
    code = "init_too_small"
    return Finding(code, severity(e), layer, found, cause, what, trial.change)


def _is_fast(e: Evidence) -> bool:
    """Whether the learning rate is one that is too high for most tables."""
    subject = e.subject
    most = RARELY_TOO_HIGH.get(subject.parameters["solver"], np.inf)
    return subject.rate is not None and subject.rate > most


def init_too_large(e: Evidence) -> Finding | None:
    """A start in which every layer makes the signal larger, or saturates."""
    if e.given_scale <= LARGE_START or (e.subject.init is None and _is_fast(e)):
        return None
    found = losses(e) | {"their size over the usual": e.given_scale}
    trial = _from_usual_start(e)
    if trial is not None:
        what = remedy(e, trial, FIT_ANEW)
    elif e.subject.init is None:
        return None
    else:
        laboratory = Laboratory(e)
        trial, control = laboratory.try_out(fresh_start(e)), laboratory.try_out({})
        if not better_on_held_out(e, control, trial):
            return None
        what = f"Set {setting(trial.change)}: {on_held_out(control, trial)}"
    effect = "makes the signal larger"
    if e.start.saturated.max(initial=0) > SATURATED:
        effect = "sends its units to the flat ends"
    cause = (
        f"The weights started too large for {e.subject.activation}: each layer "
        f"{effect}, and the first answers are far off"
    )
    code = "init_too_large"
    return Finding(code, severity(e), 1, found, cause, what, trial.change)


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
    rates: list[Any] = [usual] if rate > usual else []
    rates += [rate / 10, rate / 100]
    rates = [float(f"{value:.3g}") for value in rates]
    if subject.scales_itself:
        rates.insert(0, "auto")
    return [{subject.rate_name: value} for value in rates]


def diverged(e: Evidence) -> Finding | None:
    """A loss that ran away and did not come back."""
    subject, curve = e.subject, e.subject.loss
    first = max(float(curve[0]), e.entropy)
    away = not subject.scales_itself and curve[-1] > DIVERGED * first
    if not (subject.stop_reason == "diverged" or away or not np.isfinite(curve[-1])):
        return None
    if not failing(e):
        return None
    found = {"largest loss": float(np.nanmax(curve))} | losses(e)
    if subject.rate is not None:
        found[subject.rate_name] = subject.rate
    trial = Laboratory(e).first_that_explains(*_slower(e))
    cause = (
        "The loss ran away upwards: each step went beyond the valley it was to enter"
    )
    what, change = "Scale X, and check it for values far from the others", {}
    if trial is not None:
        what, change = remedy(e, trial, FIT_ANEW), dict(trial.change)
    return Finding("diverged", "error", None, found, cause, what, change)


def learning_rate_too_high(e: Evidence) -> Finding | None:
    """Steps that go beyond the valley."""
    subject = e.subject
    if subject.rate is None or subject.usual_rate is None:
        return None
    rises, worst = _curve(e)
    ratio = subject.step_ratio(float(np.linalg.norm(e.layers.gradient)))
    far = _is_fast(e)
    jumps = rises > RISES and worst > 1.05
    if not (far or jumps or ratio > LONG_STEPS):
        return None
    found = losses(e) | {subject.rate_name: subject.rate}
    found["share of iterations at which the loss rose"] = rises
    found["largest loss"] = float(np.nanmax(subject.loss))
    cause = "The steps are too long, so that the loss jumps instead of falling"
    code, laboratory = "learning_rate_too_high", Laboratory(e)
    if not failing(e):
        return _jumpy(e, found, cause) if far else None
    trial = laboratory.first_that_explains(*_slower(e))
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
    laboratory, code = Laboratory(e), "learning_rate_too_high"
    control = laboratory.try_out({})
    for change in _slower(e):
        trial = laboratory.try_out(change)
        if better_on_held_out(e, control, trial):
            what = f"Set {setting(change)}: {on_held_out(control, trial)}"
            return Finding(code, "warning", None, found, cause, what, change)
    if _curve(e)[1] < DIVERGED:
        return None
    change = _slower(e)[0]
    bad = "warning" if failing(e) else "info"
    return Finding(code, bad, None, found, cause, f"Set {setting(change)}", change)


def _other_ways(e: Evidence, *activations: str) -> list[dict[str, Any]]:
    """The start that suits the activation, another activation, fewer layers."""
    subject = e.subject
    ways: list[dict[str, Any]] = []
    if subject.parameters.get("init", "auto") != "auto":
        ways.append({"init": "auto"})
    ways += [{"activation": a} for a in activations if a != subject.activation]
    if len(subject.hidden) > 2:
        ways.append({"hidden_layer_sizes": subject.hidden[:2]})
    return ways


def saturated_tanh(e: Evidence) -> Finding | None:
    """Units at the flat ends of tanh, where no gradient passes."""
    shares = e.layers.saturated
    if e.subject.activation != "tanh" or shares.max(initial=0) < SATURATED:
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


def _ratio(layers: Layers) -> float:
    """The sensitivity of the logit to the first weights over that to the last."""
    first, last = layers.sensitivity[[0, -1]]
    return float(first / last) if last > 0 else np.nan


def exploding_gradient(e: Evidence) -> Finding | None:
    """Gradients that grow from layer to layer on the way back."""
    ratio = float(e.layers.error[0] / e.layers.error[-1])
    if len(e.subject.hidden) < 2 or not ratio > EXPLODES:
        return None
    measured = {"error in the first layer over that in the last": ratio}
    cause = (
        "The error grows from layer to layer on its way back, so that no step suits "
        "all layers"
    )
    return _by_mechanism(e, "exploding_gradient", 1, measured, cause, "tanh")


def vanishing_gradient(e: Evidence) -> Finding | None:
    """Gradients that shrink from layer to layer on the way back, from the start."""
    depth, ratio = len(e.subject.hidden), _ratio(e.start)
    if depth < 3 or not ratio ** (1 / depth) < VANISHES:
        return None
    slope = ""
    if e.subject.activation == "logistic":
        slope = ", as the slope of the logistic function is 1/4 at most"
    measured = {
        "gradient of the first layer over that of the last": ratio,
        "spread over the rows in the last hidden layer": e.layers.spread[-2],
    }
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
    laboratory = Laboratory(e)
    trial = laboratory.first_that_explains(*_other_ways(e, *activations))
    trial = trial or laboratory.fit_anew()
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
    creeps = subject.n_iter >= MANY and _still_falls(e) > STILL_FALLING
    fades = subject.parameters["learning_rate"] == "invscaling"
    if not (far or patient or creeps or fades):
        return None
    rates = [subject.usual_rate] if far else []
    rates += [subject.rate * factor for factor in (10, 100, 1000)]
    changes: list[dict[str, Any]] = [
        {subject.rate_name: float(f"{rate:.3g}")} for rate in rates
    ]
    if fades:
        changes = [change | {"learning_rate": "constant"} for change in changes]
    trial = Laboratory(e).first_that_explains(*changes)
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
    """Training that ended before it had learnt what it could."""
    if not failing(e):
        return None
    subject, n = e.subject, e.subject.n_iter
    enough = max(4 * n, 200)
    laboratory = Laboratory(e)
    trial = laboratory.try_out({}, steps=min(enough, 400))
    elsewhere = trial.held_out < (1 - MORE) * min(e.loss, e.entropy)
    if not (laboratory.moves(trial) and elsewhere):
        return None
    cause = f"Training ended after {n} iterations, before the loss had fallen far"
    change: dict[str, Any] = {"max_iter": enough}
    if not subject.ended_at_max_iter:
        if trial.steps <= n:
            return None
        cause = f"Training ended on a plateau after {n} iterations"
        change = {"n_iter_no_change": enough, "tol": 1e-6}
        if subject.validated:
            change = {"n_iter_no_change": enough}
    what = f"Set {setting(change)}: {tried(trial, e.loss)}"
    found = losses(e) | {"fall of the loss over the last tenth": _still_falls(e)}
    bad, code = severity(e), "too_few_iterations"
    if not subject.ended_at_max_iter and e.gain(e.loss) > FAR:
        bad = "info"
    return Finding(code, bad, None, found, cause, what, change)


def still_falling(e: Evidence) -> Finding | None:
    """A loss that is low, and still fell when `max_iter` was reached."""
    falls, n = _still_falls(e), e.subject.n_iter
    if falls < STILL_FALLING:
        return None
    found = losses(e) | {"fall of the loss over the last tenth": falls}
    change = {"max_iter": 4 * n}
    cause = f"The loss was still falling when training ended after {n} iterations"
    what = f"Set {setting(change)}"
    return Finding("too_few_iterations", "info", None, found, cause, what, change)
