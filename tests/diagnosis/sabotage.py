"""Backward passes with pieces of the catalogue in them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.diagnosis.backprop.catalogue._entry import Here
from skdeepbin.diagnosis.backprop.catalogue._gradients import BIASES, WEIGHTS
from skdeepbin.diagnosis.backprop.catalogue._hidden import DOWN, derivatives
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS

PIECES = {"output": OUTPUTS, "down": DOWN, "weights": WEIGHTS, "biases": BIASES}


def pieces(activation):
    """Every piece with its kind."""
    all_pieces = PIECES | {"derivative": tuple(derivatives(activation))}
    return [(kind, piece) for kind, those in all_pieces.items() for piece in those]


def random_problem(
    sizes,
    activation,
    seed=0,
    n=60,
    alpha=0.0,
    reduction="mean",
    dtype=float,
    X=None,
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
    return Problem(W, b, X, y, activations, float(divisor), alpha)


def sabotaged(problem, *wrong):
    """``dW, db`` with pieces replaced: of each kind, layer or None, and piece.

    None where a piece cannot be put there.
    """

    def chosen(kind, layer):
        for of_kind, at, piece in wrong:
            if of_kind == kind and at in (None, layer):
                return piece
        return None

    depth = problem.depth
    dW, db = [None] * depth, [None] * depth
    deltas = {}
    here = Here(problem, depth, given=dW)
    for layer in range(depth, 0, -1):
        here = Here(problem, layer, deltas, here.error, given=dW)
        if layer == depth:
            piece = chosen("output", layer)
            delta = piece.compute(here) if piece else problem.p - problem.y
            error = None
        else:
            piece = chosen("down", layer)
            error = piece.compute(here) if piece else here.dZ_above @ here.W_above.T
            if error is None:
                return None
            here = replace(here, error=error)
            piece = chosen("derivative", layer)
            delta = piece.compute(here) if piece else error * problem.derivative(layer)
        if delta is None or not np.isfinite(delta).all():
            return None
        here = replace(here, delta=delta, error=error)
        deltas[layer] = delta
        piece = chosen("weights", layer)
        G = piece.compute(here) if piece else here.inputs.T @ delta
        piece = chosen("biases", layer)
        g = piece.compute(here) if piece else delta.sum(axis=0)
        if G is None or g is None:
            return None
        dW[layer - 1] = G / problem.divisor + problem.penalty(layer)
        db[layer - 1] = g / problem.divisor
    return dW, db
