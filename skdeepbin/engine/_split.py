"""Which rows validate: decided by what is in them.

Every row has a number, a seeded hash of its values. Within each class, rows are ordered
by it, and a stretch of that order with a given share of the class's weight is held out.
So a row of weight k and the same row k times give the same split, the order of the rows
does not matter, equal rows are never on both sides, and the rows may be read in blocks,
from memory, disk or other machines.

The hash of a row ``x`` is multilinear, ``mix(sum_j r_j mix(bits(x_j)) mod 2^64)`` with
random odd ``r_j``. Zero is mixed to zero, so sparse rows need only what they hold; the
bits are mixed first because those of whole numbers end in zeros.

References
----------
Carter, Wegman (1979), Universal classes of hash functions,
https://doi.org/10.1016/0022-0000(79)90044-8. Steele, Lea, Flood (2014), Fast splittable
pseudorandom number generators (the mixing), https://doi.org/10.1145/2714064.2660195.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdeepbin.engine._blocks import row_slices
from skdeepbin.network._parameters import Array

# Rows hashed at a time, and entries if they are dense, so that they stay in the cache.
ROWS, ENTRIES = 2**14, 2**15
# Hashes without so many bits at their end are 1,024 numbers: more than need be counted.
LOW_BITS = 54


def row_hashes(X: Any, seed: int) -> NDArray[np.uint64]:
    """A number for each row of X, dense or CSR, that depends on its values alone."""
    n_rows, n_features = X.shape
    random = np.random.RandomState(seed)
    factors = random.randint(2**63, size=n_features, dtype=np.uint64) * 2 + 1
    hashes = np.empty(n_rows, np.uint64)
    sums = _sums_of_sparse if issparse(X) else _sums_of_dense
    at_a_time = ROWS if issparse(X) else min(ROWS, max(ENTRIES // n_features, 1))
    for rows in row_slices(n_rows, at_a_time):
        hashes[rows] = sums(X[rows], factors)
    return _mix(hashes)


def _sums_of_dense(X: np.ndarray, factors: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the sum of the mixed bits of each row times their factors."""
    # faster than @, which has no BLAS
    sums: NDArray[np.uint64] = np.einsum("ij,j->i", _bits(X), factors)
    return sums


def _sums_of_sparse(X: Any, factors: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The sums of the rows of a CSR matrix."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    products = _bits(X.data)
    products *= factors[X.indices]
    ends = np.zeros(len(products) + 1, np.uint64)
    np.cumsum(products, out=ends[1:])  # modulo 2^64
    sums: NDArray[np.uint64] = ends[X.indptr[1:]] - ends[X.indptr[:-1]]
    return sums


def _bits(values: np.ndarray) -> NDArray[np.uint64]:
    """The mixed bits of numbers as float64, -0 as 0."""
    return _mix(np.add(values, 0.0, dtype=np.float64).view(np.uint64))


def least_hashes(
    hashes: NDArray[np.uint64], weights: Array, most: int
) -> tuple[NDArray[np.intp], Array]:
    """Rows with a weight, and the weights; of many rows, different ones.

    These have the least hashes, in their order, and the sum of the weights of all that
    are equal.

    most : how many.
    """
    rows = np.flatnonzero(weights > 0)
    if len(rows) <= most:
        return rows, weights[rows]
    _, first, group = np.unique(hashes[rows], return_index=True, return_inverse=True)
    sums = np.bincount(group, weights[rows]).astype(np.float64)
    return rows[first[:most]], sums[:most]


def distinct(
    hashes: NDArray[np.uint64], second: NDArray[np.bool_], weights: Array | None
) -> tuple[NDArray[np.intp], Array | None]:
    """Return one row of each content and label, in the order of a hash of both.

    And the sums of the weights of all that equal it; None if all are one. Rows of
    weight zero are left out.
    """
    rows = np.arange(len(hashes))
    if weights is not None:
        rows = np.flatnonzero(weights)
        hashes, second, weights = hashes[rows], second[rows], weights[rows]
    keys = mixed(hashes) ^ mixed(second.astype(np.uint64))
    if weights is None:
        _, first, sums = np.unique(keys, return_index=True, return_counts=True)
        return rows[first], None if len(first) == len(keys) else sums.astype(float)
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], np.bincount(group, weights).astype(np.float64)


def mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Other numbers, one to one, 0 to 0: every bit depends on every bit."""
    return _mix(hashes.copy())


def _mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The numbers, mixed in place: new ones would have to go through memory."""
    shifted = np.empty_like(hashes)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        np.right_shift(hashes, np.uint64(shift), out=shifted)
        np.bitwise_xor(hashes, shifted, out=hashes)
        if factor > 1:
            np.multiply(hashes, np.uint64(factor), out=hashes)
    return hashes


def held_out(
    hashes: NDArray[np.uint64],
    second: NDArray[np.bool_],
    weights: Array | None,
    start: float,
    stop: float,
) -> NDArray[np.bool_]:
    """Return a mask of the rows that validate."""
    (mask,) = rows_between(hashes, second, weights, [(start, stop)])
    return mask


def rows_between(
    hashes: NDArray[np.uint64],
    second: NDArray[np.bool_],
    weights: Array | None,
    bounds: Sequence[tuple[float, float]],
) -> list[NDArray[np.bool_]]:
    """Return, for each pair of shares, a mask of the rows that validate.

    Those do whose middle, in the order of the hashes and by weight, lies between the
    shares of their class. Rows of weight zero do not count.
    """
    chosen = [np.zeros(len(hashes), bool) for _ in bounds]
    for of_the_class in (second, ~second):
        if weights is not None:
            of_the_class = of_the_class & (weights > 0)
        w = None if weights is None else weights[of_the_class]
        different, weight = _by_hash(hashes[of_the_class], w)
        middle = (np.cumsum(weight) - weight / 2) / weight.sum()
        for mask, (start, stop) in zip(chosen, bounds):
            inside = different[(start <= middle) & (middle < stop)]
            if len(inside):  # a stretch of the order, so that no row is looked for
                first, last = inside[[0, -1]]
                mask |= of_the_class & (first <= hashes) & (hashes <= last)
    return chosen


def _by_hash(
    hashes: NDArray[np.uint64], weights: Array | None
) -> tuple[NDArray[np.uint64], np.ndarray]:
    """The different hashes in order, and the weight or the number of rows of each."""
    if weights is None:  # no row needs to be found again, which takes half the time
        return np.unique(hashes, return_counts=True)
    different, group = np.unique(hashes, return_inverse=True)
    return different, np.bincount(group, weights)


# Of more features there are more combinations than rows, if only these vary.
MOST_FEATURES = 64


def different_values(
    X: Any, weights: Array | None, most: float
) -> list[np.ndarray] | None:
    """The values of each feature; None if they have more than `most` combinations.

    Rows of weight zero do not count.
    """
    n_rows, n_features = X.shape
    if n_features > MOST_FEATURES:
        return None
    values: list[np.ndarray] = [np.empty(0)] * n_features
    for rows in row_slices(n_rows, 2**10):
        part = X[rows].toarray() if issparse(X) else X[rows]
        if weights is not None:
            part = part[weights[rows] > 0]
        values = [np.union1d(*pair) for pair in zip(values, part.T)]
        if n_combinations(values) > most:
            return None
    return values


def n_combinations(values: Sequence[np.ndarray]) -> float:
    """The number of rows that can be made of some values of each feature."""
    return float(np.prod([float(len(of_one)) for of_one in values]))


def is_usable(
    mask: NDArray[np.bool_], second: NDArray[np.bool_], weights: Array | None
) -> bool:
    """Tell if both classes have weight on both sides of a split."""
    sides = np.bincount(2 * mask.astype(np.intp) + second, weights, minlength=4)
    return bool(sides.all())


def n_different_rows(
    hashes: NDArray[np.uint64],
    second: NDArray[np.bool_],
    weights: Array | None,
    enough: float = inf,
) -> float:
    """Return the different rows, in effect, of the class with fewer.

    After Kish: that many rows of one weight vary as much as the rows ``r`` of weights
    ``w_r`` do, ``(sum w_r)^2 / sum w_r^2``. So a row that makes up half of a class
    counts for little, however many others there are.

    enough : from which on a lower bound will do. Rows that share the first bits of
        their hashes, taken for one, give one, and need not be sorted.
    """
    numbers = []
    for of_the_class in (second, ~second):
        w = None if weights is None else weights[of_the_class]
        h = hashes[of_the_class]
        number = n_in_effect(by_first_bits(h, w))
        if number < enough:
            number = n_in_effect(_by_hash(h, w)[1])
        numbers.append(number)
    return min(numbers)


def by_first_bits(
    hashes: NDArray[np.uint64], weights: Array | None
) -> NDArray[np.floating]:
    """The weight of all rows that share the first bits of their hashes."""
    first = (hashes >> np.uint64(LOW_BITS)).astype(np.intp)
    return np.bincount(first, weights, 2 ** (64 - LOW_BITS)).astype(np.float64)


def n_in_effect(weight: Array) -> float:
    """Return the number of rows of one weight that vary as much as these."""
    weight = weight / weight.max()  # the squares of any weights are then finite
    return float(weight.sum() ** 2 / (weight @ weight))
