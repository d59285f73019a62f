"""Errors at the output in which rows do not count alike, by fitted numbers.

How much they count is told by the gradient of the last weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skdeepbin.diagnosis.backprop._explanation import factor_between
from skdeepbin.diagnosis.backprop.catalogue._entry import BackwardContext, Entry
from skdeepbin.diagnosis.backprop.catalogue._output import at_once
from skdeepbin.network._parameters import Array


def uneven_rows(c: BackwardContext, tolerance: float) -> Iterator[Entry]:
    """Yield entries that fit ``dW_L``, of a context at the output."""
    user = c.user_dW[c.layer - 1]
    if user is None:
        return
    network = c.network
    user = user - network.penalty(c.layer)
    terms = c.inputs * (network.p - network.y) / network.divisor
    yield from _weighted(user, terms, network.y, tolerance)
    yield from _partial(user, terms, network.divisor)


def _weighted(user: Array, terms: Array, y: Array, tolerance: float) -> Iterator[Entry]:
    """Yield rows of the second class that weigh more than those of the first."""
    of_second = terms.T @ y
    rest = user - terms.sum(axis=0)[:, np.newaxis]
    excess = factor_between(rest, of_second, 10 * tolerance)
    if excess is None:
        return

    def of(z: Array, p: Array, y: Array) -> Array:
        return (p - y) * np.where(y == 1, 1 + excess, 1)

    yield at_once(
        f"weighted {1 + excess:.4g}",
        "labels of 1 weigh more in the gradient only",
        f"(a{{l}} - y) * where(y == 1, {1 + excess:.4g}, 1)",
        "It goes down the slope of a weighted loss, not of this one.",
        of,
    )


def _partial(user: Array, terms: Array, divisor: float) -> Iterator[Entry]:
    """Yield the first rows alone, or the last, as of one batch or of all but one."""
    n = len(terms)
    if terms.shape[1] < 2 or n < 3 or not user.any():
        return
    of_first = np.cumsum(terms, axis=0)[:-1]
    for first, sums in ((True, of_first), (False, terms.sum(axis=0) - of_first)):
        sizes = np.linalg.norm(sums, axis=1) * float(np.linalg.norm(user))
        cosines = (sums @ user).ravel() / np.where(sizes > 0, sizes, 1)
        number = int(cosines.argmax())
        if cosines[number] < 1 - 1e-6:
            continue
        m = number + 1 if first else n - number - 1
        factor = float(np.linalg.norm(user) / np.linalg.norm(sums[number]))
        yield from _of_part(m, first, factor, divisor)


def _of_part(m: int, first: bool, factor: float, divisor: float) -> Iterator[Entry]:
    where = f"[:{m}]" if first else f"[-{m}:]"
    for number, text in ((1.0, ""), (divisor / m, f" * n / {m}")):
        if abs(factor - number) > 1e-3 * number:
            continue

        def of(z: Array, p: Array, y: Array, number: float = number) -> Array:
            error = np.zeros_like(p)
            rows = slice(m) if first else slice(-m, None)
            error[rows] = (p - y)[rows] * number
            return error

        name, why = "only a part of the rows counts", "is a batch dropped, or alone?"
        if m == 1:
            name, why = "only one row counts", "does a loop overwrite, not add?"
        why = f"The other rows are not learnt: {why}"
        yield at_once(f"{where}{text}", name, f"(a{{l}} - y){where}{text}", why, of)
        return
