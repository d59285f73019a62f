"""The warning of a fit that failed: the cause, its evidence, and the remedy.

The diagnosis is imported only where there is something to say: it brings many modules.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbin.engine._threads import one_blas_thread
from skdeepbin.inputs._dataset import Baseline, Dataset
from skdeepbin.network._activations import is_diagnosed
from skdeepbin.training._penalty import auto_penalty
from skdeepbin.training._restarts import STUCK
from skdeepbin.training._session import RunResult
from skdeepbin.training._solvers import IN_BATCHES
from skdeepbin.training._stopping import CALLBACK, STOP_REASONS, is_still_falling

if TYPE_CHECKING:
    from skdeepbin.diagnosis._findings import Finding
    from skdeepbin.diagnosis.training._budget import Budget


def warn_of_failure(
    clf: Any,
    solutions: Sequence[RunResult],
    dataset: Dataset,
    baseline: Baseline,
    stacklevel: int,
) -> None:
    """Warn of the worst that can be said of the networks, if anything can.

    baseline : the losses of the class-prior baseline.

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
        or _is_worse(solution, baseline)
        or not (
            (solution.has_learnt and not _is_constant(solution, baseline))
            or on_its_way
            or solution.stop_reason == CALLBACK
        )
    ]
    outweighed = []
    if not failed and _is_suspect(clf, dataset):
        outweighed = [
            s for s in solutions if s.best and s.best.loss >= baseline.trained
        ]
    if not (failed or outweighed or any(falling)):
        return
    from skdeepbin.diagnosis._findings import LearningWarning, is_heard

    if is_heard():
        n_passes = sum(len(solution.history["loss"]) for solution in solutions)
        why = partial(_why, dataset=dataset, n_passes=n_passes)
        finding: Finding | None = None
        if failed:
            finding = why(clf, failed[0])
        elif outweighed:
            finding = _found(clf, dataset, n_passes)[0]
            if finding is not None and not {*finding.change} & SUSPECTS:
                finding = None
        if finding is None and any(falling):
            finding = _unfinished(clf)
        if finding is not None:
            warnings.warn(str(finding), LearningWarning, stacklevel=stacklevel + 1)


def _is_worse(solution: RunResult, baseline: Baseline) -> bool:
    """Tell if no point validates better than the class frequencies.

    A start is about as good as these are. So of few rows, the last point must also be
    worse beyond chance: all that was learnt is wrong for them.
    """
    losses = solution.history["validation_loss"]
    losses = losses[np.isfinite(losses)]
    if not len(losses) or losses.min() < STUCK * baseline.validated:
        return False
    return bool(losses[-1] > baseline.surely)


def _is_constant(solution: RunResult, baseline: Baseline) -> bool:
    """Tell if the last steps, on all rows, have left no more than a constant."""
    best = solution.best
    if best is None:
        return False
    return best.loss - best.penalty >= STUCK * baseline.trained


# Parameters that are asked about where the point that is kept costs more, penalty
# included, than no network at all: descent leads away from it. Of penalties, those so
# many times the one of "auto" are.
SUSPECTS = {"alpha", "feature_scaling"}
STRONG = 2.0


def _is_suspect(clf: Any, dataset: Dataset) -> bool:
    """Tell if `alpha` is far too strong for the rows, or the scaling not "auto"."""
    if clf.feature_scaling != "auto":
        return True
    if isinstance(clf.alpha, str):
        return False
    return bool(clf.alpha > STRONG * _auto_penalty(clf, dataset)[0])


def _auto_penalty(clf: Any, dataset: Dataset) -> tuple[float, float]:
    """The strongest penalty that `alpha="auto"` is, and the total weight."""
    totals = dataset.totals(None)[0] * dataset.weight_unit
    rows, power = dataset.rows_a_weight, dataset.scaling.power
    auto = auto_penalty(dataset.network.recipe, totals, rows, power)
    return auto, float(totals.sum())


def _found(clf: Any, dataset: Dataset, n_passes: int) -> tuple[Finding | None, Budget]:
    """The cause of a failure, if one is found, and what is left of the budget."""
    from skdeepbin.diagnosis.training._budget import budget_of_a_fit
    from skdeepbin.diagnosis.training._diagnose import cause_of_failure
    from skdeepbin.diagnosis.training._evidence import Penalty

    rows, sizes = (
        dataset.examples(),
        dataset.scaling.layout(dataset.network.layout).sizes,
    )
    budget = budget_of_a_fit(n_passes, rows.X, sizes, clf.batch_size)
    if not is_diagnosed(dataset.network.activations):
        return None, budget
    n = len(rows.y) if rows.w is None else np.count_nonzero(rows.w)
    penalty = Penalty(*_auto_penalty(clf, dataset), int(n))
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore")
        try:
            return cause_of_failure(clf, *rows, budget, penalty), budget
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return None, budget  # numbers that other models cannot do with


def _why(clf: Any, solution: RunResult, dataset: Dataset, n_passes: int) -> Finding:
    """Why a network has diverged or learnt nothing.

    n_passes : over the rows, that the fit has made.
    """
    from skdeepbin.diagnosis._findings import Finding

    found, budget = _found(clf, dataset, n_passes)
    if found is not None:
        return found
    more = "; `skdeepbin.diagnosis.diagnose` tries out more, in more time"
    more *= budget.is_short
    if solution.stop_reason == "diverged":
        cause = f"Training diverged: {STOP_REASONS['diverged']}"
        remedy = "Set a `learning_rate`, of 0.001, and scale X"
        if clf.learning_rate != "auto":
            remedy = (
                "Set learning_rate='auto', or to a tenth of what it is, and scale X"
            )
        return Finding(
            code="diverged",
            severity="error",
            evidence={"loss": clf.loss_},
            cause=cause,
            remedy=remedy + more,
        )
    entropy = dataset.baseline_losses(None, None).trained
    if solution.has_learnt and not _is_constant(
        solution, dataset.baseline_losses(None, None)
    ):
        least = float(np.fmin.reduce(solution.history["validation_loss"]))
        cause = (
            "The loss of the rows that validate did not fall below what the "
            "frequencies of the classes alone give, while that of training did"
        )
        remedy = (
            "Check that the rows that validate are like those trained on, and that "
        )
        remedy += "y depends on X; more rows or fewer features tell more"
        return Finding(
            code="overfitting",
            severity="error",
            evidence={"least validation loss": least, "entropy": entropy},
            cause=cause,
            remedy=remedy + more,
        )
    twice = ", nor from a second start" * (solution.n_starts > 1)
    cause = (
        "The log loss did not fall below what the frequencies of the classes alone "
        f"give{twice}: nothing was learnt"
    )

    remedy = "Make the network less deep, lower `alpha`, or check that y depends on X"
    return Finding(
        code="labels_unlearnable",
        severity="error",
        evidence={"their entropy": entropy},
        cause=cause,
        remedy=remedy + more,
    )


def _unfinished(clf: Any) -> Finding:
    """Return the finding that more iterations would have helped."""
    from skdeepbin.diagnosis._findings import Finding

    cause = (
        f"The loss was still falling when training ended after {clf.n_iter_} iterations"
    )
    enough = max(4 * clf.max_iter, 200)
    change = {"max_iter": enough}
    remedy = f"Set max_iter={enough}, or a larger `tol` if the loss is low enough"
    return Finding(
        code="too_few_iterations",
        severity="warning",
        evidence={"loss with the penalty": clf.loss_},
        cause=cause,
        remedy=remedy,
        change=change,
    )


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
