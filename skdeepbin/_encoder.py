"""Each column and beside it one for each of its bins: steps and bends, made linear.

The bins of a column lie between edges e_0 < .. < e_K, which are values of it, quantiles
at k/K; in a bin its column rises from 0 to 1::

    x -> x, clip((x - e_k) / (e_{k+1} - e_k), 0, 1)    for k = 0 .. K-1
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skdeepbin.engine._bins import bins_of
from skdeepbin.engine._blocks import row_slices
from skdeepbin.inputs._bin_edges import LEAST_BINS, affordable_bins, column_edges
from skdeepbin.inputs._validation import (
    ROWS,
    Rule,
    check_columns,
    check_features,
    check_not_masked,
    check_parameters,
)
from skdeepbin.inputs._weights import check_weights
from skdeepbin.network._parameters import Array


def _is_count(value: Any, least: int) -> bool:
    is_integral = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integral and int(value) >= least


RULES: Mapping[str, Rule] = {
    "n_bins": Rule(
        f"an int of at least {LEAST_BINS}", lambda value: _is_count(value, LEAST_BINS)
    ),
    "max_features_out": Rule("a positive int", lambda value: _is_count(value, 1)),
}


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    """Encode steps, counts and heavy tails so that a network learns them easily.

    Each column is kept and gets one more for each of its bins, in which it rises
    from 0 to 1::

        x -> x, clip((x - e_k) / (e_{k+1} - e_k), 0, 1)    for k = 0 .. K-1

    The edges e_0 < .. < e_K are values of the column: the least at or below which k/K
    of all the weight lies, equal ones merged. A column of few different values has a
    bin from each value to the next, so that ordinal columns and categories as numbers
    are encoded too. A column for which fewer than two bins are left, such as one of two
    values, is kept without any [1]_.

    Every function of a column that bends at edges only is linear in the result. One
    such is the column itself, ``e_0 + sum_k (e_{k+1} - e_k) z_k`` between e_0 and e_K.

    Parameters
    ----------
    n_bins : int, default=8
        The most bins of a column, at least 2.

    max_features_out : int, default=1000
        The most columns of the result: where X has many, they get fewer bins, at most
        ``max_features_out // n_features - 1``, but never fewer than two.

    Attributes
    ----------
    bin_edges_ : list of ndarray of shape (n_bins_[j] + 1,)
        The edges of the bins of each column, in float64, ascending; empty for a column
        that has none.

    n_bins_ : ndarray of shape (n_features,)
        The number of bins of each column, 0 where it is left alone.

    n_features_in_ : int
        The number of columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X was a data frame that names them.

    See Also
    --------
    DeepBinaryClassifier : The network for which it is made.
    sklearn.preprocessing.KBinsDiscretizer : Columns of 0 and 1, without the slopes.
    sklearn.preprocessing.SplineTransformer : Smooth pieces that overlap.

    Notes
    -----
    A weight of k is the row k times, a weight of 0 no row, and the order of rows does
    not matter, to the last bit. Columns in other units, by a power of two, give the
    same encoding. It is computed in float64 and rounded to the precision of X.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko (2022), On embeddings for numerical features in
       tabular deep learning, https://arxiv.org/abs/2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbin import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [4.0]])
    >>> PiecewiseLinearEncoder().fit_transform(X)
    array([[0., 0., 0.],
           [1., 1., 0.],
           [4., 1., 1.]])

    In front of a network:

    >>> from sklearn.datasets import make_moons
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepbin import DeepBinaryClassifier
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> net = DeepBinaryClassifier(16, random_state=0)
    >>> make_pipeline(PiecewiseLinearEncoder(), net).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(self, n_bins=8, *, max_features_out=1000):
        self.n_bins = n_bins
        self.max_features_out = max_features_out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None, sample_weight=None):
        """Find the edges of the bins of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features, finite numbers.

        y : None
            Not used.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero; None is 1 for each.

        Returns
        -------
        self : PiecewiseLinearEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If a parameter, X or a weight is not as described.
        TypeError
            If X is sparse: ``X.toarray()`` is not.
        """
        check_parameters(self.get_params(deep=False), RULES)
        X = _checked(self, X, reset=True)
        weights = check_weights(sample_weight, len(X))
        if weights is not None:
            X, weights = X[weights > 0], weights[weights > 0]
        most = affordable_bins(int(self.n_bins), X.shape[1], int(self.max_features_out))
        self.bin_edges_ = column_edges(X, weights, max(LEAST_BINS, most))
        self.n_bins_ = np.array([max(len(e) - 1, 0) for e in self.bin_edges_])
        return self

    def transform(self, X):
        """Encode rows: the columns of X, and after them the bins of each in turn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The features. Beyond the edges the columns of the bins are 0 or 1.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_features + n_all_bins)
            Of the precision of X where that is float32, else float64.
        """
        check_is_fitted(self)
        X = _checked(self, X, reset=False)
        n_features, bins = X.shape[1], bins_of(self.bin_edges_)
        Z = np.empty((len(X), n_features + bins.n), X.dtype)
        Z[:, :n_features] = X
        # A block of rows at a time: no copy of the whole in float64.
        n_rows = max(1, ROWS // Z.shape[1])
        with np.errstate(under="ignore"):
            for rows in row_slices(len(X), n_rows):
                Z[rows, n_features:] = bins.of(X[rows])
        return Z

    def get_feature_names_out(self, input_features=None):
        """Name the columns of the result, ``x0, x1, .., x0_bin0, x0_bin1, ..``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the columns of X; None is those of the fit, or ``x0``, ``x1``
            and so on.

        Returns
        -------
        names : ndarray of str objects
            The names of the columns of X, and after them those of the bins.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        bins = [
            f"{name}_bin{k}" for name, n in zip(names, self.n_bins_) for k in range(n)
        ]
        return np.array([*names, *bins], dtype=object)


def _checked(encoder: PiecewiseLinearEncoder, X: Any, reset: bool) -> Array:
    """X as finite numbers of float32 or float64."""
    check_not_masked(X=X)
    check_columns(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        check_features(X)  # scikit-learn would take times as numbers
    with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
        return validate_data(encoder, X, reset=reset, dtype=[np.float64, np.float32])
