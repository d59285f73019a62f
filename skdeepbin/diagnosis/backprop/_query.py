"""Queries of a user's function for its gradients, at points where mistakes show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.diagnosis.backprop._explanation import is_right
from skdeepbin.diagnosis.backprop._inputs import (
    CheckedGradients,
    Convention,
    as_list,
    compared,
    is_single_precision,
)
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork

# Points that a function is queried at: so many times the usual spread of weights. Near
# zero some mistakes are within rounding; far from it units are saturated.
SPREADS = (1.0, 2.0, 0.5)
SEED = 7919

GradFn = Callable[..., tuple[Sequence[Any], Sequence[Any]]]


class Point(NamedTuple):
    """Parameters and rows, with the user's gradients at them."""

    network: ReferenceNetwork
    checked: CheckedGradients


class QueryResult(NamedTuple):
    """Gradients of the user's function at several points, and how it behaves.

    points : of sizes that tell.
    of_own_sizes : the same with as many rows and units as the user has.
    notes : how it behaves, apart from its numbers.
    """

    points: Sequence[Point]
    of_own_sizes: Sequence[Point]
    notes: Sequence[str]


def query(
    grad_fn: GradFn, network: ReferenceNetwork, convention: Convention, is_single: bool
) -> QueryResult:
    """Query the function, with sizes that tell where it allows them."""
    if not callable(grad_fn):
        raise TypeError(
            "`grad_fn` must be a function of (weights, biases, X, y); got "
            f"{type(grad_fn).__name__}."
        )
    own = _numbers(grad_fn, network, convention)
    own_point = _point(network, convention, own, is_single)
    notes = _behaviour(grad_fn, own, own_point, convention)
    points: dict[bool, list[Point]] = {True: [], False: []}
    error: Exception | None = None
    for number, spread in enumerate(SPREADS):
        for tells in points:
            sizes = _telling_sizes(network) if tells else _own_sizes(network)
            there = _random_network(network, sizes, spread, SEED + number)
            try:
                numbers = _numbers(grad_fn, there, convention)
                points[tells].append(_point(there, convention, numbers, is_single))
            except Exception as raised:  # it need not be made for other sizes
                error = raised
    if error is not None and not points[False]:
        notes.append(
            "`grad_fn` was asked at your own parameters only, where some mistakes "
            f"hide: elsewhere it raised {type(error).__name__}: {error}"
        )
    of_own_sizes = [*points[False], own_point]
    return QueryResult([*points[True], own_point], of_own_sizes, notes)


def _behaviour(
    grad_fn: GradFn, own: Numbers, own_point: Point, convention: Convention
) -> list[str]:
    """Return notes on how the function behaves; raise an error if it tells nothing."""
    network, notes = own_point.network, list[str]()
    if own.altered:
        notes.append(
            f"`grad_fn` alters {own.altered}, which it is given: what it computes "
            "after that is of another network."
        )
    if _is_random(grad_fn, own, network, convention):
        notes.append(
            "`grad_fn` gives other gradients when it is called again with the same "
            "arguments: is something random in it, as dropout or a mini-batch, or a "
            "sum that is not set back to zero?"
        )
        return notes
    if network.depth == 1 and not is_right(network, own_point.checked.gradients):
        return notes
    others = {
        "weights": network.at(
            [1.1 * W + 0.01 for W in network.weights], network.biases
        ),
        "X": replace(network, X=1.1 * network.X[::-1] + 0.01),
    }
    for name, other in others.items():
        try:
            numbers = _numbers(grad_fn, other, convention)
        except Exception:  # it need not be made for others
            continue
        if _is_same(own, numbers) and any(map(np.any, own.weights)):
            raise ValueError(
                f"`grad_fn` must compute from its arguments; got the same gradients "
                f"with another `{name}`. Does it use variables from outside?"
            )
    return notes


def _is_random(
    grad_fn: GradFn, own: Numbers, network: ReferenceNetwork, convention: Convention
) -> bool:
    """Return whether the function gives other numbers for the same arguments."""
    if not _is_same(own, _numbers(grad_fn, network, convention)):
        return True
    # A few rows can be dropped or drawn alike by chance; these are 47.
    there = _random_network(network, _telling_sizes(network), 1.0, SEED)
    try:
        once, again = (_numbers(grad_fn, there, convention) for _ in range(2))
    except Exception:  # it need not be made for other sizes
        return False
    return not _is_same(once, again)


class Numbers(NamedTuple):
    """Gradients that the function returned, and the arguments that it altered."""

    weights: list[Any]
    biases: list[Any]
    altered: str


def _numbers(
    grad_fn: GradFn, network: ReferenceNetwork, convention: Convention
) -> Numbers:
    """Call the function with arrays as the user would have them."""
    W, b, X, y = convention.arrays(network)
    named = {f"`weights[{i}]`": array.copy() for i, array in enumerate(W)}
    named |= {f"`biases[{i}]`": array.copy() for i, array in enumerate(b)}
    named |= {"`X`": X.copy(), "`y`": y.copy()}
    returned = grad_fn(W, b, X, y)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        kind = type(returned).__name__
        size = f" of {len(returned)}" if isinstance(returned, (tuple, list)) else ""
        raise ValueError(
            "`grad_fn` must return a pair of lists, (weight_grads, bias_grads); got "
            f"{kind}{size}."
        )
    after = (*W, *b, X, y)
    altered = [
        name
        for (name, before), array in zip(named.items(), after)
        if not np.array_equal(array, before)
    ]
    dW = as_list("weight_grads", returned[0])
    db = as_list("bias_grads", returned[1])
    return Numbers(dW, db, ", ".join(altered))


def _point(
    network: ReferenceNetwork, convention: Convention, numbers: Numbers, is_single: bool
) -> Point:
    dW, db, _ = numbers
    single = is_single or is_single_precision([*dW, *db])
    return Point(network, compared(network, convention, dW, db, single))


def _is_same(one: Numbers, other: Numbers) -> bool:
    """Return whether the numbers are the same to the last bit."""
    mine, theirs = (*one.weights, *one.biases), (*other.weights, *other.biases)
    return len(mine) == len(theirs) and all(map(np.array_equal, mine, theirs))


def _telling_sizes(network: ReferenceNetwork) -> tuple[int, ...]:
    """Return rows, features and widths of which none can stand in for another."""
    return (47, 7, *(5 + 3 * layer for layer in range(1, network.depth)), 1)


def _own_sizes(network: ReferenceNetwork) -> tuple[int, ...]:
    return (network.n, *(W.shape[0] for W in network.weights), 1)


def _random_network(
    like: ReferenceNetwork, sizes: Sequence[int], spread: float, seed: int
) -> ReferenceNetwork:
    """Return a random network of the same kind: labels uneven, biases not zero."""
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
    return ReferenceNetwork(W, b, X, y, like.activations, divisor, like.alpha)
