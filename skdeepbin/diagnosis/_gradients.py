"""Gradients against central differences of the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdeepbin.diagnosis.training._objective import of_the_classifier
from skdeepbin.network._parameters import Array

# Relative errors, of CS231n (neural-networks-3): a gradient above the first is wrong;
# below the second it is right even where a unit of relu passes its kink.
WRONG, RIGHT = 1e-2, 1e-5


@dataclass(frozen=True)
class GradientCheck:
    """Distance of gradients from central differences.

    Parameters
    ----------
    errors : tuple of float
        For each array ``|analytic - numeric| / (|analytic| + |numeric|)``, in Euclidean
        norms over the entries that were checked.

    n_checked : tuple of int
        Entries of each that were checked.
    """

    errors: tuple[float, ...]
    n_checked: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """True if every gradient is right up to rounding."""
        return all(error <= RIGHT for error in self.errors)

    def __str__(self) -> str:
        def verdict(error: float) -> str:
            return (
                "right" if error <= RIGHT else "WRONG" if error > WRONG else "doubtful"
            )

        lines = ["array  checked  relative error"]
        for number, (error, n) in enumerate(zip(self.errors, self.n_checked)):
            lines.append(f"{number:5}  {n:7}  {error:14.1e}  {verdict(error)}")
        return "\n".join(lines)


def check_gradients(
    loss: Any,
    grads: Any,
    params: Any = None,
    *,
    n_entries: int = 50,
    random_state: int | None = 0,
) -> GradientCheck:
    """Check gradients against central differences.

    Of each entry t of the arrays, ``(loss(t + h) - loss(t - h)) / 2h`` with ``h`` the
    cube root of the rounding error of the loss times the size of t: ``|t|``, or where
    that is less the root mean square of its array, or a thousandth of that of all.

    Parameters
    ----------
    loss : callable, DeepBinaryClassifier or Pipeline
        ``loss(params) -> float``, or a fitted classifier, or a pipeline that ends in
        one: then the gradient of what it
        minimises is checked at its parameters, on the rows given in place of `grads`
        and `params`, as ``check_gradients(clf, X, y)``.

    grads : callable
        ``grads(params) -> list of arrays``, of the shapes of `params`.

    params : list of ndarray
        Where the gradient is checked.

    n_entries : int, default=50
        Entries of each array that are checked; of larger arrays a sample.

    random_state : int or None, default=0
        The seed of that sample.

    Returns
    -------
    check : GradientCheck
        With `errors`, `n_checked` and `ok`.

    Raises
    ------
    ValueError
        If the gradients do not have the shapes of `params`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbin.diagnosis import check_gradients
    >>> check = check_gradients(
    ...     lambda params: float(np.sum(params[0] ** 3)),
    ...     lambda params: [3 * params[0] ** 2],
    ...     [np.array([1.0, -2.0])],
    ... )
    >>> check.ok
    True
    """
    if not callable(loss):
        loss, grads, params = of_the_classifier(loss, grads, params)
    params = [np.array(p, dtype=np.float64) for p in params]
    analytic = [np.asarray(g, dtype=np.float64) for g in grads(_copies(params))]
    if [g.shape for g in analytic] != [p.shape for p in params]:
        raise ValueError(
            f"`grads` must return arrays of the shapes of `params`, "
            f"{[p.shape for p in params]}; got {[g.shape for g in analytic]}."
        )
    random = np.random.RandomState(random_state)
    chosen = [random.permutation(p.size)[:n_entries] for p in params]
    numeric = central_differences(loss, params, chosen)
    errors = [
        relative_error(g.ravel()[entries], slopes)
        for g, entries, slopes in zip(analytic, chosen, numeric)
    ]
    return GradientCheck(tuple(errors), tuple(map(len, chosen)))


def central_differences(
    loss: Callable[[list[Array]], float],
    params: Sequence[Array],
    entries: Sequence[NDArray[np.intp]],
) -> list[Array]:
    """Return the slopes of the loss at some entries of each array."""
    return [
        np.array([_slope(loss, params, number, entry) for entry in chosen])
        for number, chosen in enumerate(entries)
    ]


def relative_error(one: Array, other: Array) -> float:
    """Return ``|one - other| / (|one| + |other|)``, 0 where both are zero."""
    size = float(np.linalg.norm(one) + np.linalg.norm(other))
    return float(np.linalg.norm(one - other)) / size if size else 0.0


def _rms(array: Array) -> float:
    """Return the root mean square of an array."""
    return float(np.sqrt(np.mean(array**2))) if array.size else 0.0


def _copies(params: Sequence[Array]) -> list[Array]:
    """Copy arrays, so that a function that changes its arguments does no harm."""
    return [p.copy() for p in params]


def _number(value: Any) -> float:
    """Return a loss as a number, or raise an error."""
    if np.size(value) != 1:
        raise ValueError(
            f"`loss` must return a number; got an array of shape {np.shape(value)}. "
            "Sum it, or take the mean."
        )
    return float(np.asarray(value).ravel()[0])


def _slope(
    loss: Callable[[list[Array]], float],
    params: Sequence[Array],
    number: int,
    entry: int,
) -> float:
    """Return the central difference of one entry.

    With a step of the cube root of the rounding error, relative to the parameter, both
    of its errors are least: Press and others, Numerical Recipes, 5.7. Where those of a
    step and of half of it differ there is a kink between them, as of relu, and a
    shorter step goes on one side of it.
    """
    size = max(
        abs(float(params[number].ravel()[entry])),
        _rms(params[number]),
        1e-3 * max(map(_rms, params)),
    )
    rounding = np.finfo(getattr(loss(_copies(params)), "dtype", np.float64)).eps
    first = (float(rounding) ** (1 / 3)) * (size or 1.0)

    def difference(step: float) -> float:
        values = []
        for sign in (1, -1):
            moved = _copies(params)
            moved[number].ravel()[entry] += sign * step
            values.append(_number(loss(moved)))
        return (values[0] - values[1]) / (2 * step)

    for step in (first, first / 30):
        slope = difference(step)
        if abs(difference(step / 2) - slope) <= RIGHT * abs(slope):
            break
    return slope
