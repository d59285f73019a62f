"""Statistics of single features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from skdeepbin.network._parameters import Array

# Between the quartiles of a normal distribution, in standard deviations.
QUARTILES = 1.35
# A feature is constant whose spread is this share of its mean, a few roundings.
CONSTANT = 1e-10
# And one goes with another that correlates with it by more than this.
SAME = 0.98


class Columns(NamedTuple):
    """Statistics of single features.

    constant, duplicate : those that are constant, and those that repeat another.
    mean, spread : of each feature.
    tail : of the feature where it is largest, the standard deviation over the one that
        its quartiles suggest.
    auc : how well a feature alone orders the rows by class, 0.5 to 1.
    gap : between the classes, in the best feature, in its standard deviations.
    same_as_best : of each feature, whether it goes with the best one.
    """

    constant: NDArray[np.intp]
    duplicate: NDArray[np.intp]
    mean: Array
    spread: Array
    tail: float
    auc: Array
    gap: float
    same_as_best: NDArray[np.bool_]


def auc(values: Array, y: NDArray[np.bool_]) -> Array:
    """Return the probability that a row of the second class has the larger value."""
    n_1, n_0 = int(y.sum()), int((~y).sum())
    ranks = rankdata(values, axis=0)
    return (ranks[y].sum(axis=0) - n_1 * (n_1 + 1) / 2) / (n_1 * n_0)


def columns(X: Array, y: NDArray[np.bool_]) -> Columns:
    """Return the statistics of every feature, each by itself."""
    largest = abs(X).max(axis=0)
    largest = np.where(largest > 0, largest, 1)  # squares of the rest do not overflow
    mean, spread = (of(X / largest, axis=0) * largest for of in (np.mean, np.std))
    varies = spread > CONSTANT * abs(mean)
    scale = np.where(varies, spread, 1)
    Z = (X - mean) / scale
    lower, upper = np.percentile(X, [25, 75], axis=0)
    middle = (upper - lower) / QUARTILES
    known = varies & (middle > 0)
    keys: dict[bytes, int] = {}
    repeats = [
        j
        for j in np.flatnonzero(varies).tolist()
        if keys.setdefault(np.round(Z[:, j], 8).tobytes(), j) != j
    ]
    alone = auc(X, y)
    alone = np.where(varies, np.maximum(alone, 1 - alone), 0.5)
    best = int(alone.argmax())
    correlation = abs(Z.T @ Z[:, best]) / len(Z)
    classes = Z[y, best], Z[~y, best]
    gap = max(classes[0].min() - classes[1].max(), classes[1].min() - classes[0].max())
    return Columns(
        np.flatnonzero(~varies),
        np.array(repeats, dtype=np.intp),
        mean,
        np.where(varies, spread, 0),
        float((spread[known] / middle[known]).max(initial=1)),
        alone,
        float(gap),
        correlation > SAME,
    )
