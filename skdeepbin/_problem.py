"""What is to be learnt from what: the arrays of a fit, checked, and the network."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepbin._weights import Weights, class_totals, constant_loss
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Array
from skdeepbin.training._blocks import Features
from skdeepbin.training._units import Units

# Rows of each class from which a loss that is no better than that of a constant tells
# that nothing was learnt: the standard error of a mean over 50 and 50 is a twentieth.
ENOUGH_TO_TELL = 50


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
    hashes : a number for each row, the same for equal rows; None if not needed.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray
    weights: Weights
    network: Network
    features: Features
    units: Units
    dtype: np.dtype
    hashes: NDArray[np.uint64] | None = None

    def constant_losses(
        self, given: Rows | None, held_out: NDArray[np.bool_] | None
    ) -> Losses:
        """The losses of one who knows only how frequent the classes are.

        given : the rows that validate; None if they are a part of these, those that are
            held out. Of few, to be no better than that means nothing: infinity.
        """
        known, _ = self.weights.totals(self.y, None)
        totals = known if given is None else class_totals(given.y, given.w)
        y = self.y[:0] if held_out is None else self.y[held_out]
        y = y if given is None else given.y
        few = min(np.count_nonzero(y), np.count_nonzero(~y)) < ENOUGH_TO_TELL
        watched = inf if few else constant_loss(known, totals)
        return Losses(constant_loss(known, known), watched)

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
