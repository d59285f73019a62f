"""Wrong gradients of weights and biases, from a right error."""

from __future__ import annotations

from functools import partial

import numpy as np

from skdeepbin.diagnosis.backprop.catalogue._entry import (
    BackwardContext,
    Compute,
    Entry,
    Message,
)
from skdeepbin.network._parameters import Array

# Entries that of a lone bias are plus or minus one, whatever its gradient was.
SIGNS = "normalised", "sign"
_NORMALISED, _SIGN = "divided by its own norm", "the sign of the gradient"
_ELSEWHERE = "These weights go in directions that do not lower the loss."
RIGHT_WEIGHTS = "dW{l} = a{i}.T @ dZ{l} / n"


def _product(
    c: BackwardContext, inputs: Array | None, delta: Array | None
) -> Array | None:
    """Return ``inputs' delta`` if it has the shape of the weights."""
    if inputs is None or delta is None:
        return None
    product = inputs.T @ delta
    return product if product.shape == c.W.shape else None


def _weights(
    key: str,
    name: str,
    text: str,
    of: Compute,
    why: str = _ELSEWHERE,
    divided: bool = True,
) -> Entry:
    """Return an entry for ``dW_l``; divided : whether the formula ends in ``/ n``."""
    wrong = f"dW{{l}} = {text}{' / n' * divided}"
    return Entry(key, "weights", Message(name, wrong, RIGHT_WEIGHTS, why), of)


def _slope_of_inputs(c: BackwardContext) -> Array | None:
    if c.layer == 1:
        return None
    return _product(c, c.network.derivative(c.layer - 1), c.dZ)


def _times_slope_of_inputs(c: BackwardContext) -> Array | None:
    if c.layer == 1:
        return None
    return _product(c, c.inputs * c.network.derivative(c.layer - 1), c.dZ)


def _times_slope(c: BackwardContext) -> Array | None:
    if c.layer == c.network.depth:
        return _product(c, c.inputs, c.dZ * c.a * (1 - c.a))
    return _product(c, c.inputs, c.dZ * c.slope)


def _transposed_gradient(c: BackwardContext) -> Array | None:
    rows, columns = c.W.shape
    return None if rows != columns else (c.inputs.T @ c.dZ).T


def _of_another_layer(c: BackwardContext, step: int) -> Array | None:
    """Return the true gradient of another layer of the same shape."""
    other = c.layer + step
    network = c.network
    if not 1 <= other <= network.depth:
        return None
    gradient = network.gradient[0][other - 1] - network.penalty(other)
    return gradient * network.divisor if gradient.shape == c.W.shape else None


def _biases_of_another_layer(c: BackwardContext, step: int) -> Array | None:
    """Return the true gradient of the biases of another layer of the same width."""
    other, network = c.layer + step, c.network
    if not 1 <= other <= network.depth:
        return None
    gradient = network.gradient[1][other - 1]
    return gradient * network.divisor if len(gradient) == c.W.shape[1] else None


def _of_one_row(c: BackwardContext, row: int) -> Array:
    return np.outer(c.inputs[row], c.dZ[row]) * c.network.divisor


def _clipped(c: BackwardContext) -> Array | None:
    """Return what is right, clipped at the extremes of the user's numbers.

    Of a single number at the extreme it cannot be told that it was clipped.
    """
    user, divisor = c.user_dW[c.layer - 1], c.network.divisor
    if user is None:
        return None
    limit = float(abs(user).max())
    n_clipped = int((abs(user) >= limit * (1 - 1e-6)).sum())
    if not limit or n_clipped < min(2, user.size):
        return None
    penalty = c.network.penalty(c.layer)
    right = c.inputs.T @ c.dZ / divisor + penalty
    return (np.clip(right, -limit, limit) - penalty) * divisor


def _clipped_biases(c: BackwardContext) -> Array | None:
    """Return the same of the biases."""
    if not c.user_db:
        return None
    user, divisor = c.user_db[c.layer - 1], c.network.divisor
    if user is None:
        return None
    limit = float(abs(user).max())
    n_clipped = int((abs(user) >= limit * (1 - 1e-6)).sum())
    if not limit or n_clipped < 2:
        return None
    return np.clip(c.dZ.sum(axis=0) / divisor, -limit, limit) * divisor


def _normalised(gradient: Array, c: BackwardContext) -> Array:
    size = float(np.linalg.norm(gradient))
    return gradient / size * c.network.divisor if size else gradient


_CUT = "Large gradients are cut: the direction changes, and steps become equal."

WEIGHTS = (
    _weights(
        "zero",
        "missing, zero",
        "0",
        lambda c: np.zeros_like(c.W),
        "These weights never change.",
    ),
    _weights(
        "own_output",
        "the layer's own output in place of its input",
        "a{l}.T @ dZ{l}",
        lambda c: _product(c, c.a, c.dZ),
    ),
    _weights(
        "own_preactivation",
        "the layer's own pre-activation in place of its input",
        "z{l}.T @ dZ{l}",
        lambda c: _product(c, c.z, c.dZ),
    ),
    _weights(
        "preactivation_below",
        "the pre-activation of the layer below in place of its activation",
        "z{i}.T @ dZ{l}",
        lambda c: _product(c, c.network.Z[c.layer - 1], c.dZ),
    ),
    _weights(
        "data",
        "X in place of the layer's input",
        "X.T @ dZ{l}",
        lambda c: _product(c, c.network.X, c.dZ),
    ),
    _weights(
        "no_derivative",
        "the derivative missing in the gradient of the weights",
        "a{i}.T @ dA{l}",
        lambda c: _product(c, c.inputs, c.error),
    ),
    _weights(
        "derivative_twice",
        "the derivative applied twice in the gradient of the weights",
        "a{i}.T @ (dZ{l} * f'(z{l}))",
        _times_slope,
    ),
    _weights(
        "derivative_below",
        "the derivative of the layer below in place of its output",
        "f'(z{i}).T @ dZ{l}",
        _slope_of_inputs,
    ),
    _weights(
        "times_derivative_below",
        "the derivative of the layer below as a further factor",
        "(a{i} * f'(z{i})).T @ dZ{l}",
        _times_slope_of_inputs,
    ),
    _weights(
        "times_weights",
        "multiplied by the weights",
        "(a{i}.T @ dZ{l}) * W{l}",
        lambda c: (c.inputs.T @ c.dZ) * c.W,
    ),
    _weights(
        "no_input",
        "the input of the layer missing",
        "ones.T @ dZ{l}",
        lambda c: np.ones_like(c.inputs).T @ c.dZ,
    ),
    _weights(
        "delta_above",
        "the error of the layer above in place of its own",
        "a{i}.T @ dZ{o}",
        lambda c: _product(c, c.inputs, c.delta_above),
    ),
    _weights(
        "output_error",
        "the error of the output in place of its own",
        "a{i}.T @ (a{L} - y)",
        lambda c: _product(c, c.inputs, np.broadcast_to(c.output_error, c.a.shape)),
    ),
    _weights("transposed", "transposed", "(a{i}.T @ dZ{l}).T", _transposed_gradient),
    _weights(
        "sign_slip",
        "the wrong sign",
        "-a{i}.T @ dZ{l}",
        lambda c: -c.inputs.T @ c.dZ,
        "This layer goes up where it should go down.",
    ),
    _weights(
        "last_row",
        "only the last row counts",
        "outer(a{i}[-1], dZ{l}[-1])",
        lambda c: np.outer(c.inputs[-1], c.dZ[-1]),
    ),
    _weights(
        "first_row",
        "only the first row counts",
        "outer(a{i}[0], dZ{l}[0])",
        lambda c: np.outer(c.inputs[0], c.dZ[0]),
    ),
    *(
        _weights(
            f"row {row}, undivided",
            "only one row counts, and it is not divided by n",
            f"outer(a{{i}}[{row}], dZ{{l}}[{row}])",
            partial(_of_one_row, row=row),
            divided=False,
        )
        for row in (-1, 0)
    ),
    _weights(
        "sums",
        "the sum of the inputs times the sum of the errors",
        "outer(sum(a{i}), sum(dZ{l}))",
        lambda c: np.outer(c.inputs.sum(0), c.dZ.sum(0)),
    ),
    _weights(
        "mean_and_sum",
        "the mean of the inputs times the sum of the errors",
        "outer(mean(a{i}), sum(dZ{l}))",
        lambda c: np.outer(c.inputs.mean(0), c.dZ.sum(0)),
    ),
    *(
        _weights(
            f"layer{step:+d}",
            "the gradient of another layer",
            f"that of dW_(l{step:+d})",
            partial(_of_another_layer, step=step),
        )
        for step in (1, -1, 2, -2, 3, -3)
    ),
    _weights(
        "clipped", "clipped", "clip(a{i}.T @ dZ{l} / n)", _clipped, _CUT, divided=False
    ),
    _weights(
        "sign",
        _SIGN,
        "sign(a{i}.T @ dZ{l})",
        lambda c: np.sign(c.inputs.T @ c.dZ) * c.network.divisor,
        "All steps are of one length: is it the step of an optimiser?",
        divided=False,
    ),
    _weights(
        "normalised",
        _NORMALISED,
        "a{i}.T @ dZ{l} / norm(dW{l})",
        lambda c: _normalised(c.inputs.T @ c.dZ, c),
        "Steps do not become smaller near the minimum.",
    ),
    _weights(
        "reshaped",
        "the inputs are reshaped where they should be transposed",
        "a{i}.reshape(a{i}.T.shape) @ dZ{l}",
        lambda c: np.reshape(c.inputs, c.inputs.T.shape) @ c.dZ,
    ),
    _weights(
        "reshaped_in_columns",
        "the inputs are reshaped where they should be transposed",
        "dZ{l} @ a{i}.reshape(a{i}.T.shape), with samples in columns",
        lambda c: np.reshape(c.inputs.T, c.inputs.shape).T @ c.dZ,
    ),
)

# The gradient of the biases, summed over the samples.

RIGHT_BIASES = "db{l} = sum(dZ{l} over the samples) / n"
_THRESHOLDS = "The biases learn something else; the weights make up for a part of it."


def _biases(
    key: str, name: str, text: str, of: Compute, why: str = _THRESHOLDS
) -> Entry:
    message = Message(name, f"db{{l}} = {text}", RIGHT_BIASES, why)
    return Entry(key, "biases", message, of)


def _full(c: BackwardContext, value: float) -> Array:
    return np.full(c.W.shape[1], value)


def _sum_of(c: BackwardContext, errors: Array | None) -> Array | None:
    if errors is None or errors.shape[1] not in (1, c.W.shape[1]):
        return None
    return errors.sum(axis=0) * np.ones(c.W.shape[1])


BIASES = (
    _biases(
        "clipped",
        "clipped",
        "clip(sum(dZ{l} over the samples) / n)",
        _clipped_biases,
        _CUT,
    ),
    _biases(
        "zero",
        "missing, zero",
        "0",
        lambda c: _full(c, 0.0),
        "The biases never change: every unit keeps its threshold.",
    ),
    _biases(
        "summed_over_units",
        "one number for all units, the sum over units too",
        "sum(dZ{l}) / n",
        lambda c: _full(c, c.dZ.sum()),
    ),
    _biases(
        "averaged_over_units",
        "one number for all units, the mean over units too",
        "mean(dZ{l})",
        lambda c: _full(c, c.dZ.mean() * c.network.divisor),
    ),
    _biases(
        "averaged_over_all",
        "one number for all units, the mean over units too",
        "mean(dZ{l}) / n",
        lambda c: _full(c, c.dZ.mean()),
    ),
    _biases(
        "first_row",
        "not summed over the samples, one row alone",
        "dZ{l}[0]",
        lambda c: c.dZ[0] * c.network.divisor,
    ),
    _biases(
        "last_row",
        "not summed over the samples, one row alone",
        "dZ{l}[-1]",
        lambda c: c.dZ[-1] * c.network.divisor,
    ),
    _biases(
        "first_row_divided",
        "not summed over the samples, one row alone",
        "dZ{l}[0] / n",
        lambda c: c.dZ[0],
    ),
    _biases(
        "last_row_divided",
        "not summed over the samples, one row alone",
        "dZ{l}[-1] / n",
        lambda c: c.dZ[-1],
    ),
    _biases(
        "sign",
        _SIGN,
        "sign(sum(dZ{l} over the samples))",
        lambda c: np.sign(c.dZ.sum(axis=0)) * c.network.divisor,
        "All steps are of one length: is it the step of an optimiser?",
    ),
    _biases(
        "normalised",
        _NORMALISED,
        "sum(dZ{l} over the samples) / norm(db{l})",
        lambda c: _normalised(c.dZ.sum(axis=0), c),
        "Steps do not become smaller near the minimum.",
    ),
    _biases(
        "no_derivative",
        "the derivative missing in the gradient of the biases",
        "sum(dA{l} over the samples) / n",
        lambda c: _sum_of(c, c.error),
    ),
    _biases(
        "delta_above",
        "the error of the layer above in place of its own",
        "sum(dZ{o} over the samples) / n",
        lambda c: _sum_of(c, c.delta_above),
    ),
    *(
        _biases(
            f"layer{step:+d}",
            "the gradient of another layer",
            f"that of db_(l{step:+d})",
            partial(_biases_of_another_layer, step=step),
        )
        for step in (1, -1, 2, -2, 3, -3)
    ),
    _biases(
        "output_error",
        "the error of the output in place of its own",
        "sum(a{L} - y over the samples) / n",
        lambda c: _sum_of(c, c.output_error),
    ),
    _biases(
        "times_biases",
        "multiplied by the biases",
        "sum(dZ{l} over the samples) * b{l} / n",
        lambda c: c.dZ.sum(axis=0) * c.network.biases[c.layer - 1],
    ),
    _biases(
        "sum_of_dW",
        "the sum of the gradient of the weights",
        "sum(dW{l} over inputs)",
        lambda c: (c.inputs.T @ c.dZ).sum(axis=0),
    ),
    _biases(
        "mean_of_dW",
        "the mean of the gradient of the weights",
        "mean(dW{l} over inputs)",
        lambda c: (c.inputs.T @ c.dZ).mean(axis=0),
    ),
    _biases(
        "sizes",
        "the sizes of the errors",
        "sum(abs(dZ{l}) over the samples) / n",
        lambda c: abs(c.dZ).sum(0),
    ),
    _biases(
        "activations",
        "the sum of the activations",
        "sum(a{l} over the samples) / n",
        lambda c: c.a.sum(axis=0),
    ),
)
