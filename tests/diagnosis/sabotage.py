"""Backward passes with mistakes of the catalogue in them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import BackwardContext
from skdeepbin.diagnosis.backprop.catalogue._gradients import BIASES, WEIGHTS
from skdeepbin.diagnosis.backprop.catalogue._hidden import DOWN, derivatives
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS

CATALOGUE = {"output": OUTPUTS, "down": DOWN, "weights": WEIGHTS, "biases": BIASES}


def entries(activation):
    """List every entry with its kind."""
    everything = CATALOGUE | {"derivative": tuple(derivatives(activation))}
    return [(kind, entry) for kind, those in everything.items() for entry in those]


def random_network(
    sizes, activation, seed=0, n=60, alpha=0.0, reduction="mean", dtype=float, X=None
):
    """A net of these widths, from the features to the output, with weights to tell."""
    rng = np.random.RandomState(seed)
    scale = {"relu": 1.4, "logistic": 2.5}.get(activation, 1.0)
    W = [
        rng.normal(scale=scale / np.sqrt(fan_in), size=(fan_in, fan_out))
        for fan_in, fan_out in pairwise(sizes)
    ]
    b = [rng.normal(scale=0.3, size=width) for width in sizes[1:]]
    X = rng.normal(size=(n, sizes[0])) if X is None else X[:n, : sizes[0]]
    W, b, X = (
        [w.astype(dtype) for w in W],
        [v.astype(dtype) for v in b],
        X.astype(dtype),
    )
    y = (rng.uniform(size=(n, 1)) < 0.3).astype(dtype)
    y[:2] = [[0], [1]]
    activations = [activation] * (len(sizes) - 2)
    divisor = n if reduction == "mean" else 1
    return ReferenceNetwork(W, b, X, y, activations, float(divisor), alpha)


def sabotaged(network, *wrong):
    """``dW, db`` with mistakes put in: of each kind, layer or None, and entry.

    None where a mistake cannot be put there.
    """

    def chosen(kind, layer):
        for of_kind, at, entry in wrong:
            if of_kind == kind and at in (None, layer):
                return entry
        return None

    depth = network.depth
    dW, db = [None] * depth, [None] * depth
    deltas = {}
    context = BackwardContext(network, depth, user_dW=dW)
    for layer in range(depth, 0, -1):
        context = BackwardContext(network, layer, deltas, context.error, user_dW=dW)
        if layer == depth:
            entry = chosen("output", layer)
            delta = entry.compute(context) if entry else network.p - network.y
            error = None
        else:
            entry = chosen("down", layer)
            error = (
                entry.compute(context)
                if entry
                else context.dZ_above @ context.W_above.T
            )
            if error is None:
                return None
            context = replace(context, error=error)
            entry = chosen("derivative", layer)
            delta = (
                entry.compute(context) if entry else error * network.derivative(layer)
            )
        if delta is None or not np.isfinite(delta).all():
            return None
        context = replace(context, delta=delta, error=error)
        deltas[layer] = delta
        entry = chosen("weights", layer)
        G = entry.compute(context) if entry else context.inputs.T @ delta
        entry = chosen("biases", layer)
        g = entry.compute(context) if entry else delta.sum(axis=0)
        if G is None or g is None:
            return None
        dW[layer - 1] = G / network.divisor + network.penalty(layer)
        db[layer - 1] = g / network.divisor
    return dW, db
