"""The parameters of a network as one flat vector.

``theta = [V_1 | .. | V_L]`` with ``V_l = [W_l; b_l]``: of each layer the weights, of
shape ``(fan_in, fan_out)`` and stored row by row, and below them, as one more row, the
biases. So a bias is the weight of an input that is always one, and a layer is one
matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
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
    """Where in ``theta`` the parameters of each layer lie.

    sizes : number of features, width of each hidden layer, 1 for the logit.
    """

    sizes: tuple[int, ...]

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """``(fan_in + 1, fan_out)`` of every layer."""
        return [(fan_in + 1, fan_out) for fan_in, fan_out in pairwise(self.sizes)]

    @cached_property
    def n_parameters(self) -> int:
        """Length of ``theta``."""
        return sum(map(prod, self.shapes))

    @cached_property
    def biases(self) -> list[slice]:
        """Where ``b_1 .. b_L`` lie in ``theta``: what no penalty is on."""
        widths = (fan_out for _, fan_out in self.shapes)
        return [slice(V.stop - n, V.stop) for V, n in zip(self.slices, widths)]

    @cached_property
    def slices(self) -> list[slice]:
        """Where ``V_1 .. V_L`` lie in ``theta``."""
        ends = [0, *accumulate(map(prod, self.shapes))]
        return [slice(start, stop) for start, stop in pairwise(ends)]

    def layers(self, theta: NDArray) -> list[NDArray]:
        """``V_1 .. V_L`` as views of ``theta``: to write one is to write both.

        Of several networks, ``theta`` and the views have one axis more, in front.
        """
        return [
            theta[..., where].reshape(*theta.shape[:-1], *shape)
            for where, shape in zip(self.slices, self.shapes)
        ]

    def views(self, theta: Array) -> Parameters:
        """Weights and biases as views of ``theta``."""
        layers = self.layers(theta)
        weights = [V[..., :-1, :] for V in layers]
        return Parameters(weights, [V[..., -1, :] for V in layers])

    def with_features(self, n: int) -> Layout:
        """The layout of the same network for so many features."""
        return Layout((n, *self.sizes[1:]))

    def widened(
        self, theta: Array, layout: Layout, features: NDArray[np.intp] | None = None
    ) -> Array:
        """``theta`` in a layout for more features, whose weights are zero.

        features : the numbers of those that ``theta`` has; None is that they are the
            first.
        """
        if layout == self:
            return theta
        wider = np.zeros(layout.n_parameters)
        V, first = layout.layers(wider)[0], self.layers(theta)[0]
        V[slice(len(first) - 1) if features is None else features] = first[:-1]
        V[-1] = first[-1]
        wider[V.size :] = theta[first.size :]
        return wider

    def narrowed(self, theta: Array, features: NDArray[np.intp]) -> Array:
        """``theta`` without the weights of all but some features."""
        first = self.layers(theta)[0]
        V = first[np.append(features, len(first) - 1)]
        return np.concatenate([V.ravel(), theta[first.size :]])

    def pack(self, parameters: Parameters) -> Array:
        """A new ``theta`` with these weights and biases."""
        parts = [np.ravel(part) for layer in zip(*parameters) for part in layer]
        return np.concatenate(parts)
