"""What the rules have in common: whether a network has learnt, and how to say it."""

from __future__ import annotations

from typing import Any

from skdeepbin.diagnosis._findings import shown
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._trials import STUCK, Trial, effect_of

# Of the gain of other models over the class frequencies, on rows they were not fitted
# to, a network that learnt has this share, on its own rows; tests/diagnosis/setups.py.
LEARNT = 0.7
# Below this one it is no matter of taste.
FAR = 0.5
FIT_ANEW = "Fit anew from random weights, with warm_start=False"


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
    return f"{what}: {effect_of(trial, e.loss)}"


def untried(change: dict[str, Any], otherwise: str = FIT_ANEW) -> str:
    """What to set where trying it out takes too long."""
    what = f"Set {setting(change)}" if change else otherwise
    return f"{what}, which was not tried out as that takes longer than the fit"


def fresh_start(e: Evidence) -> dict[str, Any]:
    """The change to a start as it should be."""
    return {"init": "auto"} if e.model.scales_itself else {}


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
