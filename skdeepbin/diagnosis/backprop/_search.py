"""The search for mistakes that give the user's numbers, from the output layer down.

The gradients of a layer depend on the error that arrived there and on nothing below, so
entries of the catalogue are found one layer at a time: those that explain ``dW_l`` and
``db_l``, the fewest first, and each explanation is followed down with the error that it
sends. A mistake that is made in several layers counts once. The search compares keys,
kinds and factors of entries and never their messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._explanation import (
    Explanation,
    UserGradients,
    factor_between,
    is_right,
    merge_alike,
)
from skdeepbin.diagnosis.backprop._layer_fit import FITTED, LayerFit
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import BackwardContext, Entry
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
            for entry in match.entries:
                if (delta := entry.compute(context)) is not None:
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

    def _explained(
        self, layer: int, candidate: Candidate, deep: bool
    ) -> Iterator[Explanation]:
        """Yield the explanations of both gradients by this ``dZ_l``."""
        before, error, delta = candidate
        deltas = {**before.deltas, layer: delta}
        after = replace(before, deltas=deltas, error=error)
        context = self._context(layer, before, error=error, delta=delta)
        return LayerFit(context, self.gradients, after, deep).explanations()
