"""Where the parameters start: normal weights of a given standard deviation.

=========  ==============================  =====================================
name       standard deviation of ``W_l``   keeps constant over the layers
=========  ==============================  =====================================
"he"       sqrt(2 / fan_in)                the second moment of ReLU activations
"xavier"   sqrt(2 / (fan_in + fan_out))    activations and errors, on average
=========  ==============================  =====================================

Biases start at zero; with ``init="auto"`` those of the first layer are random: see
`suited`.

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

from skdeepbin.network._activations import Activation
from skdeepbin.network._network import Network
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
    """Return the rule of one standard deviation for every layer."""
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
        W[:] = rng.standard_normal(W.shape)
        W *= standard_deviation(*W.shape)
    W *= output_scale  # the last
    theta[-1] = logit
    return theta


# With more features than this the first layer starts with smaller weights and trains
# with smaller steps. Its random part, which only rows can correct, grows with the
# features; at 300 rows of 300 that costs 0.03 in log loss.
WIDE = 30


def width_factor(n_features: int) -> float:
    """The factor on the first layer's starting weights, one up to `WIDE` features."""
    return min(1.0, WIDE / n_features) ** 2


def suited(
    theta: Array, layout: Layout, activation: Activation, rng: np.random.RandomState
) -> Array:
    """Change a random start, in place, to one that suits the activation and the width.

    1. The first layer is smaller where there are many features.
    2. Its biases are random: the kinks of its units do not all lie at the mean.
    3. Weights before and after a layer are stretched as its activation asks, and the
       biases after it make up for its center.
    """
    (W, *_), (b, *_) = layers = layout.views(theta)
    if len(layers.weights) == 1:
        return theta
    factor = width_factor(layout.sizes[0])
    W *= factor
    b[:] = rng.standard_normal(b.shape) * activation.bias * factor
    for V, stretch in zip(layout.layers(theta), stretches(layout, activation)):
        V *= stretch
    for W, b in list(zip(*layers))[1:]:
        b -= activation.center * W.sum(axis=0)
    return theta


def stretches(layout: Layout, activation: Activation) -> list[float]:
    """By layer, how many times as large its weights are as those of the odd function.

    See `Activation.stretch`: once for the layer that a weight leads to, if that is
    hidden, and once for the one that it comes from.
    """
    last = len(layout.shapes) - 1
    return [
        activation.stretch ** ((layer > 0) + (layer < last))
        for layer in range(last + 1)
    ]


# The first layer's steps are not shorter than this share: a fit would take too long.
SHORTEST = 0.3


def step_scales(network: Network, layout: Layout) -> float | Array:
    """The factor on steps that are changes of a parameter, for each if they differ.

    Steps are stretched as the weights are, and shorter where there are many features: a
    step of every weight by the same changes a unit by so much more.

    layout : of the parameters, if they are not those of all features.
    """
    if not network.hidden:
        return 1.0
    wide = max(SHORTEST, sqrt(width_factor(network.layout.sizes[0])))
    if network.activation.stretch == 1:
        return wide
    scales = np.empty(layout.n_parameters)
    factors = stretches(network.layout, network.activation)
    for V, stretch in zip(layout.layers(scales), factors):
        V[:] = stretch * wide
    return scales
