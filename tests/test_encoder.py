"""The piecewise linear encoding: identities, and agreement with its formula."""

import warnings
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepbin import DeepBinaryClassifier, PiecewiseLinearEncoder

ENCODERS = [
    PiecewiseLinearEncoder(),
    PiecewiseLinearEncoder(2),
    PiecewiseLinearEncoder(max_features_out=1),
]


@parametrize_with_checks(ENCODERS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def table(rng):
    """Smooth, heavy, counts, mostly zero, few values, two, one, far from zero."""
    n = 200
    return np.column_stack(
        [
            rng.normal(size=n),
            rng.standard_cauchy(n),
            rng.poisson(2, n),
            np.where(rng.uniform(size=n) < 0.8, 0, rng.exponential(size=n)),
            rng.randint(0, 5, n) * 10,
            rng.randint(0, 2, n),
            np.full(n, 3.0),
            1e6 + rng.uniform(size=n),
        ]
    )


def brute_force_edges(x, w, n_bins):
    """By the definition, in fractions."""
    w = [Fraction(float(weight)) for weight in w]
    values = sorted({v for v, weight in zip(x.tolist(), w) if weight})
    if len(values) > n_bins + 1:
        below = [sum(b for a, b in zip(x.tolist(), w) if a <= v) for v in values]
        levels = [Fraction(k, n_bins) * below[-1] for k in range(1, n_bins + 1)]
        found = {next(v for v, b in zip(values, below) if b >= q) for q in levels}
        values = sorted({values[0], *found})
    return values if len(values) > 2 else []


@pytest.mark.parametrize("n_bins", [2, 3, 8, 50, 1000])
@pytest.mark.parametrize("kind", ["none", "whole", "real"])
def test_it_is_what_the_formula_says(table, rng, n_bins, kind):
    X = table[:60]
    weights = {
        "none": None,
        "whole": rng.randint(0, 4, len(X)),
        "real": rng.exponential(size=len(X)) * 1e-200,
    }[kind]
    enc = PiecewiseLinearEncoder(n_bins, max_features_out=10**6).fit(
        X, sample_weight=weights
    )
    columns = []
    for x, edges in zip(X.T, enc.bin_edges_):
        w = np.ones(len(x)) if weights is None else weights
        assert edges.tolist() == brute_force_edges(x, w, n_bins)
        columns += [
            np.clip((x - low) / (high - low), 0, 1) for low, high in pairwise(edges)
        ]
    np.testing.assert_allclose(
        enc.transform(X), np.column_stack([X, *columns]), rtol=0, atol=1e-15
    )


def test_edges_ascend_and_columns_of_two_values_have_none(table):
    enc = PiecewiseLinearEncoder().fit(table)
    assert all((np.diff(edges) > 0).all() for edges in enc.bin_edges_)
    assert [len(edges) - 1 for edges in enc.bin_edges_ if len(edges)] == (
        enc.n_bins_[enc.n_bins_ > 0].tolist()
    )
    assert enc.n_bins_[0] == enc.n_bins_[-1] == 8
    assert enc.n_bins_[4] == 4  # from each of five values to the next
    assert enc.n_bins_[5] == enc.n_bins_[6] == 0
    Z = enc.transform(table)
    np.testing.assert_array_equal(Z[:, : table.shape[1]], table)
    assert Z.shape[1] == table.shape[1] + enc.n_bins_.sum()


def test_the_bins_add_up_to_the_column(table):
    """In units of their widths, the columns of the bins are x between the edges."""
    enc = PiecewiseLinearEncoder().fit(table[:100])
    Z = enc.transform(table)[:, table.shape[1] :]
    parts = np.split(Z, np.cumsum(enc.n_bins_)[:-1], axis=1)
    for x, edges, part in zip(table.T, enc.bin_edges_, parts):
        if not len(edges):
            continue
        back = edges[0] + part @ np.diff(edges)
        np.testing.assert_allclose(back, x.clip(edges[0], edges[-1]), rtol=1e-12)
        full_below = (part[:, 1:] == 0) | (part[:, :-1] == 1)
        assert full_below.all()


def test_hinges_are_linear_in_it(table):
    """``max(0, x - e_k)`` is a sum of what lies above the edge."""
    enc = PiecewiseLinearEncoder().fit(table[:, :1])
    (edges,) = enc.bin_edges_
    Z = enc.transform(table[:, :1])[:, 1:]
    for k, edge in enumerate(edges[:-1]):
        np.testing.assert_allclose(
            Z[:, k:] @ np.diff(edges)[k:], np.maximum(0, table[:, 0] - edge), atol=1e-12
        )


def same_edges(one, other):
    np.testing.assert_equal(one.bin_edges_, other.bin_edges_)
    np.testing.assert_array_equal(one.n_bins_, other.n_bins_)


def test_weights_are_copies_and_zero_is_no_row(table, rng):
    w = rng.randint(0, 4, len(table))
    enc = PiecewiseLinearEncoder(5)
    copies = clone(enc).fit(np.repeat(table, w, axis=0))
    same_edges(clone(enc).fit(table, sample_weight=w), copies)
    same_edges(clone(enc).fit(table, sample_weight=w * 0.375), copies)
    # 1/3 is no float: exact are sums of what was given.
    third = np.repeat(table, w, axis=0), np.full(w.sum(), 1 / 3)
    same_edges(clone(enc).fit(third[0], sample_weight=third[1]), copies)


def test_order_of_rows(table, rng):
    w = 10.0 ** rng.uniform(-30, 30, len(table))
    enc = PiecewiseLinearEncoder(5).fit(table, sample_weight=w)
    order = rng.permutation(len(table))
    same_edges(PiecewiseLinearEncoder(5).fit(table[order], sample_weight=w[order]), enc)


@pytest.mark.parametrize("power", [-900, -40, 40, 900])
def test_scale(table, power):
    enc = PiecewiseLinearEncoder()
    Z = clone(enc).fit_transform(table)[:, table.shape[1] :]
    with np.errstate(all="raise"):
        scaled = clone(enc).fit_transform(np.ldexp(table, power))
    np.testing.assert_array_equal(scaled[:, table.shape[1] :], Z)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_finite_number(dtype):
    most, least = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    x = np.array([-most, -1, -least, 0, least, 2 * least, 1, most / 2, most], dtype)
    fit_on = [x, x[2:6], x[[0, 3, 8]], x[[2, 3, 6]], x[[0, 4, 5]]]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for some in fit_on:
            for n_bins in (2, 8):
                enc = PiecewiseLinearEncoder(n_bins).fit(some[:, np.newaxis])
                Z = enc.transform(x[:, np.newaxis])[:, 1:]
                assert Z.dtype == dtype
                assert (np.diff(Z, axis=0) >= 0).all()
                assert ((Z >= 0) & (Z <= 1)).all()
                (edges,) = enc.bin_edges_
                at = enc.transform(edges[:, np.newaxis].astype(dtype))[:, 1:]
                np.testing.assert_array_equal(at, np.tri(len(edges), k=-1)[:, :-1])


def test_single_precision(table):
    """float32 is encoded in float64, with the edges of the same numbers there."""
    single = table.astype(np.float32)
    enc = PiecewiseLinearEncoder().fit(single)
    double = PiecewiseLinearEncoder().fit(single.astype(np.float64))
    same_edges(enc, double)
    Z = enc.transform(single)
    assert Z.dtype == np.float32
    expected = double.transform(single.astype(np.float64))
    np.testing.assert_array_equal(Z, expected.astype(np.float32))
    # Edges that are no numbers of float32 do not become equal in it.
    near = PiecewiseLinearEncoder().fit(1 + table[:, :1] * 1e-12)
    assert np.isfinite(near.transform(single[:, :1])).all()


@pytest.mark.parametrize(
    ("n_features", "most", "bins"),
    [(1, 1000, 8), (100, 1000, 8), (200, 1000, 4), (400, 1000, 2), (10, 1, 2)],
)
def test_many_columns_have_fewer_bins(rng, n_features, most, bins):
    X = rng.normal(size=(30, n_features))
    enc = PiecewiseLinearEncoder(max_features_out=most).fit(X)
    assert (enc.n_bins_ == bins).all()
    width = enc.transform(X).shape[1]
    assert width == n_features * (1 + bins)
    assert width <= most or bins == 2


def test_names_and_frames(table):
    frame = pd.DataFrame(table[:, [4, 5]], columns=["grade", "sex"])
    enc = PiecewiseLinearEncoder().set_output(transform="pandas")
    Z = enc.fit_transform(frame)
    bins = ["grade_bin0", "grade_bin1", "grade_bin2", "grade_bin3"]
    assert [*Z.columns] == ["grade", "sex", *bins]
    assert enc.get_feature_names_out().tolist() == [*Z.columns]
    same_edges(enc, PiecewiseLinearEncoder().fit(frame.to_numpy()))


def test_in_a_pipeline(table, rng):
    y = (table[:, 0] > 0.3) != (table[:, 4] == 20)
    net = DeepBinaryClassifier(8, random_state=0)
    pipe = make_pipeline(PiecewiseLinearEncoder(), net)
    pipe.fit(table, y)
    Z = PiecewiseLinearEncoder().fit_transform(table)
    np.testing.assert_array_equal(
        pipe.predict_proba(table), clone(net).fit(Z, y).predict_proba(Z)
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bins": 1}, "`n_bins` must be an int of at least 2; got 1"),
        ({"n_bins": 8.0}, "`n_bins` must be an int"),
        ({"n_bins": True}, "`n_bins` must be an int"),
        ({"max_features_out": 0}, "`max_features_out` must be a positive int; got 0"),
    ],
)
def test_parameters(table, parameters, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoder(**parameters).fit(table)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (csr_array(np.eye(3)), TypeError, "dense data is required"),
        ([[1.0], [np.nan]], ValueError, "contains NaN"),
        ([[1.0], [np.inf]], ValueError, "contains infinity"),
        (np.ma.array([[1.0], [2.0]], mask=[[0], [1]]), ValueError, "masked"),
        (pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}), ValueError, "column 't'"),
        (np.array([["2020-01-01"]], "M8[D]"), ValueError, "datetime64"),
    ],
    ids=["sparse", "nan", "inf", "masked", "times", "time"],
)
def test_bad_input(X, error, message):
    with pytest.raises(error, match=message):
        PiecewiseLinearEncoder().fit(X)
    enc = PiecewiseLinearEncoder().fit(np.eye(3)[:, : np.shape(X)[1]])
    with pytest.raises(error, match=message):
        enc.transform(X)


def test_bad_weights(table):
    for weights in (-np.ones(200), np.zeros(200), np.ones(3)):
        with pytest.raises(ValueError, match="`sample_weight` must"):
            PiecewiseLinearEncoder().fit(table, sample_weight=weights)


def test_not_fitted(table):
    with pytest.raises(NotFittedError):
        PiecewiseLinearEncoder().transform(table)
