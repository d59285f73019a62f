"""``diagnose``: gather the evidence, ask the rules, report what they find."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdeepbin.diagnosis._findings import Diagnosis, Finding, worst_first
from skdeepbin.diagnosis._fitted import check_is_diagnosed
from skdeepbin.diagnosis.training._budget import Budget, OutOfBudget
from skdeepbin.diagnosis.training._criteria import healthy
from skdeepbin.diagnosis.training._evidence import (
    COPY,
    Evidence,
    Penalty,
    gather,
    most_rows,
    sample,
    warn_of_other_rows,
)
from skdeepbin.diagnosis.training._rules import CAUSES, NOTES, Rule
from skdeepbin.network._parameters import Array


def diagnose(clf: Any, X: Any, y: Any, sample_weight: Any = None) -> Diagnosis:
    """Say why a fitted classifier has not learnt, or that it has.

    What the network does with the rows, how its training went and what simple models
    find in the rows is measured on at most 2,000 of them; where several causes are
    possible, each remedy is tried for some iterations, and the one that makes the loss
    fall is proposed.

    Parameters
    ----------
    clf : DeepBinaryClassifier, MLPClassifier, Pipeline or search
        Fitted. scikit-learn's :class:`~sklearn.neural_network.MLPClassifier` for two
        classes; a pipeline must end in one of the two. Of a search, as
        :class:`~sklearn.model_selection.GridSearchCV`, it is the best estimator.

    X : array-like or sparse matrix of shape (n_samples, n_features)
        The rows that it was fitted on.

    y : array-like of shape (n_samples,)
        Their labels.

    sample_weight : array-like of shape (n_samples,), default=None
        The weights that it was fitted with.

    Returns
    -------
    diagnosis : Diagnosis
        Its `findings`, the worst first. Of an ensemble, they are about the network with
        the largest loss.

    Raises
    ------
    TypeError
        If `clf` is another estimator.
    ValueError
        If `clf` is not for two classes, or X and y do not fit it, or its hidden layers
        have several activations or one of your own.
    NotFittedError
        If `clf` is not fitted.

    Warns
    -----
    UserWarning
        If the loss of the rows is far from the one that the fit ended with: they are
        then hardly those that it was fitted on.

    See Also
    --------
    skdeepbin.DeepBinaryClassifier : The classifier.

    Examples
    --------
    Four hidden layers of tanh that start from weights of 0.01:

    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.diagnosis import diagnose
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> clf = DeepBinaryClassifier(
    ...     20, activation="tanh", depth=4, init=0.01, solver="gd", learning_rate=0.3,
    ...     max_iter=100, random_state=0,
    ... )
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     _ = clf.fit(X, y)
    >>> worst = diagnose(clf, X, y).findings[0]
    >>> worst.code, worst.change
    ('init_too_small', {'init': 'auto'})
    """
    networks = gather(clf, X, y, sample_weight)
    if networks[0].model.scales_itself:
        check_is_diagnosed(networks[0].model.estimator)
    warn_of_other_rows(networks)
    return diagnose_evidence(networks)


@np.errstate(all="ignore")  # of networks and features that are out of hand
def diagnose_evidence(networks: Sequence[Evidence]) -> Diagnosis:
    """Return the diagnosis of the network with the largest loss."""
    evidence = max(networks, key=lambda e: e.loss)
    cause: Finding | None = None
    for row in CAUSES:
        finding = _found(row.rule, evidence)
        cause = cause or finding
        if finding is not None and finding.severity != "info":
            cause = finding
            break
    findings = [] if cause is None else [cause]
    findings += [note for row in NOTES if (note := _found(row.rule, evidence))]
    findings = findings or [healthy(evidence)]
    return Diagnosis(worst_first([_numbered(f, evidence) for f in findings]))


def _found(rule: Rule, evidence: Evidence) -> Finding | None:
    """Return the finding of a rule, if it has one and it can be afforded."""
    try:
        return rule(evidence)
    except OutOfBudget:
        return None


def _numbered(finding: Finding, evidence: Evidence) -> Finding:
    """Return the finding with the network of an ensemble that it is about."""
    model = evidence.model
    if model.n_networks == 1:
        return finding
    which = f"Network {model.number} of {model.n_networks}: "
    return replace(finding, cause=which + finding.cause[0].lower() + finding.cause[1:])


def cause_of_failure(
    clf: Any,
    X: Any,
    second: NDArray[np.bool_],
    sample_weight: Array | None,
    budget: Budget,
    penalty: Penalty | None = None,
) -> Finding | None:
    """Return the cause of a fit that has just failed; None if none is found.

    second : whether a row of X is of the second class.
    budget : what may be measured and tried out.
    penalty : what suits all rows, if X is only a part of them.
    """
    with suppress(OutOfBudget):
        worst = _worst(clf, X, second, sample_weight, budget, penalty)
        return None if worst.severity == "info" else worst
    return None


def _worst(
    clf: Any,
    X: Any,
    second: NDArray[np.bool_],
    sample_weight: Array | None,
    budget: Budget,
    penalty: Penalty | None,
) -> Finding:
    """Return the worst that can be said of a fit."""
    chosen = sample(second, most_rows(X))
    if not issparse(X):
        budget.spend(COPY * len(chosen) * X.shape[1])
    y = clf.classes_[second[chosen].astype(int)]
    w = None if sample_weight is None else sample_weight[chosen]
    networks = gather(clf, X[chosen], y, w, budget)
    networks = [
        replace(evidence, n_rows=len(second), known_penalty=penalty)
        for evidence in networks
    ]
    return diagnose_evidence(networks).findings[0]
