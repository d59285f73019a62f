"""What a fit says that did not end well: the cause, its evidence, and the remedy.

The diagnosis is imported only where there is something to say: it brings many modules.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbin._problem import Problem
from skdeepbin.training._solve import IN_BATCHES, Solution
from skdeepbin.training._stopping import CALLBACK, STOP_REASONS, is_still_falling
from skdeepbin.training._threads import one_blas_thread

if TYPE_CHECKING:
    from skdeepbin.diagnosis._findings import Finding


def warn_of_failure(
    clf: Any, solutions: Sequence[Solution], problem: Problem, stacklevel: int
) -> None:
    """Warn of the worst that can be said of the networks, if anything can.

    A network that has learnt nothing but was on its way when `max_iter` was reached is
    not diagnosed: more iterations come first. Nor is one that a callback ended.
    """
    watched = "validation_loss" if clf.early_stopping else "loss"
    falling = [
        s.stop_reason == "max_iter" and is_still_falling(s.history, watched)
        for s in solutions
    ]
    failed = [
        solution
        for solution, on_its_way in zip(solutions, falling)
        if solution.stop_reason == "diverged"
        or not (solution.has_learnt or on_its_way or solution.stop_reason == CALLBACK)
    ]
    if not (failed or any(falling)):
        return
    from skdeepbin.diagnosis._findings import LearningWarning, is_heard

    if is_heard():
        n_passes = sum(len(solution.history["loss"]) for solution in solutions)
        why = partial(_why, problem=problem, n_passes=n_passes)
        finding = why(clf, failed[0]) if failed else _unfinished(clf)
        warnings.warn(str(finding), LearningWarning, stacklevel=stacklevel + 1)


def _why(clf: Any, solution: Solution, problem: Problem, n_passes: int) -> Finding:
    """Why a network has diverged or learnt nothing.

    n_passes : over the rows, that the fit has made.
    """
    from skdeepbin.diagnosis._budget import budget_of_a_fit
    from skdeepbin.diagnosis._diagnose import cause_of_failure
    from skdeepbin.diagnosis._findings import Finding

    rows, sizes = problem.examples(), problem.network.layout.sizes
    budget = budget_of_a_fit(n_passes, rows.X, sizes, clf.batch_size)
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore")
        try:
            found = cause_of_failure(clf._alone(), *rows, budget)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            found = None  # numbers that other models cannot do with
    if found is not None:
        return found
    more = "; `skdeepbin.diagnosis.diagnose` tries out more, in more time"
    more *= budget.is_short
    if solution.stop_reason == "diverged":
        cause = f"Training diverged: {STOP_REASONS['diverged']}"
        remedy = "Set learning_rate='auto', or to a tenth of what it is, and scale X"
        evidence = {"loss": clf.loss_}
        return Finding("diverged", "error", None, evidence, cause, remedy + more)
    twice = ", nor from a second start" * (solution.n_starts > 1)
    cause = (
        "The log loss did not fall below what the frequencies of the classes alone "
        f"give{twice}: nothing was learnt"
    )
    remedy = "Make the network less deep, lower `alpha`, or check that y depends on X"
    evidence = {"their entropy": problem.constant_losses(None, None).trained}
    code = "labels_unlearnable"
    return Finding(code, "error", None, evidence, cause, remedy + more)


def _unfinished(clf: Any) -> Finding:
    """That more iterations would have helped."""
    from skdeepbin.diagnosis._findings import Finding

    cause = (
        f"The loss was still falling when training ended after {clf.n_iter_} iterations"
    )
    enough = max(4 * clf.max_iter, 200)
    change = {"max_iter": enough}
    remedy = f"Set max_iter={enough}, or a larger `tol` if the loss is low enough"
    evidence = {"loss with the penalty": clf.loss_}
    code = "too_few_iterations"
    return Finding(code, "warning", None, evidence, cause, remedy, change)


def warn_of_signs(stacklevel: int) -> None:
    """Warn that "rprop" is given other rows at every step."""
    from skdeepbin.diagnosis._findings import LearningWarning

    warnings.warn(
        "The rows of this call of `partial_fit` are others than the last, and "
        "solver='rprop' halves a step where the sign of its gradient changes: from "
        "rows to rows signs change by chance, and the steps shrink to nothing. Set "
        "solver='auto', which is 'adam' here, or another of "
        f"{', '.join(map(repr, IN_BATCHES))}.",
        LearningWarning,
        stacklevel=stacklevel + 1,
    )
