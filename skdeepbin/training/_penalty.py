"""The strength of the L2 penalty where ``alpha="auto"`` leaves it to the data.

With ``W_1`` and ``W_2`` the weights of the classes, ``w = 4 W_1 W_2 / (W_1 + W_2)`` and
``P`` the mean squared norm of a scaled row (the number of features where all have
deviation 1), and of an activation its ``alphas`` and ``alpha``:

- Where rows validate, the network is trained with the ``alphas`` one after the other,
  from strong to weak, each from the best point so far, and the best point by validation
  is kept. All are made weaker by the same factor where the first were more than
  ``w / 10``. None is weaker than ``P / 8`` times that factor, a prior under which the
  logits of a linear network have a variance of 8; a third of it for logistic, whose
  weights are larger.
- Where none do, and in the last steps on all rows if it is stronger, it is ``alpha``
  times::

      min(1, 0.14 sqrt(P) max(1, (w / 40)^(1/4)), 0.016 sqrt(P) w)

  The best penalty of 6 to 36 rows hardly depends on how many they are, but grows with
  the features (examples/benchmarks/defaults.py); one of more than the last term trains
  no network at all on four rows.
- In a stream it is the same of the rows of a call, but at most ``w / 50``.

Weights that are normalised count as the rows that they stand for
(`_weights.rows_a_weight`), and the penalty is divided by the same factor again.

``w`` is the weight of two classes of one size whose log loss curves as much: `W_1 +
W_2` if they are, four times the smaller if that is rare. Each rule is a share of ``w``
where there is little of it: weights that sum to one train what many rows train, and no
penalty grows beyond what the rows can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from skdeepbin.network._activations import Activation
from skdeepbin.network._parameters import Array

# Shares of the weight: of the strongest penalty of several, and in a stream.
STRONGEST, STREAM = 0.1, 0.02
# The weakest penalty of several for features of total variance one.
WEAKEST = 0.125
# Of the single penalty: its growth with the features, the weight from which on it grows
# with the rows too, and the share of the weight that it is of a few rows.
FEATURES, ROWS, FEW = 0.14, 40.0, 0.016


def balanced_weight(totals: Array) -> float:
    """The weight of two equal classes that tell as much as these: ``4 W_1 W_2 / W``."""
    first, second = totals / totals.max()
    return float(4 * first * second / (first + second) * totals.max())


def with_validation(
    alphas: Sequence[float], weight: float, power: float
) -> tuple[float, ...]:
    """The penalties to train with, one after the other, from strong to weak.

    alphas : those of the activation.
    weight : the balanced weight of the rows that are trained on.
    power : the mean squared norm of a scaled row.
    """
    factor = min(1.0, STRONGEST * weight / alphas[0])
    weakest = WEAKEST * power
    return tuple(dict.fromkeys(factor * max(alpha, weakest) for alpha in alphas))


def without_validation(alpha: float, weight: float, power: float) -> float:
    """The one penalty to train with where no rows validate.

    alpha : that of the activation, for many rows of many features.
    """
    many: float = FEATURES * max(1.0, (weight / ROWS) ** 0.25)
    return alpha * min(1.0, sqrt(power) * min(many, FEW * weight))


def auto_penalty(row: Activation, totals: Array, rows: float, power: float) -> float:
    """The strongest penalty that `alpha="auto"` is, with validation or without.

    row : the activation of all layers, or the `recipe` of a network.
    totals : of each class the weight, in the user's unit.
    rows : that a weight of one stands for.
    power : the mean squared norm of a scaled row.
    """
    weight = rows * balanced_weight(totals)
    one = without_validation(row.alpha, weight, power)
    alphas = with_validation(row.alphas, weight, power / row.stretch)
    return max(one, *alphas) / rows


def in_stream(alpha: float, weight: float, power: float) -> float:
    """The penalty of a step on rows that are only a part of all."""
    return min(without_validation(alpha, weight, power), STREAM * weight)
