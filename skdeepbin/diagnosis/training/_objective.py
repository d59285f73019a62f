"""Objective of a fitted classifier, as functions of its arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_X_y

from skdeepbin.diagnosis._fitted import (
    fitted_alpha,
    fitted_networks,
    training_scaling,
)
from skdeepbin.diagnosis.training._model import unpacked
from skdeepbin.engine._blocks import Features, Rows, block_rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._threads import Threads
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Array, Layout
from skdeepbin.training._objective import Objective

Loss = Callable[[list[Array]], float]
Gradients = Callable[[list[Array]], list[Array]]


def of_the_classifier(clf: Any, X: Any, y: Any) -> tuple[Loss, Gradients, list[Array]]:
    """Return loss, gradients and parameters ``[W; b]``, on rows of weight one.

    In the units that the classifier was trained in; of an ensemble its first network.
    """
    prefix, clf = unpacked(clf)
    if not hasattr(clf, "fit") or not hasattr(clf, "n_networks"):
        raise TypeError(
            "`loss` must be a function, a fitted DeepBinaryClassifier, or a pipeline "
            f"that ends in one; got {type(clf).__name__}."
        )
    check_is_fitted(clf)
    for transform in prefix:
        X = transform.transform(X)
    X, y = check_X_y(X, y, accept_sparse="csr", dtype=np.float64)
    unknown = np.setdiff1d(y, clf.classes_)
    if unknown.size:
        raise ValueError(
            f"`params`, the labels, must be among {clf.classes_.tolist()}; got "
            f"{unknown.tolist()[0]!r}."
        )
    if X.shape[1] != clf.n_features_in_:
        raise ValueError(
            f"`grads`, the rows, must have the {clf.n_features_in_} features of the "
            f"classifier; got {X.shape[1]}."
        )
    y = y == clf.classes_[1]
    (weights, biases), bins = fitted_networks(clf)[0]
    scaling = training_scaling(clf, bins)
    layout = Layout((weights[0].shape[0], *map(len, biases)))
    network = Network(layout, clf.model_.activations)
    features = Features(X, np.float64, block_rows(network, X.shape[0], 8), bins=bins)
    rows = Rows(features, y, None, np.ones(2))
    pairs = [np.vstack(pair) for pair in zip(weights, biases)]
    theta: Array = np.concatenate([pair.ravel() for pair in pairs]).astype(np.float64)
    theta = scaling.from_user(theta, layout)
    threads = Threads(1)
    engine = Engine(network, rows, threads)
    alpha = fitted_alpha(clf, 0)
    sums = Losses(float(X.shape[0]), 0.0)
    objective = Objective(engine, sums, alpha, scaling.conversion(layout))

    def at(params: list[Array]) -> Array:
        return np.concatenate([p.ravel() for p in params])

    def gradients(params: list[Array]) -> list[Array]:
        return layout.layers(objective(at(params)).gradient)

    return lambda params: objective(at(params)).value, gradients, layout.layers(theta)
