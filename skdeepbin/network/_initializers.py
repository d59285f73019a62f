"""Where the parameters start: normal weights of a given standard deviation.

=========  ==============================  =====================================
name       standard deviation of ``W_l``   keeps constant over the layers
=========  ==============================  =====================================
"he"       sqrt(2 / fan_in)                the second moment of ReLU activations
"xavier"   sqrt(2 / (fan_in + fan_out))    activations and errors, on average
=========  ==============================  =====================================

Biases start at zero.

References
----------
He, Zhang, Ren, Sun (2015), Delving deep into rectifiers,
https://doi.org/10.1109/ICCV.2015.123.
Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
neural networks, https://proceedings.mlr.press/v9/glorot10a.html.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeAlias

import numpy as np

from skdeepbin.network._parameters import Array, Layout

StandardDeviation: TypeAlias = Callable[[int, int], float]


def he(fan_in: int, fan_out: int) -> float:
    """The standard deviation after He et al., equation 10."""
    return sqrt(2 / fan_in)


def xavier(fan_in: int, fan_out: int) -> float:
    """The standard deviation after Glorot and Bengio, equation 12."""
    return sqrt(2 / (fan_in + fan_out))


INITIALIZERS: dict[str, StandardDeviation] = {"he": he, "xavier": xavier}


def constant(value: float) -> StandardDeviation:
    """The same standard deviation for every layer."""
    return lambda fan_in, fan_out: value


def initialize(
    layout: Layout,
    standard_deviation: StandardDeviation,
    rng: np.random.RandomState,
    logit: float = 0.0,
    output_scale: float = 1.0,
) -> Array:
    """A float64 ``theta`` with weights drawn layer by layer and biases of zero.

    logit : the bias of the output layer.
    output_scale : a factor on the weights of the output layer.
    """
    theta = np.zeros(layout.n_parameters)
    for W in layout.views(theta).weights:
        W[:] = rng.standard_normal(W.shape) * standard_deviation(*W.shape)
    W *= output_scale  # the last
    theta[-1] = logit
    return theta
