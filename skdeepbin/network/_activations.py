"""The activation functions of the hidden layers: each is one row of `ACTIVATIONS`.

A row has all that is asked about its function anywhere, so that to add one is to write
one row. ``forward`` turns pre-activations into activations, ``A = f(Z)``, and
``derivative`` gives ``f'(Z)``: from the activations where that can be, as they lie in
the place of the pre-activations. Rows of these matrices are units, columns are rows of
the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import pi, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx, expit, ndtr

from skdeepbin.network._parameters import Array


class Graph(Protocol):
    """A model in ONNX while it is made: nodes and constants have names.

    dtype : the precision that it computes in.
    """

    dtype: np.dtype

    def node(self, operator: str, *inputs: str) -> str:
        """Add an operator and return the name of its output."""

    def number(self, value: float) -> str:
        """Add a constant and return its name."""


@dataclass(frozen=True)
class Activation:
    """A function of a hidden layer, what it is elsewhere, and what suits it by default.

    name : the word for it, as the parameter `activation` takes it.
    formula : ``f(z)`` as the documentation has it, in the syntax of Python.
    forward : ``Z -> A`` in place.
    derivative : ``A -> f'(Z)`` in place, with spare memory of the same shape.
    from_input : whether `derivative` starts from Z instead, for which the layer then
        has memory of its own.
    onnx : ``(graph, Z) -> A`` adds the operators of the function to a graph in ONNX,
        from the name of its input to that of its output. For this and the next two,
        None is that there is none; an export then refuses the function by name.
    torch : its class in torch.nn, to be made without arguments.
    mlp : its name in scikit-learn's MLPClassifier.
    dies : whether a unit that is zero for every row has no slope.
    saturates : the activations beyond which the function has lost nearly all of its
        slope; None if it does not lose it.

    The others are what "auto" means for it:

    init : name of the initialiser.
    output_scale : with ``init="auto"``, a factor on the weights of the output layer.
    bias : with ``init="auto"``, the standard deviation of the first layer's biases.
    alphas : the penalties that ``alpha="auto"`` means where rows validate, from strong
        to weak.
    alpha : the one that it means where none do, and for the last steps on all rows.
    patience : a factor on `n_iter_no_change` with validation: for a network that rests
        for a while where it is linear.
    stretch : with ``init="auto"``, how many times as large weights are on either side
        of the layer. With ``f(z) = center + g(z / s) / s`` for an odd function g of
        slope 1 at zero, as tanh, s would give what suits g; the logistic function
        leaves its linear part sooner with more than its 2.
    center : its value at zero.
    """

    name: str
    formula: str
    forward: Callable[[Array], None]
    derivative: Callable[[Array, Array], None]
    from_input: bool = False
    onnx: Callable[[Any, str], str] | None = None
    torch: str | None = None
    mlp: str | None = None
    dies: bool = False
    saturates: tuple[float, float] | None = None
    init: str = "xavier"
    output_scale: float = 0.1
    bias: float = 0.3
    alphas: tuple[float, ...] = (0.3,)
    alpha: float = 0.3
    patience: int = 2
    stretch: float = 1.0
    center: float = 0.0

    @property
    def measure(self) -> str | None:
        """The fault that its units can have: "dead", "saturated" or None."""
        return "dead" if self.dies else "saturated" if self.saturates else None


def _elu_forward(Z: Array) -> None:
    below = np.expm1(np.minimum(Z, 0))
    np.maximum(Z, below, out=Z)  # e^z - 1 is not below z


def _elu_derivative(A: Array, spare: Array) -> None:
    np.minimum(A, 0, out=A)  # e^z = a + 1 below zero
    A += 1


def _elu_onnx(graph: Graph, Z: str) -> str:
    # onnxruntime has Elu in float32 alone.
    below = graph.node("Exp", graph.node("Min", Z, graph.number(0)))
    below = graph.node("Sub", below, graph.number(1))
    return graph.node("Add", graph.node("Relu", Z), below)


def _gelu_forward(Z: Array) -> None:
    Z *= ndtr(Z)  # Phi(z), without a difference of numbers near one


# From here on Phi is 0 or 1 in any precision; before, z^2 does not overflow.
END = 40


def _gelu_derivative(Z: Array, spare: Array) -> None:
    np.clip(Z, -END, END, out=Z)  # Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)
    np.square(Z, out=spare)
    spare /= -2
    np.exp(spare, out=spare)
    spare *= Z
    spare /= sqrt(2 * pi)
    ndtr(Z, out=Z)
    Z += spare


def _gelu_onnx(graph: Graph, Z: str) -> str:
    # onnxruntime has Erf in float32 alone. With m = |z| it is max(z, 0) less
    # m exp(-m^2 / 2) erfcx(m / sqrt(2)) / 2, which is 0 from 10 on; before, the last
    # factor, halved, is to all digits a polynomial in s = 1 - 3 m / (5 + m).
    m = graph.node("Min", graph.node("Abs", Z), graph.number(10))
    share = graph.node("Div", m, graph.node("Add", m, graph.number(5)))
    s = graph.node("Sub", graph.number(1), graph.node("Mul", share, graph.number(3)))
    half = chebyshev.chebinterpolate(
        lambda s: erfcx(5 * (1 - s) / (2 + s) / sqrt(2)) / 2, 17
    )
    first, *others = chebyshev.cheb2poly(half)[::-1]
    tail = graph.number(first)
    for coefficient in others:
        tail = graph.node("Mul", tail, s)
        tail = graph.node("Add", tail, graph.number(coefficient))
    square = graph.node("Mul", graph.node("Mul", m, m), graph.number(-0.5))
    tail = graph.node("Mul", tail, graph.node("Exp", square))
    return graph.node("Sub", graph.node("Relu", Z), graph.node("Mul", m, tail))


# The slope of leaky_relu below zero, after Maas, Hannun, Ng (2013), Rectifier
# nonlinearities improve neural network acoustic models; PyTorch has the same.
LEAK = 0.01


def _leaky_relu_forward(Z: Array) -> None:
    np.maximum(Z, LEAK * Z, out=Z)


def _leaky_relu_derivative(A: Array, spare: Array) -> None:
    np.greater(A, 0, out=A)
    np.maximum(A, LEAK, out=A)


def _leaky_relu_onnx(graph: Graph, Z: str) -> str:
    return graph.node("Max", Z, graph.node("Mul", Z, graph.number(LEAK)))


def _relu_forward(Z: Array) -> None:
    # Against a row of zeros, not the number 0: NumPy vectorises only the first.
    np.maximum(Z, np.zeros(Z.shape[-1], Z.dtype), out=Z)


def _relu_derivative(A: Array, spare: Array) -> None:
    np.greater(A, 0, out=A)  # 0 or 1; the convention f'(0) = 0


def _relu_onnx(graph: Graph, Z: str) -> str:
    return graph.node("Relu", Z)


def _silu_forward(Z: Array) -> None:
    Z *= expit(Z)


def _silu_derivative(Z: Array, spare: Array) -> None:
    expit(Z, out=spare)  # s (1 + z (1 - s)): nothing overflows where 1 - s is 0
    Z *= 1 - spare
    Z += 1
    Z *= spare


def _silu_onnx(graph: Graph, Z: str) -> str:
    return graph.node("Mul", Z, graph.node("Sigmoid", Z))


def _tanh_forward(Z: Array) -> None:
    np.tanh(Z, out=Z)


def _tanh_derivative(A: Array, spare: Array) -> None:
    np.square(A, out=A)  # 1 - a^2
    np.subtract(1, A, out=A)


def _tanh_onnx(graph: Graph, Z: str) -> str:
    return graph.node("Tanh", Z)


def _logistic_forward(Z: Array) -> None:
    expit(Z, out=Z)


def _logistic_derivative(A: Array, spare: Array) -> None:
    np.subtract(1, A, out=spare)  # a (1 - a)
    A *= spare


def _logistic_onnx(graph: Graph, Z: str) -> str:
    return graph.node("Sigmoid", Z)


def _identity_forward(Z: Array) -> None:
    pass


def _identity_derivative(A: Array, spare: Array) -> None:
    A.fill(1)


def _identity_onnx(graph: Graph, Z: str) -> str:
    return Z


# A relu network starts as one that is nearly constant, and learns from strong to weak
# penalties. tanh is stuck where a strong one has made it linear, so it begins with a
# weak one; smooth ones lie between. examples/benchmarks/defaults.py measures both.
_LIKE_RELU: Any = {
    "alphas": (10.0, 1.0),
    "alpha": 5.0,
    "patience": 1,
}

_ROWS = [
    Activation(  # Clevert, Unterthiner, Hochreiter (2016), arxiv.org/abs/1511.07289
        "elu",
        "max(z, 0) + min(expm1(z), 0)",
        _elu_forward,
        _elu_derivative,
        onnx=_elu_onnx,
        torch="ELU",
        saturates=(-0.98, np.inf),  # 98 % of its slope
        init="he",
        alphas=(4.0, 0.4),
        alpha=3.0,
        stretch=2.0,
    ),
    Activation(  # Hendrycks, Gimpel (2016), arxiv.org/abs/1606.08415
        "gelu",
        "z * erfc(-z / sqrt(2)) / 2",
        _gelu_forward,
        _gelu_derivative,
        from_input=True,
        onnx=_gelu_onnx,
        torch="GELU",
        init="he",
        **_LIKE_RELU | {"alphas": (5.0, 0.5)},
        stretch=1.5,
    ),
    Activation(
        "identity",
        "z",
        _identity_forward,
        _identity_derivative,
        onnx=_identity_onnx,
        torch="Identity",
        mlp="identity",
        **_LIKE_RELU,
    ),
    Activation(
        "leaky_relu",
        "max(z, 0.01 * z)",
        _leaky_relu_forward,
        _leaky_relu_derivative,
        onnx=_leaky_relu_onnx,
        torch="LeakyReLU",
        init="he",
        **_LIKE_RELU,
    ),
    Activation(  # f(z) = 1/2 + tanh(z / 2) / 2
        "logistic",
        "1 / (1 + exp(-z))",
        _logistic_forward,
        _logistic_derivative,
        onnx=_logistic_onnx,
        torch="Sigmoid",
        mlp="logistic",
        saturates=(0.01, 0.99),  # 96 % of its slope
        output_scale=1.0,
        alphas=(0.05,),
        alpha=0.05,
        stretch=3.0,
        center=0.5,
    ),
    Activation(
        "relu",
        "max(z, 0)",
        _relu_forward,
        _relu_derivative,
        onnx=_relu_onnx,
        torch="ReLU",
        mlp="relu",
        dies=True,
        init="he",
        **_LIKE_RELU,
    ),
    Activation(  # Elfwing, Uchibe, Doya (2018), arxiv.org/abs/1702.03118
        "silu",
        "z / (1 + exp(-z))",
        _silu_forward,
        _silu_derivative,
        from_input=True,
        onnx=_silu_onnx,
        torch="SiLU",
        init="he",
        **_LIKE_RELU | {"alphas": (5.0, 0.5)},
        stretch=1.6,
    ),
    Activation(
        "tanh",
        "tanh(z)",
        _tanh_forward,
        _tanh_derivative,
        onnx=_tanh_onnx,
        torch="Tanh",
        mlp="tanh",
        saturates=(-0.99, 0.99),  # 98 % of its slope
    ),
]
ACTIVATIONS = {row.name: row for row in _ROWS}


def is_own(given: Any) -> bool:
    """Tell an object of the user's, with a function and its derivative, from a name."""
    methods = (getattr(given, name, None) for name in ("forward", "derivative"))
    return all(map(callable, methods))


def activation_of(given: Any) -> Activation:
    """Return the row of a name, or one for an object with `forward` and `derivative`.

    Nothing is known of an object but its values: it has what suits tanh.
    """
    if isinstance(given, str):
        return ACTIVATIONS[given]
    return Activation(
        type(given).__name__,
        "",
        partial(_own_forward, given),
        partial(_own_derivative, given),
        from_input=True,
        center=float(given.forward(np.zeros((1, 1)))[0, 0]),
    )


def _own_forward(given: Any, Z: Array) -> None:
    Z[...] = given.forward(Z)


def _own_derivative(given: Any, Z: Array, spare: Array) -> None:
    Z[...] = given.derivative(Z)


def recipe_of(activations: Sequence[Activation]) -> Activation:
    """Return the activation with the penalties and the patience that suit all of these.

    Where they differ, the one that bears least decides: too weak a penalty is made up
    for by the rows that validate, and too much patience costs time, but a network of
    tanh does not leave the plane that a strong penalty holds it to.
    """
    careful = min(activations, key=lambda row: row.alphas[0])
    return replace(
        careful,
        alpha=min(row.alpha for row in activations),
        patience=max(row.patience for row in activations),
        stretch=max(row.stretch for row in activations),
    )


def is_diagnosed(activations: Sequence[Activation]) -> bool:
    """Tell networks that a diagnosis knows: of one row for all hidden layers."""
    rows = {*activations}
    return len(rows) < 2 and rows <= {*ACTIVATIONS.values()}
