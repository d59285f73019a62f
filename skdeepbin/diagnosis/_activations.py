"""Facts about each activation that only the diagnosis asks for."""

from __future__ import annotations

from math import inf, isinf, sqrt
from typing import NamedTuple

from skdeepbin.network._activations import activation_of


class Traits(NamedTuple):
    """Facts about one activation.

    derivative : as people write it, of layer ``l``.
    slope_of_output, slope_of_input : of the slopes in the catalogue of mistakes
        (`skdeepbin.diagnosis.backprop.catalogue._hidden`), those that are its own.
    middle, saturated : a unit counts as saturated from so far from the middle of the
        function: there tanh has lost 98 % of its slope, the logistic function 96 %.
    can_die : whether a unit can be zero, without a gradient, for every row.
    mlp_start : spread of the starting weights of MLPClassifier over that of "xavier".
        Glorot and Bengio's for tanh is divided by the square root of 3 where it is for
        the logistic function.
    """

    derivative: str
    slope_of_output: str | None = None
    slope_of_input: str | None = None
    middle: float = 0.0
    saturated: float = inf
    can_die: bool = False
    mlp_start: float = 1.0


TRAITS = {
    "identity": Traits("1"),
    "logistic": Traits(
        "a{l} * (1 - a{l})",
        slope_of_output="logistic",
        slope_of_input="logistic of z",
        middle=0.5,
        saturated=0.49,
        mlp_start=sqrt(1 / 3),
    ),
    "tanh": Traits(
        "(1 - a{l}**2)",
        slope_of_output="tanh",
        slope_of_input="tanh of z",
        saturated=0.99,
    ),
    "relu": Traits(
        "(z{l} > 0)", slope_of_output="relu", slope_of_input="relu", can_die=True
    ),
}


def traits_of(name: str) -> Traits:
    """Return the facts about an activation; of one without a row, its formula alone."""
    if name in TRAITS:
        return TRAITS[name]
    row = activation_of(name)
    low, high = row.saturates or (-inf, inf)
    middle = 0.0 if isinf(high - low) else (low + high) / 2
    slope = f"f'(z{{l}}) of f(z) = {row.formula}"
    return Traits(slope, middle=middle, saturated=high - middle, can_die=row.dies)
