"""What is to be learnt from what: the arrays of a fit, checked, and the network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skdeepbin._weights import Weights, class_entropy
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array
from skdeepbin.training._blocks import Features
from skdeepbin.training._units import Units


class Rows(NamedTuple):
    """Rows to validate on: features, whether of the second class, weights or None."""

    X: Any
    y: np.ndarray
    w: Array | None


class Problem(NamedTuple):
    """What is to be learnt from what.

    y : whether a row is of the second class.
    features : X by blocks.
    units : those of the features while training.
    dtype : the precision to compute in.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray
    weights: Weights
    network: Network
    features: Features
    units: Units
    dtype: np.dtype

    @property
    def entropy(self) -> float:
        """The loss of one who knows only how frequent the classes are."""
        return class_entropy(self.weights.totals(self.y, None)[0])

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Labels as the user writes them."""
        return self.classes[y.astype(np.intp)]

    def rows(self, mask: np.ndarray) -> Rows:
        """A copy of some of the rows."""
        numbers = np.flatnonzero(mask)
        w = None
        if self.weights.sample is not None or np.ptp(self.weights.by_class):
            w = self.weights.of(self.y, slice(None))[numbers]
        return Rows(self.X[numbers], self.y[numbers], w)
