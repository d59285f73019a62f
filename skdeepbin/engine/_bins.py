"""Where rows lie in the bins of their columns: steps and bends, made linear.

The bins of a column lie between edges e_0 < .. < e_K; in a bin its column rises from 0
to 1::

    x -> clip((x - e_k) / (e_{k+1} - e_k), 0, 1)    for k = 0 .. K-1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skdeepbin.network._parameters import Array


class Bins(NamedTuple):
    """All bins of all columns, in one row.

    columns : of which column each is a bin.
    lower, upper : their edges.
    scale : 1, or 1/2 where the edges are so far apart that their difference overflows.
    """

    columns: np.ndarray
    lower: Array
    upper: Array
    scale: Array

    @property
    def n(self) -> int:
        """The number of bins."""
        return len(self.columns)

    @property
    def most(self) -> int:
        """The bins of the column that has most."""
        return int(np.bincount(self.columns).max(initial=0))

    def of(self, X: np.ndarray) -> Array:
        """Where dense rows lie in each bin, from 0 to 1, in float64.

        Clipped before it is subtracted, nothing overflows; and the quotient is in
        [0, 1], as its two differences are rounded alike.
        """
        columns, lower, upper, scale = self
        inside = X[:, columns].astype(np.float64).clip(lower, upper)
        low = lower * scale
        with np.errstate(under="ignore"):
            return (inside * scale - low) / (upper * scale - low)

    def beside(self, X: np.ndarray) -> Array:
        """The columns of X, and after them the bins of each in turn, in float64."""
        return np.hstack([X.astype(np.float64, copy=False), self.of(X)])


def bins_of(edges: Sequence[Array]) -> Bins:
    """The bins between the edges of each column."""
    n_bins = [max(len(e) - 1, 0) for e in edges]
    lower, upper = (
        np.concatenate([np.empty(0), *(e[part] for e in edges)])
        for part in (slice(-1), slice(1, None))
    )
    with np.errstate(over="ignore"):
        scale = np.where(np.isfinite(upper - lower), 1.0, 0.5)
    return Bins(np.repeat(np.arange(len(edges)), n_bins), lower, upper, scale)
