"""The fitted model is what all that predicts, exports or draws reads."""

from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError

from skdeepbin import DeepBinaryClassifier
from skdeepbin.model import _fitted
from skdeepbin.model._fitted import FittedModel, networks_of, reads_bins
from skdeepbin.network._activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(300, noise=0.3, random_state=0)
CLASSIFIERS = {
    "one": {},
    "deep": {"depth": 3, "activation": "tanh"},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "single precision": {"dtype": "float32"},
    "ensemble with bins": {"n_networks": 3},
    "ensemble of features": {"n_networks": 3, "n_bins": 0},
    "one with bins": {"n_bins": 5},
}


@pytest.fixture(scope="module", params=CLASSIFIERS)
def clf(request):
    common = {"hidden_layer_sizes": 6, "max_iter": 20, "random_state": 0}
    settings = common | CLASSIFIERS[request.param]
    return DeepBinaryClassifier(**settings).fit(X, Y)


@pytest.fixture(params=["few", "many"])
def path(request, monkeypatch):
    """Whichever of the two ways is taken for these numbers of rows."""
    monkeypatch.setattr(_fitted, "FEW", np.inf if request.param == "few" else 0)


def by_hand(clf, X):
    """The mean logit, as the definition says it, from the public attributes."""
    stacked = clf.coefs_[0].ndim == 3
    k = len(clf.coefs_[0]) if stacked else 1
    logits = []
    for number in range(k):
        weights, biases = (
            [array[number] if stacked else array for array in arrays]
            for arrays in (clf.coefs_, clf.intercepts_)
        )
        A = np.asarray(X, float)
        if len(weights[0]) > A.shape[1]:
            columns = []
            for x, edges in zip(A.T, clf.bin_edges_):
                for low, high in pairwise(edges):
                    columns.append(np.clip((x - low) / (high - low), 0, 1))
            A = np.column_stack([A, *columns])
        for layer, (W, b) in enumerate(zip(weights, biases)):
            A = A @ W + b
            if layer < len(weights) - 1:
                A = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}[
                    clf.activations_[0] if clf.activations_ else "identity"
                ](A)
        logits.append(A[:, 0])
    return np.mean(logits, axis=0)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
@pytest.mark.parametrize("n_rows", [1, 7, 300])
def test_its_logits_are_those_of_the_classifier(clf, container, n_rows, path):
    rows = container(X[:n_rows])
    z = clf.model_.logits(rows)
    assert z.shape == (n_rows,)
    if clf.n_bins in ("auto", 0) or isinstance(rows, np.ndarray):
        np.testing.assert_array_equal(z, clf.decision_function(rows))
    rtol = 1e-4 if clf.model_.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(z, clf.decision_function(X[:n_rows]), rtol=rtol)


def test_few_rows_and_many_agree(clf, monkeypatch):
    monkeypatch.setattr(_fitted, "FEW", np.inf)
    few = clf.model_.logits(X)
    monkeypatch.setattr(_fitted, "FEW", 0)
    rtol = 1e-4 if clf.model_.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(clf.model_.logits(X), few, rtol=rtol)


def test_any_number_of_threads_gives_the_same_bits(clf):
    rows = np.repeat(X, 100, axis=0)
    one, two = (clf.model_.logits(rows, n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_its_logits_are_the_definition(clf, path):
    rtol = 1e-3 if clf.model_.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(clf.model_.logits(X), by_hand(clf, X), rtol=rtol)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_those_of_an_ensemble_are_the_mean_of_its_networks(clf, container, path):
    model, rows = clf.model_, container(X)
    each = [model.logits(rows, networks=[network]) for network in model.networks]
    rtol = 1e-5 if model.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(model.logits(rows), np.mean(each, axis=0), rtol=rtol)
    last = model.logits(rows, networks=model.networks[-2:])
    np.testing.assert_allclose(last, np.mean(each[-2:], axis=0), rtol=rtol)


def test_it_says_what_it_is(clf):
    model = clf.model_
    np.testing.assert_array_equal(model.classes, clf.classes_)
    assert model.n_features == 2
    assert set(model.activations) <= {ACTIVATIONS[clf.activation]}
    assert len(model.networks) == clf.n_networks
    assert model.hidden == tuple(b.shape[-1] for b in clf.intercepts_[:-1])
    assert model.dtype == clf.coefs_[0].dtype
    every = [model.bins_for(network) for network in model.networks]
    assert model.reads_bins == any(every) == (clf.bin_edges_ is not None)
    for number, (network, bins) in enumerate(zip(model.networks, every)):
        given = model.input_of(network, X)
        assert given.shape == (300, len(network.weights[0]))
        np.testing.assert_array_equal(given[:, :2], X)
        if bins is None:
            assert given is X
        else:
            assert reads_bins(number)
            assert bins is model.bins
            sparse = model.input_of(network, csr_matrix(X))
            np.testing.assert_array_equal(sparse, given)


def test_networks_of_an_ensemble_without_what_pads_them():
    """Every other one reads bins, from the first on."""
    clf = DeepBinaryClassifier(6, n_networks=3, max_iter=2, random_state=0).fit(X, Y)
    first, second, third = clf.model_.networks
    assert len(first.weights[0]) == len(third.weights[0]) > 2 == len(second.weights[0])
    assert not clf.coefs_[0][1][2:].any()
    (one,) = networks_of([W[0] for W in clf.coefs_], [b[0] for b in clf.intercepts_], 2)
    for part, other in zip(
        [*one.weights, *one.biases], [*first.weights, *first.biases]
    ):
        np.testing.assert_array_equal(part, other)


def test_numbers_that_overflow_give_finite_logits(clf, path):
    largest = np.finfo(np.float64).max
    rows = np.array([[largest, -largest], [0.5, 0.5], [-largest, 1.0]])
    z = clf.model_.logits(rows)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(z[1], clf.model_.logits(rows[1:2])[0], rtol=1e-5)


def test_there_is_none_before_a_fit():
    clf = DeepBinaryClassifier()
    assert not hasattr(clf, "model_")
    with pytest.raises(NotFittedError):
        _ = clf.model_


def test_a_model_does_not_change():
    model = FittedModel(np.array([0, 1]), 2, ACTIVATIONS["relu"], ())
    with pytest.raises(FrozenInstanceError):
        model.n_features = 3
