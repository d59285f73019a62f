"""Between which values the bins of a column lie: quantiles of its weighted rows."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from skdeepbin.inputs._weights import BITS, figures, unit
from skdeepbin.network._parameters import Array

# One bin would be the column itself, in another unit.
LEAST_BINS = 2

# Weights up to a share are equal to the share where they differ by less than this: of
# rounded weights, their order must not decide.
ROUNDING = 10**9


def column_edges(X: np.ndarray, weights: Array | None, most: int) -> list[Array]:
    """The edges of the bins of each column, at most ``most``; none if it needs none.

    weights : of the rows, above zero; None if all are one.
    """
    digits = None if weights is None else _digits(weights)
    # No zero of another sign, which would be the edge by the order of the rows.
    columns = (X[:, j].astype(np.float64) + 0.0 for j in range(X.shape[1]))
    return [_edges(x, digits, most) for x in columns]


def affordable_bins(n_bins: int, n_features: int, most_columns: int) -> int:
    """The bins of each column, fewer where there are many columns."""
    return min(n_bins, most_columns // n_features - 1)


def _edges(x: Array, digits: list[np.ndarray] | None, most: int) -> Array:
    """The edges of the bins of a column."""
    values = np.unique(x)
    if len(values) > most + 1:
        values = np.unique(_quantiles(x, digits, most))
    return values if len(values) > LEAST_BINS else np.empty(0)


def _quantiles(x: Array, digits: list[np.ndarray] | None, n_parts: int) -> Array:
    """The least values below or at which k/n of the weight lies, for k = 0 .. n.

    In whole numbers, so that neither the order of rows nor the unit of the weights
    decides. No interpolation: between which values it is would depend on the number of
    rows, and three rows with weight 1/3 would not be one.
    """
    order = np.argsort(x)
    sums = None if digits is None else [np.cumsum(part[order]) for part in digits]

    def weight_up_to(row: int) -> int:
        if sums is None:
            return row + 1
        total = 0
        for part in sums:
            total = (total << BITS) + int(part[row])
        return total

    last = len(x) - 1
    total = weight_up_to(last)
    rows = [
        bisect_left(
            range(last),
            k * total * (ROUNDING - 1),
            key=lambda i: n_parts * weight_up_to(i) * ROUNDING,
        )
        for k in range(n_parts + 1)
    ]
    return x[order[rows]]


def _digits(weights: Array) -> list[np.ndarray]:
    """Weights as whole numbers of many digits in base ``2**BITS``, the first first."""
    each = np.arange(len(weights))
    digits = figures(each, weights / unit(weights), len(weights))
    return [part.astype(np.int64) for part in digits]
