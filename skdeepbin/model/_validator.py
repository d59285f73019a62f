"""Validation of the points of a training, by the loss of given rows or a scorer."""

from __future__ import annotations

from copy import copy
from math import nan
from typing import Any, Protocol

import numpy as np

from skdeepbin.inputs._dataset import Dataset, ValidationRows
from skdeepbin.network._loss import log_loss
from skdeepbin.network._parameters import Array


class Scorer(Protocol):
    """A scorer of scikit-learn's, or one like it."""

    def __call__(self, estimator: Any, X: Any, y: Any, /, **weights: Array) -> float:
        """Return the score of an estimator on rows."""
        ...


class ModelValidator:
    """Loss and score of a validation set at each point of a training.

    Parameters
    ----------
    clf : DeepBinaryClassifier
        A copy of it takes the parameters of each point.
    scorer : callable or None
        ``scorer(estimator, X, y)``.
    has_loss : bool
        Whether the loss is asked for: that of held-out rows is known anyway.
    dataset : Problem
        The data as the network reads them.
    rows : ValidationRows
        The validation set.
    """

    def __init__(
        self,
        clf: Any,
        scorer: Scorer | None,
        has_loss: bool,
        dataset: Dataset,
        rows: ValidationRows,
    ) -> None:
        self._clf, self._scorer, self._has_loss = copy(clf), scorer, has_loss
        self._dataset, self._rows = dataset, rows
        self._clf.__dict__.pop("feature_names_in_", None)  # it is given no names
        self._clf.classes_ = dataset.classes
        self._clf.bin_edges_ = dataset.bin_edges

    def __call__(self, theta: Array) -> tuple[float, float]:
        dataset, clf, (X, y, w) = self._dataset, self._clf, self._rows
        layout, loss, score = dataset.network.layout, nan, nan
        theta = dataset.scaling.to_user(theta, layout).astype(dataset.dtype)
        clf.coefs_, clf.intercepts_ = map(list, layout.views(theta))
        if self._has_loss:
            losses, _ = log_loss(clf.model_.logits(X, clf.n_jobs), y)
            loss = float(np.average(losses, weights=w))
        if self._scorer is not None:
            weights = {} if w is None else {"sample_weight": w}
            score = float(self._scorer(clf, X, dataset.labels(y), **weights))
        return loss, score
