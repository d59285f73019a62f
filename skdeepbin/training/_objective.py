"""What is minimised, as a function of the flat parameter vector alone.

::

    value = (sum_i w_i loss_i  +  alpha / 2  sum of squared weights) / sum_i w_i

with the biases not penalised: for ``alpha = 1 / C`` and no hidden layer this is the
objective of scikit-learn's LogisticRegression, divided by a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skdeepbin.network._parameters import Array


@dataclass(frozen=True)
class Objective:
    """Penalised mean loss.

    total : ``theta -> (value, gradient)``, the weighted sum over the rows.
    total_weight : sum of the weights of the rows.
    penalty : for each entry of ``theta`` the strength of the L2 penalty on it.
    """

    total: Callable[[Array], tuple[float, Array]]
    total_weight: float
    penalty: Array

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, from one pass over the rows."""
        value, gradient = self.total(theta)
        shrinkage = self.penalty * theta
        value += float(shrinkage @ theta) / 2
        gradient += shrinkage
        gradient /= self.total_weight
        return value / self.total_weight, gradient
