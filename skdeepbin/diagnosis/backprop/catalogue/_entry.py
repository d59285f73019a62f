"""An entry of the catalogue of mistakes, and the context that it computes from.

A backward pass has few parts: the error at the output, the derivative of a hidden
layer, the error sent down through the weights, the gradient of the weights, that of the
biases, a constant factor, the penalty. A mistake is one of them replaced by another.
The tables of the catalogue hold what people write, as a formula for the reader and as a
function of the backward context at a layer; the search combines entries by their `key`
and `kind` and never looks at their messages.

The formulas are in NumPy, of layer ``l``, with ``i`` for the layer below it, ``o`` for
the one above, ``oo`` for the one above that, and ``L`` for the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.network._parameters import Array

# The part of a backward pass that is wrong; "scale" is a factor on all that follows.
Kind: TypeAlias = Literal["output", "derivative", "down", "weights", "biases", "scale"]
Compute: TypeAlias = "Callable[[BackwardContext], Array | None]"

# The effect on learning of most wrong directions.
DIRECTION = "The layers below go in directions that do not lower the loss."


class Mistake(NamedTuple):
    """A wrong part of a backward pass.

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


class Message(NamedTuple):
    """The words of an entry, for the reader: its name, two formulas, its effect."""

    name: str
    wrong: str
    right: str
    why: str


class Factor(NamedTuple):
    """A constant factor on a gradient.

    key : of the factor, the same on gradients of weights and of biases.
    uses_fan_out : whether it is made of the number of units of the layer.
    """

    key: str
    name: str
    formula: str
    value: float
    uses_fan_out: bool = False


@dataclass(frozen=True, eq=False)
class Entry:
    """A mistake wherever it is made, its message and its numbers.

    key : unique among those of its kind; fitted numbers are part of it.
    compute : the numbers at a layer; None where the mistake cannot be made there.
    factor : where it is a constant factor, that one, as measured.
    also : a second mistake without which the numbers are not these.
    cost : how many mistakes it counts as, against others that give the same numbers.
    is_fitted : whether it holds a number that was fitted to the user's.
    """

    key: str
    kind: Kind
    message: Message
    compute: Compute
    factor: Factor | None = None
    also: Entry | None = None
    cost: int = 1
    is_fitted: bool = False


@dataclass(frozen=True)
class BackwardContext:
    """Arrays that are known at layer ``l``, at some point of the way back.

    deltas : ``dZ`` of the layers above.
    error_above : ``dA`` of the layer above.
    error : ``dA_l``; of the output layer there is none.
    delta : ``dZ_l``.
    user_dW, user_db : the user's gradients of every layer.
    """

    network: ReferenceNetwork
    layer: int
    deltas: Mapping[int, Array] = field(default_factory=dict)
    error_above: Array | None = None
    error: Array | None = None
    delta: Array | None = None
    user_dW: Sequence[Array | None] = ()
    user_db: Sequence[Array | None] = ()

    @property
    def delta_above(self) -> Array | None:
        """``dZ_{l+1}``; of the output there is none."""
        return self.deltas.get(self.layer + 1)

    @property
    def z(self) -> Array:
        """``Z_l``."""
        return self.network.Z[self.layer]

    @property
    def a(self) -> Array:
        """``A_l``."""
        return self.network.A[self.layer]

    @property
    def slope(self) -> Array:
        """``f'(Z_l)`` of a hidden layer."""
        return self.network.derivative(self.layer)

    @property
    def W(self) -> Array:
        """``W_l``."""
        return self.network.weights[self.layer - 1]

    @property
    def W_above(self) -> Array:
        """``W_{l+1}``, through which the error comes down."""
        return self.network.weights[self.layer]

    @property
    def inputs(self) -> Array:
        """``A_{l-1}``."""
        return self.network.A[self.layer - 1]

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

    @property
    def output_error(self) -> Array:
        """``p - y``, the right ``dZ_L``."""
        return self.network.p - self.network.y
