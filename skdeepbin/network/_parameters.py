"""The parameters of a network as one flat vector.

``theta = [W1 .. WL | b1 .. bL]``: all weights first, so that a penalty on the
weights is one slice, then all biases. ``W_l`` has shape ``(fan_in, fan_out)`` and
is stored row by row, ``b_l`` has shape ``(fan_out,)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating]


class Parameters(NamedTuple):
    """Weights and biases of every layer, from the input to the output."""

    weights: Sequence[Array]
    biases: Sequence[Array]


@dataclass(frozen=True)
class Layout:
    """Where in ``theta`` each weight matrix and each bias vector lies.

    sizes : number of features, width of each hidden layer, 1 for the logit.
    """

    sizes: tuple[int, ...]

    @cached_property
    def weight_shapes(self) -> list[tuple[int, int]]:
        """``(fan_in, fan_out)`` of every layer."""
        return list(pairwise(self.sizes))

    @cached_property
    def n_weights(self) -> int:
        """Entries of all weight matrices: ``theta[:n_weights]``."""
        return sum(map(prod, self.weight_shapes))

    @cached_property
    def n_parameters(self) -> int:
        """Length of ``theta``."""
        return self.n_weights + sum(self.sizes[1:])

    def views(self, theta: Array) -> Parameters:
        """Weights and biases as views of ``theta``: to write one is to write both."""
        weights, biases, start = [], [], 0
        for shape in self.weight_shapes:
            weights.append(theta[start : start + prod(shape)].reshape(shape))
            start += prod(shape)
        for fan_out in self.sizes[1:]:
            biases.append(theta[start : start + fan_out])
            start += fan_out
        return Parameters(weights, biases)

    def pack(self, parameters: Parameters, dtype: type = np.float64) -> Array:
        """A new ``theta`` with these weights and biases."""
        parts = [*parameters.weights, *parameters.biases]
        return np.concatenate([np.ravel(part) for part in parts]).astype(dtype)
