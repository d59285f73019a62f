"""Explanations of the gradients so far, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.diagnosis.backprop.catalogue._entry import Piece
from skdeepbin.network._parameters import Array

# Kinds of pieces, the likelier first where two give the same numbers.
LIKELY = ("output", "derivative", "down", "weights", "biases", "scale")
# An unexplained array counts as so many mistakes.
UNEXPLAINED = 4


class Given(NamedTuple):
    """The user's gradients in rows; None where an array cannot be compared.

    tolerance : relative error of what is right up to rounding.
    rounding : of the sum that a gradient is, for each array, in Euclidean norm.
    """

    dW: Sequence[Array | None]
    db: Sequence[Array | None]
    tolerance: float
    rounding: tuple[Sequence[float], Sequence[float]]


class Found(NamedTuple):
    """A wrong piece: entries of the catalogue that give the same numbers, and where.

    kind : one of LIKELY.
    """

    kind: str
    pieces: tuple[Piece, ...]
    layers: tuple[int, ...]


@dataclass(frozen=True)
class Path:
    """An explanation of the layers so far.

    unexplained : ("weights" or "biases", layer) of what it leaves open.
    deltas, error : ``dZ`` of every layer and ``dA`` of the last, as it has them.
    """

    found: tuple[Found, ...] = ()
    unexplained: tuple[tuple[str, int], ...] = ()
    deltas: Mapping[int, Array] = field(default_factory=dict)
    error: Array | None = None

    @property
    def cost(self) -> int:
        """How much it supposes."""
        n_pieces = sum(found.pieces[0].cost for found in self.found)
        return n_pieces + UNEXPLAINED * len(self.unexplained)

    @property
    def is_lost(self) -> bool:
        """Whether nothing tells what ``dZ`` of some layer is."""
        return any(
            {("weights", layer), ("biases", layer)} <= {*self.unexplained}
            for _, layer in self.unexplained
        )

    @property
    def is_vague(self) -> bool:
        """Whether it leaves something open, or supposes numbers that fit."""
        pieces = [found.pieces[0] for found in self.found]
        return bool(self.unexplained) or any(p.factor or p.is_fitted for p in pieces)

    @property
    def kinds(self) -> list[int]:
        """By which of two explanations that suppose as much the likelier is first."""
        return sorted(LIKELY.index(found.kind) for found in self.found)

    def seen(self, kind: str) -> Iterator[Found]:
        """What was found wrong of this kind in the layers above."""
        return (found for found in self.found if found.kind == kind)

    def with_piece(self, kind: str, pieces: Sequence[Piece], layer: int) -> Path:
        """One wrong piece more, or one that was seen above once more."""
        for number, found in enumerate(self.found):
            common = tuple(piece for piece in found.pieces if piece in pieces)
            if found.kind == kind and common:
                again = Found(kind, common, (*found.layers, layer))
                others = self.found
                return replace(
                    self, found=(*others[:number], again, *others[number + 1 :])
                )
        return replace(self, found=(*self.found, Found(kind, tuple(pieces), (layer,))))


def is_same(user: Array, ours: Array, tolerance: float, rounding: float = 0.0) -> bool:
    """Whether two arrays are equal up to rounding.

    rounding : how far they may be apart, however small they are.
    """
    difference = float(np.linalg.norm(user - ours))
    size = float(np.linalg.norm(ours) + np.linalg.norm(user))
    return difference <= tolerance * size + rounding


def is_right(problem: Problem, given: Given) -> bool:
    """Whether all gradients that can be compared are the true ones."""
    triples = zip(
        (*given.dW, *given.db),
        (array for part in problem.gradient for array in part),
        (rounding for part in given.rounding for rounding in part),
    )
    return all(
        user is None or is_same(user, true, given.tolerance, rounding)
        for user, true, rounding in triples
    )


def factor_between(user: Array, ours: Array, tolerance: float) -> float | None:
    """``c`` with ``user = c ours``, None if there is none."""
    square = float((ours * ours).sum())
    if not square or user.shape != ours.shape:
        return None
    c = float((user * ours).sum()) / square
    return c if c and is_same(user, c * ours, tolerance) else None


def unlike(
    paths: Sequence[Path], tolerance: float, misfit: Callable[[Path], float]
) -> list[Path]:
    """One path for those that differ in one piece and have the same numbers.

    With the numbers of the one that fits best: below, differences add up.
    """
    unlike: list[Path] = []
    for path in paths:
        for number, other in enumerate(unlike):
            if (merged := _merged(other, path, tolerance)) is not None:
                best = min(other, path, key=misfit)
                unlike[number] = replace(merged, deltas=best.deltas, error=best.error)
                break
        else:
            unlike.append(path)
    return unlike


def _merged(one: Path, other: Path, tolerance: float) -> Path | None:
    """Both as one, None where they are not alike."""
    if len(one.found) != len(other.found) or one.unexplained != other.unexplained:
        return None
    differ = [
        number
        for number, (a, b) in enumerate(zip(one.found, other.found))
        if a.pieces != b.pieces
    ]
    if len(differ) != 1:
        return None
    (at,) = differ
    a, b, layer = one.found[at], other.found[at], min(one.deltas)
    alike = (a.kind, a.layers) == (b.kind, b.layers)
    if not alike or not is_same(one.deltas[layer], other.deltas[layer], tolerance):
        return None
    pieces = (*a.pieces, *(p for p in b.pieces if p not in a.pieces))
    both = a._replace(pieces=tuple(sorted(pieces, key=lambda p: p.cost)))
    return replace(one, found=(*one.found[:at], both, *one.found[at + 1 :]))
