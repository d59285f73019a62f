"""Gradients that are off by a constant factor or by a penalty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import (
    BackwardContext,
    Entry,
    Factor,
    Kind,
    Message,
)
from skdeepbin.diagnosis.backprop.catalogue._gradients import (
    RIGHT_BIASES,
    RIGHT_WEIGHTS,
)
from skdeepbin.network._parameters import Array

# A measured factor is a known one, and a measured penalty a known multiple, where they
# agree to so many tolerances of the gradients, or to this share.
FACTOR_TOLERANCES, SAME_RATIO = 10.0, 1e-4
# A factor without a name counts as two mistakes, as some number often fits.
UNNAMED_COST = 2


def factors(network: ReferenceNetwork, layer: int) -> dict[str, Factor]:
    """Return the constant factors by which people are off, by their keys.

    Two of them may have the same number.
    """
    n, d = network.n, network.X.shape[1]
    fan_in, fan_out = network.weights[layer - 1].shape
    by_n = [Factor("by_n", "divided by n, where a sum was asked for", "/ n", 1 / n)]
    if network.divisor == n:
        by_n = [
            Factor("times_n", "not divided by n", "* n", float(n)),
            Factor("by_n_twice", "divided by n twice", "/ n", 1 / n),
            Factor("times_n_squared", "multiplied by n", "* n**2", float(n) ** 2),
        ]
    known = [
        *by_n,
        Factor(
            "by_n_features",
            "divided by the number of features, not of rows",
            "* n / n_features",
            n / d,
        ),
        Factor(
            "by_n_minus_1",
            "divided by n - 1, not n",
            "* n / (n - 1)",
            n / (n - 1) if n > 1 else 1.0,
        ),
        Factor("by_fan_in", "divided by fan_in", "/ fan_in", 1 / fan_in),
        Factor("by_fan_out", "divided by fan_out", "/ fan_out", 1 / fan_out, True),
        Factor("doubled", "doubled", "* 2", 2.0),
        Factor("halved", "halved", "/ 2", 0.5),
        Factor(
            "by_n_layers",
            "divided by the number of layers",
            "/ n_layers",
            1 / network.depth,
        ),
        Factor("log_2", "a logarithm to base 2", "/ log(2)", 1 / np.log(2)),
        Factor("log_10", "a logarithm to base 10", "/ log(10)", 1 / np.log(10)),
        Factor(
            "by_fan_in_not_n", "divided by fan_in, not by n", "* n / fan_in", n / fan_in
        ),
        Factor(
            "by_fan_out_not_n",
            "divided by fan_out, not by n",
            "* n / fan_out",
            n / fan_out,
            True,
        ),
        Factor("times_fan_in", "multiplied by fan_in", "* fan_in", float(fan_in)),
        Factor(
            "times_fan_out", "multiplied by fan_out", "* fan_out", float(fan_out), True
        ),
        Factor("sign_slip", "the wrong sign", "* -1", -1.0),
    ]
    return {factor.key: factor for factor in known}


def factor_entries(
    kind: Kind, measured: float | None, c: BackwardContext, tolerance: float
) -> list[Entry]:
    """Return the known factors that a measured factor on a gradient may be."""
    if measured is None:
        return []
    close = FACTOR_TOLERANCES * tolerance * abs(measured)
    return [
        _factor_entry(kind, factor._replace(value=measured))
        for factor in factors(c.network, c.layer).values()
        if abs(factor.value - measured) <= close
    ]


def unnamed_factor_entry(kind: Kind, c: float) -> Entry:
    """Return the entry of a constant factor without a name."""
    number = f"{c:.4g}"
    factor = Factor(
        f"constant {number}", f"off by a constant factor, {number}", f"* {number}", c
    )
    return _factor_entry(kind, factor, cost=UNNAMED_COST)


def _factor_entry(kind: Kind, factor: Factor, cost: int = 1) -> Entry:
    of_weights = kind == "weights"
    right = RIGHT_WEIGHTS if of_weights else RIGHT_BIASES
    why = "Steps of the wrong size: a learning rate that suits one net suits no other."
    if factor.value < 0:
        why = "It goes up where it should go down."

    def compute(c: BackwardContext) -> Array:
        # by the sizes of the layer it is put in, which need not be those of the first
        value = factors(c.network, c.layer).get(factor.key, factor).value
        return value * (c.inputs.T @ c.dZ if of_weights else c.dZ.sum(axis=0))

    name = f"{'dW' if of_weights else 'db'} {factor.name}"
    message = Message(name, f"{right} {factor.formula}", right, why)
    return Entry(factor.key, kind, message, compute, factor, cost=cost)


def as_scale_of_error(entry: Entry, factor: Factor) -> Entry:
    """Return a factor on both gradients of a layer as one on its error."""
    message = Message(
        f"all gradients {factor.name}",
        f"dZ{{l}} = ... {factor.formula}",
        "dZ{l} = ...",
        entry.message.why,
    )
    return Entry(factor.key, "scale", message, entry.compute, factor, cost=entry.cost)


# A penalty may be a multiple of these; the first is right.
PENALTIES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "weights": ("W{l}", lambda W: W),
    "signs": ("sign(W{l})", np.sign),
    "sizes": ("abs(W{l})", abs),
    "squares": ("W{l}**2", lambda W: W**2),
}


def penalty_entry(strength: float, basis: str, network: ReferenceNetwork) -> Entry:
    """Return a penalty of another strength, or a multiple of something else."""
    right = network.alpha / network.divisor
    formula, penalty = PENALTIES[basis]

    def compute(c: BackwardContext) -> Array:
        excess = strength * penalty(c.W) - c.network.penalty(c.layer)
        return c.inputs.T @ c.dZ + excess * c.network.divisor

    term = f" + {right:.3g} * W{{l}}" if right else ""
    wrong = f" + {strength:.3g} * {formula}" if strength else ""
    key, name = _penalty_name(strength, basis, network)
    message = Message(
        name,
        f"{RIGHT_WEIGHTS}{wrong}",
        f"{RIGHT_WEIGHTS}{term}",
        "Weights are pulled to zero too little, too much, or away from it.",
    )
    key = f"penalty {key}, {strength:.3g} * {basis}"
    return Entry(key, "weights", message, compute, is_fitted=True)


def _penalty_name(
    strength: float, basis: str, network: ReferenceNetwork
) -> tuple[str, str]:
    """Return the key and the name of a wrong penalty."""
    right = network.alpha / network.divisor
    if not strength:
        return "missing", "the penalty is missing"
    if basis != "weights":
        return "other", "the penalty is of another kind"
    if not right:
        return "unasked", "a penalty that was not asked for"
    names = {
        "sign_slip": (-1.0, "the penalty has the wrong sign"),
        "times_n": (float(network.n), "the penalty is not divided by n"),
        "by_n": (1 / network.n, "the penalty is divided by n"),
        "doubled": (2.0, "the penalty is doubled"),
        "halved": (0.5, "the penalty is halved"),
    }
    for key, (ratio, name) in names.items():
        if abs(strength / right - ratio) <= SAME_RATIO * abs(ratio):
            return key, name
    number = f"{strength / right:.4g}"
    return number, f"the penalty is off by a factor, {number}"


def penalised_biases_entry(strength: float) -> Entry:
    """Return the entry of a penalty on the biases too."""

    def compute(c: BackwardContext) -> Array:
        b = c.network.biases[c.layer - 1]
        return c.dZ.sum(axis=0) + strength * c.network.divisor * b

    message = Message(
        "the biases are penalised too",
        f"{RIGHT_BIASES} + {strength:.3g} * b{{l}}",
        RIGHT_BIASES,
        "Thresholds are pulled to zero; this does little harm.",
    )
    return Entry(f"penalty {strength:.3g}", "biases", message, compute)
