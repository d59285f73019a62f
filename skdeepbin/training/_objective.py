"""The training objective, as a function of the flat parameter vector alone.

::

    value = (sum_i w_i loss_i  +  alpha / 2  sum of squared weights) / sum_i w_i

with the biases not penalised: for ``alpha = 1 / C`` and no hidden layer this is the
objective of scikit-learn's LogisticRegression, divided by a constant. The parameters
are for scaled features (`engine/_scaling.py`); the sums over the rows are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from typing import NamedTuple, Protocol, TypeAlias

from skdeepbin.engine._scaling import Conversion
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array


class Evaluation(NamedTuple):
    """A point after one pass over the rows.

    value : penalised mean loss.
    gradient : of the value.
    penalty : the part of the value that is the penalty.
    validation_loss : mean loss of the validation set; nan without one.
    validation_score : the user's scorer on it; nan without one.
    """

    value: float
    gradient: Array
    penalty: float = 0.0
    validation_loss: float = nan
    validation_score: float = nan


ObjectiveFunction: TypeAlias = Callable[[Array], Evaluation]


class Validator(Protocol):
    """Validation of a point beyond the loss of held-out rows."""

    def __call__(self, theta: Array) -> tuple[float, float]:
        """Return loss and score at a point for scaled features; nan for neither."""


@dataclass(frozen=True)
class Objective:
    """Penalised mean loss.

    total : ``theta -> (losses, gradient)``, the weighted sums over the rows.
    weights : the sums of the weights of the rows that are trained on and held out.
    alpha : the strength of the L2 penalty.
    conversion : from the parameters to those for the rows, and back of the gradient.
    validator : validates every point, if there is one.
    """

    total: Callable[[Array], tuple[Losses, Array]]
    weights: Losses
    alpha: float
    conversion: Conversion
    validator: Validator | None = None

    def __call__(self, theta: Array) -> Evaluation:
        """Return the value and its gradient, from one pass over the rows."""
        losses, gradient = self.total(self.conversion.to_rows(theta))
        gradient = self.conversion.gradient(gradient)
        trained = self.weights.trained
        shrinkage = self.alpha * theta
        for part in self.conversion.layout.biases:
            shrinkage[part] = 0
        penalty = float(shrinkage.dot(theta)) / 2 / trained
        gradient += shrinkage
        gradient /= trained
        value = losses.trained / trained + penalty
        validation = self.validation(theta, losses.held_out)
        return Evaluation(value, gradient, penalty, *validation)

    def validation(self, theta: Array, held_out: float) -> tuple[float, float]:
        """Return the loss and the score of what validates; nan for neither.

        held_out : the sum of the losses of the rows that are held out.
        """
        total = self.weights.held_out
        loss, score = held_out / total if total else nan, nan
        if self.validator is not None:
            given, score = self.validator(theta)
            loss = loss if isnan(given) else given
        return loss, score
