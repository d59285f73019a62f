"""What is minimised, as a function of the flat parameter vector alone.

::

    value = (sum_i w_i loss_i  +  alpha / 2  sum of squared weights) / sum_i w_i

with the biases not penalised: for ``alpha = 1 / C`` and no hidden layer this is the
objective of scikit-learn's LogisticRegression, divided by a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array
from skdeepbin.training._engine import sum_over_blocks


@dataclass(frozen=True)
class Objective:
    """Penalised mean log loss of a network over blocks of ``(X, y, w)``.

    total_weight : sum of ``w`` over all blocks.
    alpha : strength of the L2 penalty on the weights.
    dtype : precision of the blocks; ``theta`` and the gradient are float64.
    """

    network: Network
    blocks: Sequence[tuple[Array, ...]]
    total_weight: float
    alpha: float
    dtype: np.dtype

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, from one pass over the rows."""
        value, gradient = sum_over_blocks(
            self.network.loss_and_gradient,
            theta.astype(self.dtype, copy=False),
            self.blocks,
        )
        n_weights = self.network.layout.n_weights
        weights = theta[:n_weights]
        value += self.alpha / 2 * float(weights @ weights)
        gradient[:n_weights] += self.alpha * weights
        return value / self.total_weight, gradient / self.total_weight
