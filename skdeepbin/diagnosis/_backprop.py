"""Which mistake is in a backpropagation that someone wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.diagnosis._given import (
    Convention,
    Seen,
    check_problem,
    compared,
    is_right,
)
from skdeepbin.diagnosis._gradients import central_differences, relative_error
from skdeepbin.diagnosis._passes import Problem
from skdeepbin.diagnosis._paths import Found, Given, Path
from skdeepbin.diagnosis._pieces import Mistake
from skdeepbin.diagnosis._report import BackpropReport
from skdeepbin.diagnosis._search import explanations
from skdeepbin.diagnosis._wording import (
    layer_reports,
    mistakes_of,
    unexplained_notes,
    untested_notes,
)
from skdeepbin.network._activations import ACTIVATIONS

# Entries of each array that confirm the true gradient by central differences.
N_CONFIRMED = 1
# Points that a function is asked at: so many times the usual spread of weights. Near
# zero some mistakes are within rounding; far from it units are saturated.
SPREADS = (1.0, 2.0, 0.5)


def debug_backprop(
    weights: Sequence[Any],
    biases: Sequence[Any],
    X: Any,
    y: Any,
    weight_grads: Sequence[Any] | None = None,
    bias_grads: Sequence[Any] | None = None,
    *,
    activation: str | Sequence[str] = "tanh",
    grad_fn: Callable[..., tuple[Sequence[Any], Sequence[Any]]] | None = None,
    samples: str | None = None,
    reduction: str = "mean",
    alpha: float = 0.0,
) -> BackpropReport:
    """Find the mistake in a backpropagation, by its numbers.

    The network is fully connected, its output one logistic unit ``p``, and what it
    should minimise is the log loss with an L2 penalty on the weights::

        (sum_i -y_i log p_i - (1 - y_i) log(1 - p_i)  +  alpha / 2 |W|^2) / n

    or the same without the division (``reduction="sum"``). The gradients are compared
    with the true ones, layer by layer; where they differ, a catalogue of wrong pieces
    of a backward pass is searched for those that give the same numbers up to rounding.

    Parameters
    ----------
    weights : list of array-like
        Of each layer, either all of shape (fan_in, fan_out), with X of shape
        (n_samples, n_features), or all of shape (fan_out, fan_in), with X of shape
        (n_features, n_samples).

    biases : list of array-like
        Of each layer, of shape (k,), (k, 1) or (1, k) for k units.

    X : array-like
        The features.

    y : array-like of n_samples numbers
        The labels, 0 and 1.

    weight_grads, bias_grads : list of array-like, default=None
        The gradients to be examined, of the shapes of `weights` and `biases`.

    activation : str or list of str, default="tanh"
        Of the hidden layers, or of each: "tanh", "relu", "logistic" (or "sigmoid") or
        "identity".

    grad_fn : callable, default=None
        In place of the gradients, the function
        ``grad_fn(weights, biases, X, y) -> (weight_grads, bias_grads)``. It is called
        with other parameters and rows, of the same number of layers and in the same
        convention, at which mistakes show that hide at others.

    samples : {"rows", "columns"}, default=None
        Where the samples are in X; needed only if the shapes fit both ways.

    reduction : {"mean", "sum"}, default="mean"
        Whether the loss is the mean over the rows or their sum.

    alpha : float, default=0.0
        Strength of the L2 penalty.

    Returns
    -------
    report : BackpropReport
        With `ok`, `first_wrong_layer` (0 is the output), `mistakes`, `layers`, `notes`;
        print it.

    Raises
    ------
    ValueError
        If shapes do not fit, or an array other than a gradient holds nan.

    References
    ----------
    Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating
    errors, https://doi.org/10.1038/323533a0.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbin.diagnosis import debug_backprop
    >>> rng = np.random.RandomState(0)
    >>> X, y = rng.normal(size=(50, 3)), np.arange(50) % 3 == 0
    >>> W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
    >>> b1, b2 = rng.normal(size=4), rng.normal(size=1)
    >>> Z1 = X @ W1 + b1
    >>> A1 = np.tanh(Z1)
    >>> dZ2 = 1 / (1 + np.exp(-(A1 @ W2 + b2))) - y[:, None]
    >>> dZ1 = dZ2 @ W2.T * (1 - Z1**2)  # should be 1 - A1**2
    >>> dW, db = [X.T @ dZ1 / 50, A1.T @ dZ2 / 50], [dZ1.mean(0), dZ2.mean(0)]
    >>> report = debug_backprop([W1, W2], [b1, b2], X, y, dW, db)
    >>> report.ok, report.first_wrong_layer
    (False, 1)
    >>> report.mistakes[0].wrong
    'dZ1 = dA1 * (1 - z1**2)'
    """
    problem, convention = check_problem(
        weights, biases, X, y, activation, samples, reduction, alpha
    )
    arrays = [*weights, X]
    if grad_fn is None:
        if weight_grads is None or bias_grads is None:
            raise ValueError(
                "`weight_grads` and `bias_grads` must be given, or `grad_fn`."
            )
        arrays = [*arrays, *weight_grads, *bias_grads]
        is_single = _is_single(arrays)
        seen = compared(problem, convention, weight_grads, bias_grads, is_single)
        return _report([Point(problem, seen)], convention)
    points = _points(problem, convention, grad_fn, _is_single(arrays))
    return _report(points, convention)


def _is_single(arrays: Sequence[Any]) -> bool:
    """Whether some numbers are of single precision or less."""
    kinds = (np.asarray(array).dtype for array in arrays)
    return any(kind.kind == "f" and kind.itemsize < 8 for kind in kinds)


class Point(NamedTuple):
    """Parameters and rows, with the user's gradients there."""

    problem: Problem
    seen: Seen


def _report(points: Sequence[Point], convention: Convention) -> BackpropReport:
    """What the gradients at all points tell together."""
    wrong = [p for p in points if not is_right(p.problem, p.seen.given)]
    problem, seen = (wrong or points)[0]
    layers = layer_reports(problem, seen.given)
    mistakes: list[Mistake] = [*seen.mistakes]
    notes: list[str] = [*seen.notes]
    if wrong:
        with np.errstate(all="ignore"):  # wrong formulas at any numbers
            paths = _common([explanations(*_of(point)) for point in wrong])
        mistakes += mistakes_of(paths, problem, convention)
        notes += unexplained_notes(paths[0], layers, problem)
        if paths[0].unexplained:
            notes += _of_another_network(problem, seen.given)
    places = [r.layer for r in layers if not (r.weights.ok and r.biases.ok)]
    places += [m.layer for m in seen.mistakes if m.layer is not None]
    ok = not (wrong or mistakes or notes)
    notes += untested_notes(problem, seen.given)
    first = min(places) if places else None
    numeric = _confirmed(problem)
    return BackpropReport(ok, first, tuple(mistakes), layers, tuple(notes), numeric)


def _of_another_network(problem: Problem, given: Given) -> list[str]:
    """What the gradients are right for, if not for what was said."""
    n_hidden = problem.depth - 1
    for name in ACTIVATIONS:
        other = replace(problem, activations=[name] * n_hidden)
        if is_right(other, given):
            return [f"They are right for hidden layers of {name}: is `activation`?"]
    if is_right(replace(problem, activations=[*problem.activations][::-1]), given):
        return ["They are right for the activations in reversed order."]
    return []


def _of(point: Point) -> tuple[Any, Any]:
    return point.problem, point.seen.given


def _common(by_point: Sequence[Sequence[Path]]) -> list[Path]:
    """The explanations that hold at every point; those of the first, if none does."""
    kept = list(by_point[0])
    for paths in by_point[1:]:
        both = [c for a in kept for b in paths if (c := _both(a, b)) is not None]
        kept = both or kept
    return kept


def _both(one: Path, other: Path) -> Path | None:
    """What two explanations have in common; None if they contradict each other."""
    if len(one.found) != len(other.found):
        return None
    found = []
    for a in one.found:
        match = [b for b in other.found if (a.kind, a.layers) == (b.kind, b.layers)]
        names = {(piece.name, piece.wrong) for b in match for piece in b.pieces}
        pieces = tuple(p for p in a.pieces if (p.name, p.wrong) in names)
        if not pieces:
            return None
        found.append(Found(a.kind, pieces, a.layers))
    return Path(tuple(found), one.unexplained)


def _confirmed(problem: Problem) -> float:
    """The relative error of the true gradient against central differences."""
    dW, db = problem.gradient
    params = [*problem.weights, *problem.biases]

    def loss(params: list[np.ndarray]) -> float:
        W, b = params[: problem.depth], params[problem.depth :]
        return problem.at(W, b).loss()

    entries = [_largest(gradient) for gradient in (*dW, *db)]
    numeric = central_differences(loss, params, entries)
    ours = [g.ravel()[chosen] for g, chosen in zip((*dW, *db), entries)]
    return relative_error(np.concatenate(ours), np.concatenate(numeric))


def _largest(gradient: np.ndarray) -> np.ndarray:
    """The entries where a difference has the most digits."""
    return np.argsort(-abs(gradient).ravel(), kind="stable")[:N_CONFIRMED]


def _points(
    problem: Problem,
    convention: Convention,
    grad_fn: Callable[..., tuple[Sequence[Any], Sequence[Any]]],
    is_single: bool,
) -> list[Point]:
    """The user's function at telling points, and at the user's own."""
    points = []
    for number, spread in enumerate(SPREADS):
        for widths in (_telling_sizes(problem), _own_sizes(problem)):
            there = _random_problem(problem, widths, spread, number)
            try:
                points.append(_asked(there, convention, grad_fn, is_single))
            except Exception:  # the function need not be made for other sizes
                continue
            break
    return [*points, _asked(problem, convention, grad_fn, is_single)]


def _telling_sizes(problem: Problem) -> tuple[int, ...]:
    """Rows, features and widths of which none can stand in for another."""
    return (47, 7, *(5 + 3 * layer for layer in range(1, problem.depth)), 1)


def _own_sizes(problem: Problem) -> tuple[int, ...]:
    return (problem.n, *(W.shape[0] for W in problem.weights), 1)


def _random_problem(
    like: Problem, sizes: Sequence[int], spread: float, seed: int
) -> Problem:
    """Another of the same kind: labels uneven, biases away from zero."""
    random = np.random.RandomState(seed)
    n, *widths = sizes
    W = [
        random.normal(scale=spread / np.sqrt(fan_in), size=(fan_in, fan_out))
        for fan_in, fan_out in pairwise(widths)
    ]
    b = [random.normal(scale=0.3 * spread, size=width) for width in widths[1:]]
    X = random.normal(size=(n, widths[0]))
    y = (random.uniform(size=(n, 1)) < 0.3).astype(float)
    y[0] = 1 - y[-1]
    divisor = float(n) if like.divisor != 1 else 1.0
    return Problem(W, b, X, y, like.activations, divisor, like.alpha)


def _asked(
    problem: Problem,
    convention: Convention,
    grad_fn: Callable[..., tuple[Sequence[Any], Sequence[Any]]],
    is_single: bool,
) -> Point:
    """The user's gradients, in the arrays that the user would have."""
    returned = grad_fn(*convention.arrays(problem))
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise ValueError(
            "`grad_fn` must return a pair of lists, (weight_grads, bias_grads); got "
            f"{type(returned).__name__}."
        )
    dW, db = returned
    single = is_single or _is_single([*dW, *db])
    return Point(problem, compared(problem, convention, dW, db, single))
