"""Rows, labels and weights as the user gives them to an estimator, checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from skdeepbin.inputs._dataset import ValidationRows
from skdeepbin.inputs._validation import (
    check_both_or_none,
    check_columns,
    check_features,
    check_is_local,
    check_not_masked,
    encode_labels,
)
from skdeepbin.inputs._weights import Weights, check_weights, row_weights


class CheckedRows(NamedTuple):
    """Checked training rows.

    X : dense or CSR.
    y : whether each row is of the second class.
    classes : both labels, sorted.
    """

    X: Any
    y: np.ndarray
    classes: np.ndarray
    weights: Weights


def checked_features(
    clf: Any, X: Any, *y: Any, is_new: bool = False, names: str = "{}"
) -> Any:
    """Return X, or X and y, as arrays that can be computed with.

    y : the labels, if there are any.
    is_new : whether the features are those of a new fit; else they must be the same.
    names : of the arrays, as the user gave them, with braces for the letter.
    """
    name = names.format("X")
    given = {name: X, **{names.format("y"): labels for labels in y}}
    check_is_local(**given)
    check_not_masked(**given)
    check_columns(X, name=name)
    with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
        found = validate_data(
            clf, X, *y, reset=is_new, accept_sparse="csr", dtype="numeric"
        )
    check_features(found[0] if y else found)
    return found


def training_rows(
    clf: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    is_new: bool,
    classes: np.ndarray | None = None,
) -> CheckedRows:
    """Return training rows, checked.

    clf : gives the class weights and the penalty.
    classes : both, where `y` may hold only one of them.
    """
    check_is_local(sample_weight=sample_weight)
    X, y = checked_features(clf, X, y, is_new=is_new)
    both = classes is None
    classes, y = encode_labels(y, classes)
    weights = row_weights(sample_weight, clf.class_weight, clf.alpha, classes, y, both)
    return CheckedRows(X, y, classes, weights)


def validation_rows(
    clf: Any, X_val: Any, y_val: Any, sample_weight_val: Any, classes: np.ndarray
) -> ValidationRows | None:
    """Return the rows that the user gave to validate on, checked; None for none."""
    if X_val is None or y_val is None:
        check_both_or_none(X_val=X_val, y_val=y_val)
        if sample_weight_val is not None:
            check_both_or_none(X_val=X_val, sample_weight_val=sample_weight_val)
        return None
    X, y = checked_features(clf, X_val, y_val, names="{}_val")
    _, second = encode_labels(y, classes, name="y_val")
    return ValidationRows(
        X, second, check_weights(sample_weight_val, len(y), "sample_weight_val")
    )
