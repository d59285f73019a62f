"""Explanations of ``dW_l`` and ``db_l`` by the error ``dZ_l`` of a layer.

A gradient is explained by nothing, where it is right; else by entries of the catalogue,
by a constant factor, or by a penalty, as long as they give the user's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from skdeepbin.diagnosis.backprop._explanation import (
    Explanation,
    UserGradients,
    factor_between,
    is_same,
)
from skdeepbin.diagnosis.backprop.catalogue._entry import BackwardContext, Entry, Kind
from skdeepbin.diagnosis.backprop.catalogue._factors import (
    FACTOR_TOLERANCES,
    PENALTIES,
    as_scale_of_error,
    factor_entries,
    penalised_biases_entry,
    penalty_entry,
    unnamed_factor_entry,
)
from skdeepbin.diagnosis.backprop.catalogue._gradients import BIASES, SIGNS, WEIGHTS
from skdeepbin.network._parameters import Array

# Numbers that are fitted to a difference of gradients agree to so many tolerances, or,
# where they are a rate or a multiple of a vector, to this relative error.
FITTED_TOLERANCES, FITTED = 100.0, 1e-3


class Gradient(NamedTuple):
    """A gradient of the user's, beside ``data / divisor + penalty``, the right one."""

    kind: Kind
    user: Array
    data: Array
    penalty: Array | float
    rounding: float


@dataclass(frozen=True)
class LayerFit:
    """The gradients of one layer, and a ``dZ_l`` that may explain them.

    explanation : that of the layers above and of the error.
    deep : whether new mistakes are tried; else only what is right or was found above,
        and at the output a constant factor.
    """

    context: BackwardContext
    gradients: UserGradients
    explanation: Explanation
    deep: bool

    def explanations(self) -> Iterator[Explanation]:
        """Yield the explanations of both gradients."""
        by_weights = self._entries("weights", self.explanation)
        if not by_weights and not self.deep:
            return
        layer = self.context.layer
        unknown: list[list[Entry] | None] = [None]
        for entries in by_weights or unknown:
            after = _extended(self.explanation, "weights", entries, layer)
            by_biases = self._entries("biases", after, entries or ())
            for others in by_biases or unknown:
                both = _extended(after, "biases", others, layer)
                yield both
                if entries and others:
                    yield from self._as_one_scale(entries, others)

    def _as_one_scale(
        self, of_weights: Sequence[Entry], of_biases: Sequence[Entry]
    ) -> Iterator[Explanation]:
        """Yield one constant factor on both gradients as one on the error."""
        layer = self.context.layer
        keys = {entry.factor.key for entry in of_biases if entry.factor}
        common = [
            (entry, factor)
            for entry in of_weights
            if (factor := entry.factor)
            and factor.key in keys
            # at the output there is one unit: its number divides nothing
            and not (self._is_output and factor.uses_fan_out)
        ]
        if common:
            scaled = common[0][1].value * self.context.dZ
            deltas = {**self.explanation.deltas, layer: scaled}
            entries = [as_scale_of_error(entry, factor) for entry, factor in common]
            explanation = replace(self.explanation, deltas=deltas)
            yield explanation.with_entries(entries, layer)

    @property
    def _is_output(self) -> bool:
        return self.context.layer == self.context.network.depth

    def _gradient(self, kind: Kind) -> Gradient | None:
        """Return a gradient of this layer; None where there is none to explain."""
        c, at, of_biases = self.context, self.context.layer - 1, kind == "biases"
        user = (self.gradients.db if of_biases else self.gradients.dW)[at]
        if user is None:
            return None
        rounding = self.gradients.rounding[of_biases][at]
        if of_biases:
            return Gradient(kind, user, c.dZ.sum(axis=0), 0.0, rounding)
        penalty = c.network.penalty(c.layer)
        return Gradient(kind, user, c.inputs.T @ c.dZ, penalty, rounding)

    def _entries(
        self, kind: Kind, explanation: Explanation, of_weights: Sequence[Entry] = ()
    ) -> list[list[Entry]]:
        """Return sets of entries that explain a gradient by the same numbers.

        None of them is right: [[]] is no mistake, and [] no explanation.

        of_weights : for biases, the entries of the weights.
        """
        if (gradient := self._gradient(kind)) is None:
            return [[]]
        _, user, data, penalty, rounding = gradient
        right = data / self.context.network.divisor + penalty
        if is_same(user, right, self.gradients.tolerance, rounding):
            return [[]]
        for match in explanation.matches_of(kind):
            if entries := self._fitting(gradient, match.entries):
                return [entries]
        if kind == "weights" and not (self.deep or self._is_output):
            return []
        entries = self._new_entries(gradient, of_weights)
        return [entries] if entries else []

    def _fitting(self, gradient: Gradient, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that give a gradient."""
        _, user, _, penalty, _ = gradient
        divisor = self.context.network.divisor
        return [
            entry
            for entry in entries
            if (ours := entry.compute(self.context)) is not None
            and ours.shape == user.shape
            and is_same(user, ours / divisor + penalty, self.gradients.tolerance)
        ]

    def _new_entries(
        self, gradient: Gradient, of_weights: Sequence[Entry]
    ) -> list[Entry]:
        """Return entries that were not found above: of the tables, or with a number."""
        kind, user, data, penalty, _ = gradient
        tolerance, divisor = self.gradients.tolerance, self.context.network.divisor
        if kind == "biases":
            entries, penalties = self._fitting(gradient, BIASES), self._penalised_biases
            if user.size == 1:  # both are then plus or minus one, whatever it was
                signs = {*SIGNS} - {entry.key for entry in of_weights}
                entries = [entry for entry in entries if entry.key not in signs]
        else:
            entries = self._fitting(gradient, WEIGHTS) if self.deep else []
            penalties = self._penalties
        c = factor_between(user - penalty, data / divisor, tolerance)
        entries += factor_entries(kind, c, self.context, tolerance)
        entries = entries or penalties(user, user - data / divisor)
        if not entries and c is not None and self._is_put_there(c, user, of_weights):
            entries = [unnamed_factor_entry(kind, c)]
        return entries

    def _is_put_there(self, c: float, user: Array, of_weights: Sequence[Entry]) -> bool:
        """Return whether somebody may have put a factor on a gradient.

        A lone number is always off by some factor: there it must be the weights' too.
        """
        tolerance = self.gradients.tolerance
        if abs(c - 1) <= FITTED_TOLERANCES * tolerance:
            return False
        return user.size > 1 or any(
            abs(entry.factor.value - c) <= FACTOR_TOLERANCES * tolerance * abs(c)
            for entry in of_weights
            if entry.factor
        )

    def _penalties(self, user: Array, rest: Array) -> list[Entry]:
        """Return a penalty that is a wrong multiple of the weights, or of others."""
        W, network = self.context.W, self.context.network
        right = network.alpha / network.divisor
        if right and is_same(user, user - rest, self.gradients.tolerance):
            return [penalty_entry(0.0, "weights", network)]
        tolerance = FITTED_TOLERANCES * self.gradients.tolerance
        for basis, (_, of) in PENALTIES.items():
            strength = factor_between(rest, of(W), tolerance)
            if strength is not None and W.size > 1:
                return [penalty_entry(strength, basis, network)]
        return []

    def _penalised_biases(self, user: Array, rest: Array) -> list[Entry]:
        """Return a penalty on the biases; on a lone one it has the right strength."""
        network = self.context.network
        b = network.biases[self.context.layer - 1]
        tolerance = FITTED_TOLERANCES * self.gradients.tolerance
        strength = factor_between(rest, b, tolerance)
        right = network.alpha / network.divisor
        if strength is None:
            return []
        if len(b) < 2 and abs(strength - right) > FITTED * right:
            return []
        return [penalised_biases_entry(strength)]


def _extended(
    explanation: Explanation, kind: Kind, entries: Sequence[Entry] | None, layer: int
) -> Explanation:
    """Return the explanation with entries, or without one where they are None."""
    if entries is None:
        unexplained = (*explanation.unexplained, (kind, layer))
        return replace(explanation, unexplained=unexplained)
    return explanation.with_entries(entries, layer) if entries else explanation
