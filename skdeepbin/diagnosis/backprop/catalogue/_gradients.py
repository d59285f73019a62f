"""Wrong gradients of weights and biases, from a right error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from skdeepbin.diagnosis.backprop.catalogue._entry import Here, Piece
from skdeepbin.network._parameters import Array

# The gradient of the weights, summed over the samples.

NORMALISED, SIGN = "divided by its own norm", "the sign of the gradient"
_ELSEWHERE = "These weights go in directions that do not lower the loss."
RIGHT_WEIGHTS = "dW{l} = a{i}.T @ dZ{l} / n"


def _product(here: Here, inputs: Array | None, delta: Array | None) -> Array | None:
    """``inputs' delta`` if it has the shape of the weights."""
    if inputs is None or delta is None:
        return None
    product = inputs.T @ delta
    return product if product.shape == here.W.shape else None


def _weights(
    name: str, text: str, of: Callable[[Here], Array | None], why: str = _ELSEWHERE
):
    return Piece(name, f"dW{{l}} = {text} / n", RIGHT_WEIGHTS, why, of)


def _slope_of_inputs(here: Here) -> Array | None:
    if here.layer == 1:
        return None
    return _product(here, here.problem.derivative(here.layer - 1), here.dZ)


def _times_slope_of_inputs(here: Here) -> Array | None:
    if here.layer == 1:
        return None
    return _product(
        here, here.inputs * here.problem.derivative(here.layer - 1), here.dZ
    )


def _times_slope(here: Here) -> Array | None:
    if here.layer == here.problem.depth:
        return _product(here, here.inputs, here.dZ * here.a * (1 - here.a))
    return _product(here, here.inputs, here.dZ * here.problem.derivative(here.layer))


def _transposed_gradient(here: Here) -> Array | None:
    rows, columns = here.W.shape
    return None if rows != columns else (here.inputs.T @ here.dZ).T


def _of_another_layer(here: Here, step: int) -> Array | None:
    """The true gradient of another layer of the same shape."""
    other = here.layer + step
    problem = here.problem
    if not 1 <= other <= problem.depth:
        return None
    gradient = problem.gradient[0][other - 1] - problem.penalty(other)
    return gradient * problem.divisor if gradient.shape == here.W.shape else None


def _biases_of_another_layer(here: Here, step: int) -> Array | None:
    """The true gradient of the biases of another layer of the same width."""
    other, problem = here.layer + step, here.problem
    if not 1 <= other <= problem.depth:
        return None
    gradient = problem.gradient[1][other - 1]
    return gradient * problem.divisor if len(gradient) == here.W.shape[1] else None


def _of_one_row(here: Here, row: int) -> Array:
    return np.outer(here.inputs[row], here.dZ[row]) * here.problem.divisor


def _clipped(here: Here) -> Array | None:
    """What is right, between the extremes of the user's numbers if several are at one.

    Of a single number at the extreme it cannot be told that it was clipped.
    """
    user, divisor = here.given[here.layer - 1], here.problem.divisor
    if user is None:
        return None
    limit = float(abs(user).max())
    n_clipped = int((abs(user) >= limit * (1 - 1e-6)).sum())
    if not limit or n_clipped < min(2, user.size):
        return None
    penalty = here.problem.penalty(here.layer)
    right = here.inputs.T @ here.dZ / divisor + penalty
    return (np.clip(right, -limit, limit) - penalty) * divisor


def _clipped_biases(here: Here) -> Array | None:
    """The same of the biases."""
    if not here.given_biases:
        return None
    user, divisor = here.given_biases[here.layer - 1], here.problem.divisor
    if user is None:
        return None
    limit = float(abs(user).max())
    n_clipped = int((abs(user) >= limit * (1 - 1e-6)).sum())
    if not limit or n_clipped < 2:
        return None
    return np.clip(here.dZ.sum(axis=0) / divisor, -limit, limit) * divisor


def _normalised(gradient: Array, here: Here) -> Array:
    size = float(np.linalg.norm(gradient))
    return gradient / size * here.problem.divisor if size else gradient


_CUT = "Large gradients are cut: the direction changes, and steps become equal."

WEIGHTS = (
    _weights(
        "missing, zero",
        "0",
        lambda here: np.zeros_like(here.W),
        "These weights never change.",
    ),
    _weights(
        "the layer's own output in place of its input",
        "a{l}.T @ dZ{l}",
        lambda here: _product(here, here.a, here.dZ),
    ),
    _weights(
        "the layer's own pre-activation in place of its input",
        "z{l}.T @ dZ{l}",
        lambda here: _product(here, here.z, here.dZ),
    ),
    _weights(
        "the pre-activation of the layer below in place of its activation",
        "z{i}.T @ dZ{l}",
        lambda here: _product(here, here.problem.Z[here.layer - 1], here.dZ),
    ),
    _weights(
        "X in place of the layer's input",
        "X.T @ dZ{l}",
        lambda here: _product(here, here.problem.X, here.dZ),
    ),
    _weights(
        "the derivative missing in the gradient of the weights",
        "a{i}.T @ dA{l}",
        lambda here: _product(here, here.inputs, here.error),
    ),
    _weights(
        "the derivative applied twice in the gradient of the weights",
        "a{i}.T @ (dZ{l} * f'(z{l}))",
        _times_slope,
    ),
    _weights(
        "the derivative of the layer below in place of its output",
        "f'(z{i}).T @ dZ{l}",
        _slope_of_inputs,
    ),
    _weights(
        "the derivative of the layer below as a further factor",
        "(a{i} * f'(z{i})).T @ dZ{l}",
        _times_slope_of_inputs,
    ),
    _weights(
        "multiplied by the weights",
        "(a{i}.T @ dZ{l}) * W{l}",
        lambda here: (here.inputs.T @ here.dZ) * here.W,
    ),
    _weights(
        "the input of the layer missing",
        "ones.T @ dZ{l}",
        lambda here: np.ones_like(here.inputs).T @ here.dZ,
    ),
    _weights(
        "the error of the layer above in place of its own",
        "a{i}.T @ dZ{o}",
        lambda here: _product(here, here.inputs, here.delta_above),
    ),
    _weights(
        "the error of the output in place of its own",
        "a{i}.T @ (a{L} - y)",
        lambda here: _product(
            here,
            here.inputs,
            np.broadcast_to(here.problem.p - here.problem.y, here.a.shape),
        ),
    ),
    _weights("transposed", "(a{i}.T @ dZ{l}).T", _transposed_gradient),
    _weights(
        "the wrong sign",
        "-a{i}.T @ dZ{l}",
        lambda here: -here.inputs.T @ here.dZ,
        "This layer goes up where it should go down.",
    ),
    _weights(
        "only the last row counts",
        "outer(a{i}[-1], dZ{l}[-1])",
        lambda here: np.outer(here.inputs[-1], here.dZ[-1]),
    ),
    _weights(
        "only the first row counts",
        "outer(a{i}[0], dZ{l}[0])",
        lambda here: np.outer(here.inputs[0], here.dZ[0]),
    ),
    *(
        Piece(
            "only one row counts, and it is not divided by n",
            f"dW{{l}} = outer(a{{i}}[{row}], dZ{{l}}[{row}])",
            RIGHT_WEIGHTS,
            _ELSEWHERE,
            partial(_of_one_row, row=row),
        )
        for row in (-1, 0)
    ),
    _weights(
        "the sum of the inputs times the sum of the errors",
        "outer(sum(a{i}), sum(dZ{l}))",
        lambda here: np.outer(here.inputs.sum(0), here.dZ.sum(0)),
    ),
    _weights(
        "the mean of the inputs times the sum of the errors",
        "outer(mean(a{i}), sum(dZ{l}))",
        lambda here: np.outer(here.inputs.mean(0), here.dZ.sum(0)),
    ),
    *(
        _weights(
            "the gradient of another layer",
            f"that of dW_(l{step:+d})",
            partial(_of_another_layer, step=step),
        )
        for step in (1, -1, 2, -2, 3, -3)
    ),
    _weights(
        "clipped",
        "clip(a{i}.T @ dZ{l} / n)",
        _clipped,
        _CUT,
    )._replace(wrong="dW{l} = clip(a{i}.T @ dZ{l} / n)"),
    _weights(
        SIGN,
        "sign(a{i}.T @ dZ{l})",
        lambda here: np.sign(here.inputs.T @ here.dZ) * here.problem.divisor,
        "All steps are of one length: is it the step of an optimiser?",
    )._replace(wrong="dW{l} = sign(a{i}.T @ dZ{l})"),
    _weights(
        NORMALISED,
        "a{i}.T @ dZ{l} / norm(dW{l})",
        lambda here: _normalised(here.inputs.T @ here.dZ, here),
        "Steps do not become smaller near the minimum.",
    ),
    _weights(
        "the inputs are reshaped where they should be transposed",
        "a{i}.reshape(a{i}.T.shape) @ dZ{l}",
        lambda here: np.reshape(here.inputs, here.inputs.T.shape) @ here.dZ,
    ),
    _weights(
        "the inputs are reshaped where they should be transposed",
        "dZ{l} @ a{i}.reshape(a{i}.T.shape), with samples in columns",
        lambda here: np.reshape(here.inputs.T, here.inputs.shape).T @ here.dZ,
    ),
)

# The gradient of the biases, summed over the samples.

RIGHT_BIASES = "db{l} = sum(dZ{l} over the samples) / n"


def _biases(name: str, text: str, of: Callable[[Here], Array | None], why: str = ""):
    why = (
        why or "The biases learn something else; the weights make up for a part of it."
    )
    return Piece(name, f"db{{l}} = {text}", RIGHT_BIASES, why, of)


def _full(here: Here, value: float) -> Array:
    return np.full(here.W.shape[1], value)


def _sum_of(here: Here, errors: Array | None) -> Array | None:
    if errors is None or errors.shape[1] not in (1, here.W.shape[1]):
        return None
    return errors.sum(axis=0) * np.ones(here.W.shape[1])


BIASES = (
    _biases("clipped", "clip(sum(dZ{l} over the samples) / n)", _clipped_biases, _CUT),
    _biases(
        "missing, zero",
        "0",
        lambda here: _full(here, 0.0),
        "The biases never change: every unit keeps its threshold.",
    ),
    _biases(
        "one number for all units, the sum over units too",
        "sum(dZ{l}) / n",
        lambda here: _full(here, here.dZ.sum()),
    ),
    _biases(
        "one number for all units, the mean over units too",
        "mean(dZ{l})",
        lambda here: _full(here, here.dZ.mean() * here.problem.divisor),
    ),
    _biases(
        "one number for all units, the mean over units too",
        "mean(dZ{l}) / n",
        lambda here: _full(here, here.dZ.mean()),
    ),
    _biases(
        "not summed over the samples, one row alone",
        "dZ{l}[0]",
        lambda here: here.dZ[0] * here.problem.divisor,
    ),
    _biases(
        "not summed over the samples, one row alone",
        "dZ{l}[-1]",
        lambda here: here.dZ[-1] * here.problem.divisor,
    ),
    _biases(
        "not summed over the samples, one row alone",
        "dZ{l}[0] / n",
        lambda here: here.dZ[0],
    ),
    _biases(
        "not summed over the samples, one row alone",
        "dZ{l}[-1] / n",
        lambda here: here.dZ[-1],
    ),
    _biases(
        SIGN,
        "sign(sum(dZ{l} over the samples))",
        lambda here: np.sign(here.dZ.sum(axis=0)) * here.problem.divisor,
        "All steps are of one length: is it the step of an optimiser?",
    ),
    _biases(
        NORMALISED,
        "sum(dZ{l} over the samples) / norm(db{l})",
        lambda here: _normalised(here.dZ.sum(axis=0), here),
        "Steps do not become smaller near the minimum.",
    ),
    _biases(
        "the derivative missing in the gradient of the biases",
        "sum(dA{l} over the samples) / n",
        lambda here: _sum_of(here, here.error),
    ),
    _biases(
        "the error of the layer above in place of its own",
        "sum(dZ{o} over the samples) / n",
        lambda here: _sum_of(here, here.delta_above),
    ),
    *(
        _biases(
            "the gradient of another layer",
            f"that of db_(l{step:+d})",
            partial(_biases_of_another_layer, step=step),
        )
        for step in (1, -1, 2, -2, 3, -3)
    ),
    _biases(
        "the error of the output in place of its own",
        "sum(a{L} - y over the samples) / n",
        lambda here: _sum_of(here, here.problem.p - here.problem.y),
    ),
    _biases(
        "multiplied by the biases",
        "sum(dZ{l} over the samples) * b{l} / n",
        lambda here: here.dZ.sum(axis=0) * here.problem.biases[here.layer - 1],
    ),
    _biases(
        "the sum of the gradient of the weights",
        "sum(dW{l} over inputs)",
        lambda here: (here.inputs.T @ here.dZ).sum(axis=0),
    ),
    _biases(
        "the mean of the gradient of the weights",
        "mean(dW{l} over inputs)",
        lambda here: (here.inputs.T @ here.dZ).mean(axis=0),
    ),
    _biases(
        "the sizes of the errors",
        "sum(abs(dZ{l}) over the samples) / n",
        lambda here: abs(here.dZ).sum(0),
    ),
    _biases(
        "the sum of the activations",
        "sum(a{l} over the samples) / n",
        lambda here: here.a.sum(axis=0),
    ),
)
