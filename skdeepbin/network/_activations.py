"""The activation functions of the hidden layers, each with its derivative.

``forward`` turns pre-activations into activations, ``A = f(Z)``, and ``derivative``
turns those into ``f'(Z)``: every one of these derivatives is a function of the
activation. Rows of these matrices are units, columns are rows of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skdeepbin.network._parameters import Array


class Activation(NamedTuple):
    """A function of a hidden layer and the initialiser that suits it.

    forward : ``Z -> A`` in place.
    derivative : ``A -> f'(Z)`` in place, with spare memory of the same shape.
    init : name of the initialiser that ``init="auto"`` means.
    """

    forward: Callable[[Array], None]
    derivative: Callable[[Array, Array], None]
    init: str


def _relu_forward(Z: Array) -> None:
    # Against a row of zeros, not the number 0: NumPy vectorises only the first.
    np.maximum(Z, np.zeros(Z.shape[-1], Z.dtype), out=Z)


def _relu_derivative(A: Array, spare: Array) -> None:
    np.greater(A, 0, out=A)  # 0 or 1; the convention f'(0) = 0


def _tanh_forward(Z: Array) -> None:
    np.tanh(Z, out=Z)


def _tanh_derivative(A: Array, spare: Array) -> None:
    np.square(A, out=A)  # 1 - a^2
    np.subtract(1, A, out=A)


def _logistic_forward(Z: Array) -> None:
    expit(Z, out=Z)


def _logistic_derivative(A: Array, spare: Array) -> None:
    np.subtract(1, A, out=spare)  # a (1 - a)
    A *= spare


def _identity_forward(Z: Array) -> None:
    pass


def _identity_derivative(A: Array, spare: Array) -> None:
    A.fill(1)


ACTIVATIONS = {
    "identity": Activation(_identity_forward, _identity_derivative, init="xavier"),
    "logistic": Activation(_logistic_forward, _logistic_derivative, init="xavier"),
    "relu": Activation(_relu_forward, _relu_derivative, init="he"),
    "tanh": Activation(_tanh_forward, _tanh_derivative, init="xavier"),
}
