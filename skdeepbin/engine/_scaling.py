"""Train on scaled features: each with mean about 0 and entries of about 1.

A network on ``x' = (x - shift) / scale`` with a first layer ``W', b'`` is the network
on ``x`` with ::

    W = W' / scale,    b = b' - shift' W

so that only a small matrix is converted at every step, never the data; sparse rows stay
sparse. The descent, the starting weights and the penalty are on scaled features, the
fitted parameters in the units of the user.

The scale of a feature is its standard deviation. Of a rare one, zero in more than
``1 - RARE`` of the rows, it is the root mean square of the entries that are not zero: a
word in one of a thousand rows has a deviation of 0.03, and in units of that its 1 would
be 31 and outweigh all else in its row. A constant feature has no weight; of sparse
rows, where there are many such, training has no parameters for it.

Scales are powers of two and shifts multiples of a quarter of a scale: any near the
exact ones do as well, W' and W have the same digits, and features that were
standardised before stay exactly as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from math import frexp, isfinite, ldexp, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from skdeepbin.engine._bins import Bins
from skdeepbin.engine._blocks import Reading, row_slices
from skdeepbin.network._parameters import Array, Layout

ROWS = 2**14  # looked at at a time

# In float32 an entry so many scales from zero is rounded to 2^-16 of a scale.
MOST_SHIFT = 2**8
LARGEST_SCALE = 2.0**64

# A feature is rare where fewer of its entries, by weight, are not zero.
RARE = 0.2


class FeatureScaling(NamedTuple):
    """The shift and scale of every feature.

    constant : the numbers of the features that are, which have no weight.
    power : the mean squared norm of a scaled row, the number of features where all are
        scaled by their deviation.
    read : the numbers of the features that training has parameters for, from rows that
        are in units of the scale; None for all, from rows as they are.

    A `layout` is for all features, and what is said to be ``in these units`` for those
    that are read.
    """

    shift: Array
    scale: Array
    constant: NDArray[np.intp] = np.empty(0, np.intp)
    power: float = nan
    read: NDArray[np.intp] | None = None

    def suit(self, dtype: DTypeLike) -> bool:
        """Tell if weights for X as it is stay in the range of the precision."""
        varying = np.delete(self.scale, self.constant)
        return bool((varying > least_scale(dtype)).all())

    @property
    def suits_float32(self) -> bool:
        """True if X can be computed with in float32 where its precision is float64.

        Then rounding changes an entry by little of the spread of its feature.
        """
        shift, scale = (np.delete(part, self.constant) for part in self[:2])
        if not self.suit(np.float32) or (scale >= LARGEST_SCALE).any():
            return False
        return bool((abs(shift) <= MOST_SHIFT * scale).all())

    def beside(self, others: FeatureScaling) -> FeatureScaling:
        """Return the scaling of these features and, after them, of others."""
        return FeatureScaling(
            np.append(self.shift, others.shift),
            np.append(self.scale, others.scale),
            np.append(self.constant, len(self.scale) + others.constant),
            self.power + others.power,
        )

    @property
    def is_identity(self) -> bool:
        """True if there is nothing to convert."""
        is_same = not self.shift.any() and bool((self.scale == 1).all())
        return is_same and not len(self.constant)

    def without_constant(self) -> FeatureScaling:
        """Return the scaling without parameters of training for constant features."""
        read = np.delete(np.arange(len(self.scale)), self.constant)
        is_less = 0 < len(read) < len(self.scale)
        return self._replace(read=read if is_less else None)

    @property
    def _of_read(self) -> FeatureScaling:
        """The scaling of the features that are read."""
        return FeatureScaling(self.shift[self.read], self.scale[self.read])

    @property
    def reading(self) -> Reading | None:
        """The columns that training reads, and their divisors; None for all as is."""
        return None if self.read is None else Reading(self.read, self.scale[self.read])

    def layout(self, layout: Layout) -> Layout:
        """Where the parameters in these units lie."""
        return layout if self.read is None else layout.with_features(len(self.read))

    def start(self, theta: Array, layout: Layout) -> Array:
        """Random parameters in these units, from those of all features; in place."""
        if self.read is not None:
            return layout.narrowed(theta, self.read)
        layout.layers(theta)[0][self.constant] = 0
        return theta

    def to_user(self, theta: Array, layout: Layout) -> Array:
        """The parameters for X as it is."""
        if self.read is not None:
            own = self.layout(layout)
            theta = self._of_read.to_user(theta, own)
            return own.widened(theta, layout, self.read)
        theta = theta.copy()
        V = layout.layers(theta)[0]
        V[:-1] /= self.scale[:, np.newaxis]
        V[self.constant] = 0
        some, shift = self._moved
        V[-1] -= shift @ V[:-1][some]
        return theta

    def from_user(self, theta: Array, layout: Layout) -> Array:
        """The parameters in these units."""
        if self.read is not None:
            own, V = self.layout(layout), layout.layers(theta)[0]
            theta = layout.narrowed(theta, self.read)
            # What constant features add is the bias's from here on.
            own.layers(theta)[0][-1] += self.shift[self.constant] @ V[self.constant]
            return self._of_read.from_user(theta, own)
        theta = theta.copy()
        V = layout.layers(theta)[0]
        some, shift = self._moved
        V[-1] += shift @ V[:-1][some]
        V[:-1] *= self.scale[:, np.newaxis]
        return theta

    @property
    def _moved(self) -> tuple[Any, Array]:
        """Where the shift is not zero, if that is rare, and what it is there."""
        some = np.flatnonzero(self.shift)
        if len(some) > len(self.shift) // 4:
            return slice(None), self.shift
        return some, self.shift[some]

    def conversion(self, layout: Layout) -> Conversion:
        """Return what converts parameters at every step, for a layout of all features.

        It is between these units and those of the rows as training reads them.
        """
        if self.read is None:
            return Conversion(self, layout)
        shift, scale = self._of_read[:2]
        scaling = FeatureScaling(shift / scale, np.ones_like(scale))
        return Conversion(scaling, self.layout(layout))


class RowScaling(NamedTuple):
    """The shift and scale of features, a column each, as rows are converted by them."""

    shift: Array
    scale: Array
    constant: NDArray[np.intp]

    def apply(self, X: Array) -> None:
        """Convert the first rows of ``X``, in place, each of them a feature."""
        part = X[: len(self.shift)]
        part -= self.shift
        part /= self.scale
        part[self.constant] = 0


class Conversion:
    """Conversion of parameters and gradients between scaled features and the rows.

    Parameters
    ----------
    scaling : FeatureScaling
        Of the features that training reads.
    layout : Layout
        Of the parameters.
    """

    def __init__(self, scaling: FeatureScaling, layout: Layout) -> None:
        self.layout, self._constant = layout, scaling.constant
        self._is_needed = not scaling.is_identity
        self._scale = scaling.scale[:, np.newaxis]
        self._is_scaled = bool((scaling.scale != 1).any())
        self._some, self._shift = scaling._moved

    def to_rows(self, theta: Array) -> Array:
        """Return the parameters for the rows as they are."""
        if not self._is_needed:
            return theta
        theta = theta.copy()
        V = self.layout.layers(theta)[0]
        if self._is_scaled:
            V[:-1] /= self._scale
        V[self._constant] = 0
        V[-1] -= self._shift @ V[:-1][self._some]
        return theta

    def of_rows(self, dtype: DTypeLike) -> RowScaling | None:
        """Return what converts rows instead, in a precision; None if nothing does."""
        if not self._is_needed:
            return None
        shift = np.zeros_like(self._scale)
        shift[self._some, 0] = self._shift
        return RowScaling(
            shift.astype(dtype), self._scale.astype(dtype), self._constant
        )

    def gradient(self, gradient: Array) -> Array:
        """Convert a gradient by the parameters for the rows, in place."""
        if not self._is_needed:
            return gradient
        V = self.layout.layers(gradient)[0]
        V[:-1][self._some] -= np.outer(self._shift, V[-1])
        if self._is_scaled:
            V[:-1] /= self._scale
        V[self._constant] = 0
        return gradient


def least_scale(dtype: DTypeLike) -> float:
    """The least scale: a smaller one would give weights beyond the precision."""
    return 2.0 ** (np.finfo(dtype).minexp + 3)


def scaling_of(
    X: Any,
    weights: Callable[[slice], Array],
    method: str = "auto",
    dtype: DTypeLike = np.float64,
) -> FeatureScaling:
    """Return those of the rows of X, dense or CSR, with weights for a slice of rows."""
    return scaling_by(
        lambda factor: moments(X, weights, factor), X.shape[1], method, dtype
    )


# A feature varies if its deviation is more than this share of its mean, or than some
# roundings of it in the precision of training.
LEAST_SPREAD, ROUNDINGS = 1e-10, 8

# Features whose squares are beyond float64 are measured in such units.
TINY, HUGE = 1e-140, 2.0**600


def scaling_by(
    moments_at: Callable[[Array], FeatureMoments],
    n_features: int,
    method: str = "auto",
    dtype: DTypeLike = np.float64,
) -> FeatureScaling:
    """Return those of rows of which the moments can be asked for.

    Of a feature that is constant, up to rounding, the shift alone: it is then about 0.

    moments_at : of the features times a factor each.
    method : "auto", "standard" (rare features too are in units of their deviation) or
        "none".
    dtype : the precision of training.
    """
    factor = np.ones(n_features)
    found = moments_at(factor)
    mean, deviation = found.mean_and_deviation()
    is_huge = ~np.isfinite(deviation)
    is_tiny = (deviation < TINY) & (abs(mean) < TINY) & (found.filled > 0)
    if is_huge.any() or is_tiny.any():
        factor = np.where(is_huge, 1 / HUGE, np.where(is_tiny, HUGE, 1))
        found = moments_at(factor)
        mean, deviation = found.mean_and_deviation()
    least = max(LEAST_SPREAD, ROUNDINGS * float(np.finfo(dtype).eps))
    varies = deviation > least * abs(mean)
    spread = np.where(varies, deviation, factor)
    if method == "auto":
        spread = np.where(varies & found.is_rare, found.size_where_filled(), spread)
    scale, shift = np.ones(n_features), np.zeros(n_features)
    if method != "none":
        scale = np.exp2(np.round(np.log2(spread)))
        shift = np.round(4 * mean / scale) / 4 * scale
        scale = np.maximum(scale / factor, least_scale(dtype))
        shift = shift / factor
    with np.errstate(over="ignore"):
        power = float(((deviation / factor / scale)[varies] ** 2).sum())
    return FeatureScaling(shift, scale, np.flatnonzero(~varies), _rounded(power))


def _rounded(number: float) -> float:
    """The number to 8 significant bits, so that the order of sums does not matter."""
    if not isfinite(number):
        return number
    mantissa, exponent = frexp(number)
    return ldexp(round(mantissa * 256) / 256, exponent)


class FeatureMoments(NamedTuple):
    """Sums over rows of their weights, and with these of ``x - origin`` and its square.

    origin : a row; differences have more digits than the numbers themselves.
    filled : of each feature the weight of the rows where it is not zero.
    """

    weight: float
    first: Array
    second: Array
    origin: Array
    filled: Array

    def plus(self, other: FeatureMoments) -> FeatureMoments:
        """Add those of other rows, from the same origin."""
        with np.errstate(over="ignore", invalid="ignore"):
            return FeatureMoments(
                self.weight + other.weight,
                self.first + other.first,
                self.second + other.second,
                self.origin,
                self.filled + other.filled,
            )

    def times(self, factor: float) -> FeatureMoments:
        """Return the moments of rows whose weights are so many times as large."""
        return FeatureMoments(
            factor * self.weight,
            factor * self.first,
            factor * self.second,
            self.origin,
            factor * self.filled,
        )

    def mean_and_deviation(self) -> tuple[Array, Array]:
        """Mean and standard deviation of every feature."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.first / self.weight
            variance = self.second / self.weight - mean**2
        return mean + self.origin, np.sqrt(np.maximum(variance, 0))

    @property
    def is_rare(self) -> NDArray[np.bool_]:
        """For each feature, whether most of its entries are zero."""
        return self.filled <= RARE * self.weight

    def size_where_filled(self) -> Array:
        """Root mean square of the entries of each feature that are not zero."""
        mean, deviation = self.mean_and_deviation()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return np.sqrt((mean**2 + deviation**2) * (self.weight / self.filled))


def moments(
    X: Any,
    weights: Callable[[slice], Array],
    factor: Array,
    origin: Array | None = None,
    bins: Bins | None = None,
) -> FeatureMoments:
    """Return those of every feature times its factor.

    origin : if it is not the first row that has a weight.
    bins : of which those are asked for, not of the features themselves.
    """
    n_rows, n_features = X.shape[0], len(factor)
    if issparse(X):
        origin = np.zeros(n_features)
    most = ROWS
    if bins is not None:  # no more entries at a time than of the features themselves
        most = max(ROWS * X.shape[1] // n_features, 1)
    total, (first, second, filled) = 0.0, np.zeros((3, n_features))
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in row_slices(n_rows, most):
            w = weights(rows)
            count = w > 0
            part = X[rows] if count.all() else X[rows][count]
            if bins is None:
                part = part.astype(np.float64)
            else:
                part = bins.of(part.toarray() if issparse(part) else part)
            w = w[count]
            if not len(w):
                continue
            filled += (part != 0).T @ w
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
    if origin is None:
        origin = np.zeros(n_features)
    return FeatureMoments(total, first, second, origin, filled)
