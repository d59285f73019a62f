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

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdeepbin.network._parameters import Array
from skdeepbin.training._blocks import row_slices

ROWS = 2**14  # hashed at a time


def row_hashes(X: Any, seed: int) -> NDArray[np.uint64]:
    """A number for each row of X, dense or CSR, that depends on its values alone."""
    n_rows, n_features = X.shape
    random = np.random.RandomState(seed)
    factors = random.randint(2**63, size=n_features, dtype=np.uint64) * 2 + 1
    hashes = np.empty(n_rows, np.uint64)
    for rows in row_slices(n_rows, ROWS):
        part = X[rows]
        if issparse(part):
            if not part.has_canonical_format:
                part = part.copy()
                part.sum_duplicates()
            products = _bits(part.data) * factors[part.indices]
            ends = np.zeros(len(products) + 1, np.uint64)
            np.cumsum(products, out=ends[1:])  # modulo 2^64
            hashes[rows] = ends[part.indptr[1:]] - ends[part.indptr[:-1]]
        else:
            hashes[rows] = _bits(part) @ factors
    return mixed(hashes)


def _bits(values: np.ndarray) -> NDArray[np.uint64]:
    """The mixed bits of numbers as float64, -0 as 0."""
    return mixed(np.add(values, 0.0, dtype=np.float64).view(np.uint64))


def mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Other numbers, one to one, 0 to 0: every bit depends on every bit."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def held_out(
    hashes: NDArray[np.uint64],
    second: NDArray[np.bool_],
    weights: Array | None,
    start: float,
    stop: float,
) -> NDArray[np.bool_]:
    """Whether each row validates.

    Those do whose middle, in the order of the hashes and by weight, lies between the
    shares ``start`` and ``stop`` of their class. Rows of weight zero do not count.
    """
    chosen = np.zeros(len(hashes), bool)
    for of_the_class in (second, ~second):
        rows = np.flatnonzero(of_the_class)
        if weights is not None:
            rows = rows[weights[rows] > 0]
        _, group = np.unique(hashes[rows], return_inverse=True)
        weight = np.bincount(group, None if weights is None else weights[rows])
        middle = (np.cumsum(weight) - weight / 2) / weight.sum()
        chosen[rows] = ((start <= middle) & (middle < stop))[group]
    return chosen


def is_usable(
    mask: NDArray[np.bool_], second: NDArray[np.bool_], weights: Array | None
) -> bool:
    """Whether both classes have weight on both sides of a split."""
    sides = np.bincount(2 * mask.astype(np.intp) + second, weights, minlength=4)
    return bool(sides.all())


def n_different_rows(
    hashes: NDArray[np.uint64], second: NDArray[np.bool_], weights: Array | None
) -> float:
    """How many different rows the class with fewer has, in effect.

    After Kish: that many rows of one weight vary as much as the rows ``r`` of weights
    ``w_r`` do, ``(sum w_r)^2 / sum w_r^2``. So a row that makes up half of a class
    counts for little, however many others there are.
    """
    numbers = []
    for of_the_class in (second, ~second):
        w = None if weights is None else weights[of_the_class]
        _, group = np.unique(hashes[of_the_class], return_inverse=True)
        weight = np.bincount(group, w)
        weight = weight / weight.max()  # the squares of any weights are then finite
        numbers.append(weight.sum() ** 2 / (weight @ weight))
    return float(min(numbers))
