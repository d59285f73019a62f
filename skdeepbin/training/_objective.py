"""What is minimised, as a function of the flat parameter vector alone.

::

    value = (sum_i w_i loss_i  +  alpha / 2  sum of squared weights) / sum_i w_i

with the biases not penalised: for ``alpha = 1 / C`` and no hidden layer this is the
objective of scikit-learn's LogisticRegression, divided by a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple, TypeAlias

from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array


class Evaluation(NamedTuple):
    """What is known of a point after one pass over the rows.

    value : penalised mean loss.
    gradient : of the value.
    penalty : the part of the value that is the penalty.
    validation_loss : mean loss of the rows that are held out; nan if none are.
    validation_score : what the user's scorer says of them; nan without one.
    """

    value: float
    gradient: Array
    penalty: float = 0.0
    validation_loss: float = nan
    validation_score: float = nan


ObjectiveFunction: TypeAlias = Callable[[Array], Evaluation]


@dataclass(frozen=True)
class Objective:
    """Penalised mean loss.

    total : ``theta -> (losses, gradient)``, the weighted sums over the rows.
    weights : the sums of the weights of the rows that are trained on and held out.
    alpha : the strength of the L2 penalty.
    biases : the parts of ``theta`` that it is not on.
    """

    total: Callable[[Array], tuple[Losses, Array]]
    weights: Losses
    alpha: float
    biases: Sequence[slice]

    def __call__(self, theta: Array) -> Evaluation:
        """The value and its gradient, from one pass over the rows."""
        losses, gradient = self.total(theta)
        trained, held_out = self.weights
        shrinkage = self.alpha * theta
        for part in self.biases:
            shrinkage[part] = 0
        penalty = float(shrinkage.dot(theta)) / 2 / trained
        gradient += shrinkage
        gradient /= trained
        validation_loss = losses.held_out / held_out if held_out else nan
        value = losses.trained / trained + penalty
        return Evaluation(value, gradient, penalty, validation_loss)
