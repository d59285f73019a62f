"""Fits in mini-batches, as a user sees them."""

import numpy as np
import pytest
from sklearn.datasets import make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._network import Network
from skdeepbin.training._solvers import IN_BATCHES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(300, noise=0.3, random_state=0)
ALPHA = 0.5


def make(**changes):
    common = {"hidden_layer_sizes": 8, "alpha": ALPHA, "random_state": 0}
    common |= {"solver": "adam", "batch_size": 50, "feature_scaling": "none"}
    return DeepBinaryClassifier(**common | {"early_stopping": False} | changes)


def loss_by_hand(clf, X, y):
    z = clf.decision_function(X)
    penalty = ALPHA / 2 * sum(float((W**2).sum()) for W in clf.coefs_) / len(y)
    return np.logaddexp(0, np.where(y, -z, z)).mean() + penalty


@pytest.mark.parametrize("solver", IN_BATCHES)
def test_the_loss_is_that_of_the_fitted_weights(solver):
    """And the history's is of the epochs, on the way."""
    clf = make(solver=solver, max_iter=7).fit(X, Y)
    assert clf.loss_ == pytest.approx(loss_by_hand(clf, X, Y), rel=1e-6)
    assert clf.best_loss_ == clf.history_["loss"].min()
    assert clf.loss_ < clf.best_loss_
    start = make(solver=solver).partial_fit(X, Y, classes=[0, 1])
    assert start.loss_ == pytest.approx(clf.history_["loss"][0])


@pytest.mark.parametrize("solver", IN_BATCHES)
def test_a_call_of_partial_fit_measures_its_own_rows(solver):
    clf = make(solver=solver).partial_fit(X[:200], Y[:200], classes=[0, 1])
    for part in (slice(200, 250), slice(250, 300)):
        before = loss_by_hand(clf, X[part], Y[part])
        clf.partial_fit(X[part], Y[part])
        assert clf.loss_ == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("solver", IN_BATCHES)
@pytest.mark.parametrize("dtype", ["auto", "float64"])
@pytest.mark.parametrize("batch_size", [None, 50])
def test_only_gradients_of_adam_in_mini_batches_are_in_single_precision(
    solver, dtype, batch_size, monkeypatch
):
    """Where X is in double precision, and nothing else is asked for."""
    kinds, whole = set(), Network.loss_and_gradient

    def loss_and_gradient(self, V, *arguments):
        kinds.add(V[0].dtype)
        return whole(self, V, *arguments)

    monkeypatch.setattr(Network, "loss_and_gradient", loss_and_gradient)
    clf = make(solver=solver, dtype=dtype, batch_size=batch_size, max_iter=3)
    clf.set_params(feature_scaling="auto").fit(X, Y)
    single = (solver, dtype, batch_size) == ("adam", "auto", 50)
    assert kinds == {np.dtype("float32" if single else "float64")}
    assert clf.coefs_[0].dtype == np.float64
