"""Reference network: the passes of a textbook, layer by layer, samples in rows.

The letters, for ``n`` rows and layers ``l = 1 .. L``::

    A_0 = X,   Z_l = A_{l-1} W_l + b_l,   A_l = f_l(Z_l),   p = sigmoid(Z_L)

    dZ_L = p - y                            the error at the output
    dA_{l-1} = dZ_l W_l'                    sent down through the weights
    dZ_{l-1} = dA_{l-1} * f'(Z_{l-1})
    dW_l = A_{l-1}' dZ_l / n + alpha W_l / n
    db_l = sum of the rows of dZ_l / n

This is slower than `skdeepbin.network`, and independent of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

from skdeepbin.network._activations import activation_of
from skdeepbin.network._parameters import Array


@dataclass(frozen=True)
class ReferenceNetwork:
    """A network with its rows, and the loss that is minimised.

    weights : ``W_1 .. W_L``, each of shape (fan_in, fan_out).
    biases : ``b_1 .. b_L``, each of shape (fan_out,).
    X, y : of shape (n, n_features) and (n, 1).
    activations : the names of those of the hidden layers.
    divisor : n for the mean loss, 1 for the sum.
    alpha : strength of the L2 penalty.
    """

    weights: Sequence[Array]
    biases: Sequence[Array]
    X: Array
    y: Array
    activations: Sequence[str]
    divisor: float
    alpha: float

    def at(self, weights: Sequence[Array], biases: Sequence[Array]) -> ReferenceNetwork:
        """Return the network with other parameters."""
        return replace(self, weights=weights, biases=biases)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.X)

    @property
    def depth(self) -> int:
        """Number of layers with weights."""
        return len(self.weights)

    @cached_property
    def Z(self) -> list[Array]:
        """``Z_0 .. Z_L``, where the first is X."""
        return self._forward[0]

    @cached_property
    def A(self) -> list[Array]:
        """``A_0 .. A_L``, where the last is p."""
        return self._forward[1]

    @property
    def p(self) -> Array:
        """The probabilities, of shape (n, 1)."""
        return self.A[-1]

    @cached_property
    def _forward(self) -> tuple[list[Array], list[Array]]:
        Z, A = [self.X], [self.X]
        for layer, (W, b) in enumerate(zip(self.weights, self.biases)):
            Z.append(A[-1] @ W + b)
            if layer < self.depth - 1:
                A.append(Z[-1].copy())
                activation_of(self.activations[layer]).forward(A[-1])
            else:
                A.append(expit(Z[-1]))
        return Z, A

    def of_unit(self, layer: int, unit: int) -> ReferenceNetwork:
        """Return it with one unit in the layer, as far as its derivative is concerned.

        Of arrays as wide as the layer there is the column of the unit.
        """
        width = self.weights[layer - 1].shape[1]

        def narrowed(arrays: Sequence[Array]) -> list[Array]:
            return [
                A[..., unit : unit + 1] if A.shape[-1] == width else A for A in arrays
            ]

        narrow = replace(self, biases=narrowed(self.biases))
        narrow.__dict__["_forward"] = narrowed(self.Z), narrowed(self.A)
        return narrow

    def derivative(self, layer: int) -> Array:
        """Return ``f'(Z_l)`` of a hidden layer."""
        activation = activation_of(self.activations[layer - 1])
        F = (self.Z if activation.from_input else self.A)[layer].copy()
        activation.derivative(F, np.empty_like(F))
        return F

    def penalty(self, layer: int) -> Array:
        """Return ``alpha W_l``, over n for the mean loss."""
        return self.alpha / self.divisor * self.weights[layer - 1]

    def loss(self) -> float:
        """Return the loss that is minimised, penalty included."""
        z = self.Z[-1]
        losses = np.logaddexp(0, z) - self.y * z
        squares = sum(float((W**2).sum()) for W in self.weights)
        return (float(losses.sum()) + self.alpha / 2 * squares) / self.divisor

    @cached_property
    def sizes(self) -> tuple[list[float], list[float]]:
        """The norm of the sum of the sizes of the terms of each ``dW`` and ``db``.

        A gradient that is much smaller than that is a difference of rounded numbers.
        """
        dW: list[float] = []
        db: list[float] = []
        for layer in range(self.depth, 0, -1):
            dZ = abs(self.errors[layer])
            terms = abs(self.A[layer - 1]).T @ dZ / self.divisor
            dW.insert(0, float(np.linalg.norm(terms + abs(self.penalty(layer)))))
            db.insert(0, float(np.linalg.norm(dZ.sum(axis=0) / self.divisor)))
        return dW, db

    @cached_property
    def errors(self) -> dict[int, Array]:
        """``dZ_L .. dZ_1``, by layer."""
        errors: dict[int, Array] = {self.depth: self.p - self.y}
        for layer in range(self.depth - 1, 0, -1):
            down = errors[layer + 1] @ self.weights[layer].T
            errors[layer] = down * self.derivative(layer)
        return errors

    @cached_property
    def gradient(self) -> tuple[list[Array], list[Array]]:
        """``dW_1 .. dW_L`` and ``db_1 .. db_L``."""
        dW: list[Array] = []
        db: list[Array] = []
        for layer in range(self.depth, 0, -1):
            dZ = self.errors[layer]
            dW.insert(0, self.A[layer - 1].T @ dZ / self.divisor + self.penalty(layer))
            db.insert(0, dZ.sum(axis=0) / self.divisor)
        return dW, db
