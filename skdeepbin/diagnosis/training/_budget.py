"""Budget of a diagnosis, counted in work and not by the clock.

So the same table gives the same diagnosis on a slow machine. A unit of work takes about
a nanosecond of one core: with ``p`` parameters, ``n`` rows of ``m`` entries in all, and
``k`` products of an entry or an activation with a weight, a pass over the rows takes ::

    m + k / 10 + (step + 10 p) for each step

Before anything is measured or tried out it is asked whether that can be afforded.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from time import monotonic
from typing import Any

from scipy.sparse import issparse

# Measured with one thread on tables of 2,000 x 2 to 200 x 200,000. Products are of
# BLAS; what a step costs whatever its size is the interpreter's.
A_PRODUCT, A_PARAMETER, A_STEP = 0.1, 10.0, 2e5

# To say why a fit failed may take as long as the fit, if that is no less and no more
# than these: a second of work, in which small tables are explained to the end, and five
# of them. Where work takes far longer than elsewhere, no more than so many seconds.
LEAST, MOST, SECONDS = 1e9, 5e9, 10.0


class OutOfBudget(Exception):
    """Raised where something would take longer than a diagnosis may take."""


class Budget:
    """The work that may still be done.

    Parameters
    ----------
    work : float
        In the unit of this module.
    seconds : float
        A limit by the clock as well, for machines on which a unit takes far longer.

    Attributes
    ----------
    is_short : bool
        Whether anything was left undone.
    """

    def __init__(self, work: float = inf, seconds: float = inf) -> None:
        self.left, self.is_short = work, False
        self._end = monotonic() + seconds

    def spend(self, work: float) -> None:
        """Take the work from what is left; an OutOfBudget if it is more than that."""
        if work > self.left or monotonic() > self._end:
            self.is_short = True
            raise OutOfBudget
        self.left -= work


def work_of_pass(
    n_entries: float, n_rows: int, sizes: Sequence[int], n_steps: float = 1.0
) -> float:
    """Return the work of one pass of a network over rows, forward and backward.

    n_entries : of the rows, those that are not stored left out.
    sizes : the widths from the features to the output.
    n_steps : that are taken in the pass.
    """
    layers = [*pairwise(sizes)]
    products = n_entries * sizes[1] + n_rows * sum(a * b for a, b in layers[1:])
    parameters = sum((a + 1) * b for a, b in layers)
    return (
        n_entries + A_PRODUCT * products + n_steps * (A_STEP + A_PARAMETER * parameters)
    )


def budget_of_a_fit(
    n_passes: int, X: Any, sizes: Sequence[int], batch_size: int | None
) -> Budget:
    """Return the budget to say why a fit failed that made so many passes over X."""
    n_rows, n_features = X.shape
    n_entries = X.nnz if issparse(X) else n_rows * n_features
    n_steps = 1.0 if batch_size is None else max(n_rows / batch_size, 1.0)
    work = n_passes * work_of_pass(n_entries, n_rows, sizes, n_steps)
    return Budget(min(max(work, LEAST), MOST), SECONDS)
