"""Gradients that are off by a constant factor or by a penalty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.diagnosis.backprop.catalogue._entry import Here, Piece
from skdeepbin.diagnosis.backprop.catalogue._gradients import (
    RIGHT_BIASES,
    RIGHT_WEIGHTS,
)
from skdeepbin.network._parameters import Array

# What a penalty may be a multiple of.
PENALTIES: dict[str, Callable[[Array], Array]] = {
    "W{l}": lambda W: W,
    "sign(W{l})": np.sign,
    "abs(W{l})": abs,
    "W{l}**2": lambda W: W**2,
}


def factors(problem: Problem, layer: int) -> dict[str, tuple[str, float]]:
    """Constant factors by which people are off: a name, a formula, the number.

    By name they are told apart where two have the same number.
    """
    n, d = problem.n, problem.X.shape[1]
    fan_in, fan_out = problem.weights[layer - 1].shape
    mean = problem.divisor == n
    known = {
        "divided by the number of features, not of rows": ("* n / n_features", n / d),
        "divided by n - 1, not n": ("* n / (n - 1)", n / (n - 1) if n > 1 else 1.0),
        "divided by fan_in": ("/ fan_in", 1 / fan_in),
        "divided by fan_out": ("/ fan_out", 1 / fan_out),
        "doubled": ("* 2", 2.0),
        "halved": ("/ 2", 0.5),
        "divided by the number of layers": ("/ n_layers", 1 / problem.depth),
        "a logarithm to base 2": ("/ log(2)", 1 / np.log(2)),
        "a logarithm to base 10": ("/ log(10)", 1 / np.log(10)),
        "divided by fan_in, not by n": ("* n / fan_in", n / fan_in),
        "divided by fan_out, not by n": ("* n / fan_out", n / fan_out),
        "multiplied by fan_in": ("* fan_in", float(fan_in)),
        "multiplied by fan_out": ("* fan_out", float(fan_out)),
        "the wrong sign": ("* -1", -1.0),
    }
    if mean:
        known = {
            "not divided by n": ("* n", float(n)),
            "divided by n twice": ("/ n", 1 / n),
            "multiplied by n": ("* n**2", float(n) ** 2),
        } | known
    else:
        known = {"divided by n, where a sum was asked for": ("/ n", 1 / n)} | known
    return known


def scaled(what: str, c: float | None, here: Here, tolerance: float) -> list[Piece]:
    """The names of a constant factor c on "dW" or "db"."""
    if c is None:
        return []
    return [
        _factor(what, name, text, c, name)
        for name, (text, number) in factors(here.problem, here.layer).items()
        if abs(number - c) <= 10 * tolerance * abs(c)
    ]


def off_by(what: str, c: float) -> Piece:
    """A constant factor without a name, as some number often fits: it counts twice."""
    name = f"off by a constant factor, {c:.4g}"
    return _factor(what, name, f"* {c:.4g}", c, c)._replace(cost=2)


def _factor(what: str, name: str, text: str, c: float, by: str | float) -> Piece:
    right = RIGHT_WEIGHTS if what == "dW" else RIGHT_BIASES
    why = "Steps of the wrong size: a learning rate that suits one net suits no other."
    if c < 0:
        why = "It goes up where it should go down."

    def compute(here: Here) -> Array:
        factor = (
            by if isinstance(by, float) else factors(here.problem, here.layer)[by][1]
        )
        data = here.inputs.T @ here.dZ if what == "dW" else here.dZ.sum(axis=0)
        return factor * data

    return Piece(f"{what} {name}", f"{right} {text}", right, why, compute, c)


def as_scale_of_error(piece: Piece) -> Piece:
    """A factor on both gradients of a layer as one on its error, and all below."""
    text = piece.wrong[len(RIGHT_WEIGHTS) + 1 :]
    return piece._replace(
        name=f"all gradients {piece.name[len('dW ') :]}",
        wrong=f"dZ{{l}} = ... {text}",
        right="dZ{l} = ...",
    )


def penalty_piece(strength: float, basis: str, problem: Problem) -> Piece:
    """A penalty of another strength, or a multiple of something else."""
    right = problem.alpha / problem.divisor
    penalty = PENALTIES[basis]

    def compute(here: Here) -> Array:
        excess = strength * penalty(here.W) - here.problem.penalty(here.layer)
        return here.inputs.T @ here.dZ + excess * here.problem.divisor

    term = f" + {right:.3g} * W{{l}}" if right else ""
    wrong = f" + {strength:.3g} * {basis}" if strength else ""
    return Piece(
        _penalty_name(strength, basis, problem),
        f"{RIGHT_WEIGHTS}{wrong}",
        f"{RIGHT_WEIGHTS}{term}",
        "Weights are pulled to zero too little, too much, or away from it.",
        compute,
        is_fitted=True,
    )


def _penalty_name(strength: float, basis: str, problem: Problem) -> str:
    right = problem.alpha / problem.divisor
    if not strength:
        return "the penalty is missing"
    if basis != "W{l}":
        return "the penalty is of another kind"
    if not right:
        return "a penalty that was not asked for"
    names = {
        -1.0: "the penalty has the wrong sign",
        float(problem.n): "the penalty is not divided by n",
        1 / problem.n: "the penalty is divided by n",
        2.0: "the penalty is doubled",
        0.5: "the penalty is halved",
    }
    for ratio, name in names.items():
        if abs(strength / right - ratio) <= 1e-4 * abs(ratio):
            return name
    return f"the penalty is off by a factor, {strength / right:.4g}"


def penalised_biases_piece(strength: float) -> Piece:
    """The penalty on the biases too."""

    def compute(here: Here) -> Array:
        b = here.problem.biases[here.layer - 1]
        return here.dZ.sum(axis=0) + strength * here.problem.divisor * b

    return Piece(
        "the biases are penalised too",
        f"{RIGHT_BIASES} + {strength:.3g} * b{{l}}",
        RIGHT_BIASES,
        "Thresholds are pulled to zero; this does little harm.",
        compute,
    )
