"""Configuration of a fit and its validation split, as sent to every worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepbin.dask._block_layout import BlockLayout
from skdeepbin.engine._bins import Bins
from skdeepbin.engine._blocks import Reading
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array


@dataclass(frozen=True)
class BroadcastConfig:
    """Configuration of a fit, sent to every worker once.

    token : a unique identifier.
    classes : both labels.
    weight_unit : divisor of the sample weights.
    class_weights : factors on the weights of either class.
    caches_blocks : whether blocks stay in memory once they are made.
    n_jobs : threads on each worker; None is as many as the worker has.
    seed : of the row hashes.
    bins : of the features, which the network reads too; None for none.
    reading : the columns that training reads, and their scale; None for X as it is.
    """

    token: str
    network: Network
    dtype: np.dtype
    classes: np.ndarray
    weight_unit: float
    class_weights: Array
    block_layout: BlockLayout
    caches_blocks: bool
    n_jobs: int | None = None
    seed: int | None = None
    bins: Bins | None = None
    reading: Reading | None = None


class HashSplit(NamedTuple):
    """Validation split: a range of row hashes for each class.

    Held out are the rows with hashes from ``first`` to ``last``, inclusive; none where
    the last is below the first.
    """

    first: tuple[int, int]
    last: tuple[int, int]

    def mask(
        self, hashes: NDArray[np.uint64], is_positive: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return a mask of the rows that are held out."""
        mask = np.zeros(len(hashes), bool)
        for label, (first, last) in enumerate(zip(*self)):
            if first <= last:
                between = (np.uint64(first) <= hashes) & (hashes <= np.uint64(last))
                mask |= between & (is_positive == bool(label))
        return mask
