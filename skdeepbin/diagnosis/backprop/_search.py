"""The search for mistakes that give the user's numbers, from the output layer down.

The gradients of a layer depend on the error that arrived there and on nothing below, so
entries of the catalogue are found one layer at a time: those that explain ``dW_l`` and
``db_l``, the fewest first, and each explanation is followed down with the error that it
sends. A mistake that is made in several layers counts once. The search compares keys,
kinds and factors of entries and never their messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._explanation import (
    Explanation,
    UserGradients,
    factor_between,
    is_right,
    is_same,
    merge_alike,
)
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
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
from skdeepbin.diagnosis.backprop.catalogue._hidden import (
    DOWN,
    derivatives,
    updated_weights,
)
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS
from skdeepbin.diagnosis.backprop.catalogue._rows import uneven_rows
from skdeepbin.network._parameters import Array

# Explanations that are followed at a time, and how much worse than the best they are.
BREADTH, SLACK = 64, 1
# Where an array is left unexplained, the search is repeated with a tolerance so many
# times finer, if so many times the tolerance is what hides a small mistake.
FINER, HIDDEN = 10.0, 100.0
# Numbers that are fitted to a difference of gradients agree to so many tolerances, or,
# where they are a rate or a multiple of a vector, to this relative error.
FITTED_TOLERANCES, FITTED = 100.0, 1e-3
# The cosine of a unit's gradient and the user's, below which one is no multiple of the
# other.
SAME_DIRECTION = 1 - 1e-4


def explain(network: ReferenceNetwork, gradients: UserGradients) -> list[Explanation]:
    """Return the best explanations of all gradients, those that suppose least first."""
    explanations = _search(network, gradients)
    if not explanations[0].unexplained:
        return explanations
    # what is wrong by little may count as right in the layers above
    if not is_right(
        network, gradients._replace(tolerance=HIDDEN * gradients.tolerance)
    ):
        return explanations
    finer = _search(network, gradients._replace(tolerance=gradients.tolerance / FINER))
    return explanations if finer[0].unexplained else finer


def _search(network: ReferenceNetwork, gradients: UserGradients) -> list[Explanation]:
    wrong = {name: tuple(derivatives(name)) for name in set(network.activations)}
    search = _Search(network, gradients, wrong)
    explanations = [Explanation()]
    for layer in range(network.depth, 0, -1):
        explanations = search.down_to(layer, explanations)
    least = min(e.cost for e in explanations)
    best = [e for e in explanations if e.cost == least]
    return sorted(best, key=lambda e: e.likelihood)


class Candidate(NamedTuple):
    """``dA_l`` and ``dZ_l`` by an explanation, which does not have them yet."""

    explanation: Explanation
    error: Array | None
    delta: Array


class LargestUnit(NamedTuple):
    """The unit of a layer with the largest gradient, its column, and its norm."""

    unit: int
    gradient: Array | None
    size: float


@dataclass(frozen=True)
class _Search:
    """The search in one network.

    derivatives : wrong ones, by activation.
    narrow, largest : by layer, the network with one unit in it, and that unit.
    """

    network: ReferenceNetwork
    gradients: UserGradients
    derivatives: Mapping[str, Sequence[Entry]]
    narrow: dict[int, ReferenceNetwork] = field(default_factory=dict)
    largest: dict[int, LargestUnit] = field(default_factory=dict)

    def down_to(
        self, layer: int, explanations: Sequence[Explanation]
    ) -> list[Explanation]:
        """Return the best explanations with one layer more.

        By what is right or was found above; where that does not do, by one new mistake,
        or two. Each is tried only where it could be as good as what there is.
        """
        results: list[Explanation] = []
        stages = (
            self._known_candidates,
            self._new_candidates,
            self._twice_new_candidates,
        )
        for n_new, candidates in enumerate(stages):
            best = min((r.cost for r in results), default=np.inf)
            for explanation in explanations:
                if explanation.cost + n_new > best:
                    continue
                if n_new == 2 and (layer == self.network.depth or explanation.is_lost):
                    continue
                deep = n_new == 0
                new = [
                    r
                    for candidate in candidates(layer, explanation)
                    for r in self._explained(layer, candidate, deep)
                ]
                if not deep:
                    misfit = partial(self._misfit, layer)
                    new = merge_alike(new, self.gradients.tolerance, misfit)
                results += new
        best = min(r.cost for r in results)
        results = [r for r in results if r.cost <= best + SLACK]
        return sorted(results, key=lambda r: r.cost)[:BREADTH]

    def _misfit(self, layer: int, explanation: Explanation) -> float:
        """Return how far ``dW_l`` is from that by the errors of an explanation."""
        user = self.gradients.dW[layer - 1]
        if user is None:
            return 0.0
        delta = explanation.deltas[layer]
        ours = self.network.A[layer - 1].T @ delta / self.network.divisor
        return float(np.linalg.norm(user - ours - self.network.penalty(layer)))

    # Candidates for dZ_l

    def _context(
        self,
        layer: int,
        explanation: Explanation,
        error: Array | None = None,
        delta: Array | None = None,
    ) -> BackwardContext:
        above = explanation.deltas, explanation.error
        user = self.gradients.dW, self.gradients.db
        return BackwardContext(self.network, layer, *above, error, delta, *user)

    def _errors(
        self, layer: int, explanation: Explanation, new: bool
    ) -> Iterator[tuple[Explanation, Array]]:
        """Yield ``dA_l``: right and as found above, or else by every wrong entry."""
        context = self._context(layer, explanation)
        if not new:
            yield explanation, context.dZ_above @ context.W_above.T
            for match in explanation.matches_of("down"):
                if (error := match.entries[0].compute(context)) is not None:
                    yield explanation.with_entries(match.entries, layer), error
            return
        for entry in (*DOWN, *self._updated(context, context.slope)):
            error = entry.compute(context)
            if error is not None and np.isfinite(error).all():
                yield explanation.with_entries([entry], layer), error

    def _updated(self, context: BackwardContext, slope: Array) -> Iterator[Entry]:
        """Yield weights that were updated before the error went through them.

        The rate is the one that gives the unit with the largest gradient.
        """
        layer = context.layer
        above, below = self.gradients.dW[layer], self.gradients.dW[layer - 1]
        if above is None or below is None:
            return
        below = below - self.network.penalty(layer)
        unit = self._largest(layer).unit

        def gradient(W: Array) -> Array:
            delta = context.dZ_above @ W[unit] * slope[:, unit]
            return context.inputs.T @ delta / self.network.divisor

        rest = gradient(context.W_above) - below[:, unit]
        rate = factor_between(rest, gradient(above), FITTED)
        if rate is not None:
            yield updated_weights(rate)

    def _known_derivatives(
        self, layer: int, before: Explanation, after: Explanation, error: Array
    ) -> Iterator[Candidate]:
        """Yield the wrong derivatives that were found above."""
        context = self._context(layer, before, error=error)
        for match in before.matches_of("derivative"):
            for entry, delta in _computed(match.entries, context):
                yield Candidate(after.with_entries([entry], layer), error, delta)

    def _known_candidates(
        self, layer: int, explanation: Explanation
    ) -> Iterator[Candidate]:
        """Yield the right numbers, and those by mistakes that were found above."""
        if layer == self.network.depth:
            yield Candidate(explanation, None, self.network.p - self.network.y)
            return
        for after, error in self._errors(layer, explanation, new=False):
            yield Candidate(after, error, error * self.network.derivative(layer))
            yield from self._known_derivatives(layer, explanation, after, error)

    def _new_candidates(
        self, layer: int, explanation: Explanation
    ) -> Iterator[Candidate]:
        """Yield the numbers by one mistake that was not made above."""
        if layer == self.network.depth:
            context = self._context(layer, explanation)
            for entry in (*OUTPUTS, *uneven_rows(context, self.gradients.tolerance)):
                delta = entry.compute(context)
                if delta is not None and self._may_be(explanation, layer, delta):
                    after = explanation.with_entries([entry], layer)
                    yield Candidate(after, None, delta)
            return
        for after, error in self._errors(layer, explanation, new=True):
            yield Candidate(after, error, error * self.network.derivative(layer))
            yield from self._known_derivatives(layer, explanation, after, error)
        for after, error in self._errors(layer, explanation, new=False):
            yield from self._new_derivatives(layer, explanation, after, error)

    def _twice_new_candidates(
        self, layer: int, explanation: Explanation
    ) -> Iterator[Candidate]:
        """Yield the numbers by two mistakes that were not made above."""
        for after, error in self._errors(layer, explanation, new=True):
            yield from self._new_derivatives(layer, explanation, after, error)
        yield from self._updated_and_new(layer, explanation)

    def _updated_and_new(
        self, layer: int, explanation: Explanation
    ) -> Iterator[Candidate]:
        """Yield weights that were updated before together with a wrong derivative."""
        ones = np.ones_like(self.network.A[layer])
        context = self._context(layer, explanation, error=ones)
        for entry in self.derivatives[self.network.activations[layer - 1]]:
            slope = entry.compute(context)
            if slope is None or not np.isfinite(slope).all():
                continue
            for updated in self._updated(context, slope):
                sent = updated.compute(context)
                if sent is not None:
                    after = explanation.with_entries([updated], layer)
                    both = after.with_entries([entry], layer)
                    yield Candidate(both, sent, sent * slope)

    def _new_derivatives(
        self, layer: int, before: Explanation, after: Explanation, error: Array
    ) -> Iterator[Candidate]:
        """Yield wrong derivatives that were tried first on one unit, a column."""
        context = self._context(layer, before, error=error)
        of_unit = self._of_unit(context)
        for entry in self.derivatives[self.network.activations[layer - 1]]:
            column = entry.compute(of_unit)
            if column is not None and self._may_be(before, layer, column):
                delta = entry.compute(context)
                if delta is not None and np.isfinite(delta).all():
                    yield Candidate(after.with_entries([entry], layer), error, delta)

    def _of_unit(self, context: BackwardContext) -> BackwardContext:
        """Return the context of the one unit of a layer with the largest gradient."""
        layer, unit = context.layer, self._largest(context.layer).unit
        if layer not in self.narrow:
            self.narrow[layer] = self.network.of_unit(layer, unit)
        only, width = slice(unit, unit + 1), context.a.shape[1]
        deltas = {
            number: delta[:, only] if delta.shape[1] == width else delta
            for number, delta in context.deltas.items()
        }
        error = context.dA[:, only]
        return replace(context, network=self.narrow[layer], deltas=deltas, error=error)

    def _largest(self, layer: int) -> LargestUnit:
        if layer not in self.largest:
            user = self.gradients.dW[layer - 1]
            if user is None:
                self.largest[layer] = LargestUnit(0, None, 0.0)
            else:
                user = user - self.network.penalty(layer)
                unit = int(abs(user).sum(axis=0).argmax())
                size = float(np.linalg.norm(user[:, unit]))
                self.largest[layer] = LargestUnit(unit, user[:, unit], size)
        return self.largest[layer]

    def _may_be(self, explanation: Explanation, layer: int, column: Array) -> bool:
        """Return whether a column of ``dZ_l`` may explain ``dW_l``, up to a factor."""
        _, user, size = self._largest(layer)
        if user is None or any(explanation.matches_of("weights")):
            return bool(np.isfinite(column).all())
        with np.errstate(over="ignore", invalid="ignore"):
            ours = self.network.A[layer - 1].T @ column[:, 0]
            sizes = size * float(np.linalg.norm(ours))
            if not sizes:
                return not (size or ours.any())
            return bool(abs(float(user @ ours)) >= SAME_DIRECTION * sizes)

    # Explanations of dW_l and db_l

    def _explained(
        self, layer: int, candidate: Candidate, deep: bool
    ) -> Iterator[Explanation]:
        """Yield the explanations of both gradients by this ``dZ_l``.

        deep : by new mistakes too; else only by what is right or was found above, and
            at the output by a constant factor.
        """
        before, error, delta = candidate
        deltas = {**before.deltas, layer: delta}
        explanation = replace(before, deltas=deltas, error=error)
        context = self._context(layer, before, error=error, delta=delta)
        by_weights = self._weights(context, explanation, deep)
        if not by_weights and not deep:
            return
        unknown: list[list[Entry] | None] = [None]
        for entries in by_weights or unknown:
            after = _extended(explanation, "weights", entries, layer)
            for others in self._biases(context, after, entries) or unknown:
                both = _extended(after, "biases", others, layer)
                yield both
                if entries and others:
                    yield from self._as_one_scale(explanation, layer, entries, others)

    def _as_one_scale(
        self,
        explanation: Explanation,
        layer: int,
        of_weights: Sequence[Entry],
        of_biases: Sequence[Entry],
    ) -> Iterator[Explanation]:
        """Yield one constant factor on both gradients as one on the error."""
        keys = {entry.factor.key for entry in of_biases if entry.factor}
        common = [
            (entry, factor)
            for entry in of_weights
            if (factor := entry.factor)
            and factor.key in keys
            # at the output there is one unit: its number divides nothing
            and not (layer == self.network.depth and factor.uses_fan_out)
        ]
        if common:
            scaled = common[0][1].value * explanation.deltas[layer]
            deltas = {**explanation.deltas, layer: scaled}
            entries = [as_scale_of_error(entry, factor) for entry, factor in common]
            yield replace(explanation, deltas=deltas).with_entries(entries, layer)

    def _weights(
        self, context: BackwardContext, explanation: Explanation, deep: bool
    ) -> list[list[Entry]]:
        """Return sets of entries that explain ``dW_l`` by the same numbers.

        None of them is right: [[]] is no mistake, and [] no explanation.
        """
        layer, tolerance = context.layer, self.gradients.tolerance
        user = self.gradients.dW[layer - 1]
        if user is None:
            return [[]]
        penalty, divisor = self.network.penalty(layer), self.network.divisor
        data = context.inputs.T @ context.dZ

        def fits(entry: Entry) -> bool:
            ours = entry.compute(context)
            if ours is None or ours.shape != user.shape:
                return False
            return is_same(user, ours / divisor + penalty, tolerance)

        rounding = self.gradients.rounding[0][layer - 1]
        if is_same(user, data / divisor + penalty, tolerance, rounding):
            return [[]]
        for match in explanation.matches_of("weights"):
            if entries := [entry for entry in match.entries if fits(entry)]:
                return [entries]
        if not deep and layer < self.network.depth:
            return []
        entries = [entry for entry in WEIGHTS if fits(entry)] if deep else []
        c = factor_between(user - penalty, data / divisor, tolerance)
        entries += factor_entries("weights", c, context, tolerance)
        entries = entries or self._penalties(user, data, context)
        if not entries and c is not None and user.size > 1 and self._is_not_one(c):
            entries = [unnamed_factor_entry("weights", c)]
        return [entries] if entries else []

    def _is_not_one(self, c: float) -> bool:
        """Return whether a factor is one that somebody may have put there."""
        return abs(c - 1) > FITTED_TOLERANCES * self.gradients.tolerance

    def _penalties(
        self, user: Array, data: Array, context: BackwardContext
    ) -> list[Entry]:
        """Return a penalty that is a wrong multiple of the weights, or of others."""
        rest = user - data / self.network.divisor
        right = self.network.alpha / self.network.divisor
        if right and is_same(user, user - rest, self.gradients.tolerance):
            return [penalty_entry(0.0, "weights", self.network)]
        tolerance = FITTED_TOLERANCES * self.gradients.tolerance
        for basis, (_, of) in PENALTIES.items():
            strength = factor_between(rest, of(context.W), tolerance)
            if strength is not None and context.W.size > 1:
                return [penalty_entry(strength, basis, self.network)]
        return []

    def _biases(
        self,
        context: BackwardContext,
        explanation: Explanation,
        of_weights: Sequence[Entry] | None,
    ) -> list[list[Entry]]:
        """Return sets of entries that explain ``db_l``, as `_weights` for ``dW_l``.

        A lone bias is always off by some constant factor.
        """
        layer, tolerance = context.layer, self.gradients.tolerance
        user = self.gradients.db[layer - 1]
        if user is None:
            return [[]]
        divisor = self.network.divisor
        data = context.dZ.sum(axis=0)

        def fits(entry: Entry) -> bool:
            ours = entry.compute(context)
            return ours is not None and is_same(user, ours / divisor, tolerance)

        rounding = self.gradients.rounding[1][layer - 1]
        if is_same(user, data / divisor, tolerance, rounding):
            return [[]]
        for match in explanation.matches_of("biases"):
            if entries := [entry for entry in match.entries if fits(entry)]:
                return [entries]
        entries = [entry for entry in BIASES if fits(entry)]
        if user.size == 1:  # both are then plus or minus one, whatever it was
            also = {entry.key for entry in of_weights or []}
            signs = {*SIGNS} - also
            entries = [entry for entry in entries if entry.key not in signs]
        c = factor_between(user, data / divisor, tolerance)
        entries += factor_entries("biases", c, context, tolerance)
        entries = entries or self._penalised_biases(user, data, context)
        if not entries and c is not None and self._is_not_one(c):
            is_of_weights = any(
                abs(entry.factor.value - c) <= FACTOR_TOLERANCES * tolerance * abs(c)
                for entry in of_weights or []
                if entry.factor
            )
            if user.size > 1 or is_of_weights:
                entries = [unnamed_factor_entry("biases", c)]
        return [entries] if entries else []

    def _penalised_biases(
        self, user: Array, data: Array, context: BackwardContext
    ) -> list[Entry]:
        b = self.network.biases[context.layer - 1]
        tolerance = FITTED_TOLERANCES * self.gradients.tolerance
        strength = factor_between(user - data / self.network.divisor, b, tolerance)
        right = self.network.alpha / self.network.divisor
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


def _computed(
    entries: Iterable[Entry], context: BackwardContext
) -> Iterator[tuple[Entry, Array]]:
    """Yield each entry with its numbers, where it has some."""
    for entry in entries:
        if (delta := entry.compute(context)) is not None:
            yield entry, delta
