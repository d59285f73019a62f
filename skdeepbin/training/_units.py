"""Train in units in which every feature has about mean 0 and standard deviation 1.

A network on ``x' = (x - shift) / scale`` with a first layer ``W', b'`` is the network
on ``x`` with ::

    W = W' / scale,    b = b' - shift' W

so that only a small matrix is converted at every step, never the data; sparse rows stay
sparse. The descent, the starting weights and the penalty are in these units, the fitted
parameters in those of the user.

Scales are powers of two and shifts multiples of a quarter of a scale: any near the
exact ones do as well, W' and W have the same digits, and features that were
standardised before stay exactly as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array, Layout
from skdeepbin.training._blocks import row_slices

ROWS = 2**14  # looked at at a time


class Units(NamedTuple):
    """The ``shift`` and ``scale`` of every feature."""

    shift: Array
    scale: Array

    @property
    def are_the_users(self) -> bool:
        """Whether there is nothing to convert."""
        return not self.shift.any() and bool((self.scale == 1).all())

    def to_user(self, theta: Array, layout: Layout) -> Array:
        """The parameters for X as it is."""
        theta = theta.copy()
        V = layout.layers(theta)[0]
        V[:-1] /= self.scale[:, np.newaxis]
        V[-1] -= self.shift @ V[:-1]
        return theta

    def from_user(self, theta: Array, layout: Layout) -> Array:
        """The parameters for X in these units."""
        theta = theta.copy()
        V = layout.layers(theta)[0]
        V[-1] += self.shift @ V[:-1]
        V[:-1] *= self.scale[:, np.newaxis]
        return theta

    def total(
        self, total: Callable[[Array], tuple[Losses, Array]], layout: Layout
    ) -> Callable[[Array], tuple[Losses, Array]]:
        """A sum over the rows as a function of the parameters in these units."""
        if self.are_the_users:
            return total

        def in_these_units(theta: Array) -> tuple[Losses, Array]:
            losses, gradient = total(self.to_user(theta, layout))
            V = layout.layers(gradient)[0]
            V[:-1] -= np.outer(self.shift, V[-1])
            V[:-1] /= self.scale[:, np.newaxis]
            return losses, gradient

        return in_these_units


def units_of(X: Any, weights: Callable[[slice], Array]) -> Units:
    """Those of the rows of X, dense or CSR, of which ``weights`` gives the weights."""
    return units_by(lambda factor: moments(X, weights, factor), X.shape[1])


def units_by(moments_at: Callable[[Array], Moments], n_features: int) -> Units:
    """Those of rows of which the moments are told.

    Of a feature that is constant, up to rounding, the shift alone: it is then about 0.

    moments_at : of the features times a factor each.
    """
    factor = np.ones(n_features)
    mean, deviation = moments_at(factor).mean_and_deviation()
    if not np.isfinite(deviation).all():  # the squares were too large
        factor = np.where(np.isfinite(deviation), 1, 2.0**-600)
        mean, deviation = moments_at(factor).mean_and_deviation()
    varies = deviation > 1e-10 * abs(mean)
    scale = np.exp2(np.round(np.log2(np.where(varies, deviation, factor))))
    shift = np.round(4 * mean / scale) / 4 * scale
    return Units(shift / factor, scale / factor)


class Moments(NamedTuple):
    """Sums over rows of their weights, and with these of ``x - origin`` and its square.

    origin : a row; differences have more digits than the numbers themselves.
    """

    weight: float
    first: Array
    second: Array
    origin: Array

    def plus(self, other: Moments) -> Moments:
        """Those of both, from the same origin."""
        with np.errstate(over="ignore", invalid="ignore"):
            return Moments(
                self.weight + other.weight,
                self.first + other.first,
                self.second + other.second,
                self.origin,
            )

    def mean_and_deviation(self) -> tuple[Array, Array]:
        """Mean and standard deviation of every feature."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.first / self.weight
            variance = self.second / self.weight - mean**2
        return mean + self.origin, np.sqrt(np.maximum(variance, 0))


def moments(
    X: Any,
    weights: Callable[[slice], Array],
    factor: Array,
    origin: Array | None = None,
) -> Moments:
    """Those of every feature times its factor.

    origin : if it is not the first row that has a weight.
    """
    n_rows, n_features = X.shape
    if issparse(X):
        origin = np.zeros(n_features)
    total, first, second = 0.0, np.zeros(n_features), np.zeros(n_features)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in row_slices(n_rows, ROWS):
            w = weights(rows)
            count = w > 0
            part = X[rows] if count.all() else X[rows][count]
            part, w = part.astype(np.float64), w[count]
            if not len(w):
                continue
            if issparse(part):
                part = part.multiply(factor).tocsr()
                squares = part.multiply(part)
            else:
                part *= factor
                if origin is None:
                    origin = part[0].copy()
                part -= origin
                squares = part**2
            total += w.sum()
            first += part.T @ w
            second += squares.T @ w
    return Moments(
        total, first, second, np.zeros(n_features) if origin is None else origin
    )
