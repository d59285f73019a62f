"""A fully-connected network: its logits, and its loss with the gradient, for one block.

The letters, here and wherever a kernel is written, for a block of ``n`` rows of data.
A column is a row of the data, so that a unit is contiguous in memory, and ``*`` is
elementwise::

    A_0 = [X'; 1]                (fan_in + 1, n)       the input over a row of ones
    V_l = [W_l; b_l]             (fan_in + 1, fan_out) weights over biases
    Z_l = V_l' A_{l-1}           (fan_out, n)          pre-activations, l = 1 .. L
    A_l = [f(Z_l); 1]            (fan_out + 1, n)      activations, l < L
    z   = Z_L                    (n,)                  logits
    D_l = dloss / dZ_l           (fan_out, n)          errors

and backwards, from ``D_L = w (sigmoid(z) - y)``::

    dloss / dW_l = f(Z_{l-1}) D_l'
    dloss / db_l = D_l 1
    D_{l-1}      = (W_l D_l) * f'(Z_{l-1})

The errors of the last hidden layer are kept in units of its output weights, as
``W_L D_L`` is an outer product: ``W_L`` is multiplied with the small matrices of that
layer instead, which is one pass less over a large one.

Under dropout, ``A_l = [f(Z_l) * M_l; 1]`` with factors ``M_l``, and ``f'(Z_l) * M_l``
takes the place of ``f'(Z_l)``.

References
----------
Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating
errors, https://doi.org/10.1038/323533a0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skdeepbin.network._activations import Activation, recipe_of
from skdeepbin.network._dropout import Draw, mask
from skdeepbin.network._loss import log_loss
from skdeepbin.network._overflow import mark_overflow
from skdeepbin.network._parameters import Array, Layout, Parameters


class Block(NamedTuple):
    """Some rows of the data.

    X : ``A_0``, dense, in either memory order; or X itself as CSR of shape (n, fan_in).
    y : labels in ``[0, 1]``.
    w : weights.
    h : odd hashes of the rows, for dropout.
    n_trained : the number of rows that are trained on, which come first; the others are
        held out, and have a loss but no gradient. None is all.
    """

    X: Any
    y: Array
    w: Array
    h: NDArray[np.uint64] | None = None
    n_trained: int | None = None


class Losses(NamedTuple):
    """Weighted sums of the loss over the rows trained on, and over those held out."""

    trained: float
    held_out: float


class Workspace(NamedTuple):
    """The memory that one thread works in, for blocks of ``n`` rows.

    A : ``A_1 .. A_{L-1}``.
    Z : ``Z_1 .. Z_L``; of the hidden layers, views of ``A`` without its row of ones,
        but where a derivative needs the pre-activations.
    D : memory for ``D_l``; neighbours alternate between the two.
    ones : n times 1.
    M : with dropout, ``M_1 .. M_{L-1}``.
    products : with dropout, what they are made from, of the widest layer.
    """

    A: Sequence[Array]
    Z: Sequence[Array]
    D: Sequence[Array]
    ones: Array
    M: Sequence[Array]
    products: NDArray[np.uint64]


@dataclass(frozen=True, init=False)
class Network:
    """A layout and the activations of its hidden layers, without parameters.

    activations : one a hidden layer. Without any layer it is one too, whose start and
        penalty the output layer has.
    dropout : the share of the hidden units that are left out in training.
    """

    layout: Layout
    activations: tuple[Activation, ...]
    dropout: float

    def __init__(
        self,
        layout: Layout,
        activations: Activation | tuple[Activation, ...],
        dropout: float = 0.0,
    ) -> None:
        """Set the fields; one activation is that of all layers."""
        if isinstance(activations, Activation):
            activations = (activations,) * max(len(layout.sizes) - 2, 1)
        values = layout, activations, dropout
        for field, value in zip(fields(self), values):
            object.__setattr__(self, field.name, value)

    @property
    def activation(self) -> Activation:
        """The activation of the first hidden layer, of which a diagnosis knows."""
        return self.activations[0]

    @property
    def recipe(self) -> Activation:
        """The activation with the penalties and the patience that suit all layers."""
        return recipe_of(self.activations)

    @property
    def hidden(self) -> tuple[int, ...]:
        """The width of each hidden layer."""
        return self.layout.sizes[1:-1]

    def workspace_size(self, n: int) -> int:
        """Entries of a workspace for ``n`` rows, in the precision of the data."""
        activations = sum(
            width + 1 + row.from_input * width
            for width, row in zip(self.hidden, self.activations)
        )
        errors = 2 * max(self.hidden, default=0)
        masks = sum(self.hidden) + errors if self.dropout else 0
        return n * (activations + errors + masks + 2)

    def workspace(self, n: int, dtype: DTypeLike, backward: bool = True) -> Workspace:
        """Memory for the activations of ``n`` rows and, for the way back, errors."""
        A = [np.empty((width + 1, n), dtype) for width in self.hidden]
        for A_l in A:
            A_l[-1] = 1
        Z = [
            np.empty((width, n), dtype) if row.from_input else A_l[:-1]
            for width, row, A_l in zip(self.hidden, self.activations, A)
        ]
        Z.append(np.empty((1, n), dtype))
        products = np.empty((0, n), np.uint64)
        if not backward:
            return Workspace(A, Z, [], np.empty(0, dtype), [], products)
        D = [np.empty(max(self.hidden) * n, dtype) for _ in self.hidden[:2]]
        M = []
        if self.dropout:
            M = [np.empty((width, n), dtype) for width in self.hidden]
            products = np.empty((max(self.hidden, default=0), n), np.uint64)
        return Workspace(A, Z, D, np.ones(n, dtype), M, products)

    def logits(
        self,
        V: Sequence[Array],
        X: Any,
        workspace: Workspace,
        dropped: Sequence[Array] = (),
        overflowed: NDArray[np.bool_] | None = None,
    ) -> Array:
        """``z`` of a block, and in the workspace the activations on the way to it.

        dropped : the factors ``M`` of dropout, if there is any.
        overflowed : is set, in place, for rows of which a pre-activation is not finite.
        """
        A, Z = workspace.A, workspace.Z
        _times_input(V[0], X, Z[0])
        for layer in range(1, len(V)):
            if overflowed is not None:
                mark_overflow(Z[layer - 1], overflowed)
            activation, F = self.activations[layer - 1], A[layer - 1][:-1]
            if activation.from_input:
                F[:] = Z[layer - 1]
            activation.forward(F)
            if dropped:
                F *= dropped[layer - 1]
            np.dot(V[layer].T, A[layer - 1], out=Z[layer])
        if overflowed is not None:
            mark_overflow(Z[-1], overflowed)
        return Z[-1][0]

    def _masks(self, block: Block, workspace: Workspace, r: Draw) -> Sequence[Array]:
        """The factors of dropout, which leaves rows that are held out as they are."""
        assert block.h is not None
        for M, r_l in zip(workspace.M, r):
            mask(r_l, block.h, self.dropout, workspace.products[: len(M)], M)
            if block.n_trained is not None:
                M[:, block.n_trained :] = 1
        return workspace.M

    def loss_and_gradient(
        self,
        V: Sequence[Array],
        block: Block,
        workspace: Workspace,
        gradient: Parameters,
        r: Draw = (),
    ) -> Losses:
        """The weighted losses of a block; in place, the gradient of the trained one.

        r : what dropout draws for this gradient, if there is any.
        """
        dW, db = gradient
        dropped = self._masks(block, workspace, r) if r else ()
        z = self.logits(V, block.X, workspace, dropped)
        losses, d = log_loss(z, block.y)
        n = len(z) if block.n_trained is None else block.n_trained
        trained = float(np.dot(block.w[:n], losses[:n]))
        held_out = float(np.dot(block.w[n:], losses[n:]))
        d = d[:n]
        d *= block.w[:n]
        D, output = d[np.newaxis], len(V) - 1
        inputs = [_first(block.X, n), *[A[:, :n] for A in workspace.A]]
        ones = workspace.ones[:n]
        for layer in range(output, -1, -1):
            W = V[layer][:-1]
            _times_error(inputs[layer], D, dW[layer])
            np.dot(D, ones, out=db[layer])
            if layer == output - 1:
                w = V[output][:-1, 0]
                dW[layer] *= w
                db[layer] *= w
            if layer == 0:
                break
            if layer == output - 1:
                W = W * w
            F = workspace.Z[layer - 1][:, :n]
            D_below = workspace.D[(layer - 1) % 2][: F.size].reshape(F.shape)
            activation = self.activations[layer - 1]
            if dropped and not activation.from_input:
                F *= 1 - self.dropout  # f(Z) again, of the units that were kept
            activation.derivative(F, D_below)
            if dropped:
                F *= dropped[layer - 1][:, :n]
            if layer < output:
                D = np.dot(W, D, out=D_below)
            D = np.multiply(F, D, out=D_below)
        return Losses(trained, held_out)


def _first(X: Any, n: int) -> Any:
    """Return ``A_0`` of the first ``n`` rows."""
    if isinstance(X, np.ndarray):
        return X[:, :n]
    return X if n == X.shape[0] else X[:n]


# Rows times weights up to which there is little to compute and every call counts. BLAS
# does not share such a product among threads.
FEW = 2**18


def few_logits(
    parameters: Parameters,
    activations: Sequence[Activation],
    X: Any,
    overflowed: NDArray[np.bool_],
) -> Array:
    """``z`` of few rows, dense or CSR, without any preparation.

    overflowed : is set, in place, for rows of which a pre-activation is not finite.
    """
    (W, *weights), (b, *biases) = parameters
    if isinstance(X, np.ndarray):
        X = np.ascontiguousarray(X, W.dtype)
    Z = X.astype(W.dtype, copy=False) @ W
    Z += b
    for W, b, activation in zip(weights, biases, activations):
        mark_overflow(Z.T, overflowed)
        activation.forward(Z)
        Z = Z @ W
        Z += b
    mark_overflow(Z.T, overflowed)
    return Z[:, 0]


def _times_input(V: Array, X: Any, Z: Array) -> None:
    """``Z_1 = V_1' A_0`` in place in ``Z``."""
    if isinstance(X, np.ndarray):
        np.dot(V.T, X, out=Z)
    else:
        np.add((X @ V[:-1]).T, V[-1][:, np.newaxis], out=Z)


# Of a product with sparse rows, which is not made in place, so many entries are made at
# a time, or those of so many units.
ENTRIES, FEWEST_UNITS = 2**20, 16


def _times_error(A: Any, D: Array, dW: Array) -> None:
    """``dloss / dW`` in place in ``dW``."""
    if isinstance(A, np.ndarray):
        np.matmul(A[:-1], D.T, out=dW)  # np.dot would copy a part of the columns
        return
    n = max(FEWEST_UNITS, ENTRIES // len(dW))
    for start in range(0, len(D), n):
        units = slice(start, start + n)
        dW[:, units] = A.T @ D[units].T
