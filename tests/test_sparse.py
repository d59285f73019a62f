"""Sparse rows: of columns that are constant training has no parameters."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning


@pytest.fixture(scope="module")
def table():
    """Of 90 columns 30 are empty, one is all ones, and one is mostly not zero."""
    rng = np.random.RandomState(0)
    X = np.where(rng.uniform(size=(300, 90)) < 0.1, rng.exponential(size=(300, 90)), 0)
    X[:, ::3] = 0
    X[:, 1] = 1
    X[:, 2] = rng.exponential(size=300) + 1
    y = (X @ rng.normal(size=90) > np.median(X @ rng.normal(size=90))).astype(int)
    return X, y


def net(**changes):
    settings = {"hidden_layer_sizes": (8, 6), "max_iter": 15, "random_state": 0}
    return DeepBinaryClassifier(**settings | {"n_bins": 0} | changes)


def fitted(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data)


def assert_same(one, other, **tolerance):
    for a, b in zip(
        one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        np.testing.assert_allclose(a, b, **tolerance)


SETTINGS = [
    {},
    {"solver": "adam"},
    {"solver": "gd"},
    {"solver": "lbfgs", "early_stopping": False},
    {"activation": "tanh"},
    {"n_networks": 3},
    {"batch_size": 64},
    {"hidden_layer_sizes": ()},
    {"feature_scaling": "none"},
    {"feature_scaling": "standard"},
    {"scoring": "roc_auc"},
    {"dtype": "float32", "solver": "adam"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_empty_columns_change_nothing(settings, table):
    """Training has no parameters for them in CSR, and zeros in dense rows."""
    X, y = table
    one = fitted(net(**settings), sparse.csr_array(X), y)
    other = fitted(net(**settings), X, y)
    tolerance = 1e-3 if "dtype" in settings else 1e-7
    assert_same(one, other, rtol=tolerance, atol=tolerance)
    constant = np.ptp(X, axis=0) == 0
    assert constant.sum() == 31
    assert not np.moveaxis(one.coefs_[0], -2, 0)[constant].any()


@pytest.mark.parametrize("solver", ["rprop", "adam", "gd", "lbfgs"])
@pytest.mark.parametrize("then", [np.asarray, sparse.csr_array])
def test_a_warm_start_goes_on_where_it_stood(solver, then, table):
    """On rows of either kind, saved and loaded in between."""
    X, y = table
    of = {"solver": solver, "early_stopping": False, "tol": 0}
    whole = fitted(net(**of, max_iter=9), sparse.csr_array(X), y)
    model = fitted(net(**of, warm_start=True, max_iter=5), sparse.csr_array(X), y)
    model = pickle.loads(pickle.dumps(model)).set_params(max_iter=4)
    fitted(model, then(X), y)
    tolerance = 0.3 if solver == "lbfgs" else 1e-8  # it forgets curvature
    assert_same(model, whole, rtol=tolerance, atol=tolerance)


def test_single_steps_go_on_from_a_fit(table):
    X, y = table
    X = sparse.csr_array(X)
    of = {"solver": "adam", "early_stopping": False, "tol": 0, "alpha": 1.0}
    model = fitted(net(**of, max_iter=5), X, y)
    for _ in range(2):
        model.partial_fit(X, y)
    assert_same(model, fitted(net(**of, max_iter=7), X, y), rtol=1e-8, atol=1e-10)


def test_a_stream_has_parameters_for_columns_to_come(table):
    """What is empty in the first call may vary in the second."""
    X, y = table
    order = np.argsort(X[:, 4] != 0, kind="stable")  # first the rows where it is empty
    model = net(solver="adam")
    first = order[: (X[:, 4] == 0).sum()]
    model.partial_fit(sparse.csr_array(X[first]), y[first], classes=[0, 1])
    for _ in range(5):
        model.partial_fit(sparse.csr_array(X), y)
    assert model.coefs_[0][4].any()
    model.set_params(warm_start=True)
    fitted(model, sparse.csr_array(X), y)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["auto", "float32"])
def test_entries_of_any_type(kind, dtype, table):
    X, y = table
    X = X.astype(kind)
    one = fitted(net(dtype=dtype, solver="adam"), sparse.csr_array(X), y)
    assert_same(
        one, fitted(net(dtype=dtype, solver="adam"), X, y), rtol=0.01, atol=0.01
    )


@pytest.mark.parametrize("size", [2.0**-990, 2.0**-100, 2.0**100, 2.0**990])
def test_rows_of_any_scale(size, table):
    X, y = table
    X = sparse.csr_array(X)
    z = fitted(net(early_stopping=False), X, y).decision_function(X)
    scaled = fitted(net(early_stopping=False), X * size, y).decision_function(X * size)
    np.testing.assert_allclose(scaled, z, rtol=1e-9)


def test_nothing_but_constant_columns(table):
    _, y = table
    X = sparse.csr_array(np.ones((len(y), 3)) * [0, 1, 2])
    with pytest.warns(LearningWarning):
        model = net(max_iter=200).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean(), atol=0.02)


def test_memory_is_for_the_columns_that_vary():
    """A table of many words of which few occur: the fitted weights, and little else."""
    rng = np.random.RandomState(0)
    X = sparse.random(400, 60_000, 0.0002, "csr", random_state=rng)
    X.resize(400, 200_000)
    y = rng.randint(0, 2, 400)
    tracemalloc.start()
    model = fitted(net(hidden_layer_sizes=(20,), max_iter=5), X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n_columns = int((X.getnnz(axis=0) > 0).sum())
    assert n_columns < 5000
    assert peak < 4 * model.coefs_[0].nbytes
