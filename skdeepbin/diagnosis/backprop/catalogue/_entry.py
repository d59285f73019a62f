"""The wrong pieces that mistakes in a backward pass are made of.

A backward pass has few pieces: the error at the output, the derivative of a hidden
layer, the error sent down through the weights, the gradient of the weights, that of the
biases, a constant factor, the penalty. A mistake is one of them replaced by another.
The tables of pieces hold what people write, as a formula and as a function of what is
known at that layer (``Here``); the search composes them.

The formulas are in NumPy, of layer ``l``, with ``i`` for the layer below it, ``o`` for
the one above, ``oo`` for the one above that, and ``L`` for the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.network._parameters import Array

# What most wrong directions do to learning.
DIRECTION = "The layers below go in directions that do not lower the loss."


class Mistake(NamedTuple):
    """A wrong piece of a backward pass.

    Parameters
    ----------
    name : str
        What it is, in a few words.

    layer : int or None
        Where: 0 for the output, 1 for the last hidden layer; None for everywhere.

    wrong : str
        The line of mathematics that gives the numbers.

    right : str
        What it should be.

    why : str
        What it does to learning.

    same_numbers : tuple of str, default=()
        Other mistakes that give the same numbers here.
    """

    name: str
    layer: int | None
    wrong: str
    right: str
    why: str
    same_numbers: tuple[str, ...] = ()


class Piece(NamedTuple):
    """An entry of the catalogue: a mistake wherever it is made, and its numbers.

    factor : the number, where it is a constant factor.
    also : a second mistake without which the numbers are not these.
    cost : how many mistakes it counts as, against others that give the same numbers.
    is_fitted : whether it holds a number that was sought.
    """

    name: str
    wrong: str
    right: str
    why: str
    compute: Callable[[Here], Array | None]
    factor: float = 0.0
    also: Piece | None = None
    cost: int = 1
    is_fitted: bool = False


@dataclass(frozen=True)
class Here:
    """What is known at layer ``l``, at some point of the way back.

    deltas : ``dZ`` of the layers above.
    error_above : ``dA`` of the layer above.
    error : ``dA_l``; of the output layer there is none.
    delta : ``dZ_l``.
    given, given_biases : the user's ``dW`` and ``db`` of every layer.
    """

    problem: Problem
    layer: int
    deltas: Mapping[int, Array] = field(default_factory=dict)
    error_above: Array | None = None
    error: Array | None = None
    delta: Array | None = None
    given: Sequence[Array | None] = ()
    given_biases: Sequence[Array | None] = ()

    @property
    def delta_above(self) -> Array | None:
        """``dZ_{l+1}``; of the output there is none."""
        return self.deltas.get(self.layer + 1)

    @property
    def z(self) -> Array:
        """``Z_l``."""
        return self.problem.Z[self.layer]

    @property
    def a(self) -> Array:
        """``A_l``."""
        return self.problem.A[self.layer]

    @property
    def W(self) -> Array:
        """``W_l``."""
        return self.problem.weights[self.layer - 1]

    @property
    def W_above(self) -> Array:
        """``W_{l+1}``, through which the error comes down."""
        return self.problem.weights[self.layer]

    @property
    def inputs(self) -> Array:
        """``A_{l-1}``."""
        return self.problem.A[self.layer - 1]

    @property
    def dZ(self) -> Array:
        """``dZ_l`` where it is known."""
        assert self.delta is not None
        return self.delta

    @property
    def dA(self) -> Array:
        """``dA_l`` where it is known."""
        assert self.error is not None
        return self.error

    @property
    def dZ_above(self) -> Array:
        """``dZ_{l+1}`` where it is known."""
        return self.deltas[self.layer + 1]
