"""``debug_backprop``: compare, search the catalogue, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skdeepbin.diagnosis._gradients import central_differences, relative_error
from skdeepbin.diagnosis.backprop._explanation import (
    Explanation,
    Match,
    UserGradients,
    is_right,
)
from skdeepbin.diagnosis.backprop._inputs import (
    Convention,
    as_list,
    check_network,
    compared,
    is_single_precision,
)
from skdeepbin.diagnosis.backprop._messages import (
    layer_reports,
    mistakes_of,
    unexplained_notes,
    untested_notes,
)
from skdeepbin.diagnosis.backprop._query import GradFn, Point, QueryResult, query
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop._report import BackpropReport
from skdeepbin.diagnosis.backprop._search import explain
from skdeepbin.diagnosis.backprop.catalogue._entry import Mistake
from skdeepbin.network._activations import ACTIVATIONS

# Entries of each array that confirm the true gradient by central differences, and on
# how many rows at most.
N_CONFIRMED, N_ROWS = 1, 2_000


def debug_backprop(
    weights: Sequence[Any],
    biases: Sequence[Any],
    X: Any,
    y: Any,
    weight_grads: Sequence[Any] | None = None,
    bias_grads: Sequence[Any] | None = None,
    *,
    activation: str | Sequence[str] = "tanh",
    grad_fn: GradFn | None = None,
    samples: str | None = None,
    reduction: str = "mean",
    alpha: float = 0.0,
) -> BackpropReport:
    """Find the mistake in a backpropagation, by its numbers.

    The network is fully connected, its output one logistic unit ``p``, and what it
    should minimise is the log loss with an L2 penalty on the weights::

        (sum_i -y_i log p_i - (1 - y_i) log(1 - p_i)  +  alpha / 2 |W|^2) / n

    or the same without the division (``reduction="sum"``). The gradients are compared
    with the true ones, layer by layer; where they differ, a catalogue of mistakes in a
    backward pass is searched for those that give the same numbers up to rounding.

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
    weights, biases = as_list("weights", weights), as_list("biases", biases)
    network, convention = check_network(
        weights, biases, X, y, activation, samples, reduction, alpha
    )
    is_single = is_single_precision([*weights, X])
    if grad_fn is not None:
        if weight_grads is not None or bias_grads is not None:
            raise ValueError(
                "`grad_fn` must be given in place of `weight_grads` and `bias_grads`; "
                "got both."
            )
        queried = query(grad_fn, network, convention, is_single)
        return _report_on_function(queried, convention)
    if weight_grads is None or bias_grads is None:
        raise ValueError("`weight_grads` and `bias_grads` must be given, or `grad_fn`.")
    dW = as_list("weight_grads", weight_grads)
    db = as_list("bias_grads", bias_grads)
    is_single = is_single or is_single_precision([*dW, *db])
    checked = compared(network, convention, dW, db, is_single)
    return _report([Point(network, checked)], convention)


@np.errstate(all="ignore")
def _report_on_function(queried: QueryResult, convention: Convention) -> BackpropReport:
    """Report on a function, by telling points or by points of its own sizes."""
    wrong, at_home = _wrong(queried.points), queried.of_own_sizes
    explanation = _explained(wrong[:1])[0] if wrong else Explanation()
    if explanation.is_vague and len(at_home) > 1:
        own = _wrong(at_home)
        if not own or _explained(own[:1])[0].cost < explanation.cost:
            note = (
                "`grad_fn` computes otherwise for other numbers of rows or units than "
                "yours, so it was judged by yours: does it use such a number from "
                "outside?"
            )
            return _report(at_home, convention, [note, *queried.notes])
    return _report(queried.points, convention, queried.notes)


def _wrong(points: Sequence[Point]) -> list[Point]:
    return [p for p in points if not is_right(p.network, p.checked.gradients)]


def _explained(wrong: Sequence[Point]) -> list[Explanation]:
    """Return the explanations that hold at all of some points."""
    return _common([explain(p.network, p.checked.gradients) for p in wrong])


@np.errstate(all="ignore")  # wrong formulas at any numbers
def _report(
    points: Sequence[Point], convention: Convention, remarks: Sequence[str] = ()
) -> BackpropReport:
    """Report on the gradients at all points together."""
    wrong = _wrong(points)
    network, checked = (wrong or points)[0]
    layers = layer_reports(network, checked.gradients)
    mistakes: list[Mistake] = sorted(checked.mistakes, key=lambda m: m.layer or 0)
    notes: list[str] = [*checked.notes]
    if wrong:
        explanations = _explained(wrong)
        mistakes += mistakes_of(explanations, network, convention)
        notes += unexplained_notes(explanations[0], layers, network)
        if explanations[0].unexplained:
            notes += _of_another_network(network, checked.gradients)
    places = [r.layer for r in layers if not (r.weights.ok and r.biases.ok)]
    places += [m.layer for m in checked.mistakes if m.layer is not None]
    ok = not (wrong or mistakes or notes)
    notes += [*untested_notes(network, checked.gradients), *remarks]
    first = min(places) if places else None
    numeric = _confirmed(network)
    return BackpropReport(ok, first, tuple(mistakes), layers, tuple(notes), numeric)


def _of_another_network(
    network: ReferenceNetwork, gradients: UserGradients
) -> list[str]:
    """Name another network for which the gradients are right, if there is one."""
    n_hidden = network.depth - 1
    for name in ACTIVATIONS:
        other = replace(network, activations=[name] * n_hidden)
        if is_right(other, gradients):
            return [f"They are right for hidden layers of {name}: is `activation`?"]
    if is_right(replace(network, activations=[*network.activations][::-1]), gradients):
        return ["They are right for the activations in reversed order."]
    without = [0 * b for b in network.biases]
    if is_right(replace(network, biases=without), gradients):
        return ["They are right for a forward pass without biases."]
    for number, b in enumerate(without):
        biases = [*network.biases]
        biases[number] = b
        if is_right(replace(network, biases=biases), gradients):
            return [f"They are right for a forward pass without b{number + 1}."]
    return []


def _common(by_point: Sequence[Sequence[Explanation]]) -> list[Explanation]:
    """Return the explanations common to all points; those of the first, if none is."""
    kept = list(by_point[0])
    for explanations in by_point[1:]:
        both = [c for a in kept for b in explanations if (c := _both(a, b)) is not None]
        kept = both or kept
    return kept


def _both(one: Explanation, other: Explanation) -> Explanation | None:
    """Return the common part of two explanations; None where they contradict."""
    if len(one.matches) != len(other.matches):
        return None
    matches = []
    for a in one.matches:
        alike = [b for b in other.matches if (a.kind, a.layers) == (b.kind, b.layers)]
        keys = {entry.key for b in alike for entry in b.entries}
        entries = tuple(entry for entry in a.entries if entry.key in keys)
        if not entries:
            return None
        matches.append(Match(entries, a.layers))
    return Explanation(tuple(matches), one.unexplained)


def _confirmed(network: ReferenceNetwork) -> float:
    """Return the relative error of the true gradient against central differences."""
    if network.n > N_ROWS:
        some = np.linspace(0, network.n - 1, N_ROWS).astype(int)
        network = replace(network, X=network.X[some], y=network.y[some])
    dW, db = network.gradient
    params = [*network.weights, *network.biases]

    def loss(params: list[np.ndarray]) -> float:
        W, b = params[: network.depth], params[network.depth :]
        return network.at(W, b).loss()

    entries = [_largest(gradient) for gradient in (*dW, *db)]
    numeric = central_differences(loss, params, entries)
    ours = [g.ravel()[chosen] for g, chosen in zip((*dW, *db), entries)]
    return relative_error(np.concatenate(ours), np.concatenate(numeric))


def _largest(gradient: np.ndarray) -> np.ndarray:
    """Return the entries where a difference has the most digits."""
    return np.argsort(-abs(gradient).ravel(), kind="stable")[:N_CONFIRMED]
