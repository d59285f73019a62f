"""Dropout: at every gradient, each row leaves out some hidden units at random.

Which ones follows from a hash of the row and a random number for each unit::

    row i keeps unit u  if  (h_i r_u mod 2^64) >= rate 2^64,    h_i, r_u odd

and what is kept is divided by ``1 - rate``, so that sums are as large as without
(inverted dropout). The ``r_u`` are drawn anew for every gradient, from the parameters
where it is taken. So the gradient remains a function of the parameters alone, a row of
weight k is the same row k times, and neither the order of the rows nor the number of
threads matters.

References
----------
Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way
to prevent neural networks from overfitting,
https://jmlr.org/papers/v15/srivastava14a.html. Dietzfelbinger, Hagerup, Katajainen,
Penttonen (1997), A reliable randomized algorithm for the closest-pair problem (the
multiplicative hash), https://doi.org/10.1006/jagm.1997.0873.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from skdeepbin.network._parameters import Array

Draw: TypeAlias = Sequence[NDArray[np.uint64]]

# Parameters are looked at in steps of this, so that rounding does not change the draw.
GRID = 2.0**-10


def draw(theta: Array, widths: Sequence[int]) -> Draw:
    """``r_u`` of the units of each hidden layer, for the gradient at ``theta``."""
    on_grid = np.rint(np.clip(theta / GRID, -(2.0**60), 2.0**60))
    random = np.random.RandomState(crc32(on_grid.astype(np.int64)))
    return [random.randint(2**63, size=n, dtype=np.uint64) * 2 + 1 for n in widths]


def mask(
    r: NDArray[np.uint64],
    h: NDArray[np.uint64],
    rate: float,
    products: NDArray[np.uint64],
    M: Array,
) -> None:
    """In place in ``M``, the factor on each unit (row) and row of the data (column)."""
    np.multiply.outer(r, h, out=products)
    np.greater_equal(products, np.uint64(rate * 2**64), out=M)
    M *= 1 / (1 - rate)
