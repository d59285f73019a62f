"""Baselines: what simple models find in the rows, on rows they were not fitted to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin.diagnosis.training._columns import auc
from skdeepbin.network._parameters import Array

# Neighbours that vote, and the least probability that a model may state: a few trees or
# neighbours cannot know more.
NEIGHBOURS, SURE = 10, 0.01


class Baselines(NamedTuple):
    """Results of simple models on rows that they were not fitted to.

    losses : the mean log loss of each model.
    signal : by how many of its standard errors the AUC of their mean exceeds 0.5.
    error : share of the labels that the mean of the models gets wrong.
    sure_error : the same among the third of the rows where it is surest.
    """

    losses: Mapping[str, float]
    signal: float
    error: float
    sure_error: float

    @property
    def best_name(self) -> str:
        """The model with the least loss."""
        return min(self.losses, key=lambda name: self.losses[name])

    @property
    def best_loss(self) -> float:
        """The least loss."""
        return self.losses[self.best_name]


def baselines(X: Array, y: NDArray[np.bool_], w: Array) -> Baselines:
    """Cross-validate a linear model, one of neighbours, and one of trees."""
    folds = int(min(3, y.sum(), (~y).sum()))
    if folds < 2:
        return Baselines({"linear": np.inf}, 0.0, 0.0, 0.0)
    cv = StratifiedKFold(folds, shuffle=True, random_state=0)
    k = min(NEIGHBOURS, len(y) // 3)
    models = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(k)),
        "forest": ExtraTreesClassifier(25, min_samples_leaf=2, random_state=0),
    }
    said = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        X = np.clip(X, -1e30, 1e30)
        for name, model in models.items():
            p = cross_val_predict(model, X, y, cv=cv, method="predict_proba")[:, 1]
            said[name] = np.clip(p, SURE, 1 - SURE)
    losses = {
        name: -float(w @ np.log(np.where(y, p, 1 - p))) for name, p in said.items()
    }
    # The mean of the models tells noise from overlap better than the best of them.
    mean = np.mean(list(said.values()), axis=0)
    wrong = (mean > 0.5) != y
    signal = _significance(mean, y)
    surest = np.argsort(-abs(mean - 0.5), kind="stable")[: max(len(y) // 3, 1)]
    return Baselines(losses, signal, float(wrong.mean()), float(wrong[surest].mean()))


def overlap(error: float) -> float:
    """Return the `sure_error` of normal classes that overlap, by their `error`.

    Of rows at x from classes around +-m of standard deviation one, the share
    ``1 / (1 + e^(2 m |x|))`` is of the other class.
    """
    m = -norm.ppf(np.clip(error, 1e-6, 0.5))
    x = abs(m + norm.ppf((np.arange(300) + 0.5) / 300))
    return float(np.mean(expit(-2 * m * np.sort(x)[200:])))


def _significance(p: Array, y: NDArray[np.bool_]) -> float:
    n_1, n_0 = int(y.sum()), int((~y).sum())
    error = np.sqrt((n_1 + n_0 + 1) / (12 * n_1 * n_0))  # of Mann and Whitney's U
    return float((auc(p, y) - 0.5) / error)
