"""Criteria that the rules share, and the wording of their remedies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepbin.diagnosis._findings import Finding, shown
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import STUCK, Trial, effect_of

# Of the gain of other models over the class frequencies, on rows they were not fitted
# to, a network that learnt has this share, on its own rows; tests/diagnosis/setups.py.
LEARNT = 0.7
# Below this one it is no matter of taste.
FAR = 0.5
# On rows held out a change must close this share of the distance to another model, and
# gain this share of the entropy; both are above what two seeds differ by.
CLOSES_HELD_OUT, GAINS_HELD_OUT = 0.3, 0.05
# A loss on rows held out that is more entropies than this is out of hand: to have come
# down from higher is no more of a remedy.
OUT_OF_HAND = 2.0
FIT_ANEW = "Fit anew from random weights, with warm_start=False"


def stuck(e: Evidence) -> bool:
    """Return whether the network knows no more than how frequent the classes are."""
    return e.loss >= STUCK * e.entropy


def failing(e: Evidence) -> bool:
    """Return whether the network is far from the loss of other models."""
    if e.reachable >= STUCK * e.entropy:
        return stuck(e)
    return e.gain(e.loss) < LEARNT


def better_on_held_out(e: Evidence, control: Trial, trial: Trial) -> bool:
    """Return whether a change helps on rows that neither was trained on."""
    before = min(control.held_out, OUT_OF_HAND * e.entropy)
    missing = max(before - e.reachable, 0)
    enough = max(CLOSES_HELD_OUT * missing, GAINS_HELD_OUT * e.entropy)
    return before - trial.held_out > enough


def severity(e: Evidence) -> str:
    """Return how bad it is that the network is failing."""
    return "error" if stuck(e) else "warning"


def losses(e: Evidence) -> dict[str, float]:
    """Return the numbers that every finding about a loss starts with."""
    found = {"loss": e.loss, "entropy of the class frequencies": e.entropy}
    if not stuck(e):
        found["loss of another model"] = e.reachable
    return found


def fresh_start(e: Evidence) -> dict[str, Any]:
    """Return the change to a start as it should be."""
    return {"init": "auto"} if e.model.scales_itself else {}


def setting(change: Mapping[str, Any]) -> str:
    """Write parameters as in a call."""
    return ", ".join(f"{name}={_written(value)}" for name, value in change.items())


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def remedy(e: Evidence, trial: Trial, otherwise: str = FIT_ANEW) -> str:
    """Name the parameters to set, and the effect that they had when they were tried.

    otherwise : a remedy where nothing has to be set.
    """
    what = f"Set {setting(trial.change)}" if trial.change else otherwise
    return f"{what}: {effect_of(trial, e.loss)}"


def remedy_on_held_out(control: Trial, trial: Trial) -> str:
    """Name the parameters to set, and the effect that they had on rows held out."""
    return f"Set {setting(trial.change)}: {on_held_out(control, trial)}"


def untried(change: Mapping[str, Any], otherwise: str = FIT_ANEW) -> str:
    """Name the parameters to set where trying them out takes too long."""
    what = f"Set {setting(change)}" if change else otherwise
    return f"{what}, which was not tried out as that takes longer than the fit"


def on_held_out(control: Trial, trial: Trial) -> str:
    """Describe the effect of a trial on rows held out, for the end of a remedy."""
    return (
        f"with it the loss of rows held out is {shown(trial.held_out)} instead of "
        f"{shown(control.held_out)} after {trial.steps} steps"
    )


# A network that is said to have learnt all has this share of the gain of other models.
NEARLY = 0.9


def healthy(e: Evidence) -> Finding:
    """Find nothing that is wrong."""
    cause = "The network has learnt what there is to learn, as far as can be seen"
    what = "Nothing has to be done"
    if e.gain(e.loss) < NEARLY:
        cause = "The network has learnt most of what another model finds"
        what = "A lower `alpha` or more iterations may bring it nearer"
    return Finding(
        code="healthy",
        severity="info",
        evidence={
            "loss": e.loss,
            "entropy of the class frequencies": e.entropy,
            f"loss of a {e.baselines.best_name} model on rows not seen": e.reachable,
        },
        cause=cause,
        remedy=what,
    )
