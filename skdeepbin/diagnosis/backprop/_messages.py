"""From explanations to sentences: mistakes by name, and what no entry explains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from skdeepbin.diagnosis._gradients import relative_error
from skdeepbin.diagnosis.backprop._explanation import (
    Found,
    Given,
    Path,
    factor_between,
    is_same,
)
from skdeepbin.diagnosis.backprop._inputs import Convention
from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.diagnosis.backprop._report import Comparison, LayerReport
from skdeepbin.diagnosis.backprop.catalogue._entry import Mistake, Piece
from skdeepbin.network._parameters import Array

# Kinds of pieces that every layer has; of the others only hidden layers have one.
EVERY_LAYER = ("weights", "biases")
# Names of layers in formulas that hold for every layer.
GENERAL = {"l": "_l", "i": "_(l-1)", "o": "_(l+1)", "oo": "_(l+2)", "L": "_L"}


def mistakes_of(
    paths: Sequence[Path], problem: Problem, convention: Convention
) -> list[Mistake]:
    """The mistakes of the first explanation, with those of others of the same numbers.

    From the output to the input.
    """
    mistakes = []
    for found, instead in _with_others(paths):
        for layer in _places(found, problem):
            first, *others = found.pieces
            same = []
            for other in (*others, *instead):
                formula = _formula(_line(other), layer, problem, convention)
                same.append(f"{formula}  ({_names(other)})")
            place = None if layer is None else problem.depth - layer
            ours = _formula(_line(first), layer, problem, convention)
            same = [line for line in same if not line.startswith(f"{ours}  (")]
            for piece in (first, first.also) if first.also else (first,):
                name = piece.name
                if found.kind == "scale" and layer is not None:
                    name = name.replace("gradients", "gradients from this layer down")
                mistakes.append(
                    Mistake(
                        name,
                        place,
                        _formula(piece.wrong, layer, problem, convention),
                        _formula(piece.right, layer, problem, convention),
                        piece.why,
                        tuple(dict.fromkeys(same)),
                    )
                )
    return mistakes


def _with_others(paths: Sequence[Path]) -> list[tuple[Found, list[Piece]]]:
    """What the first path found, and what other paths have in its place."""
    found = [(one, list[Piece]()) for one in paths[0].found]
    for other in paths[1:]:
        theirs = [f for f in other.found if f not in paths[0].found]
        mine = [n for n, (f, _) in enumerate(found) if f not in other.found]
        for number, f in zip(mine, theirs):
            found[number][1].extend(f.pieces)
    return found


def _line(piece: Piece) -> str:
    return f"{piece.wrong};  {piece.also.wrong}" if piece.also else piece.wrong


def _names(piece: Piece) -> str:
    return f"{piece.name}, and {piece.also.name}" if piece.also else piece.name


def _places(found: Found, problem: Problem) -> Sequence[int | None]:
    """The layers of a wrong piece; None for all that have one."""
    depth = problem.depth
    if found.kind == "scale":
        return [None] if found.layers == (depth,) else found.layers
    possible = depth if found.kind in EVERY_LAYER else depth - 1
    everywhere = found.kind != "output" and 1 < len(found.layers) == possible
    return [None] if everywhere else found.layers


def _formula(
    text: str, layer: int | None, problem: Problem, convention: Convention
) -> str:
    """The formula in the letters and in the convention of the user."""
    if layer is None:
        text = text.format(**GENERAL)
    else:
        numbers = {"l": layer, "i": layer - 1, "o": layer + 1, "oo": layer + 2}
        text = text.format(L=problem.depth, **numbers)
        text = re.sub(r"\b[az]0\b", "X", text)
    if problem.divisor == 1:
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
    """The formula for samples in columns."""
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
    """The length of the operand at the start of a text, with its brackets closed."""
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


def layer_reports(problem: Problem, given: Given) -> tuple[LayerReport, ...]:
    """The comparison of every gradient, from the output to the input."""
    dW, db = (
        [_compared(*arrays, given.tolerance, problem) for arrays in zip(*of_kind)]
        for of_kind in zip((given.dW, given.db), problem.gradient, given.rounding)
    )
    depth = problem.depth
    return tuple(
        LayerReport(depth - number, number, dW[number - 1], db[number - 1])
        for number in range(depth, 0, -1)
    )


def _compared(
    user: Array | None,
    true: Array,
    rounding: float,
    tolerance: float,
    problem: Problem,
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
        verdict = f"right up to a factor {factor:.4g}{_known_factor(factor, problem)}"
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


def _known_factor(factor: float, problem: Problem) -> str:
    names = {float(problem.n): " = n", 1 / problem.n: " = 1 / n", -1.0: ""}
    for number, name in names.items():
        if abs(factor - number) <= 1e-4 * abs(number):
            return name
    return ""


def untested_notes(problem: Problem, given: Given) -> Iterable[str]:
    """Which true gradients are zero, so that nothing can be told by them."""
    for letter, arrays, rounding in zip(("dW", "db"), problem.gradient, given.rounding):
        for number in range(problem.depth, 0, -1):
            if float(np.linalg.norm(arrays[number - 1])) <= rounding[number - 1]:
                yield (
                    f"The true {letter}{number} is zero here: it tests nothing. Give "
                    "other parameters, or `grad_fn`."
                )


def unexplained_notes(
    path: Path, layers: Sequence[LayerReport], problem: Problem
) -> Iterable[str]:
    """What is wrong, and how, where no entry of the catalogue gives the numbers."""
    by_kind: dict[str, list[int]] = {"weights": [], "biases": []}
    for kind, number in path.unexplained:
        by_kind[kind].append(number)
    if not path.unexplained:
        return
    yield "No known mistake gives these numbers:"
    for kind, letter in (("weights", "dW"), ("biases", "db")):
        for number in sorted(by_kind[kind], reverse=True):
            c: Comparison = getattr(layers[problem.depth - number], kind)
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
