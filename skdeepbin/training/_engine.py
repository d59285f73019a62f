"""Sum a kernel over blocks, in the order of the blocks.

A kernel maps ``(theta, *block)`` to ``(value, gradient)``, both sums over the rows of
the block. Within a block it computes in the precision of the data; across blocks the
sums are float64, so that their error does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from skdeepbin.network._parameters import Array

Kernel: TypeAlias = Callable[..., tuple[float, Array]]


def sum_over_blocks(
    kernel: Kernel, theta: Array, blocks: Iterable[tuple[Array, ...]]
) -> tuple[float, Array]:
    """``sum of kernel(theta, *block)`` over the blocks: value and float64 gradient."""
    total, gradient = 0.0, np.zeros(theta.size)
    for block in blocks:
        value, part = kernel(theta, *block)
        total += value
        gradient += part
    return total, gradient
