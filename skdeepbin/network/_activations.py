"""The activation functions of the hidden layers, each with its derivative.

``forward`` turns pre-activations into activations, ``A = f(Z)``. ``backward``
multiplies errors by the derivative, ``D *= f'(Z)``, written through the output
``A`` because every one of these derivatives is a function of it. Rows of these
matrices are units, columns are rows of the data.
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
    backward : ``(A, D) -> D * f'`` in place in ``D``; ``A`` is used up.
    init : name of the initialiser that ``init="auto"`` means.
    """

    forward: Callable[[Array], None]
    backward: Callable[[Array, Array], None]
    init: str


def _relu_forward(Z: Array) -> None:
    # Against a row of zeros, not the number 0: NumPy vectorises only the first.
    np.maximum(Z, np.zeros(Z.shape[-1], Z.dtype), out=Z)


def _relu_backward(A: Array, D: Array) -> None:
    np.greater(A, 0, out=A)  # f' is 0 or 1; the convention f'(0) = 0
    D *= A


def _tanh_forward(Z: Array) -> None:
    np.tanh(Z, out=Z)


def _tanh_backward(A: Array, D: Array) -> None:
    np.square(A, out=A)  # f' = 1 - a^2
    np.subtract(1, A, out=A)
    D *= A


def _logistic_forward(Z: Array) -> None:
    expit(Z, out=Z)


def _logistic_backward(A: Array, D: Array) -> None:
    D *= A  # f' = a (1 - a)
    np.subtract(1, A, out=A)
    D *= A


def _identity_forward(Z: Array) -> None:
    pass


def _identity_backward(A: Array, D: Array) -> None:
    pass


ACTIVATIONS = {
    "identity": Activation(_identity_forward, _identity_backward, init="xavier"),
    "logistic": Activation(_logistic_forward, _logistic_backward, init="xavier"),
    "relu": Activation(_relu_forward, _relu_backward, init="he"),
    "tanh": Activation(_tanh_forward, _tanh_backward, init="xavier"),
}
