"""Reading of a fitted classifier, by its `model_`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skdeepbin.engine._bins import Bins
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.network._activations import is_diagnosed
from skdeepbin.network._parameters import Parameters


class FittedNetwork(NamedTuple):
    """One network of a classifier, in the units of the user.

    bins : of the features, which its first layer reads beside them; None for none.
    """

    parameters: Parameters
    bins: Bins | None


def fitted_networks(clf: Any) -> list[FittedNetwork]:
    """Return each network of the classifier."""
    model = clf.model_
    return [FittedNetwork(one, model.bins_for(one)) for one in model.networks]


def fitted_alpha(clf: Any, number: int) -> float:
    """Return the penalty of a network, as a number."""
    return float(np.ravel(clf.alpha_)[number])


def fitted_activation(clf: Any) -> str:
    """Return the activation of the hidden layers."""
    first = next(iter(clf.model_.activations), None)
    return "identity" if first is None else first.name


def fitted_solver(clf: Any) -> str:
    """Return the solver that "auto" came to."""
    resume = clf.model_.resume
    return "rprop" if resume is None else resume.way[0]


def training_scaling(clf: Any, bins: Bins | None) -> FeatureScaling:
    """Return the units of training, for all columns that the first layer reads."""
    scaling: FeatureScaling = clf.model_.scaling(bins)
    return scaling


def check_is_diagnosed(clf: Any) -> None:
    """Raise a ValueError for a network whose activations the rules do not know."""
    activations = clf.model_.activations
    if not is_diagnosed(activations):
        names = ", ".join(row.name for row in activations)
        raise ValueError(
            "`clf` must have one activation for all hidden layers, by its name, to be "
            f"diagnosed; got {names}. Diagnose a network with one of them."
        )
