"""The activation functions of the hidden layers, each with its derivative.

``forward`` turns pre-activations into activations, ``A = f(Z)``, and ``derivative``
turns those into ``f'(Z)``: every one of these derivatives is a function of the
activation. Rows of these matrices are units, columns are rows of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from skdeepbin.network._parameters import Array


class Activation(NamedTuple):
    """A function of a hidden layer, and the start and the penalty that suit it.

    forward : ``Z -> A`` in place.
    derivative : ``A -> f'(Z)`` in place, with spare memory of the same shape.
    init : name of the initialiser that ``init="auto"`` means.
    output_scale : with ``init="auto"``, a factor on the weights of the output layer.
    bias : with ``init="auto"``, the standard deviation of the first layer's biases.
    alphas : the penalties that ``alpha="auto"`` means where rows validate, from strong
        to weak.
    alpha : the one that it means where none do, and for the last steps on all rows.
    patience : a factor on `n_iter_no_change` with validation: for a network that rests
        for a while where it is linear.
    stretch : with ``init="auto"``, how many times as large weights are on either side
        of the layer. With ``f(z) = center + g(z / s) / s`` for an odd function g of
        slope 1 at zero, as tanh, s would give what suits g; the logistic function
        leaves its linear part sooner with more than its 2.
    center : its value at zero.
    """

    forward: Callable[[Array], None]
    derivative: Callable[[Array, Array], None]
    init: str
    output_scale: float = 0.1
    bias: float = 0.3
    alphas: tuple[float, ...] = (0.3,)
    alpha: float = 0.3
    patience: int = 2
    stretch: float = 1.0
    center: float = 0.0


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


# A relu network starts as one that is nearly constant, and learns from strong to weak
# penalties. tanh is stuck where a strong one has made it linear, so it begins with a
# weak one. examples/benchmarks/defaults.py measures both.
_LIKE_RELU: Any = {
    "alphas": (10.0, 1.0),
    "alpha": 5.0,
    "patience": 1,
}

ACTIVATIONS = {
    "identity": Activation(
        _identity_forward, _identity_derivative, init="xavier", **_LIKE_RELU
    ),
    "logistic": Activation(  # f(z) = 1/2 + tanh(z / 2) / 2
        _logistic_forward,
        _logistic_derivative,
        init="xavier",
        output_scale=1.0,
        alphas=(0.05,),
        alpha=0.05,
        stretch=3.0,
        center=0.5,
    ),
    "relu": Activation(_relu_forward, _relu_derivative, init="he", **_LIKE_RELU),
    "tanh": Activation(_tanh_forward, _tanh_derivative, init="xavier"),
}
