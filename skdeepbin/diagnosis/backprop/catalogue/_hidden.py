"""Wrong errors of hidden layers: ``dA_l`` that is sent down, and ``dZ_l``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit

from skdeepbin.diagnosis.backprop.catalogue._entry import DIRECTION, Here, Piece
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

# What belongs to an activation, of its output and of its input.
OF_OUTPUT = {"tanh": "tanh", "logistic": "logistic", "relu": "relu"}
OF_INPUT = {"tanh": "tanh of z", "logistic": "logistic of z", "relu": "relu"}
KINDS = {
    "tanh": ("tanh", "tanh of z"),
    "logistic": ("logistic", "logistic of z"),
    "relu": ("relu", "relu, at zero too"),
    "leaky relu": ("leaky relu", "leaky relu, 0.1", "leaky relu, 0.2"),
}
RIGHT_SLOPE = {
    "tanh": "(1 - a{l}**2)",
    "logistic": "a{l} * (1 - a{l})",
    "relu": "(z{l} > 0)",
    "identity": "1",
}
ARGUMENTS: dict[str, Callable[[Here], Array | None]] = {
    "a{l}": lambda here: here.a,
    "z{l}": lambda here: here.z,
    "dA{l}": lambda here: here.error,
    "(dA{l} / n)": lambda here: here.dA / here.problem.divisor,
    "(z{l} - b{l})": lambda here: here.z - here.problem.biases[here.layer - 1],
    "z{i}": lambda here: _same_shape(here.problem.Z[here.layer - 1], here),
    "a{i}": lambda here: _same_shape(here.problem.A[here.layer - 1], here),
    "z{o}": lambda here: _same_shape(here.problem.Z[here.layer + 1], here),
    "a{o}": lambda here: _same_shape(here.problem.A[here.layer + 1], here),
    "dZ{o}": lambda here: _same_shape(here.delta_above, here),
}

_SLOWER = "The error reaches the layers below in the wrong size for each unit and row."

_NEAR_ZERO = (
    "It is about right where units are near zero, and wrong where they are not."
)


def _same_shape(array: Array | None, here: Here) -> Array | None:
    """The array if it can stand in for one of this layer: of its shape, or a column."""
    if array is None or array.shape[1] not in (1, here.a.shape[1]):
        return None
    return array


def _slope(here: Here, kind: str, argument: str) -> Array | None:
    """The factor that stands in for ``f'(Z_l)``."""
    x = ARGUMENTS[argument](here)
    return None if x is None else SLOPES[kind][1](x)


def _slope_name(activation: str, kind: str, argument: str) -> tuple[str, str]:
    """What a wrong derivative of a hidden layer is called, and what it does."""
    right = f"{activation}'"
    if kind == "zero":
        return f"{right} is zero", "Nothing reaches the layers below: they never learn."
    if kind == "missing" or (activation, kind) == ("relu", "relu, at zero too"):
        return f"{right} missing", (
            "Every unit passes the whole error down: the layers below learn from too "
            "large errors, and from saturated units."
        )
    if kind in (OF_OUTPUT.get(activation), OF_INPUT.get(activation)):
        near = activation == "tanh" and "{l}" in argument and "dA" not in argument
        why = (
            "It is about right where units are near zero, and wrong where they are not."
        )
        return f"{right} taken at the wrong argument", why if near else _SLOWER
    for other, kinds in KINDS.items():
        if kind in kinds:
            return f"the derivative of {other} in place of {right}", _SLOWER
    return f"a wrong formula for {right}", _SLOWER


def _centred(here: Here) -> Array:
    delta = here.dA * here.problem.derivative(here.layer)
    return delta - delta.mean(axis=0)


def derivatives(activation: str) -> Iterator[Piece]:
    """Wrong derivatives of a hidden layer; they give ``dZ_l`` from ``dA_l``."""
    right = f"dZ{{l}} = dA{{l}} * {RIGHT_SLOPE[activation]}"
    for kind, (formula, _) in SLOPES.items():
        for argument in ARGUMENTS:
            if "{" not in formula and argument != "a{l}":
                continue
            name, why = _slope_name(activation, kind, argument)
            wrong = f"dZ{{l}} = dA{{l}} * {formula.format(argument)}"

            def compute(here: Here, kind: str = kind, argument: str = argument):
                factor = _slope(here, kind, argument)
                return None if factor is None else here.dA * factor

            yield Piece(name, wrong, right, why, compute)
    slope = RIGHT_SLOPE[activation]
    yield Piece(
        f"{activation}' applied twice",
        f"dZ{{l}} = dA{{l}} * ({slope})**2",
        right,
        "The error becomes smaller at every layer, and the layers below hardly learn.",
        lambda here: here.dA * here.problem.derivative(here.layer) ** 2,
    )
    yield Piece(
        f"{activation}' with the wrong sign",
        f"dZ{{l}} = -dA{{l}} * {slope}",
        right,
        "The layers below go up where they should go down.",
        lambda here: -here.dA * here.problem.derivative(here.layer),
    )
    yield Piece(
        f"{activation}' averaged over the samples",
        f"dZ{{l}} = dA{{l}} * mean({slope} over the samples)",
        f"dZ{{l}} = dA{{l}} * {slope}",
        _SLOWER,
        lambda here: here.dA * here.problem.derivative(here.layer).mean(axis=0),
    )
    yield Piece(
        "the mean error of the samples is taken away",
        "dZ{l} = dZ{l} - mean(dZ{l} over the samples)",
        right,
        "The biases of this layer do not learn: is a batch norm left over?",
        _centred,
    )
    yield Piece(
        "the error does not come from above",
        f"dZ{{l}} = {slope}",
        right,
        "The layers below do not learn from the labels.",
        lambda here: here.problem.derivative(here.layer),
    )
    yield Piece(
        "the error does not come from above",
        f"dZ{{l}} = n * {slope}",
        right,
        "The layers below do not learn from the labels.",
        lambda here: here.problem.derivative(here.layer) * here.problem.divisor,
    )


# The error sent down: dA_l from dZ_{l+1}.

RIGHT_DOWN = "dA{l} = dZ{o} @ W{o}.T"


def _down(
    name: str, text: str, of: Callable[[Here], Array | None], why: str = DIRECTION
):
    return Piece(name, f"dA{{l}} = {text}", RIGHT_DOWN, why, of)


def _through(here: Here, delta: Array | None, W: Array | None) -> Array | None:
    """``delta W'`` if the shapes fit and give one of this layer."""
    width = here.a.shape[1]
    if delta is None or W is None or W.shape != (width, delta.shape[1]):
        return None
    return delta @ W.T


def _other_weights(here: Here, step: int) -> Array | None:
    number = here.layer + step
    weights = here.problem.weights
    return weights[number] if 0 <= number < len(weights) else None


def _transposed(here: Here) -> Array | None:
    W = here.W_above
    return None if W.shape[0] != W.shape[1] else W.T


def _broadcast(here: Here, delta: Array) -> Array | None:
    if delta.shape[1] not in (1, here.a.shape[1]):
        return None
    return np.broadcast_to(delta, here.a.shape)


DOWN = (
    _down(
        "the error is sent down without the derivative",
        "dA{o} @ W{o}.T",
        lambda here: _through(here, here.error_above, here.W_above),
    ),
    _down(
        "the error is sent through the gradient of the weights",
        "dZ{o} @ dW{o}.T",
        lambda here: _through(here, here.delta_above, here.given[here.layer]),
    ),
    _down(
        "the weights are transposed",
        "dZ{o} @ W{o}",
        lambda here: _through(here, here.delta_above, _transposed(here)),
    ),
    _down(
        "the error is sent through the weights of the layer below",
        "dZ{o} @ W{l}.T",
        lambda here: _through(here, here.delta_above, _other_weights(here, -1)),
    ),
    _down(
        "the error is sent through the weights of the layer below, transposed",
        "dZ{o} @ W{l}",
        lambda here: _through(here, here.delta_above, here.W.T),
    ),
    _down(
        "the error is sent through the weights of a layer above",
        "dZ{o} @ W{oo}.T",
        lambda here: _through(here, here.delta_above, _other_weights(here, 1)),
    ),
    _down(
        "the error is sent through the weights of a layer above, transposed",
        "dZ{o} @ W{oo}",
        lambda here: _through(
            here,
            here.delta_above,
            W.T if (W := _other_weights(here, 1)) is not None else None,
        ),
    ),
    _down(
        "the error of the output is sent to every layer",
        "a{L} - y",
        lambda here: _broadcast(here, here.problem.p - here.problem.y),
    ),
    _down(
        "the error of the output is sent to every layer",
        "(a{L} - y) @ W{o}.T",
        lambda here: _through(here, here.problem.p - here.problem.y, here.W_above),
    ),
    _down(
        "the error of the output is sent to every layer",
        "(a{L} - y) @ W{L}.T",
        lambda here: _through(
            here, here.problem.p - here.problem.y, here.problem.weights[-1]
        ),
    ),
    _down(
        "the weights are left out where the error is sent down",
        "dZ{o}",
        lambda here: _broadcast(here, here.dZ_above),
    ),
    _down(
        "the weights are left out where the error is sent down",
        "sum of dZ{o} over its units",
        lambda here: _broadcast(here, here.dZ_above.sum(axis=1, keepdims=True)),
    ),
    _down(
        "the layer above is skipped",
        "dZ{oo} @ W{oo}.T",
        lambda here: _through(
            here, here.deltas.get(here.layer + 2), _other_weights(here, 1)
        ),
    ),
    _down(
        "the weights are reshaped where they should be transposed",
        "dZ{o} @ W{o}.reshape(W{o}.T.shape)",
        lambda here: here.dZ_above @ np.reshape(here.W_above, here.W_above.T.shape),
    ),
    _down(
        "the weights are reshaped where they should be transposed",
        "W{o}.reshape(W{o}.T.shape) @ dZ{o}, with samples in columns",
        lambda here: here.dZ_above @ np.reshape(here.W_above.T, here.W_above.shape).T,
    ),
    _down(
        "the error is shared by the sizes of the weights",
        "dZ{o} @ (abs(W{o}) / sum of abs(W{o}) over inputs).T",
        lambda here: (
            here.dZ_above @ (abs(here.W_above) / abs(here.W_above).sum(axis=0)).T
        ),
    ),
    _down(
        "the error is shared by the sizes of the weights",
        "dZ{o} @ (W{o} / sum of W{o} over inputs).T",
        lambda here: here.dZ_above @ (here.W_above / here.W_above.sum(axis=0)).T,
    ),
    _down(
        "the sizes of the weights in place of the weights",
        "dZ{o} @ abs(W{o}).T",
        lambda here: here.dZ_above @ abs(here.W_above).T,
    ),
    _down(
        "the wrong sign where the error is sent down",
        "-dZ{o} @ W{o}.T",
        lambda here: -here.dZ_above @ here.W_above.T,
        "The layers below go up where they should go down.",
    ),
    _down(
        "divided by n at every layer on the way down",
        "dZ{o} @ W{o}.T / n",
        lambda here: here.dZ_above @ here.W_above.T / here.problem.n,
        "The layers below hardly move.",
    ),
    _down(
        "divided by the width of the layer on the way down",
        "dZ{o} @ W{o}.T / fan_out",
        lambda here: here.dZ_above @ here.W_above.T / here.W_above.shape[1],
        "The layers below move too little.",
    ),
    _down(
        "divided by the width of the layer on the way down",
        "dZ{o} @ W{o}.T / fan_in",
        lambda here: here.dZ_above @ here.W_above.T / here.W_above.shape[0],
        "The layers below move too little.",
    ),
    _down(
        "the mean error of all rows is sent down",
        "mean of dZ{o} over the samples @ W{o}.T",
        lambda here: _broadcast(
            here,
            here.dZ_above.mean(axis=0) @ here.W_above.T * np.ones((here.problem.n, 1)),
        ),
    ),
    _down(
        "the activations are sent down in place of the error",
        "a{o} @ W{o}.T",
        lambda here: here.problem.A[here.layer + 1] @ here.W_above.T,
    ),
)
