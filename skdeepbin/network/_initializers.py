"""Where the parameters start: each rule for the weights is one row of `INITIALIZERS`.

============  =============================  ==========================================
name          standard deviation of ``W_l``  keeps constant over the layers
============  =============================  ==========================================
"he"          sqrt(2 / fan_in)               the second moment of ReLU activations
"lecun"       sqrt(1 / fan_in)               the variance of linear activations
"orthogonal"  sqrt(1 / fan_in)               the same; angles of linear activations too
"xavier"      sqrt(2 / (fan_in + fan_out))   activations and errors, on average
============  =============================  ==========================================

Biases start at zero; with ``init="auto"`` those of the first layer are random: see
`suited`.

References
----------
He, Zhang, Ren, Sun (2015), Delving deep into rectifiers,
https://doi.org/10.1109/ICCV.2015.123.
Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
neural networks, https://proceedings.mlr.press/v9/glorot10a.html.
LeCun, Bottou, Orr, Mueller (1998), Efficient BackProp,
https://doi.org/10.1007/3-540-49430-8_2.
Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of learning
in deep linear neural networks, https://arxiv.org/abs/1312.6120.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np

from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array, Layout

StandardDeviation: TypeAlias = Callable[[int, int], float]
Draw: TypeAlias = Callable[[tuple[int, int], np.random.RandomState], Array]


def normal(standard_deviation: StandardDeviation) -> Draw:
    """Return the rule that draws independent normal weights."""

    def draw(shape: tuple[int, int], rng: np.random.RandomState) -> Array:
        return rng.standard_normal(shape) * standard_deviation(*shape)

    return draw


@dataclass(frozen=True)
class Initializer:
    """A rule for the weights of a layer, of shape ``(fan_in, fan_out)``.

    name : the word for it, as the parameter `init` takes it.
    formula : of the standard deviation, as the documentation has it, in the syntax of
        Python.
    standard_deviation : ``(fan_in, fan_out) -> `` that of a weight; an initialiser is
        called as this function.
    draw : ``(shape, rng) -> W``; None draws independent normal weights.
    """

    name: str
    formula: str
    standard_deviation: StandardDeviation
    draw: Draw | None = None

    def __call__(self, fan_in: int, fan_out: int) -> float:
        return self.standard_deviation(fan_in, fan_out)


def he(fan_in: int, fan_out: int) -> float:
    """Return the standard deviation after He et al., equation 10."""
    return sqrt(2 / fan_in)


def lecun(fan_in: int, fan_out: int) -> float:
    """Return the standard deviation after LeCun et al., equation 16."""
    return sqrt(1 / fan_in)


def xavier(fan_in: int, fan_out: int) -> float:
    """Return the standard deviation after Glorot and Bengio, equation 12."""
    return sqrt(2 / (fan_in + fan_out))


def orthogonal(shape: tuple[int, int], rng: np.random.RandomState) -> Array:
    """Return weights whose columns, or rows if these are fewer, are orthogonal.

    They are ``Q`` of a normal matrix, with the signs by which no rotation is likelier
    than another: Mezzadri (2007), https://arxiv.org/abs/math-ph/0609050.
    """
    fan_in, fan_out = shape
    W = rng.standard_normal(shape)
    Q, R = np.linalg.qr(W if fan_in >= fan_out else W.T)
    Q *= np.copysign(1, np.diag(R))
    return Q if fan_in >= fan_out else Q.T * sqrt(fan_out / fan_in)


_ROWS = [
    Initializer("he", "sqrt(2 / fan_in)", he),
    Initializer("lecun", "sqrt(1 / fan_in)", lecun),
    Initializer("orthogonal", "sqrt(1 / fan_in)", lecun, orthogonal),
    Initializer("xavier", "sqrt(2 / (fan_in + fan_out))", xavier),
]
INITIALIZERS = {row.name: row for row in _ROWS}


def constant(value: float) -> StandardDeviation:
    """Return the same standard deviation for every layer."""
    return lambda fan_in, fan_out: value


def initialize(
    layout: Layout,
    rules: StandardDeviation | Sequence[StandardDeviation],
    rng: np.random.RandomState,
    logit: float = 0.0,
    output_scale: float = 1.0,
) -> Array:
    """Return a float64 ``theta`` with weights drawn by layer and biases of zero.

    rules : an initialiser for each layer, or one for all; the standard deviation of
        normal weights is one too.
    logit : the bias of the output layer.
    output_scale : a factor on the weights of the output layer.
    """
    theta = np.zeros(layout.n_parameters)
    weights = layout.views(theta).weights
    for W, rule in zip(weights, [rules] * len(weights) if callable(rules) else rules):
        W[:] = (getattr(rule, "draw", None) or normal(rule))(W.shape, rng)
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


def suited(theta: Array, network: Network, rng: np.random.RandomState) -> Array:
    """Change a random start, in place, to one that suits activations and the width.

    1. The first layer is smaller where there are many features.
    2. Its biases are random: the kinks of its units do not all lie at the mean.
    3. Weights before and after a layer are stretched as its activation asks, and the
       biases after it make up for its center.
    """
    layout, activations = network.layout, network.activations
    (W, *weights), (b, *biases) = layout.views(theta)
    if not weights:
        return theta
    factor = width_factor(layout.sizes[0])
    W *= factor
    b[:] = rng.standard_normal(b.shape) * activations[0].bias * factor
    for V, stretch in zip(layout.layers(theta), stretches(network)):
        V *= stretch
    for W, b, activation in zip(weights, biases, activations):
        b -= activation.center * W.sum(axis=0)
    return theta


def suited_rules(network: Network) -> list[Initializer]:
    """Return the initialiser of each layer that suits its activation.

    That of the output layer is the one of the last hidden layer.
    """
    last = network.activations[-1]
    rows = [*network.activations[: len(network.hidden)], last]
    return [INITIALIZERS[row.init] for row in rows]


def stretches(network: Network) -> list[float]:
    """Return of each layer the factor on weights of a start that suits odd functions.

    See `Activation.stretch`: once for the layer that a weight leads to, if that is
    hidden, and once for the one that it comes from.
    """
    factors = [row.stretch for row in network.activations[: len(network.hidden)]]
    return [a * b for a, b in zip([1.0, *factors], [*factors, 1.0])]


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
    factors = stretches(network)
    if set(factors) == {1.0}:
        return wide
    scales = np.empty(layout.n_parameters)
    for V, stretch in zip(layout.layers(scales), factors):
        V[:] = stretch * wide
    return scales
