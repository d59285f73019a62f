"""To and from scikit-learn's MLPClassifier: the same function, and training goes on."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from skdeepbin.export import from_mlp, to_mlp
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.training._solvers import SOLVERS
from tests.export.setups import LABELS, NETWORKS, SIZES, fitted, net
from tests.own import Softplus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MLPS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "gd": {"solver": "sgd", "momentum": 0},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True},
}


MLP_NAMES = {row.mlp: row.name for row in ACTIVATIONS.values() if row.mlp}


def mlp(**parameters):
    quick = {"hidden_layer_sizes": (6, 4), "max_iter": 30, "random_state": 0}
    return MLPClassifier(**(quick | parameters))


@pytest.fixture
def both(request, moons):
    """An MLPClassifier and what is made of it."""
    theirs = mlp(**MLPS[request.param]).fit(*moons)
    return theirs, from_mlp(theirs)


each = pytest.mark.parametrize("both", MLPS, indirect=True)


@pytest.mark.parametrize("kind", NETWORKS)
def test_to_mlp_computes_the_same(kind, moons):
    X, y = moons
    clf = fitted(kind, X, y)
    is_deep, name = len(clf.coefs_) > 1, clf.activation
    if is_deep and ACTIVATIONS[name].mlp is None:
        with pytest.raises(ValueError, match=rf"MLPClassifier knows, .* is of {name}"):
            to_mlp(clf)
        return
    if clf.bin_edges_ is not None and is_deep and clf.activation != "relu":
        with pytest.raises(ValueError, match=r"are layers of relu; got .*n_bins=0"):
            to_mlp(clf)
        return
    theirs = to_mlp(clf)
    np.testing.assert_allclose(
        theirs.predict_proba(X), clf.predict_proba(X), rtol=0, atol=1e-14
    )
    np.testing.assert_array_equal(theirs.predict(X), clf.predict(X))
    assert theirs.score(X, y) == clf.score(X, y)


@pytest.mark.parametrize("labels", LABELS)
def test_to_mlp_keeps_the_labels(labels, moons):
    X, y = moons
    clf = net().fit(X, LABELS[labels][y])
    theirs = to_mlp(clf)
    np.testing.assert_array_equal(theirs.predict(X), clf.predict(X))
    np.testing.assert_array_equal(theirs.classes_, clf.classes_)


@pytest.mark.parametrize("k", [1, 3])
def test_to_mlp_of_float32(k, moons):
    X, y = moons
    clf = net(n_networks=k).fit(X.astype("f"), y)
    theirs = to_mlp(clf)
    assert {W.dtype for W in theirs.coefs_ + theirs.intercepts_} == {np.dtype("f")}
    np.testing.assert_allclose(
        theirs.predict_proba(X.astype("f")), clf.predict_proba(X), rtol=0, atol=1e-6
    )


def test_to_mlp_has_the_attributes_of_a_fit(moons):
    X, y = moons
    clf = net(n_networks=2, verbose=0).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    theirs, fit = to_mlp(clf), mlp().fit(pd.DataFrame(X, columns=["a", "b"]), y)
    check_is_fitted(theirs)
    missing = set(vars(fit)) - set(vars(theirs))
    assert missing <= {"_optimizer", "_random_state"}  # of which a fit makes new ones
    # The features, forth and back, and 16 bins, twice; then both networks.
    assert theirs.hidden_layer_sizes == (20, 20, 10, 10)
    assert theirs.loss_ == clf.loss_
    assert theirs.loss_curve_ == clf.loss_curve_
    np.testing.assert_array_equal(theirs.feature_names_in_, ["a", "b"])


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_to_mlp_goes_on(solver, moons):
    X, y = moons
    clf = net(solver=solver, warm_start=True, n_networks=2, alpha=1e-4).fit(X, y)
    theirs = pickle.loads(pickle.dumps(to_mlp(clf)))
    theirs.fit(X, y)
    assert len(theirs.loss_curve_) >= len(clf.loss_curve_)
    assert theirs.loss_ < 1.2 * clf.loss_  # it did not start anew
    if theirs.solver != "lbfgs":
        before = [W.copy() for W in theirs.coefs_]
        theirs.partial_fit(X, y)
        assert not np.array_equal(theirs.coefs_[0], before[0])
        assert theirs.coefs_[0].shape == before[0].shape
    clone(theirs).fit(X, y)


def test_to_mlp_goes_on_with_early_stopping(moons):
    X, y = moons
    clf = net(early_stopping=True, warm_start=True, max_iter=150, alpha=0.01)
    theirs = to_mlp(clf.fit(X, y)).fit(X, y)
    assert len(theirs.validation_scores_) > 0
    assert theirs.score(X, y) >= clf.score(X, y) - 0.05


def test_to_mlp_gives_copies(moons):
    clf = net().fit(*moons)
    theirs = to_mlp(clf)
    for ours, other in zip(clf.coefs_, theirs.coefs_):
        assert not np.shares_memory(ours, other)
        assert not np.shares_memory(other, theirs._best_coefs[0])


def test_to_mlp_carries_the_parameters_over(moons):
    clf = net(solver="momentum", learning_rate=0.2, momentum=0.5, alpha=3.0, tol=0.01)
    theirs = to_mlp(clf.set_params(batch_size=7, activation="tanh").fit(*moons))
    parameters = theirs.get_params()
    expected = {"solver": "sgd", "learning_rate_init": 0.2, "momentum": 0.5}
    expected |= {"nesterovs_momentum": False, "alpha": 3.0, "tol": 0.01}
    expected |= {"batch_size": 7, "activation": "tanh", "early_stopping": False}
    assert expected.items() <= parameters.items()
    clf.activation = "relu"  # what is fitted counts
    assert to_mlp(clf).activation == "tanh"


@pytest.mark.parametrize("activation", sorted(MLP_NAMES))
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_from_mlp_computes_the_same(activation, sizes, dtype, moons):
    X, y = moons[0].astype(dtype), moons[1]
    theirs = mlp(hidden_layer_sizes=sizes, activation=activation).fit(X, y)
    clf = from_mlp(theirs)
    assert clf.activation == MLP_NAMES[activation]
    assert clf.activations_ == [clf.activation] * len(sizes)
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(
        clf.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=tolerance
    )
    assert clf.coefs_[0].dtype == dtype
    back = to_mlp(clf)
    np.testing.assert_array_equal(back.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("labels", LABELS)
def test_from_mlp_keeps_the_labels(labels, moons):
    X, y = moons
    theirs = mlp().fit(X, LABELS[labels][y])
    np.testing.assert_array_equal(from_mlp(theirs).predict(X), theirs.predict(X))


@each
def test_from_mlp_has_the_attributes_of_a_fit(both, moons):
    theirs, clf = both
    fit = net(n_networks=1).fit(*moons)
    assert set(vars(fit)) - {"_resume"} <= set(vars(clf))
    stands = clf._where_it_stands()  # at its parameters, in the units of X
    (network,) = stands.networks
    parameters = zip(theirs.coefs_, theirs.intercepts_)
    flat = [part.ravel() for pair in parameters for part in pair]
    np.testing.assert_array_equal(network.theta, np.concatenate(flat))
    assert (network.state, network.stage) == (None, 0)
    assert stands.scaling.is_identity
    assert stands.stream is stands.bin_scaling is None
    assert clf.n_iter_ == theirs.n_iter_ == len(clf.loss_curve_)
    assert clf.loss_ == theirs.loss_ == clf.loss_curve_[-1]
    assert clf.best_loss_ == np.nanmin(clf.loss_curve_)
    assert set(clf.history_) == set(fit.history_)
    assert {len(column) for column in clf.history_.values()} == {clf.n_iter_ + 1}
    assert clf.n_layers_ == theirs.n_layers_
    assert all(W.base is not None for W in clf.coefs_)
    if theirs.early_stopping:
        np.testing.assert_array_equal(
            clf.validation_scores_[1:], theirs.validation_scores_
        )
        assert clf.stop_reason_ == "early_stopping"
    else:
        assert clf.validation_scores_ is None
        assert clf.stop_reason_ == "max_iter"


@each
def test_from_mlp_goes_on(both, moons):
    theirs, clf = both
    clf = pickle.loads(pickle.dumps(clf)).set_params(warm_start=True)
    proba, n_iter = clf.predict_proba(moons[0]), clf.n_iter_
    clf.set_params(max_iter=1, early_stopping=False, scoring="loss").fit(*moons)
    assert n_iter < clf.n_iter_ == len(clf.history_["loss"]) - 1
    if clf.solver != "lbfgs":
        assert clf.n_iter_ == n_iter + 1
    assert np.abs(clf.predict_proba(moons[0]) - proba).max() < 0.2
    clf.set_params(max_iter=100).fit(*moons)
    assert clf.loss_ < theirs.loss_


@each
def test_from_mlp_takes_single_steps(both, moons):
    clf = both[1].set_params(batch_size=None)
    if clf.solver == "lbfgs":
        clf.set_params(solver="rprop", learning_rate="auto")
    n_iter = clf.n_iter_
    losses = []
    for _ in range(3):
        clf.partial_fit(*moons)
        losses.append(clf.loss_)
    assert clf.n_iter_ == n_iter + 3
    assert losses == sorted(losses, reverse=True)


@each
def test_from_mlp_can_be_fitted_anew_and_diagnosed(both, moons):
    clf = both[1]
    assert diagnose(clf, *moons) is not None
    assert clone(clf).fit(*moons).score(*moons) > 0.4


def test_from_mlp_goes_on_as_mlp_does(moons):
    """One step of plain gradient descent is the same in both."""
    X, y = moons
    n, rate = len(y), 0.5
    theirs = mlp(solver="sgd", momentum=0, learning_rate_init=rate, batch_size=n)
    theirs.fit(X, y)
    clf = from_mlp(theirs).set_params(batch_size=None)
    theirs.partial_fit(X, y)
    clf.partial_fit(X, y)
    np.testing.assert_allclose(
        clf.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-12
    )
    assert clf.loss_ == pytest.approx(theirs.loss_, abs=1e-12)


def test_from_mlp_after_partial_fit(moons):
    theirs = mlp()
    for _ in range(5):
        theirs.partial_fit(*moons, classes=[0, 1])
    clf = from_mlp(theirs)
    assert clf.n_iter_ == len(theirs.loss_curve_) == 5
    assert clf.stop_reason_ == "max_iter"


def test_from_mlp_that_converged(moons):
    assert from_mlp(mlp(tol=1.0).fit(*moons)).stop_reason_ == "converged"
    theirs = mlp(tol=1.0, solver="lbfgs").fit(*moons)
    assert from_mlp(theirs).stop_reason_ == "converged"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"solver": "sgd"}, {"solver": "nesterov", "momentum": 0.9}),
        ({"solver": "sgd", "nesterovs_momentum": False}, {"solver": "momentum"}),
        ({"solver": "sgd", "momentum": 0.0}, {"solver": "gd"}),
        ({"solver": "sgd", "momentum": 1.0}, {"momentum": 0.9}),
        ({"learning_rate_init": 0.02}, {"solver": "adam", "learning_rate": 0.02}),
        ({"solver": "lbfgs"}, {"batch_size": None, "learning_rate": "auto"}),
        ({}, {"batch_size": 200, "init": "xavier", "scoring": "loss"}),
        ({"batch_size": 32, "alpha": 0.3}, {"batch_size": 32, "alpha": 0.3}),
        ({"early_stopping": True}, {"early_stopping": True, "scoring": "accuracy"}),
        ({"early_stopping": True, "solver": "lbfgs"}, {"early_stopping": False}),
        ({"n_iter_no_change": np.inf}, {"n_iter_no_change": 30}),
        ({"validation_fraction": 0.0}, {"validation_fraction": 0.2}),
    ],
    ids=str,
)
def test_from_mlp_carries_the_parameters_over(given, expected, moons):
    clf = from_mlp(mlp(**given).fit(*moons))
    assert clf.hidden_layer_sizes == (6, 4)
    assert expected.items() <= clf.get_params().items()
    clone(clf).fit(*moons)  # they are allowed


def test_from_mlp_keeps_the_names_of_features(moons):
    X = pd.DataFrame(moons[0], columns=["a", "b"])
    clf = from_mlp(mlp().fit(X, moons[1]))
    np.testing.assert_array_equal(clf.feature_names_in_, ["a", "b"])
    clf.predict(X)
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(X[["b", "a"]])


def test_from_mlp_gives_copies(moons):
    theirs = mlp().fit(*moons)
    clf = from_mlp(theirs)
    for ours, other in zip(clf.coefs_, theirs.coefs_):
        assert not np.shares_memory(ours, other)


def test_from_mlp_is_for_two_classes(moons):
    X, y = moons
    with pytest.raises(ValueError, match=r"`mlp` must .* two classes.* for 3 classes"):
        from_mlp(mlp().fit(X, np.arange(len(y)) % 3))
    with pytest.raises(ValueError, match="for 2 labels at once"):
        from_mlp(mlp().fit(X, np.column_stack([y, 1 - y])))
    with pytest.raises(ValueError, match="for 1 class"):
        from_mlp(mlp().fit(X, np.zeros(len(y))))


@pytest.mark.parametrize(
    ("export", "right", "wrong"),
    [
        (to_mlp, DeepBinaryClassifier, MLPClassifier),
        (from_mlp, MLPClassifier, DeepBinaryClassifier),
    ],
)
def test_what_is_refused(export, right, wrong):
    with pytest.raises(NotFittedError, match=r"not fitted yet. Call `fit` first"):
        export(right())
    with pytest.raises(TypeError, match=f"got a {wrong.__name__}"):
        export(wrong())
    with pytest.raises(TypeError, match=f"got the class {right.__name__}"):
        export(right)
    with pytest.raises(TypeError, match=r"last step, `(clf|mlp)\[-1\]`"):
        export(make_pipeline(StandardScaler(), right()))


def test_networks_of_several_activations_are_refused(moons):
    clf = net(hidden_layer_sizes=(4, 3), activation=["relu", "tanh"]).fit(*moons)
    with pytest.raises(ValueError, match=r"same activation .* got relu, tanh\. Fit"):
        to_mlp(clf)


def test_an_activation_of_ones_own_is_refused(moons):
    clf = net(activation=Softplus()).fit(*moons)
    with pytest.raises(ValueError, match=r"MLPClassifier knows, .* is of Softplus"):
        to_mlp(clf)
