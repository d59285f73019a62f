"""Wrong errors of hidden layers: ``dA_l`` that is sent down, and ``dZ_l``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit

from skdeepbin.diagnosis._activations import traits_of
from skdeepbin.diagnosis.backprop.catalogue._entry import (
    DIRECTION,
    BackwardContext,
    Compute,
    Entry,
    Message,
)
from skdeepbin.network._parameters import Array

# Derivatives: a function of something, and the something.

SLOPES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "zero": ("0", np.zeros_like),
    "missing": ("1", np.ones_like),
    "tanh": ("(1 - {}**2)", lambda x: 1 - x**2),
    "tanh of z": ("(1 - tanh({})**2)", lambda x: 1 - np.tanh(x) ** 2),
    "logistic": ("{0} * (1 - {0})", lambda x: x * (1 - x)),
    "logistic of z": (
        "sigmoid({0}) * (1 - sigmoid({0}))",
        lambda x: expit(x) * (1 - expit(x)),
    ),
    "relu": ("({} > 0)", lambda x: (x > 0).astype(float)),
    "relu, at zero too": ("({} >= 0)", lambda x: (x >= 0).astype(float)),
    "leaky relu": ("where({} > 0, 1, 0.01)", lambda x: np.where(x > 0, 1, 0.01)),
    "leaky relu, 0.1": ("where({} > 0, 1, 0.1)", lambda x: np.where(x > 0, 1, 0.1)),
    "leaky relu, 0.2": ("where({} > 0, 1, 0.2)", lambda x: np.where(x > 0, 1, 0.2)),
    "tanh, wrong sign": ("(1 + {}**2)", lambda x: 1 + x**2),
    "tanh, turned round": ("({}**2 - 1)", lambda x: x**2 - 1),
    "tanh, not squared": ("(1 - {})", lambda x: 1 - x),
    "tanh, root": ("sqrt(1 - {}**2)", lambda x: np.sqrt(np.maximum(1 - x**2, 0))),
    "logistic, wrong sign": ("{0} * (1 + {0})", lambda x: x * (1 + x)),
    "logistic, turned round": ("{0} * ({0} - 1)", lambda x: x * (x - 1)),
    "bipolar": ("0.5 * (1 - {}**2)", lambda x: 0.5 * (1 - x**2)),
    "the number itself": ("{}", lambda x: x),
    "square": ("{}**2", lambda x: x**2),
    "sigmoid": ("sigmoid({})", expit),
    "tanh itself": ("tanh({})", np.tanh),
    "relu itself": ("maximum({}, 0)", lambda x: np.maximum(x, 0)),
    "exponential": ("exp(-{})", lambda x: np.exp(-np.clip(x, -500, 500))),
    "elu": ("where({0} > 0, 1, exp({0}))", lambda x: np.exp(np.minimum(x, 0))),
    "softsign": ("1 / (1 + abs({}))**2", lambda x: 1 / (1 + abs(x)) ** 2),
    "softsign, not squared": ("1 / (1 + {}**2)", lambda x: 1 / (1 + x**2)),
    "mixed": ("sigmoid({0}) * (1 - {0})", lambda x: expit(x) * (1 - x)),
    "relu, inverted": ("({} <= 0)", lambda x: (x <= 0).astype(float)),
    "relu, above one": ("({} > 1)", lambda x: (x > 1).astype(float)),
}

# Slopes that are those of an activation, by which a wrong one is named.
FAMILIES = {
    "tanh": ("tanh", "tanh of z"),
    "logistic": ("logistic", "logistic of z"),
    "relu": ("relu", "relu, at zero too"),
    "leaky relu": ("leaky relu", "leaky relu, 0.1", "leaky relu, 0.2"),
}
# Slopes without an argument.
CONSTANT = "zero", "missing"
# Arguments that a slope is taken at.
ARGUMENTS: dict[str, tuple[str, Compute]] = {
    "a": ("a{l}", lambda c: c.a),
    "z": ("z{l}", lambda c: c.z),
    "dA": ("dA{l}", lambda c: c.error),
    "dA / n": ("(dA{l} / n)", lambda c: c.dA / c.network.divisor),
    "z - b": ("(z{l} - b{l})", lambda c: c.z - c.network.biases[c.layer - 1]),
    "z below": ("z{i}", lambda c: _same_shape(c.network.Z[c.layer - 1], c)),
    "a below": ("a{i}", lambda c: _same_shape(c.network.A[c.layer - 1], c)),
    "z above": ("z{o}", lambda c: _same_shape(c.network.Z[c.layer + 1], c)),
    "a above": ("a{o}", lambda c: _same_shape(c.network.A[c.layer + 1], c)),
    "dZ above": ("dZ{o}", lambda c: _same_shape(c.delta_above, c)),
}
# Arguments of the layer itself, which near zero are all alike for tanh.
OF_THE_LAYER = "a", "z", "z - b"

_SLOWER = "The error reaches the layers below in the wrong size for each unit and row."

_NEAR_ZERO = (
    "It is about right where units are near zero, and wrong where they are not."
)


def _same_shape(array: Array | None, c: BackwardContext) -> Array | None:
    """Return the array if it is as wide as this layer, or a column; else None."""
    if array is None or array.shape[1] not in (1, c.a.shape[1]):
        return None
    return array


def _slope_name(activation: str, kind: str, argument: str) -> tuple[str, str]:
    """Return the name and the effect of a wrong derivative of a hidden layer."""
    right = f"{activation}'"
    if kind == "zero":
        return f"{right} is zero", "Nothing reaches the layers below: they never learn."
    if kind == "missing" or (activation, kind) == ("relu", "relu, at zero too"):
        return f"{right} missing", (
            "Every unit passes the whole error down: the layers below learn from too "
            "large errors, and from saturated units."
        )
    traits = traits_of(activation)
    if kind in (traits.slope_of_output, traits.slope_of_input):
        near = activation == "tanh" and argument in OF_THE_LAYER
        return f"{right} taken at the wrong argument", _NEAR_ZERO if near else _SLOWER
    for other, kinds in FAMILIES.items():
        if kind in kinds:
            return f"the derivative of {other} in place of {right}", _SLOWER
    return f"a wrong formula for {right}", _SLOWER


def _centred(c: BackwardContext) -> Array:
    delta = c.dA * c.slope
    return delta - delta.mean(axis=0)


def derivatives(activation: str) -> Iterator[Entry]:
    """Yield the wrong derivatives of a hidden layer, from ``dA_l`` to ``dZ_l``."""
    slope = traits_of(activation).derivative
    right = f"dZ{{l}} = dA{{l}} * {slope}"

    def entry(key: str, name: str, wrong: str, why: str, compute: Compute) -> Entry:
        message = Message(name, f"dZ{{l}} = {wrong}", right, why)
        return Entry(key, "derivative", message, compute)

    for kind, (formula, of) in SLOPES.items():
        for argument, (text, at) in ARGUMENTS.items():
            if kind in CONSTANT and argument != "a":
                continue
            name, why = _slope_name(activation, kind, argument)

            def compute(c: BackwardContext, of=of, at=at) -> Array | None:
                x = at(c)
                return None if x is None else c.dA * of(x)

            wrong = f"dA{{l}} * {formula.format(text)}"
            yield entry(f"{kind} at {argument}", name, wrong, why, compute)
    yield entry(
        "twice",
        f"{activation}' applied twice",
        f"dA{{l}} * ({slope})**2",
        "The error becomes smaller at every layer, and the layers below hardly learn.",
        lambda c: c.dA * c.slope**2,
    )
    yield entry(
        "sign_slip",
        f"{activation}' with the wrong sign",
        f"-dA{{l}} * {slope}",
        "The layers below go up where they should go down.",
        lambda c: -c.dA * c.slope,
    )
    yield entry(
        "averaged",
        f"{activation}' averaged over the samples",
        f"dA{{l}} * mean({slope} over the samples)",
        _SLOWER,
        lambda c: c.dA * c.slope.mean(axis=0),
    )
    yield entry(
        "centred",
        "the mean error of the samples is taken away",
        "dZ{l} - mean(dZ{l} over the samples)",
        "The biases of this layer do not learn: is a batch norm left over?",
        _centred,
    )
    yield entry(
        "no_error",
        "the error does not come from above",
        slope,
        "The layers below do not learn from the labels.",
        lambda c: c.slope,
    )
    yield entry(
        "no_error_undivided",
        "the error does not come from above",
        f"n * {slope}",
        "The layers below do not learn from the labels.",
        lambda c: c.slope * c.network.divisor,
    )


# The error sent down: dA_l from dZ_{l+1}.

RIGHT_DOWN = "dA{l} = dZ{o} @ W{o}.T"


def _down(key: str, name: str, text: str, of: Compute, why: str = DIRECTION) -> Entry:
    message = Message(name, f"dA{{l}} = {text}", RIGHT_DOWN, why)
    return Entry(key, "down", message, of)


def _through(c: BackwardContext, delta: Array | None, W: Array | None) -> Array | None:
    """Return ``delta W'`` if the shapes fit and give one of this layer."""
    width = c.a.shape[1]
    if delta is None or W is None or W.shape != (width, delta.shape[1]):
        return None
    return delta @ W.T


def _other_weights(c: BackwardContext, step: int) -> Array | None:
    number = c.layer + step
    weights = c.network.weights
    return weights[number] if 0 <= number < len(weights) else None


def _transposed(c: BackwardContext) -> Array | None:
    W = c.W_above
    return None if W.shape[0] != W.shape[1] else W.T


def _broadcast(c: BackwardContext, delta: Array) -> Array | None:
    if delta.shape[1] not in (1, c.a.shape[1]):
        return None
    return np.broadcast_to(delta, c.a.shape)


DOWN = (
    _down(
        "no_derivative",
        "the error is sent down without the derivative",
        "dA{o} @ W{o}.T",
        lambda c: _through(c, c.error_above, c.W_above),
    ),
    _down(
        "through_gradient",
        "the error is sent through the gradient of the weights",
        "dZ{o} @ dW{o}.T",
        lambda c: _through(c, c.delta_above, c.user_dW[c.layer]),
    ),
    _down(
        "transposed",
        "the weights are transposed",
        "dZ{o} @ W{o}",
        lambda c: _through(c, c.delta_above, _transposed(c)),
    ),
    _down(
        "weights_below",
        "the error is sent through the weights of the layer below",
        "dZ{o} @ W{l}.T",
        lambda c: _through(c, c.delta_above, _other_weights(c, -1)),
    ),
    _down(
        "weights_below_transposed",
        "the error is sent through the weights of the layer below, transposed",
        "dZ{o} @ W{l}",
        lambda c: _through(c, c.delta_above, c.W.T),
    ),
    _down(
        "weights_above",
        "the error is sent through the weights of a layer above",
        "dZ{o} @ W{oo}.T",
        lambda c: _through(c, c.delta_above, _other_weights(c, 1)),
    ),
    _down(
        "weights_above_transposed",
        "the error is sent through the weights of a layer above, transposed",
        "dZ{o} @ W{oo}",
        lambda c: _through(
            c, c.delta_above, W.T if (W := _other_weights(c, 1)) is not None else None
        ),
    ),
    _down(
        "output_error",
        "the error of the output is sent to every layer",
        "a{L} - y",
        lambda c: _broadcast(c, c.output_error),
    ),
    _down(
        "output_error_through_weights",
        "the error of the output is sent to every layer",
        "(a{L} - y) @ W{o}.T",
        lambda c: _through(c, c.output_error, c.W_above),
    ),
    _down(
        "output_error_through_last",
        "the error of the output is sent to every layer",
        "(a{L} - y) @ W{L}.T",
        lambda c: _through(c, c.output_error, c.network.weights[-1]),
    ),
    _down(
        "no_weights",
        "the weights are left out where the error is sent down",
        "dZ{o}",
        lambda c: _broadcast(c, c.dZ_above),
    ),
    _down(
        "sum_without_weights",
        "the weights are left out where the error is sent down",
        "sum of dZ{o} over its units",
        lambda c: _broadcast(c, c.dZ_above.sum(axis=1, keepdims=True)),
    ),
    _down(
        "layer_skipped",
        "the layer above is skipped",
        "dZ{oo} @ W{oo}.T",
        lambda c: _through(c, c.deltas.get(c.layer + 2), _other_weights(c, 1)),
    ),
    _down(
        "reshaped",
        "the weights are reshaped where they should be transposed",
        "dZ{o} @ W{o}.reshape(W{o}.T.shape)",
        lambda c: c.dZ_above @ np.reshape(c.W_above, c.W_above.T.shape),
    ),
    _down(
        "reshaped_in_columns",
        "the weights are reshaped where they should be transposed",
        "W{o}.reshape(W{o}.T.shape) @ dZ{o}, with samples in columns",
        lambda c: c.dZ_above @ np.reshape(c.W_above.T, c.W_above.shape).T,
    ),
    _down(
        "shares_of_sizes",
        "the error is shared by the sizes of the weights",
        "dZ{o} @ (abs(W{o}) / sum of abs(W{o}) over inputs).T",
        lambda c: c.dZ_above @ (abs(c.W_above) / abs(c.W_above).sum(axis=0)).T,
    ),
    _down(
        "shares",
        "the error is shared by the sizes of the weights",
        "dZ{o} @ (W{o} / sum of W{o} over inputs).T",
        lambda c: c.dZ_above @ (c.W_above / c.W_above.sum(axis=0)).T,
    ),
    _down(
        "sizes_of_weights",
        "the sizes of the weights in place of the weights",
        "dZ{o} @ abs(W{o}).T",
        lambda c: c.dZ_above @ abs(c.W_above).T,
    ),
    _down(
        "sign_slip",
        "the wrong sign where the error is sent down",
        "-dZ{o} @ W{o}.T",
        lambda c: -c.dZ_above @ c.W_above.T,
        "The layers below go up where they should go down.",
    ),
    _down(
        "divided_by_n",
        "divided by n at every layer on the way down",
        "dZ{o} @ W{o}.T / n",
        lambda c: c.dZ_above @ c.W_above.T / c.network.n,
        "The layers below hardly move.",
    ),
    _down(
        "divided_by_fan_out",
        "divided by the width of the layer on the way down",
        "dZ{o} @ W{o}.T / fan_out",
        lambda c: c.dZ_above @ c.W_above.T / c.W_above.shape[1],
        "The layers below move too little.",
    ),
    _down(
        "divided_by_fan_in",
        "divided by the width of the layer on the way down",
        "dZ{o} @ W{o}.T / fan_in",
        lambda c: c.dZ_above @ c.W_above.T / c.W_above.shape[0],
        "The layers below move too little.",
    ),
    _down(
        "mean_of_rows",
        "the mean error of all rows is sent down",
        "mean of dZ{o} over the samples @ W{o}.T",
        lambda c: _broadcast(
            c, c.dZ_above.mean(axis=0) @ c.W_above.T * np.ones((c.network.n, 1))
        ),
    ),
    _down(
        "activations",
        "the activations are sent down in place of the error",
        "a{o} @ W{o}.T",
        lambda c: c.network.A[c.layer + 1] @ c.W_above.T,
    ),
)


def updated_weights(rate: float) -> Entry:
    """Return the entry for weights that are updated before the error is sent down."""

    def compute(c: BackwardContext) -> Array | None:
        dW = c.user_dW[c.layer]
        return None if dW is None else c.dZ_above @ (c.W_above - rate * dW).T

    message = Message(
        "the weights are updated before the error is sent down",
        f"W{{o}} -= {rate:.3g} * dW{{o}};  {RIGHT_DOWN}",
        f"{RIGHT_DOWN}, and all weights updated at the end",
        "The layers below learn from the errors of another network; with small "
        "steps this does little harm.",
    )
    return Entry(f"updated {rate:.3g}", "down", message, compute)
