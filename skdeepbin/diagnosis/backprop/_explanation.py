"""Explanations of the gradients so far, and how arrays are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import Entry, Kind
from skdeepbin.network._parameters import Array

# Kinds of mistakes, the likelier first where two give the same numbers.
LIKELY: tuple[Kind, ...] = (
    "output",
    "derivative",
    "down",
    "weights",
    "biases",
    "scale",
)
# An unexplained array counts as so many mistakes: as one more than any explanation of
# one layer needs.
UNEXPLAINED = 4


class UserGradients(NamedTuple):
    """The user's gradients in rows; None where an array cannot be compared.

    tolerance : relative error of what is right up to rounding.
    rounding : of the sum that a gradient is, for each array, in Euclidean norm.
    """

    dW: Sequence[Array | None]
    db: Sequence[Array | None]
    tolerance: float
    rounding: tuple[Sequence[float], Sequence[float]]


class Match(NamedTuple):
    """Entries of the catalogue that give the same numbers, and their layers."""

    entries: tuple[Entry, ...]
    layers: tuple[int, ...]

    @property
    def kind(self) -> Kind:
        """The kind of its entries, which is one."""
        return self.entries[0].kind


@dataclass(frozen=True)
class Explanation:
    """An explanation of the layers so far.

    unexplained : ("weights" or "biases", layer) of each array that it leaves open.
    deltas, error : ``dZ`` of every layer and ``dA`` of the last, as it has them.
    """

    matches: tuple[Match, ...] = ()
    unexplained: tuple[tuple[Kind, int], ...] = ()
    deltas: Mapping[int, Array] = field(default_factory=dict)
    error: Array | None = None

    @property
    def cost(self) -> int:
        """The number of mistakes that it supposes."""
        n_mistakes = sum(match.entries[0].cost for match in self.matches)
        return n_mistakes + UNEXPLAINED * len(self.unexplained)

    @property
    def is_lost(self) -> bool:
        """True if nothing tells ``dZ`` of some layer."""
        return any(
            {("weights", layer), ("biases", layer)} <= {*self.unexplained}
            for _, layer in self.unexplained
        )

    @property
    def is_vague(self) -> bool:
        """True if it leaves something open, or supposes numbers that were fitted."""
        entries = [match.entries[0] for match in self.matches]
        fitted = any(entry.factor or entry.is_fitted for entry in entries)
        return bool(self.unexplained) or fitted

    @property
    def likelihood(self) -> list[int]:
        """The order of two explanations that suppose as much, the likelier first."""
        return sorted(LIKELY.index(match.kind) for match in self.matches)

    def matches_of(self, kind: Kind) -> Iterator[Match]:
        """Yield the mistakes of a kind that were found in the layers above."""
        return (match for match in self.matches if match.kind == kind)

    def with_entries(self, entries: Sequence[Entry], layer: int) -> Explanation:
        """Return it with one mistake more, or one from above in this layer too."""
        for number, match in enumerate(self.matches):
            common = tuple(entry for entry in match.entries if entry in entries)
            if common:
                again = Match(common, (*match.layers, layer))
                others = self.matches
                return replace(
                    self, matches=(*others[:number], again, *others[number + 1 :])
                )
        return replace(self, matches=(*self.matches, Match(tuple(entries), (layer,))))


def _norm(array: Array) -> float:
    """Return the Euclidean norm: a search asks for a million."""
    return sqrt(np.vdot(array, array))


def is_same(user: Array, ours: Array, tolerance: float, rounding: float = 0.0) -> bool:
    """Return whether two arrays are equal up to rounding.

    rounding : how far they may be apart, however small they are.
    """
    difference, size = _norm(user - ours), _norm(ours) + _norm(user)
    return difference <= tolerance * size + rounding


def is_right(network: ReferenceNetwork, gradients: UserGradients) -> bool:
    """Return whether all gradients that can be compared are the true ones."""
    triples = zip(
        (*gradients.dW, *gradients.db),
        (array for part in network.gradient for array in part),
        (rounding for part in gradients.rounding for rounding in part),
    )
    return all(
        user is None or is_same(user, true, gradients.tolerance, rounding)
        for user, true, rounding in triples
    )


def factor_between(user: Array, ours: Array, tolerance: float) -> float | None:
    """Return ``c`` with ``user = c ours``, None if there is none."""
    square = float((ours * ours).sum())
    if not square or user.shape != ours.shape:
        return None
    c = float((user * ours).sum()) / square
    return c if c and is_same(user, c * ours, tolerance) else None


def merge_alike(
    explanations: Sequence[Explanation],
    tolerance: float,
    misfit: Callable[[Explanation], float],
) -> list[Explanation]:
    """Merge explanations that differ in one mistake and have the same numbers.

    With the numbers of the one that fits best: below, differences add up.
    """
    unlike: list[Explanation] = []
    for explanation in explanations:
        for number, other in enumerate(unlike):
            if (merged := _merged(other, explanation, tolerance)) is not None:
                best = min(other, explanation, key=misfit)
                unlike[number] = replace(merged, deltas=best.deltas, error=best.error)
                break
        else:
            unlike.append(explanation)
    return unlike


def _merged(
    one: Explanation, other: Explanation, tolerance: float
) -> Explanation | None:
    """Return both as one, None where they are not alike."""
    if len(one.matches) != len(other.matches) or one.unexplained != other.unexplained:
        return None
    differ = [
        number
        for number, (a, b) in enumerate(zip(one.matches, other.matches))
        if a.entries != b.entries
    ]
    if len(differ) != 1:
        return None
    (at,) = differ
    a, b, layer = one.matches[at], other.matches[at], min(one.deltas)
    alike = (a.kind, a.layers) == (b.kind, b.layers)
    if not alike or not is_same(one.deltas[layer], other.deltas[layer], tolerance):
        return None
    entries = (*a.entries, *(entry for entry in b.entries if entry not in a.entries))
    both = a._replace(entries=tuple(sorted(entries, key=lambda entry: entry.cost)))
    return replace(one, matches=(*one.matches[:at], both, *one.matches[at + 1 :]))
