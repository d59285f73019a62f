"""Messages for the reader: mistakes by name, and hints where no entry explains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from skdeepbin.diagnosis._gradients import relative_error
from skdeepbin.diagnosis.backprop._explanation import (
    Explanation,
    Match,
    UserGradients,
    factor_between,
    is_same,
)
from skdeepbin.diagnosis.backprop._inputs import Convention
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop._report import Comparison, LayerReport
from skdeepbin.diagnosis.backprop.catalogue._entry import Entry, Mistake
from skdeepbin.network._parameters import Array

# Kinds of mistakes that every layer can have; the others only hidden layers can.
EVERY_LAYER = ("weights", "biases")
# Names of layers in formulas that hold for every layer.
GENERAL = {"l": "_l", "i": "_(l-1)", "o": "_(l+1)", "oo": "_(l+2)", "L": "_L"}


def mistakes_of(
    explanations: Sequence[Explanation],
    network: ReferenceNetwork,
    convention: Convention,
) -> list[Mistake]:
    """Return the mistakes of the first explanation, and others of the same numbers.

    From the output to the input.
    """
    mistakes = []
    for match, instead in _with_others(explanations):
        first, *others = match.entries
        for layer in _places(match, network):

            def formula(text: str, layer: int | None = layer) -> str:
                return _formula(text, layer, network, convention)

            ours = formula(_line(first))
            same = [(formula(_line(other)), other) for other in (*others, *instead)]
            lines = [
                f"{line}  ({_names(other)})" for line, other in same if line != ours
            ]
            place = None if layer is None else network.depth - layer
            for entry in (first, first.also) if first.also else (first,):
                mistakes.append(
                    Mistake(
                        _name(entry, layer),
                        place,
                        formula(entry.message.wrong),
                        formula(entry.message.right),
                        entry.message.why,
                        tuple(dict.fromkeys(lines)),
                    )
                )
    return mistakes


def _with_others(
    explanations: Sequence[Explanation],
) -> list[tuple[Match, list[Entry]]]:
    """Pair each mistake of the first explanation with those of others in its place."""
    first, *others = explanations
    pairs = [(match, list[Entry]()) for match in first.matches]
    for other in others:
        theirs = [match for match in other.matches if match not in first.matches]
        mine = [n for n, (m, _) in enumerate(pairs) if m not in other.matches]
        for number, match in zip(mine, theirs):
            pairs[number][1].extend(match.entries)
    return pairs


def _name(entry: Entry, layer: int | None) -> str:
    if entry.kind == "scale" and entry.factor and layer is not None:
        return f"all gradients from this layer down {entry.factor.name}"
    return entry.message.name


def _line(entry: Entry) -> str:
    wrong = entry.message.wrong
    return f"{wrong};  {entry.also.message.wrong}" if entry.also else wrong


def _names(entry: Entry) -> str:
    name = entry.message.name
    return f"{name}, and {entry.also.message.name}" if entry.also else name


def _places(match: Match, network: ReferenceNetwork) -> Sequence[int | None]:
    """Return the layers of a mistake; None for all that can have it."""
    depth = network.depth
    if match.kind == "scale":
        return [None] if match.layers == (depth,) else match.layers
    possible = depth if match.kind in EVERY_LAYER else depth - 1
    everywhere = match.kind != "output" and 1 < len(match.layers) == possible
    return [None] if everywhere else match.layers


def _formula(
    text: str, layer: int | None, network: ReferenceNetwork, convention: Convention
) -> str:
    """Return the formula in the letters and in the convention of the user."""
    if layer is None:
        text = text.format(**GENERAL)
    else:
        numbers = {"l": layer, "i": layer - 1, "o": layer + 1, "oo": layer + 2}
        text = text.format(L=network.depth, **numbers)
        text = re.sub(r"\b[az]0\b", "X", text)
    if network.divisor == 1:
        text = text.replace(" / n", "")
    for pattern, simple in SIMPLER.items():
        text = re.sub(pattern, simple, text)
    return _turned(text) if convention.columns else text


# Patterns that say less than what stands in their place.
SIMPLER = {
    r" / n \* n\*\*2": " * n",
    r" / n \* n\b": "",
    r" \* 1$": "",
    r"\+ -": "- ",
    r"dA(\w+) \* 0$": "0",
    r"= 0 / n$": "= 0",
}


# What is written otherwise where samples are columns.
IN_COLUMNS = {
    "y[None, :], axis=1": "y[:, None], axis=0",
    "y[None, :], axis=0": "y[:, None], axis=1",
    "[0]": "[:, 0]",
    "[-1]": "[:, -1]",
}


def _turned(text: str) -> str:
    """Return the formula for samples in columns."""
    for rows, columns in IN_COLUMNS.items():
        if rows in text:
            text = text.replace(rows, columns)
            break
    left, at, right = text.partition(" @ ")
    if not at:
        return text
    start, end = _operand(left[::-1], ")", "("), _operand(right, "(", ")")
    begin = len(left) - start
    return f"{left[:begin]}{right[:end]} @ {left[begin:]}{right[end:]}"


def _operand(text: str, opening: str, closing: str) -> int:
    """Return the length of the operand at the start of a text, brackets closed."""
    open_brackets = 0
    for length, letter in enumerate(text):
        if letter == opening:
            open_brackets += 1
        elif letter == closing:
            if not open_brackets:
                return length
            open_brackets -= 1
        elif letter in " ;," and not open_brackets:
            return length
    return len(text)


def layer_reports(
    network: ReferenceNetwork, gradients: UserGradients
) -> tuple[LayerReport, ...]:
    """Return the comparison of every gradient, from the output to the input."""
    dW, db = (
        [_compared(*arrays, gradients.tolerance, network) for arrays in zip(*of_kind)]
        for of_kind in zip(
            (gradients.dW, gradients.db), network.gradient, gradients.rounding
        )
    )
    depth = network.depth
    return tuple(
        LayerReport(depth - number, number, dW[number - 1], db[number - 1])
        for number in range(depth, 0, -1)
    )


def _compared(
    user: Array | None,
    true: Array,
    rounding: float,
    tolerance: float,
    network: ReferenceNetwork,
) -> Comparison:
    if user is None:
        return Comparison(np.nan, np.nan, np.nan, "cannot be compared")
    sizes = float(np.linalg.norm(user)), float(np.linalg.norm(true))
    ratio = sizes[0] / sizes[1] if sizes[1] else np.inf if sizes[0] else 1.0
    cosine = float((user * true).sum()) / (sizes[0] * sizes[1]) if all(sizes) else 0.0
    if is_same(user, true, tolerance, rounding):
        verdict = "right"
    elif user.size == 1:
        verdict = f"wrong: {ratio if cosine > 0 else -ratio:.4g} times the true number"
    elif factor_between(user, true, tolerance) is not None:
        factor = ratio if cosine > 0 else -ratio
        verdict = f"right up to a factor {factor:.4g}{_known_factor(factor, network)}"
    elif not sizes[0]:
        verdict = "zero"
    elif cosine > 0.9:
        verdict = "about the right direction"
    elif cosine < -0.9:
        verdict = "about the opposite direction"
    else:
        verdict = "wrong"
    error = relative_error(user, true)
    return Comparison(error, ratio, cosine, verdict)


def _known_factor(factor: float, network: ReferenceNetwork) -> str:
    names = {float(network.n): " = n", 1 / network.n: " = 1 / n", -1.0: ""}
    for number, name in names.items():
        if abs(factor - number) <= 1e-4 * abs(number):
            return name
    return ""


def untested_notes(
    network: ReferenceNetwork, gradients: UserGradients
) -> Iterable[str]:
    """Yield a note on each true gradient of zero, by which nothing can be told."""
    for letter, arrays, rounding in zip(
        ("dW", "db"), network.gradient, gradients.rounding
    ):
        for number in range(network.depth, 0, -1):
            if float(np.linalg.norm(arrays[number - 1])) <= rounding[number - 1]:
                yield (
                    f"The true {letter}{number} is zero here: it tests nothing. Give "
                    "other parameters, or `grad_fn`."
                )


def unexplained_notes(
    explanation: Explanation, layers: Sequence[LayerReport], network: ReferenceNetwork
) -> Iterable[str]:
    """Yield notes on the differences that no entry of the catalogue explains."""
    by_kind: dict[str, list[int]] = {"weights": [], "biases": []}
    for kind, number in explanation.unexplained:
        by_kind[kind].append(number)
    if not explanation.unexplained:
        return
    yield "No known mistake gives these numbers:"
    for kind, letter in (("weights", "dW"), ("biases", "db")):
        for number in sorted(by_kind[kind], reverse=True):
            c: Comparison = getattr(layers[network.depth - number], kind)
            yield (
                f"  {letter}{number}: {c.verdict} (cosine {c.cosine:.4f}, "
                f"{c.norm_ratio:.4g} times as long)."
            )
    yield from _kind_of_difference(by_kind["weights"], by_kind["biases"], layers)


def _kind_of_difference(
    weights: Sequence[int], biases: Sequence[int], layers: Sequence[LayerReport]
) -> Iterable[str]:
    depth = len(layers)
    if not weights:
        yield "Only gradients of biases differ: look at their sums over the samples."
        return
    top = max(weights)
    below = [number for number in range(1, top) if number in weights]
    if top not in biases and layers[depth - top].biases.ok:
        if not below:
            yield (
                f"db{top} is right, and so is dZ{top}: look at the product that gives "
                f"dW{top}, and at the penalty."
            )
            return
        yield (
            f"db{top} is right and dW{top} is not: look at the product that gives "
            f"dW{top}, and whether the rows of X and y are in the same order."
        )
        return
    if top == depth and len(below) == depth - 1:
        yield (
            "Every layer differs from the output on: look at the error of the output, "
            "at the forward pass, and whether these are the weights that the gradients "
            "were computed with, or those after an update."
        )
    elif len(below) == top - 1:
        these = [layer for layer in layers if layer.number <= top]
        ratios = [layer.weights.norm_ratio for layer in these]
        cosines = [c.cosine for layer in these for c in (layer.weights, layer.biases)]
        grows = all(b > a for a, b in pairwise(ratios))
        sizes = (
            " and the norms grow layer by layer" if grows and len(ratios) > 1 else ""
        )
        right = "The direction is about right" if min(cosines) > 0.5 else "It is wrong"
        yield (
            f"{right} from layer {top} down{sizes}: look at dZ{top}, the derivative of "
            f"layer {top} and the error that is sent down to it."
        )
    else:
        those = "Some layers" if below else "Layers"
        yield (
            f"{those} below {top} are right, so the error passes layer {top} as it "
            f"should: look at the product that gives dW{top}."
        )
