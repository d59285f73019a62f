"""The parameter `activation`: names and objects, one for all hidden layers or for each.

An object of the user's is tried out before it is trained with: on a grid of
pre-activations z its derivative must be the slope of ``(f(z + h) - f(z - h)) / (2 h)``,
or at a kink lie between the slopes on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdeepbin.engine._hashing import digest
from skdeepbin.inputs._validation import InvalidParameterError
from skdeepbin.network._activations import (
    Activation,
    activation_of,
    is_own,
)
from skdeepbin.network._parameters import Array

# Where an object is tried out: 16 rows of 25, to see that it looks at each entry alone.
Z = np.linspace(-20, 20, 400).reshape(16, 25)
# The step of the differences, and what a slope may differ by, for one of size 1.
STEP, SLOPE = float(np.finfo(float).eps) ** (1 / 3), 1e-5
# What values in float32 may differ by from those in float64.
SINGLE = 1e-3


def each_layer(activation: Any, n_hidden: int) -> list[Any]:
    """Return the name or object of each hidden layer."""
    if not isinstance(activation, (list, tuple)):
        return [activation] * n_hidden
    if len(activation) != n_hidden:
        raise InvalidParameterError(
            f"`activation` must be one for all hidden layers, or a list of {n_hidden}, "
            f"one for each; got {len(activation)}: {[*activation]!r}."
        )
    return [*activation]


def hidden_activations(activation: Any, n_hidden: int) -> tuple[Activation, ...]:
    """Return what a network of so many hidden layers has for `activation`, checked."""
    given = each_layer(activation, n_hidden)
    if not given:  # what the start and the penalty of the output layer go by
        given = ["identity" if isinstance(activation, (list, tuple)) else activation]
    for own in {id(each): each for each in given if is_own(each)}.values():
        _check_own(own)
    return tuple(map(activation_of, given))


def words_of_own(given: Any) -> str:
    """Return a text for an object that is the same wherever its values are."""
    kind, values = type(given), np.stack([given.forward(Z), given.derivative(Z)])
    return f"{kind.__module__}.{kind.__qualname__} of {digest(values)}"


def _check_own(given: Any) -> None:
    """Raise an InvalidParameterError for what cannot be the function of a layer."""
    found = {method: _values(given, method, Z) for method in ("forward", "derivative")}
    single = Z.astype(np.float32)
    for method in found:
        rounded = _values(given, method, single)
        exact = _values(given, method, single.astype(float))
        allowed = SINGLE * np.maximum(abs(exact), 1)
        names = f"`{method}` in float32", "in float64"
        _check_close(given, names, rounded, exact, abs(rounded - exact) - allowed)
    f, slope = found.values()
    up, down = (_values(given, "forward", Z + step) for step in (STEP, -STEP))
    central = (up - down) / ((Z + STEP) - (Z - STEP))
    sides = np.sort([(up - f) / ((Z + STEP) - Z), (f - down) / (Z - (Z - STEP))], 0)
    allowed = SLOPE * np.maximum(abs(central), 1)
    beyond = np.maximum(sides[0] - slope, slope - sides[1])  # 0 or less at a kink
    excess = np.minimum(abs(slope - central), beyond) - allowed
    names = "`derivative`", "the slope of `forward` by a central difference"
    _check_close(given, names, slope, central, excess)


def _values(given: Any, method: str, Z: Array) -> Array:
    """Return what a method makes of pre-activations, checked."""
    must = f"`activation` {given!r} must have a method `{method}` that returns"
    before, Z = Z, Z.copy()
    try:
        with np.errstate(all="ignore"):
            values = np.array(getattr(given, method)(Z))
            some = np.array(getattr(given, method)(before.T[:3].copy()))
    except Exception as error:
        raise InvalidParameterError(
            f"{must} an array for an array Z of the same shape; for {Z.dtype} of shape "
            f"{Z.shape} it raised {type(error).__name__}: {error}."
        ) from error
    if values.shape != Z.shape or values.dtype.kind not in "biuf":
        raise InvalidParameterError(
            f"{must} numbers of the shape of Z; got {values.dtype} of shape "
            f"{values.shape} for shape {Z.shape}."
        )
    values, some = values.astype(float), some.astype(float)
    if not np.isfinite(values).all():
        at = np.flatnonzero(~np.isfinite(values))[0]
        raise InvalidParameterError(
            f"{must} finite numbers; got {values.flat[at]} at {Z.flat[at]:g}."
        )
    if not np.array_equal(Z, before):
        raise InvalidParameterError(f"{must} a new array and leaves Z as it was.")
    if some.shape != Z.T[:3].shape or not np.allclose(
        some, values.T[:3], SINGLE, SINGLE
    ):
        raise InvalidParameterError(
            f"{must} of each entry of Z alone the same number each time; got others "
            "for a part of Z."
        )
    return values


def _check_close(
    given: Any, names: Sequence[str], value: Array, expected: Array, excess: Array
) -> None:
    """Raise an InvalidParameterError for the point with the largest excess, if any."""
    at = int(excess.argmax())
    if excess.flat[at] <= 0:
        return
    one, other = value.flat[at], expected.flat[at]
    raise InvalidParameterError(
        f"`activation` {given!r} must have a `derivative` that is the slope of its "
        f"`forward`, in float32 too; at z = {Z.flat[at]:.4g} {names[0]} is {one:.6g}, "
        f"and {names[1]} {other:.6g}: a difference of {abs(one - other):.2g}."
    )
