"""A fully-connected network: its logits, and its loss with the gradient, for one block.

The letters, here and wherever a kernel is written, for a block of ``n`` rows::

    A_0 = X               (n, fan_in)     input, dense or CSR
    Z_l = A_{l-1} W_l + b_l               pre-activations, l = 1 .. L
    A_l = f(Z_l)          (n, fan_out)    activations of the hidden layers, l < L
    z   = Z_L             (n,)            logits
    D_l = dloss / dZ_l    (n, fan_out)    errors

and backwards, from ``D_L = w (sigmoid(z) - y)``::

    dloss / dW_l = A_{l-1}' D_l
    dloss / db_l = sum of the rows of D_l
    D_{l-1}      = (D_l W_l') * f'(Z_{l-1})

References
----------
Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating
errors, https://doi.org/10.1038/323533a0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdeepbin.network._activations import Activation
from skdeepbin.network._loss import log_loss
from skdeepbin.network._parameters import Array, Layout, Parameters


def layers(activation: Activation, parameters: Parameters, X: Array) -> list[Array]:
    """``[A_0, A_1, .., A_{L-1}, Z_L]`` of one block."""
    outputs = [X]
    for layer, (W, b) in enumerate(zip(*parameters), start=1):
        Z = outputs[-1] @ W
        Z += b
        if layer < len(parameters.weights):
            activation.forward(Z)
        outputs.append(Z)
    return outputs


def logits(activation: Activation, parameters: Parameters, X: Array) -> Array:
    """The logit of each row of one block."""
    return layers(activation, parameters, X)[-1][:, 0]


@dataclass(frozen=True)
class Network:
    """A layout and the activation of its hidden layers, without parameters."""

    layout: Layout
    activation: Activation

    def loss_and_gradient(
        self, theta: Array, X: Array, y: Array, w: Array
    ) -> tuple[float, Array]:
        """The sum of weighted losses over one block, and its gradient."""
        parameters = self.layout.views(theta)
        gradient = np.empty_like(theta)
        gradients = self.layout.views(gradient)
        *inputs, Z = layers(self.activation, parameters, X)
        loss, d = log_loss(Z[:, 0], y, w)
        D = d[:, np.newaxis]
        for layer in reversed(range(len(inputs))):
            A, W = inputs[layer], parameters.weights[layer]
            gradients.weights[layer][:] = A.T @ D
            D.sum(axis=0, out=gradients.biases[layer])
            if layer > 0:
                D = D @ W.T
                self.activation.backward(A, D)
        return loss, gradient
