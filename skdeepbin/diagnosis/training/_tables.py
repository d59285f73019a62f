"""What the table itself says: single features, and what simple models find in it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm, rankdata
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin.network._parameters import Array

# Neighbours that vote, and the least probability that a model may state: a few trees or
# neighbours cannot know more.
NEIGHBOURS, SURE = 10, 0.01


# Between the quartiles of a normal distribution, in standard deviations.
QUARTILES = 1.35


class Baselines(NamedTuple):
    """What simple models, fitted to other rows, say of the rows.

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


class Columns(NamedTuple):
    """What is to be said of single features.

    constant, duplicate : which are constant, and which repeat an earlier one.
    mean, spread : of each feature.
    tail : of the feature where it is largest, the standard deviation over the one that
        its quartiles suggest.
    auc : how well a feature alone orders the rows by class, 0.5 to 1.
    gap : between the classes, in the best feature, in its standard deviations.
    same_as_best : which features go with the best one.
    """

    constant: NDArray[np.intp]
    duplicate: NDArray[np.intp]
    mean: Array
    spread: Array
    tail: float
    auc: Array
    gap: float
    same_as_best: NDArray[np.bool_]


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
    """What `sure_error` is where the classes are normal and overlap, by `error`.

    Of rows at x from classes around +-m of standard deviation one, the share
    ``1 / (1 + e^(2 m |x|))`` is of the other class.
    """
    m = -norm.ppf(np.clip(error, 1e-6, 0.5))
    x = abs(m + norm.ppf((np.arange(300) + 0.5) / 300))
    return float(np.mean(expit(-2 * m * np.sort(x)[200:])))


def auc(values: Array, y: NDArray[np.bool_]) -> Array:
    """The probability that a row of the second class has the larger value."""
    n_1, n_0 = int(y.sum()), int((~y).sum())
    ranks = rankdata(values, axis=0)
    return (ranks[y].sum(axis=0) - n_1 * (n_1 + 1) / 2) / (n_1 * n_0)


def _significance(p: Array, y: NDArray[np.bool_]) -> float:
    n_1, n_0 = int(y.sum()), int((~y).sum())
    error = np.sqrt((n_1 + n_0 + 1) / (12 * n_1 * n_0))  # of Mann and Whitney's U
    return float((auc(p, y) - 0.5) / error)


def columns(X: Array, y: NDArray[np.bool_]) -> Columns:
    """Look at every feature alone."""
    largest = abs(X).max(axis=0)
    largest = np.where(largest > 0, largest, 1)  # squares of the rest do not overflow
    mean, spread = (of(X / largest, axis=0) * largest for of in (np.mean, np.std))
    varies = spread > 1e-10 * abs(mean)
    scale = np.where(varies, spread, 1)
    Z = (X - mean) / scale
    lower, upper = np.percentile(X, [25, 75], axis=0)
    middle = (upper - lower) / QUARTILES
    known = varies & (middle > 0)
    keys: dict[bytes, int] = {}
    repeats = [
        j
        for j in np.flatnonzero(varies).tolist()
        if keys.setdefault(np.round(Z[:, j], 8).tobytes(), j) != j
    ]
    alone = auc(X, y)
    alone = np.where(varies, np.maximum(alone, 1 - alone), 0.5)
    best = int(alone.argmax())
    correlation = abs(Z.T @ Z[:, best]) / len(Z)
    classes = Z[y, best], Z[~y, best]
    gap = max(classes[0].min() - classes[1].max(), classes[1].min() - classes[0].max())
    return Columns(
        np.flatnonzero(~varies),
        np.array(repeats, dtype=np.intp),
        mean,
        np.where(varies, spread, 0),
        float((spread[known] / middle[known]).max(initial=1)),
        alone,
        float(gap),
        correlation > 0.98,
    )
