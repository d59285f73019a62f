"""The weights of rows: sample weights times class weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp, ldexp, sqrt
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight

from skdeepbin.engine._blocks import row_slices
from skdeepbin.inputs._validation import ROWS, check_not_masked
from skdeepbin.network._parameters import Array

# Of smaller weights `alpha` would be an infinite multiple.
LEAST = 1e-300


class Weights(NamedTuple):
    """The weight of row i is ``sample[i] * by_class[y[i]]``.

    sample : one for each row, or None where all are one.
    by_class : for the first and the second class.
    alpha : the penalty in the same unit.
    unit : that unit, in the user's.
    """

    sample: Array | None
    by_class: Array
    alpha: float
    unit: float = 1.0

    def of(self, y: NDArray[np.bool_], rows: slice) -> Array:
        """The weights of some rows."""
        w = self.by_class[y[rows].view(np.uint8)]
        return w if self.sample is None else w * self.sample[rows]

    def totals(
        self, y: NDArray[np.bool_], held_out: NDArray[np.bool_] | None
    ) -> tuple[Array, Array]:
        """Return the sums of each class over the rows trained on, and held out."""
        sums = self.whole_sums(y, held_out)
        trained, watched = as_floats(sums).reshape(2, 2)
        return trained, watched

    def rows_a_weight(self, y: NDArray[np.bool_]) -> float:
        """Return the rows that a weight of one, the user's, stands for."""
        if self.sample is None:
            return 1.0
        return rows_a_weight(self.squares(y), self.unit)

    def squares(self, y: NDArray[np.bool_]) -> list[int]:
        """Return the rows with a weight, and the sum of squares of a quarter of it."""
        sums = [0] * 2
        for rows in row_slices(len(y), ROWS):
            w = self.of(y, rows)
            squares = whole_sums(np.zeros(len(w), np.intp), (w / 4) ** 2, 1)
            sums = added(sums, [int(np.count_nonzero(w)), *squares])
        return sums

    def whole_sums(
        self, y: NDArray[np.bool_], held_out: NDArray[np.bool_] | None
    ) -> list[int]:
        """Return these sums as whole numbers: trained on, then held out."""
        sums = [0] * 4
        for rows in row_slices(len(y), ROWS):
            group = y[rows].view(np.uint8)
            if held_out is not None:
                group = group + 2 * held_out[rows]
            sums = added(sums, whole_sums(group, self.of(y, rows), 4))
        return sums


def row_weights(
    sample_weight: Any,
    class_weight: Any,
    alpha: float | str,
    classes: np.ndarray,
    y: NDArray[np.bool_],
    both: bool,
) -> Weights:
    """The weights in units in which they fit any precision.

    sample_weight, class_weight, alpha : as the user gave them; "auto" is 1, of which
        there will be multiples.
    y : for each row, whether it is of the second class.
    both : whether both classes must have a weight above zero.
    """
    w = check_weights(sample_weight, len(y))
    return weights_of(
        w, unit(w), class_totals(y, w), class_weight, alpha, classes, both
    )


def weights_of(
    sample: Array | None,
    sample_unit: float,
    totals: Array,
    class_weight: Any,
    alpha: float | str,
    classes: np.ndarray,
    both: bool,
) -> Weights:
    """The weights of rows of which the class totals are known, in the sample's unit."""
    if both:
        check_both_classes_weigh(classes, totals)
    elif isinstance(class_weight, str) and not totals.all():
        class_weight = None  # one class cannot be balanced
    factors = compute_class_weight(
        class_weight, classes=classes, y=classes, sample_weight=totals
    )
    if both:
        check_both_classes_weigh(classes, totals * factors)
    factor_unit = unit(factors)
    factors = factors / factor_unit
    strength = 1.0 if isinstance(alpha, str) else alpha
    return Weights(
        sample,
        factors / sample_unit,
        strength / sample_unit / factor_unit,
        sample_unit * factor_unit,
    )


def check_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> Array | None:
    """A finite, non-negative float64 weight for each row, not all zero, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, sample_weight)
    check_not_masked(**{name: sample_weight})
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name=name
    )
    if weights.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must be one weight for each of the {n_rows} rows of X, "
            f"shape ({n_rows},); got shape {weights.shape}."
        )
    if weights.min() < 0:
        row = int(weights.argmin())
        raise ValueError(
            f"`{name}` must be non-negative; got "
            f"{weights[row]:g} at row {row}. To leave a row out, give it weight 0."
        )
    check_largest(weights.max(), name)
    return weights


def check_largest(largest: float, name: str = "sample_weight") -> None:
    """Raise unless the largest weight is one that can be divided by."""
    if largest == 0:
        raise ValueError(
            f"`{name}` must hold at least one weight above zero; got only zeros."
        )
    if largest < LEAST:
        raise ValueError(
            f"`{name}` must hold a weight of at least {LEAST:g}; the largest is "
            f"{largest:.3g}. Multiply all by a constant, and `alpha` with them."
        )


def unit(weights: Array | None) -> float:
    """The power of two below the largest weight: in it, weights fit any precision."""
    return 1.0 if weights is None else power_below(weights.max())


def power_below(number: float) -> float:
    """The largest power of two that is not above a positive number."""
    return ldexp(1.0, frexp(number)[1] - 1)


def class_totals(second: NDArray[np.bool_], weights: Array | None) -> Array:
    """The sum of the weights of each class, in their unit."""
    return as_floats(whole_class_totals(second, weights, unit(weights)))


def whole_class_totals(
    second: NDArray[np.bool_], weights: Array | None, in_scale_of: float
) -> list[int]:
    """The sums of the weights of each class, as whole numbers."""
    sums = [0] * 2
    for rows in row_slices(len(second), ROWS):
        n = rows.stop - rows.start
        w = np.ones(n) if weights is None else weights[rows] / in_scale_of
        sums = added(sums, whole_sums(second[rows], w, 2))
    return sums


# A weight is written in figures of so many bits, and the last of them all is a figure
# that the least float reaches.
BITS, FIGURES = 31, 36


def figures(group: np.ndarray, w: Array, n_groups: int) -> list[np.ndarray]:
    """The sums of weights of each group, figure by figure, for up to ``ROWS`` rows.

    Figures are whole numbers and add up exactly: to the same sum in any order, by any
    parts. Most weights have two or three.

    w : below 16, so that what `bincount` adds are whole numbers below 2^53.
    """
    sums = []
    rest = w
    while rest.any():
        rest = rest * 2.0**BITS
        figure = np.floor(rest)
        rest -= figure
        sums.append(np.bincount(group, figure, n_groups))
    return sums


def whole_sums(group: np.ndarray, w: Array, n_groups: int) -> list[int]:
    """The exact sum of weights of each group, as a whole number."""
    return whole(figures(group, w, n_groups), n_groups)


def whole(figures: Sequence[np.ndarray], n_groups: int) -> list[int]:
    """Sums that are told by their figures, the first ones first, as whole numbers."""
    sums = [0] * n_groups
    for place, some in enumerate(figures, 1):
        for number, figure in enumerate(some.tolist()):
            sums[number] += int(figure) << (FIGURES - place) * BITS
    return sums


def added(one: list[int], other: list[int]) -> list[int]:
    """The sums over both."""
    return [a + b for a, b in zip(one, other)]


def as_floats(sums: list[int]) -> Array:
    """Whole sums in the unit of the weights."""
    return np.array([total / 2 ** (FIGURES * BITS) for total in sums])


def rows_a_weight(squares: list[int], unit: float) -> float:
    """Return the rows that a weight of one stands for: more than one if normalised.

    Weights that are counts are one or more, and so is their root mean square. Where
    that is less, weights are no counts, and one of that size stands for a row. With a
    mean one instead, a few large weights are learnt by heart; with Kish's, ``sum w_i^2
    / sum w_i``, many small ones are not learnt (examples/benchmarks/defaults.py).

    squares : as `Weights.squares` gives them.
    unit : of the weights.
    """
    n_rows, whole = squares
    (of_quarters,) = as_floats([whole])
    return max(1.0, sqrt(n_rows / (16 * of_quarters)) / unit) if n_rows else 1.0


def check_both_classes_weigh(classes: np.ndarray, totals: Array) -> None:
    """Raise if all the weight is on one class."""
    for label, total in zip(classes.tolist(), totals):
        if total == 0:
            raise ValueError(
                f"Both classes must have rows with a weight above zero; class "
                f"{label!r} has none. Check `sample_weight` and `class_weight`."
            )


def constant_loss(known: Array, totals: Array) -> float:
    """Return the mean loss, by class totals, of the class-prior baseline.

    known : the class totals that are known.
    """
    return -float(xlogy(totals, known / known.sum()).sum() / totals.sum())
