"""Which wrong pieces give the user's numbers: back through the layers, from the output.

The gradients of a layer depend on the error that arrived there and on nothing below, so
pieces are found one layer at a time: those that explain ``dW_l`` and ``db_l``, the
fewest first, and each explanation is followed down with the error that it sends. A
piece that is wrong in several layers counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._explanation import (
    Given,
    Path,
    factor_between,
    is_right,
    is_same,
    unlike,
)
from skdeepbin.diagnosis.backprop._reference import Problem
from skdeepbin.diagnosis.backprop.catalogue._entry import Here, Piece
from skdeepbin.diagnosis.backprop.catalogue._factors import (
    PENALTIES,
    as_scale_of_error,
    off_by,
    penalised_biases_piece,
    penalty_piece,
    scaled,
)
from skdeepbin.diagnosis.backprop.catalogue._gradients import (
    BIASES,
    NORMALISED,
    SIGN,
    WEIGHTS,
)
from skdeepbin.diagnosis.backprop.catalogue._hidden import DOWN, derivatives
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS
from skdeepbin.diagnosis.backprop.catalogue._rows import uneven_rows
from skdeepbin.network._parameters import Array

# Explanations that are followed at a time, and how much worse than the best they are.
BREADTH, SLACK = 64, 1


def explanations(problem: Problem, given: Given) -> list[Path]:
    """The best explanations of all gradients, those that suppose least first."""
    paths = _found(problem, given)
    if not paths[0].unexplained:
        return paths
    # what is wrong by little may count as right in the layers above
    if not is_right(problem, given._replace(tolerance=100 * given.tolerance)):
        return paths
    finer = _found(problem, given._replace(tolerance=given.tolerance / 10))
    return paths if finer[0].unexplained else finer


def _found(problem: Problem, given: Given) -> list[Path]:
    wrong = {name: tuple(derivatives(name)) for name in set(problem.activations)}
    search = _Search(problem, given, wrong)
    paths = [Path()]
    for layer in range(problem.depth, 0, -1):
        paths = search.down_to(layer, paths)
    least = min(path.cost for path in paths)
    paths = [path for path in paths if path.cost == least]
    return sorted(paths, key=lambda path: path.kinds)


class Way(NamedTuple):
    """A path to ``dA_l`` and ``dZ_l``; the path does not have them yet."""

    path: Path
    error: Array | None
    delta: Array


class Telling(NamedTuple):
    """The unit of a layer with the largest gradient: its column, and the norm of it."""

    unit: int
    gradient: Array | None
    size: float


@dataclass(frozen=True)
class _Search:
    """The search in one problem.

    derivatives : wrong ones, by activation.
    narrow, telling : by layer, the problem with one unit in it, and that unit.
    """

    problem: Problem
    given: Given
    derivatives: Mapping[str, Sequence[Piece]]
    narrow: dict[int, Problem] = field(default_factory=dict)
    telling: dict[int, Telling] = field(default_factory=dict)

    def down_to(self, layer: int, paths: Sequence[Path]) -> list[Path]:
        """The best explanations with one layer more.

        By what is right or was seen above; where that does not do, by one new wrong
        piece, or two. Each is tried only where it could be as good as what there is.
        """
        results: list[Path] = []
        stages = self._known_ways, self._new_ways, self._twice_new_ways
        for n_new, ways in enumerate(stages):
            best = min((r.cost for r in results), default=np.inf)
            for path in paths:
                if path.cost + n_new > best:
                    continue
                if n_new == 2 and (layer == self.problem.depth or path.is_lost):
                    continue
                deep = n_new == 0
                new = [
                    r
                    for way in ways(layer, path)
                    for r in self._explained(layer, way, deep)
                ]
                if not deep:
                    misfit = partial(self._misfit, layer)
                    new = unlike(new, self.given.tolerance, misfit)
                results += new
        best = min(r.cost for r in results)
        results = [r for r in results if r.cost <= best + SLACK]
        return sorted(results, key=lambda r: r.cost)[:BREADTH]

    def _misfit(self, layer: int, path: Path) -> float:
        """How far ``dW_l`` is from that by the errors of a path."""
        user = self.given.dW[layer - 1]
        if user is None:
            return 0.0
        ours = self.problem.A[layer - 1].T @ path.deltas[layer] / self.problem.divisor
        return float(np.linalg.norm(user - ours - self.problem.penalty(layer)))

    # Ways to dZ_l

    def _here(
        self,
        layer: int,
        path: Path,
        error: Array | None = None,
        delta: Array | None = None,
    ) -> Here:
        above = path.deltas, path.error
        given = self.given.dW, self.given.db
        return Here(self.problem, layer, *above, error, delta, *given)

    def _errors(
        self, layer: int, path: Path, new: bool
    ) -> Iterator[tuple[Path, Array]]:
        """``dA_l``: the right one and as seen above, or else by every wrong piece."""
        here = self._here(layer, path)
        if not new:
            yield path, here.dZ_above @ here.W_above.T
            for found in path.seen("down"):
                if (error := found.pieces[0].compute(here)) is not None:
                    yield path.with_piece("down", found.pieces, layer), error
            return
        slope = self.problem.derivative(layer)
        for piece in (*DOWN, *self._updated(here, slope)):
            error = piece.compute(here)
            if error is not None and np.isfinite(error).all():
                yield path.with_piece("down", [piece], layer), error

    def _updated(self, here: Here, slope: Array) -> Iterator[Piece]:
        """Weights that were updated before the error went through them.

        The rate is the one that gives the unit with the largest gradient.
        """
        above, below = self.given.dW[here.layer], self.given.dW[here.layer - 1]
        if above is None or below is None:
            return
        below = below - self.problem.penalty(here.layer)
        unit = self._telling(here.layer).unit

        def gradient(W: Array) -> Array:
            delta = here.dZ_above @ W[unit] * slope[:, unit]
            return here.inputs.T @ delta / self.problem.divisor

        rest = gradient(here.W_above) - below[:, unit]
        rate = factor_between(rest, gradient(above), 1e-3)
        if rate is None:
            return
        yield Piece(
            "the weights are updated before the error is sent down",
            f"W{{o}} -= {rate:.3g} * dW{{o}};  dA{{l}} = dZ{{o}} @ W{{o}}.T",
            "dA{l} = dZ{o} @ W{o}.T, and all weights updated at the end",
            "The layers below learn from the errors of another network; with small "
            "steps this does little harm.",
            _through_updated(rate),
        )

    def _known_ways(self, layer: int, path: Path) -> list[Way]:
        """With right pieces, and those seen wrong above."""
        if layer == self.problem.depth:
            return [Way(path, None, self.problem.p - self.problem.y)]
        ways = []
        for after, error in self._errors(layer, path, new=False):
            ways.append(Way(after, error, error * self.problem.derivative(layer)))
            here = self._here(layer, path, error=error)
            for found in path.seen("derivative"):
                for pieces, delta in _computed(found.pieces, here):
                    ways.append(
                        Way(after.with_piece("derivative", pieces, layer), error, delta)
                    )
        return ways

    def _new_ways(self, layer: int, path: Path) -> Iterator[Way]:
        """With one piece replaced that was right above."""
        if layer == self.problem.depth:
            here = self._here(layer, path)
            for piece in (*OUTPUTS, *uneven_rows(here, self.given.tolerance)):
                delta = piece.compute(here)
                if delta is not None and self._may_be(path, layer, delta):
                    after = path.with_piece("output", [piece], layer)
                    yield Way(after, None, delta)
            return
        slope = self.problem.derivative(layer)
        for after, error in self._errors(layer, path, new=True):
            yield Way(after, error, error * slope)
            here = self._here(layer, path, error=error)
            for found in path.seen("derivative"):
                for pieces, delta in _computed(found.pieces, here):
                    both = after.with_piece("derivative", pieces, layer)
                    yield Way(both, error, delta)
        for after, error in self._errors(layer, path, new=False):
            yield from self._new_derivatives(layer, path, after, error)

    def _twice_new_ways(self, layer: int, path: Path) -> Iterator[Way]:
        """With both pieces replaced."""
        for after, error in self._errors(layer, path, new=True):
            yield from self._new_derivatives(layer, path, after, error)
        yield from self._updated_and_new(layer, path)

    def _updated_and_new(self, layer: int, path: Path) -> Iterator[Way]:
        """Weights updated before, and a wrong derivative."""
        here = self._here(layer, path, error=np.ones_like(self.problem.A[layer]))
        for piece in self.derivatives[self.problem.activations[layer - 1]]:
            slope = piece.compute(here)
            if slope is None or not np.isfinite(slope).all():
                continue
            for updated in self._updated(here, slope):
                sent = updated.compute(here)
                if sent is not None:
                    after = path.with_piece("down", [updated], layer)
                    both = after.with_piece("derivative", [piece], layer)
                    yield Way(both, sent, sent * slope)

    def _new_derivatives(
        self, layer: int, path: Path, after: Path, error: Array
    ) -> Iterator[Way]:
        """Tried on one unit first, of which there is a column."""
        here = self._here(layer, path, error=error)
        one = self._of_unit(here)
        for piece in self.derivatives[self.problem.activations[layer - 1]]:
            column = piece.compute(one)
            if column is not None and self._may_be(path, layer, column):
                delta = piece.compute(here)
                if delta is not None and np.isfinite(delta).all():
                    after_it = after.with_piece("derivative", [piece], layer)
                    yield Way(after_it, error, delta)

    def _of_unit(self, here: Here) -> Here:
        """What is known at the unit of a layer that has the largest gradient."""
        layer, unit = here.layer, self._telling(here.layer).unit
        if layer not in self.narrow:
            self.narrow[layer] = self.problem.of_unit(layer, unit)
        only, width = slice(unit, unit + 1), here.a.shape[1]
        deltas = {
            number: delta[:, only] if delta.shape[1] == width else delta
            for number, delta in here.deltas.items()
        }
        error = here.dA[:, only]
        return replace(here, problem=self.narrow[layer], deltas=deltas, error=error)

    def _telling(self, layer: int) -> Telling:
        if layer not in self.telling:
            user = self.given.dW[layer - 1]
            if user is None:
                self.telling[layer] = Telling(0, None, 0.0)
            else:
                user = user - self.problem.penalty(layer)
                unit = int(abs(user).sum(axis=0).argmax())
                size = float(np.linalg.norm(user[:, unit]))
                self.telling[layer] = Telling(unit, user[:, unit], size)
        return self.telling[layer]

    def _may_be(self, path: Path, layer: int, column: Array) -> bool:
        """Whether that of a unit in ``dZ_l`` may give its ``dW_l``, up to a factor."""
        _, user, size = self._telling(layer)
        if user is None or any(path.seen("weights")):
            return bool(np.isfinite(column).all())
        with np.errstate(over="ignore", invalid="ignore"):
            ours = self.problem.A[layer - 1].T @ column[:, 0]
            sizes = size * float(np.linalg.norm(ours))
            if not sizes:
                return not (size or ours.any())
            return bool(abs(float(user @ ours)) >= (1 - 1e-4) * sizes)

    # Explanations of dW_l and db_l

    def _explained(self, layer: int, way: Way, deep: bool) -> Iterator[Path]:
        """The ways to explain both gradients by this ``dZ_l``.

        deep : by new wrong pieces too; else only by what is right or was seen above,
            and at the output by a constant factor.
        """
        deltas = {**way.path.deltas, layer: way.delta}
        path = replace(way.path, deltas=deltas, error=way.error)
        here = self._here(layer, way.path, error=way.error, delta=way.delta)
        by_weights = self._weights(here, path, deep)
        if not by_weights and not deep:
            return
        unknown: list[list[Piece] | None] = [None]
        for pieces in by_weights or unknown:
            after = self._with(path, "weights", pieces, layer)
            for others in self._biases(here, after, pieces) or unknown:
                both = self._with(after, "biases", others, layer)
                yield both
                if pieces and others:
                    yield from self._as_one_scale(both, path, layer, pieces, others)

    def _with(
        self, path: Path, kind: str, pieces: Sequence[Piece] | None, layer: int
    ) -> Path:
        if pieces is None:
            return replace(path, unexplained=(*path.unexplained, (kind, layer)))
        return path.with_piece(kind, pieces, layer) if pieces else path

    def _as_one_scale(
        self,
        both: Path,
        path: Path,
        layer: int,
        of_weights: Sequence[Piece],
        of_biases: Sequence[Piece],
    ) -> Iterator[Path]:
        """The same constant factor on both gradients as one on the error."""
        names = {piece.name[3:] for piece in of_biases if piece.factor}
        common = [p for p in of_weights if p.factor and p.name[3:] in names]
        if layer == self.problem.depth:  # one unit: its number divides nothing
            common = [p for p in common if "fan_out" not in p.name]
        if common:
            deltas = {**path.deltas, layer: common[0].factor * path.deltas[layer]}
            pieces = [as_scale_of_error(piece) for piece in common]
            yield replace(path, deltas=deltas).with_piece("scale", pieces, layer)

    def _weights(self, here: Here, path: Path, deep: bool) -> list[list[Piece]]:
        """Sets of pieces with the same numbers that explain ``dW_l``; [] is right."""
        user = self.given.dW[here.layer - 1]
        if user is None:
            return [[]]
        penalty, divisor = self.problem.penalty(here.layer), self.problem.divisor
        data = here.inputs.T @ here.dZ

        def matches(piece: Piece) -> bool:
            ours = piece.compute(here)
            if ours is None or ours.shape != user.shape:
                return False
            return is_same(user, ours / divisor + penalty, self.given.tolerance)

        rounding = self.given.rounding[0][here.layer - 1]
        if is_same(user, data / divisor + penalty, self.given.tolerance, rounding):
            return [[]]
        for found in path.seen("weights"):
            if pieces := [piece for piece in found.pieces if matches(piece)]:
                return [pieces]
        if not deep and here.layer < self.problem.depth:
            return []
        pieces = [piece for piece in WEIGHTS if matches(piece)] if deep else []
        c = factor_between(user - penalty, data / divisor, self.given.tolerance)
        pieces += scaled("dW", c, here, self.given.tolerance)
        pieces = pieces or self._penalties(user, data, here)
        if not pieces and c is not None and user.size > 1 and self._is_not_one(c):
            pieces = [off_by("dW", c)]
        return [pieces] if pieces else []

    def _is_not_one(self, c: float) -> bool:
        """Whether a factor is one that somebody may have put there."""
        return abs(c - 1) > 100 * self.given.tolerance

    def _penalties(self, user: Array, data: Array, here: Here) -> list[Piece]:
        """A wrong multiple of the weights as the penalty, or of something else."""
        rest = user - data / self.problem.divisor
        right = self.problem.alpha / self.problem.divisor
        if right and is_same(user, user - rest, self.given.tolerance):
            return [penalty_piece(0.0, "W{l}", self.problem)]
        for basis, of in PENALTIES.items():
            strength = factor_between(rest, of(here.W), 100 * self.given.tolerance)
            if strength is not None and here.W.size > 1:
                return [penalty_piece(strength, basis, self.problem)]
        return []

    def _biases(
        self, here: Here, path: Path, of_weights: Sequence[Piece] | None
    ) -> list[list[Piece]]:
        """The same for ``db_l``; a lone bias is always off by some constant factor."""
        user = self.given.db[here.layer - 1]
        if user is None:
            return [[]]
        divisor = self.problem.divisor
        data = here.dZ.sum(axis=0)

        def matches(piece: Piece) -> bool:
            ours = piece.compute(here)
            if ours is None:
                return False
            return is_same(user, ours / divisor, self.given.tolerance)

        rounding = self.given.rounding[1][here.layer - 1]
        if is_same(user, data / divisor, self.given.tolerance, rounding):
            return [[]]
        for found in path.seen("biases"):
            if pieces := [piece for piece in found.pieces if matches(piece)]:
                return [pieces]
        pieces = [piece for piece in BIASES if matches(piece)]
        if user.size == 1:  # both are then plus or minus one, whatever it was
            also = {piece.name for piece in of_weights or []}
            signs = {NORMALISED, SIGN} - also
            pieces = [piece for piece in pieces if piece.name not in signs]
        c = factor_between(user, data / divisor, self.given.tolerance)
        pieces += scaled("db", c, here, self.given.tolerance)
        pieces = pieces or self._penalised_biases(user, data, here)
        if not pieces and c is not None and self._is_not_one(c):
            others = [piece.factor for piece in of_weights or [] if piece.factor]
            close = [
                f for f in others if abs(f - c) <= 10 * self.given.tolerance * abs(c)
            ]
            pieces = [off_by("db", c)] if user.size > 1 or close else []
        return [pieces] if pieces else []

    def _penalised_biases(self, user: Array, data: Array, here: Here) -> list[Piece]:
        b, tolerance = self.problem.biases[here.layer - 1], 100 * self.given.tolerance
        strength = factor_between(user - data / self.problem.divisor, b, tolerance)
        right = self.problem.alpha / self.problem.divisor
        if strength is None:
            return []
        if len(b) < 2 and abs(strength - right) > 1e-3 * right:
            return []
        return [penalised_biases_piece(strength)]


def _through_updated(rate: float) -> Callable[[Here], Array | None]:
    def compute(here: Here) -> Array | None:
        dW = here.given[here.layer]
        return None if dW is None else here.dZ_above @ (here.W_above - rate * dW).T

    return compute


def _computed(
    pieces: Iterable[Piece], here: Here
) -> Iterator[tuple[list[Piece], Array]]:
    """Each piece with its numbers, where it has some."""
    for piece in pieces:
        if (delta := piece.compute(here)) is not None:
            yield [piece], delta
