"""The logits of rows that overflow, computed in numbers of any size.

A number is a fraction times a power of two, and the terms of each sum are taken in
units of the largest power among them::

    a_j = f_j 2^e_j,   v_j = g_j 2^h_j,   E = max_j (e_j + h_j)
    sum_j a_j v_j = 2^E sum_j f_j g_j 2^(e_j + h_j - E)

So no term is above one, nothing overflows, and what underflows is far below the
rounding error of the sum. Only the logit is brought back into the range of a precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skdeepbin.network._activations import Activation
from skdeepbin.network._parameters import Array, Parameters

# Beyond this power of two an activation is taken for a constant or for a straight line
# through zero, which all of the usual ones are there to the last bit.
FAR = 900

# The power of two of zero, below that of any other number.
OF_ZERO = -(10**6)

# Rows times inputs of a layer that are computed together: more leave the cache.
AT_ONCE = 2**16


class Wide(NamedTuple):
    """Numbers ``fraction * 2**exponent``, with fractions of 1/2 to 1, or 0."""

    fraction: NDArray[np.float64]
    exponent: NDArray[np.int32]


def mark_overflow(Z: Array, overflowed: NDArray[np.bool_]) -> None:
    """Set, in place, for which columns of ``Z`` a number is not finite.

    To be called before the activation, which may hide it: ``tanh(inf) = 1``.
    """
    if not np.isfinite(Z.sum()):  # a pass without memory, which suffices nearly always
        overflowed |= ~np.isfinite(Z).all(axis=0)


def rows_at_once(parameters: Parameters) -> int:
    """Return how many rows to compute the `wide_logits` of together."""
    return max(AT_ONCE // max(map(len, parameters.weights)), 1)


def wide_logits(
    networks: Sequence[Parameters],
    activations: Sequence[Activation],
    inputs: Sequence[Any],
    dtype: DTypeLike,
) -> Array:
    """The mean ``z`` of the networks, or the finite number of ``dtype`` nearest to it.

    inputs : what each network reads of the rows, dense or CSR, of any numeric type: it
        is not rounded to that of the parameters.
    """
    limit = float(np.finfo(dtype).max)
    with np.errstate(over="ignore", under="ignore"):
        z = [
            _logit(parameters, activations, _wide(_dense(X)))
            for parameters, X in zip(networks, inputs)
        ]
        fractions, exponents = map(np.hstack, zip(*z))
        k = len(networks)
        mean = _layer(Wide(fractions, exponents), np.full((k, 1), 1 / k), np.zeros(1))
        return np.clip(np.ldexp(*mean)[:, 0], -limit, limit).astype(dtype)


def _dense(X: Any) -> Array:
    """Rows in order C: the sums of a row are in the same order beside any others."""
    return np.ascontiguousarray(X if isinstance(X, np.ndarray) else X.toarray())


def _logit(parameters: Parameters, activations: Sequence[Activation], A: Wide) -> Wide:
    """``Z_L`` of one network, a row for each row of the data."""
    (W, *weights), (b, *biases) = parameters
    Z = _layer(A, W, b)
    for W, b, activation in zip(weights, biases, activations):
        Z = _layer(_activations(activation.forward, Z), W, b)
    return Z


def _layer(A: Wide, W: Array, b: Array) -> Wide:
    """``A W + b``, unit by unit, as the terms of all at once could fill the memory."""
    ones = (0, 0), (0, 1)  # one more column
    fraction = np.pad(A.fraction, ones, constant_values=0.5)
    exponent = np.pad(A.exponent, ones, constant_values=1)
    V = _wide(np.vstack([W, b]).T)
    sums, units = [], []
    for g, h in zip(*V):
        exponents = exponent + h
        largest = exponents.max(axis=1)
        terms = np.ldexp(fraction * g, exponents - largest[:, np.newaxis])
        sums.append(terms.sum(axis=1))
        units.append(largest)
    Z = _wide(np.column_stack(sums))
    return Wide(Z.fraction, Z.exponent + np.column_stack(units))


def _activations(forward: Callable[[Array], None], Z: Wide) -> Wide:
    """``f(Z)``; of what is far from zero by its value at a nearer point."""
    nearer = np.minimum(Z.exponent, FAR)
    values = np.ldexp(Z.fraction, nearer)
    forward(values)
    A = _wide(values)
    is_line = A.exponent > FAR // 2
    return Wide(A.fraction, A.exponent + is_line * (Z.exponent - nearer))


def _wide(x: Array) -> Wide:
    """Numbers of any numeric type as fractions and powers of two."""
    fraction, exponent = np.frexp(x)
    return Wide(fraction.astype(np.float64), np.where(fraction, exponent, OF_ZERO))
