"""Every activation and initialiser, in all that a classifier does."""

import pickle
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from skdeepbin import DeepBinaryClassifier, report
from skdeepbin.diagnosis import LearningWarning, check_gradients, diagnose
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS
from skdeepbin.plotting import GradientFlowDisplay, LossCurveDisplay
from tests.own import RIGHT, WRONG, Hard, Softplus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SIZES = (6, 5)
# What the parameter `activation` may be, by name, and of each hidden layer.
GIVEN = {name: name for name in ACTIVATIONS}
GIVEN |= {"two": ["relu", "tanh"], "own": Softplus(), "own, last": ("logistic", Hard())}
KINDS = {name: {"activation": given} for name, given in GIVEN.items()}
KINDS |= {f"init {name}": {"init": name} for name in INITIALIZERS}
every = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def no_picture_stays():
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def make(kind, **changes):
    given = {"hidden_layer_sizes": SIZES, "max_iter": 20, "random_state": 0}
    return DeepBinaryClassifier(**given | KINDS[kind] | changes)


def bits(clf, X):
    history = {name: v for name, v in clf.history_.items() if name != "seconds"}
    arrays = [*clf.coefs_, *clf.intercepts_, *history.values(), clf.predict_proba(X)]
    return [np.asarray(array).tobytes() for array in arrays]


def bare(given):
    """A list of layers, objects by their class."""
    given = [*given] if isinstance(given, (list, tuple)) else [given] * len(SIZES)
    return [each if isinstance(each, str) else type(each) for each in given]


@every
def test_a_fit_says_what_its_layers_are(kind, moons):
    clf = make(kind).fit(*moons)
    assert bare(clf.activations_) == bare(clf.activation)
    for parameter in ({"activation": "relu"}, {"activation": ["tanh"] * 3}):
        again = clone(clf).fit(*moons).set_params(**parameter)
        assert bits(again, moons[0]) == bits(clf, moons[0])
        assert bare(again.activations_) == bare(clf.activation)


@every
@pytest.mark.parametrize("parameters", [{}, {"n_networks": 3}, {"dtype": "float32"}])
def test_it_is_pickled_and_goes_on(kind, parameters, moons):
    X, y = moons
    clf = make(kind, warm_start=True, early_stopping=False, **parameters).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    assert bits(again, X) == bits(clf, X)
    whole = clone(clf).set_params(max_iter=40).fit(X, y)
    for half in (clf, again):
        half.fit(X, y)
        np.testing.assert_array_equal(half.history_["loss"], whole.history_["loss"])
        assert half.n_iter_ == 40


@every
def test_steps_of_a_stream_are_those_of_a_fit(kind, moons):
    X, y = moons
    parameters = {"solver": "adam", "alpha": 1.0, "early_stopping": False}
    whole = make(kind, **parameters).fit(X, y)
    clf = make(kind, **parameters)
    for _ in range(5):
        clf.partial_fit(X, y, [0, 1])
    assert clf.history_["loss"].tolist() == whole.history_["loss"][:5].tolist()
    np.testing.assert_array_equal(clf.activations_, whole.activations_)


@every
@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3, "solver": "adam"},
        {"batch_size": 50},
        {"scoring": "roc_auc", "early_stopping": True},
        {"n_networks": 2, "n_bins": 4},
        {"solver": "lbfgs"},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_it_trains_with(kind, parameters, moons):
    X, y = moons
    clf = make(kind, max_iter=100, **parameters).fit(X, y)
    assert np.nanmin(clf.history_["loss"][..., -1]) < 0.6
    assert clf.decision_function(X).dtype == parameters.get("dtype", float)
    threads = make(kind, max_iter=100, n_jobs=2, **parameters).fit(X, y)
    assert bits(threads, X) == bits(clf, X)


@every
def test_sparse_rows_and_rows_that_overflow(kind, moons):
    X, y = moons
    dense, sparse = make(kind).fit(X, y), make(kind).fit(csr_array(X), y)
    z = dense.decision_function(X)
    np.testing.assert_allclose(sparse.decision_function(csr_array(X)), z, rtol=1e-6)
    large = X * 1e300
    with np.errstate(all="ignore" if "own" in kind else "raise"):
        far = dense.decision_function(np.vstack([large * 1e7, X[:3]]))
    assert np.isfinite(far).all()
    np.testing.assert_allclose(far[-3:], z[:3], rtol=1e-9)


@every
def test_it_is_shown(kind, moons):
    pytest.importorskip("matplotlib", reason="a report has pictures")
    clf = make(kind).fit(*moons)
    page = report(clf, *moons)
    (layers,) = [row[1] for row in page.sections[2].parts[0].rows if "Layers" in row]
    names = [name if isinstance(name, str) else name.__name__ for name in
             bare(clf.activations_)]  # fmt: skip
    said = names[0] if len({*names}) == 1 else ", ".join(names)
    assert layers == f"2 – 6 – 5 – 1, {said}"
    assert "<svg" in clf._repr_html_()
    GradientFlowDisplay.from_estimator(clf)
    LossCurveDisplay.from_estimator(clf)


@every
def test_its_gradient_is_right(kind, moons):
    check = check_gradients(make(kind).fit(*moons), *moons)
    assert check.ok, str(check)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_it_is_diagnosed(kind, moons):
    sick = make(kind, alpha=1e6, early_stopping=False)
    with pytest.warns(LearningWarning, match="The penalty outweighs the rows"):
        sick.fit(*moons)
    assert diagnose(sick, *moons).findings[0].change == {"alpha": "auto"}
    if kind != "identity":
        assert diagnose(make(kind, max_iter=200).fit(*moons), *moons).ok


def test_a_search_over_all(moons):
    grid = [{"activation": [*GIVEN.values()]}, {"init": [*INITIALIZERS]}]
    search = GridSearchCV(make("relu"), grid, cv=2, error_score="raise")
    search.fit(*moons)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("parameter", [["relu"], ["relu"] * 3])
def test_a_list_of_another_length(parameter, moons):
    clf = make("relu", activation=parameter)
    with pytest.raises(ValueError, match=f"list of 2, .*; got {len(parameter)}"):
        clf.fit(*moons)
    assert not hasattr(clf, "activations_")


@pytest.mark.parametrize("parameter", ["rleu", ["relu", "rleu"], [None, None], 3, {}])
def test_other_values(parameter, moons):
    with pytest.raises(ValueError, match=r"`activation` must be one of '.* got"):
        make("relu", activation=parameter).fit(*moons)


@pytest.mark.parametrize(("given", "match"), WRONG)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_wrong_object_is_refused_before_the_first_step(given, match, method, moons):
    clf = make("relu", activation=given)
    more = ([0, 1],) if method == "partial_fit" else ()
    with pytest.raises(ValueError, match=match):
        getattr(clf, method)(*moons, *more)
    assert not hasattr(clf, "coefs_")


@pytest.mark.parametrize("given", RIGHT[:3])
def test_an_object_learns(given, moons):
    clf = DeepBinaryClassifier(activation=given, random_state=0).fit(*moons)
    assert roc_auc_score(moons[1], clf.predict_proba(moons[0])[:, 1]) > 0.9


def test_no_hidden_layer(moons):
    for given in ("tanh", [], Softplus()):
        clf = DeepBinaryClassifier((), given, max_iter=5).fit(*moons)
        assert clf.activations_ == []
        assert clf.model_.activations == ()


@pytest.mark.filterwarnings("always::skdeepbin.diagnosis.LearningWarning")
@pytest.mark.parametrize("given", [["relu", "tanh"], Softplus()])
def test_a_failure_is_not_put_down_to_another_network(given, moons):
    """A diagnosis would take all layers for the first: it is not asked."""
    pytest.importorskip("matplotlib", reason="a report has pictures")
    X = moons[0]
    clf = DeepBinaryClassifier(SIZES, given, alpha=1e6, random_state=0)
    with pytest.warns(LearningWarning, match="nothing was learnt"):
        clf.fit(X, moons[1])
    page = report(clf, *moons)
    assert "one activation for all hidden layers" in page.sections[0].parts[0].words
