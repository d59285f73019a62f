"""What all workers know of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepbin.dask._cut import Cut
from skdeepbin.engine._bins import Bins
from skdeepbin.engine._blocks import Reading
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array


@dataclass(frozen=True)
class Setting:
    """What all workers know of a fit.

    name : nobody else's.
    classes : both labels.
    unit : of the sample weights.
    factors : by which the weights of each class are multiplied.
    keeps : whether blocks are kept once they are made.
    n_jobs : threads on each worker; None is as many as it gives to a task and others.
    seed : of the hashes of rows.
    bins : that the network reads beside the features; None for none.
    reading : what it reads of the features; None for all as they are.
    """

    name: str
    network: Network
    dtype: np.dtype
    classes: np.ndarray
    unit: float
    factors: Array
    cut: Cut
    keeps: bool
    n_jobs: int | None = None
    seed: int | None = None
    bins: Bins | None = None
    reading: Reading | None = None


class Split(NamedTuple):
    """Held out are, of each class, the rows with hashes from ``first`` to ``last``.

    None where the last is below the first.
    """

    first: tuple[int, int]
    last: tuple[int, int]

    def has(
        self, hashes: NDArray[np.uint64], second: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each row is held out."""
        mask = np.zeros(len(hashes), bool)
        for number, (first, last) in enumerate(zip(*self)):
            if first <= last:
                between = (np.uint64(first) <= hashes) & (hashes <= np.uint64(last))
                mask |= between & (second == bool(number))
        return mask
