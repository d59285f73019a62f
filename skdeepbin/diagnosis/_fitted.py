"""Reading of a fitted classifier: the one file that knows its private state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skdeepbin.engine._bins import Bins
from skdeepbin.engine._scaling import Units
from skdeepbin.network._parameters import Parameters


class FittedNetwork(NamedTuple):
    """One network of a classifier, in the units of the user.

    bins : of the features, which its first layer reads beside them; None for none.
    """

    parameters: Parameters
    bins: Bins | None


def fitted_networks(clf: Any) -> list[FittedNetwork]:
    """Return each network of the classifier."""
    return [
        FittedNetwork(parameters, clf._bins_for(parameters))
        for parameters in clf._fitted_networks()
    ]


def fitted_alpha(clf: Any, number: int) -> float:
    """Return the penalty of a network, as a number."""
    return float(np.ravel(clf.alpha_)[number])


def fitted_activation(clf: Any) -> str:
    """Return the activation of the hidden layers."""
    return getattr(clf, "_fitted_activation", clf.activation)


def fitted_solver(clf: Any) -> str:
    """Return the solver that "auto" came to."""
    return clf._fitted_way[0]


def training_units(clf: Any, bins: Bins | None) -> Units:
    """Return the units of training, for all columns that the first layer reads."""
    units: Units = clf._units if bins is None else clf._bin_units
    return units._replace(read=None)


def as_trial(clf: Any) -> Any:
    """Mark the estimator in place, so that its fit is not diagnosed in turn."""
    clf._is_trial = True
    return clf
