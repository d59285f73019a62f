"""Predictions are finite for rows of any size, and leave other rows as they are."""

import warnings
from itertools import product

import numpy as np
import pytest
from scipy import sparse

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS
from tests.network.test_overflow import exact_logit

METHODS = ["decision_function", "predict_proba", "predict_log_proba"]
CONTAINERS = [np.array, sparse.csr_array]
DEPTHS = [(), (4,), (4, 4, 4)]
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=["few rows", "blocks"], autouse=True)
def path(request, monkeypatch):
    if request.param == "blocks":
        monkeypatch.setattr("skdeepbin.model._fitted.FEW", 0)


def fitted(hidden=(4,), dtype=np.float64, **parameters):
    """A classifier of five features that has learnt a little."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 5)).astype(dtype)
    model = DeepBinaryClassifier(hidden, max_iter=3, random_state=0, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, X[:, 0] > 0.1)


def of_any_size(dtype):
    """Rows of all the exponents of a type, and of its greatest and least numbers."""
    rng, info = np.random.RandomState(1), np.finfo(dtype)
    shape, least = (200, 5), info.minexp - info.nmant
    signs = rng.choice([-1, 1], size=shape).astype(dtype)
    powers = rng.randint(least, info.maxexp + 1, size=shape)
    X = np.ldexp(signs * rng.uniform(0.5, 0.99, size=shape).astype(dtype), powers)
    X[::7] *= rng.uniform(size=X[::7].shape) < 0.5
    rows = [info.max, -info.max, info.smallest_subnormal, 0]
    X[: len(rows)] = np.array(rows)[:, np.newaxis]
    signs = np.array(list(product([-1, 1], repeat=5)), dtype)
    return np.vstack([X, info.max * signs])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_networks", [1, 5])
def test_finite(activation, hidden, dtype, given, container, n_networks):
    model = fitted(hidden, dtype, activation=activation, n_networks=n_networks)
    X = container(of_any_size(given))
    for method in METHODS:
        values = getattr(model, method)(X)
        assert values.dtype == dtype
        assert np.isfinite(values).all()
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)


def test_finite_in_more_than_double_precision():
    X = of_any_size(np.longdouble)
    assert np.isfinite(fitted().predict_proba(X)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_networks", [1, 5])
def test_neighbours_change_no_bit(activation, hidden, dtype, container, n_networks):
    model = fitted(hidden, dtype, activation=activation, n_networks=n_networks)
    ordinary = np.random.RandomState(2).normal(size=(40, 5))
    absurd, is_absurd = ordinary.copy(), np.arange(40) % 3 == 1
    signs = np.random.RandomState(3).choice([-1, 1], size=(40, 5))
    absurd[is_absurd] = signs[is_absurd] * np.finfo(np.float64).max
    z = model.decision_function(container(absurd))
    expected = model.decision_function(container(ordinary))
    np.testing.assert_array_equal(z[~is_absurd], expected[~is_absurd])
    alone = model.decision_function(container(absurd[is_absurd]))
    np.testing.assert_allclose(z[is_absurd], alone, rtol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_networks", [1, 5])
def test_the_side_of_the_exact_network(
    activation, hidden, dtype, container, n_networks
):
    model = fitted(hidden, dtype, activation=activation, n_networks=n_networks)
    signs = np.array(list(product([-1, 0, 1], repeat=5)))[::5]
    sizes = np.random.RandomState(4).uniform(0.5, 1, size=signs.shape)
    X = signs * sizes * np.finfo(np.float64).max
    networks = model.model_.networks
    exact = [sum(exact_logit(one, activation, x) for one in networks) for x in X]
    second = np.array([z > 0 for z in exact])
    np.testing.assert_array_equal(model.predict(container(X)), second)
    beyond = np.array([abs(z) > 1000 * n_networks for z in exact])
    p = model.predict_proba(container(X))[:, 1]
    np.testing.assert_array_equal(p[beyond], second[beyond])
    if activation in ("identity", "relu") or not hidden:
        assert beyond.sum() > 20


@pytest.mark.parametrize("container", CONTAINERS)
def test_products_that_overflow_and_cancel(container):
    model = fitted(())
    model.coefs_ = [np.array([[1e100], [-1e100], [1.0], [0.0], [0.0]])]
    model.intercepts_ = [np.array([0.5])]
    X = [[1e209, 0.99e209, 3, 4, 5], [2e-100, 1e-100, 3, 4, 5]]
    np.testing.assert_allclose(model.decision_function(container(X)), [1e307, 4.5])


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_overflow_that_the_activation_hides(container):
    """The sum comes to infinity, which tanh makes 1, and ends below zero."""
    model = fitted((1,), activation="tanh")
    model.coefs_ = [np.array([[1.0], [1.0], [-1.0], [-1.0], [-1.0]]), np.ones((1, 1))]
    model.intercepts_ = [np.zeros(1), np.zeros(1)]
    X = np.full((1, 5), 1.5e308)
    assert model.decision_function(container(X)) == -1


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_features_and_weights_at_opposite_ends(activation, container):
    model = fitted((4,), activation=activation)
    X = np.random.RandomState(5).normal(size=(40, 5))
    X[:, 1:] = np.abs(X[:, 1:])
    expected = model.decision_function(container(X))
    model.coefs_[0] = model.coefs_[0] * 2.0**1000
    z = model.decision_function(container(X * 2.0**-1000))
    np.testing.assert_array_equal(z, expected)
    assert np.isfinite(model.decision_function(container(X * 2.0**100))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sum_over_a_ensemble_does_not_overflow(dtype):
    model = fitted((), dtype, n_networks=5)
    half = np.finfo(dtype).max / 2
    model.coefs_ = [np.zeros((5, 5, 1), dtype)]
    model.coefs_[0][:, 0] = half
    model.intercepts_ = [np.zeros((5, 1), dtype)]
    z = model.decision_function(np.array([[1, 0, 0, 0, 0], [-1, 1, 0, 0, 0]], dtype))
    np.testing.assert_allclose(z, [half, -half], rtol=1e-6)
