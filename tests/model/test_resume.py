"""Training goes on from the parameters that the classifier has, whoever set them."""

import pickle
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.model._resume import NetworkState, ResumeState, parameters_digest
from tests.reliability.fits import bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MOONS, Y = make_moons(300, noise=0.3, random_state=0)
X = np.column_stack([100 + 7 * MOONS, 1e-3 * MOONS[:, 0], np.full(300, 3.0)])
SPARSE = csr_matrix(np.where(X > 100, X, 0))
KINDS = {
    "one": {},
    "deep": {"depth": 3, "activation": "tanh"},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "single precision": {"dtype": "float32"},
    "ensemble with bins": {"n_networks": 3},
    "as it is": {"feature_scaling": "none"},
    "in mini-batches": {"solver": "adam", "batch_size": 50},
    "line search": {"solver": "gd"},
    "lbfgs": {"solver": "lbfgs"},
}


def make(**changes):
    common = {"hidden_layer_sizes": 6, "max_iter": 9, "random_state": 0}
    return DeepBinaryClassifier(**common | {"warm_start": True} | changes)


def replaced(clf, rng):
    """Assign other parameters, of the same shapes; return what a fit should find."""
    for name in ("coefs_", "intercepts_"):
        arrays = [(0.5 + rng.uniform()) * array for array in getattr(clf, name)]
        setattr(clf, name, [array.astype(clf.coefs_[0].dtype) for array in arrays])


def changed_in_place(clf, rng):
    for array in [*clf.coefs_, *clf.intercepts_]:
        array *= 0.5 + rng.uniform()


CHANGES = {"replaced": replaced, "changed in place": changed_in_place}


def parameters(clf):
    return [array.copy() for array in [*clf.coefs_, *clf.intercepts_]]


def assert_close(clf, expected):
    """Where a weight is small beside the others, it is known by their sizes."""
    rtol = 1e-4 if clf.coefs_[0].dtype == np.float32 else 1e-8
    for found, array in zip(parameters(clf), expected, strict=True):
        np.testing.assert_allclose(found, array, rtol, rtol * abs(array).max())


def hardly_moving(clf):
    """So that the end of a training is where it began."""
    return clf.set_params(solver="gd", learning_rate=1e-14, early_stopping=False)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", KINDS)
def test_predictions_are_of_the_parameters_that_there_are(name, change, rng):
    clf = make(**KINDS[name]).fit(X, Y)
    before = clf.decision_function(X)
    CHANGES[change](clf, rng)
    z = clf.decision_function(X)
    assert abs(z - before).min() > 0
    clf.coefs_[-1], clf.intercepts_[-1] = -clf.coefs_[-1], -clf.intercepts_[-1]
    np.testing.assert_array_equal(clf.decision_function(X), -z)
    np.testing.assert_array_equal(clf.model_.logits(X), -z)
    np.testing.assert_array_equal(clf.predict(X), z < 0)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", KINDS)
def test_a_warm_start_is_from_the_parameters_that_there_are(name, change, rng):
    clf = make(**KINDS[name]).fit(X, Y)
    CHANGES[change](clf, rng)
    expected, n_iter = parameters(clf), clf.n_iter_
    clf.set_params(batch_size=None)
    hardly_moving(clf).fit(X, Y)
    assert clf.n_iter_ > n_iter
    assert_close(clf, expected)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [name for name in KINDS if name != "lbfgs"])
def test_partial_fit_is_from_the_parameters_that_there_are(name, change, rng):
    """Also its loss is of them: that of the weights before the step."""
    clf = make(**KINDS[name]).fit(X, Y)
    CHANGES[change](clf, rng)
    expected = parameters(clf)
    hardly_moving(clf).set_params(alpha=0.0, batch_size=None).partial_fit(X, Y)
    assert_close(clf, expected)
    losses = []
    for network in clf.model_.networks:
        z = clf.model_.logits(X, networks=[network])
        losses.append(np.logaddexp(0, np.where(Y, -z, z)).mean())
    assert clf.loss_ == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("change", CHANGES)
def test_a_stream_goes_on_from_the_parameters_that_there_are(change, rng):
    clf = make().partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    CHANGES[change](clf, rng)
    expected = parameters(clf)
    hardly_moving(clf).partial_fit(X, Y)
    assert_close(clf, expected)
    assert clf.n_iter_ == 3


@pytest.mark.parametrize("change", CHANGES)
def test_sparse_rows_are_trained_on_from_the_parameters_that_there_are(change, rng):
    """Where constant columns have no parameters while training."""
    clf = make().fit(SPARSE, Y)
    assert clf._resume.scaling.read is not None
    CHANGES[change](clf, rng)
    expected = parameters(clf)
    hardly_moving(clf).fit(SPARSE, Y)
    assert_close(clf, expected)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_a_weight_that_was_set_on_a_constant_column_counts(container):
    """It becomes a part of the bias, as such a column has no weight in training."""
    rows = container(X)
    clf = make().fit(rows, Y)
    clf.coefs_[0][3] = 0.5
    z = clf.decision_function(X)
    hardly_moving(clf).fit(rows, Y)
    np.testing.assert_allclose(clf.decision_function(X), z, rtol=1e-8)
    assert not clf.coefs_[0][3].any()


def test_what_was_remembered_is_forgotten(rng):
    """Two that were trained otherwise, given the same parameters, learn the same."""
    one, other = make().fit(X, Y), make(max_iter=4).fit(X, Y)
    replaced(one, rng)
    other.coefs_ = [W.copy() for W in one.coefs_]
    other.intercepts_ = [b.copy() for b in one.intercepts_]
    for clf in (one, other):
        stands = clf._where_it_stands()
        assert [state for _, state, _ in stands.networks] == [None]
        clf.set_params(max_iter=12).fit(X, Y)
    for ours, theirs in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", KINDS)
def test_unchanged_parameters_go_on_to_the_same_bits(name):
    """Also where they were copied, or changed and changed back."""
    whole = make(**KINDS[name]).fit(X, Y).fit(X, Y)
    clf = make(**KINDS[name]).fit(X, Y)
    state = clf._resume
    clf.coefs_ = [np.asfortranarray(W) for W in clf.coefs_]
    clf.intercepts_[0] = clf.intercepts_[0].copy()
    clf.coefs_[-1] *= 2
    assert clf._where_it_stands() is not state
    clf.coefs_[-1] /= 2
    assert clf._where_it_stands() is state
    assert bits(clf.fit(X, Y)) == bits(whole)


def test_a_state_is_there_only_after_a_fit():
    assert make()._where_it_stands() is None


@pytest.mark.parametrize("act", ["fit", "partial_fit"])
def test_a_copy_that_was_saved_goes_on_from_the_changed_parameters(act, rng):
    clf = make().fit(X, Y)
    changed_in_place(clf, rng)
    again = pickle.loads(pickle.dumps(clf))
    for one in (clf, again):
        getattr(one, act)(X, Y)
    assert bits(clf) == bits(again)
    anew = make().fit(X, Y)
    assert bits(getattr(anew, act)(X, Y)) != bits(clf)


def test_a_fit_without_a_warm_start_is_from_no_parameters(rng):
    clf = make(warm_start=False).fit(X, Y)
    whole = bits(clf)
    replaced(clf, rng)
    assert bits(clf.fit(X, Y)) == whole


def test_parameters_of_another_shape_are_refused(rng):
    clf = make().fit(X, Y)
    other = make(hidden_layer_sizes=7).fit(X, Y)
    clf.coefs_, clf.intercepts_ = other.coefs_, other.intercepts_
    for act in (clf.fit, partial(clf.partial_fit)):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            act(X, Y)


def test_a_digest_is_of_all_bits(rng):
    arrays = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    whole = parameters_digest(arrays)
    assert parameters_digest([np.asfortranarray(a) for a in arrays]) == whole
    for array in arrays:
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = np.nextafter(before, np.inf)
            assert parameters_digest(arrays) != whole
            array[place] = before
    assert parameters_digest(arrays) == whole
    assert parameters_digest([a.astype(np.float32) for a in arrays]) != whole


def test_an_optimiser_of_another_kind_starts_anew():
    networks = NetworkState(np.ones(2), "known", 1), NetworkState(np.zeros(2), None, 2)
    state = ResumeState(networks, None, None, ("adam", True), 0, 0, None, "")
    assert state.at(("adam", True)) is networks
    for way in (("adam", False), ("rprop", True)):
        first, second = state.at(way)
        assert first == NetworkState(networks[0].theta, None, 1)
        assert second == networks[1]
