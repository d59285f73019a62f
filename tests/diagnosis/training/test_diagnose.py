"""Inputs that `diagnose` accepts, and those that it refuses."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_classification, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from skdeepbin.diagnosis.training._evidence import gather, sample
from tests.own import Softplus


@pytest.fixture(scope="module")
def clf(moons):
    return DeepBinaryClassifier(20, random_state=0).fit(*moons)


def test_same_answer_twice(clf, moons):
    assert diagnose(clf, *moons) == diagnose(clf, *moons)


def test_estimator_is_left_as_it_is(clf, moons):
    before = [W.copy() for W in clf.coefs_]
    X, y = moons
    copies = X.copy(), y.copy()
    diagnose(clf, X, y)
    np.testing.assert_array_equal(before[0], clf.coefs_[0])
    np.testing.assert_array_equal(copies[0], X)
    np.testing.assert_array_equal(copies[1], y)


def test_says_nothing_aloud(moons):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stuck = DeepBinaryClassifier(
            8,
            depth=5,
            activation="logistic",
            init="xavier",
            alpha=0.05,
            solver="gd",
            max_iter=20,
            verbose=0,
        ).fit(*moons)
    assert not diagnose(stuck, *moons).ok  # warnings are errors here


@pytest.mark.parametrize("kind", ["frame", "sparse", "list", "column", "float32"])
def test_kinds_of_input(clf, moons, kind):
    X, y = moons
    X, y = {
        "frame": lambda: (pd.DataFrame(X, columns=["a", "b"]), pd.Series(y)),
        "sparse": lambda: (csr_matrix(X), y),
        "list": lambda: (X.tolist(), y.tolist()),
        "column": lambda: (X, y[:, np.newaxis]),
        "float32": lambda: (X.astype(np.float32), y),
    }[kind]()
    assert diagnose(clf, X, y).findings[0].code == "healthy"


def test_pipeline_transforms_first(moons):
    X, y = moons
    model = make_pipeline(StandardScaler(), DeepBinaryClassifier(20, random_state=0))
    model.fit(1e6 * X, y)
    assert diagnose(model, 1e6 * X, y).findings[0].code == "healthy"


def test_ensemble_names_its_worst_network(moons):
    clf = DeepBinaryClassifier(
        8, depth=5, activation="tanh", init=0.01, solver="gd", n_networks=2, max_iter=20
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(*moons)
    cause = diagnose(clf, *moons).findings[0].cause
    assert cause.startswith(("Network 1 of 2: ", "Network 2 of 2: "))


def test_class_weights_change_the_entropy(moons):
    X, y = moons
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:30]]
    clf = DeepBinaryClassifier(20, class_weight="balanced").fit(X[rows], y[rows])
    (evidence,) = gather(clf, X[rows], y[rows])
    assert evidence.entropy == pytest.approx(np.log(2))


def test_sample_keeps_both_classes():
    second = np.arange(10_000) < 30
    rows = sample(second, 2000)
    assert second[rows].sum() == 20
    assert len(np.unique(rows)) == len(rows) <= 2020
    np.testing.assert_array_equal(sample(second[:100], 2000), np.arange(100))


class BadStart(MLPClassifier):
    """One whose weights start elsewhere, which no parameter tells."""

    def _init_coef(self, fan_in, fan_out, dtype):
        W, b = super()._init_coef(fan_in, fan_out, dtype)
        return type(self).change(W), 0 * b


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda W: 0 * W, "zero_init"),
        (lambda W: 0 * W + 0.5, "zero_init"),
        (lambda W: 0.01 * W, "init_too_small"),
        (lambda W: 50 * W, "init_too_large"),
    ],
)
def test_start_of_a_derived_estimator(moons, change, code):
    BadStart.change = staticmethod(change)
    clf = BadStart([15] * 4, solver="sgd", max_iter=30, random_state=0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        clf.fit(*moons)
    finding = diagnose(clf, *moons).findings[0]
    assert finding.code == code
    assert "Fit anew" in finding.remedy


def test_what_a_fit_recorded_is_used(moons):
    clf = DeepBinaryClassifier(
        10,
        depth=6,
        activation="logistic",
        init="xavier",
        alpha=0.05,
        solver="gd",
        max_iter=15,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(*moons)
    shape = len(clf.history_["loss"]), len(clf.coefs_)
    clf.history_["gradient_norms"] = np.full(shape, np.logspace(-6, -1, shape[1]))
    clf.history_["update_ratios"] = np.full(shape, 2e-3)
    clf.history_["update_ratios"][0] = np.nan
    (evidence,) = gather(clf, *moons)
    assert evidence.model.step_ratio(1.0) == 2e-3
    finding = diagnose(clf, *moons).findings[0]
    assert finding.code == "vanishing_gradient"
    assert finding.evidence["the same as recorded at the start"] == pytest.approx(1e-5)


@pytest.mark.parametrize("layers", [6, 10])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_deep_logistic_network_of_scikit_learn(moons, layers, solver):
    """It stops at the entropy of the classes, without a word."""
    X, y = moons
    clf = MLPClassifier([16] * layers, "logistic", solver=solver, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    assert clf.loss_ > 0.69
    finding = diagnose(clf, X, y).findings[0]
    assert finding.code == "vanishing_gradient"
    assert finding.change == {"activation": "tanh"}


def test_deep_relu_network_of_scikit_learn(moons):
    clf = MLPClassifier([16] * 10, solver="sgd", batch_size=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(*moons)
    assert clf.loss_ > 0.69
    assert diagnose(clf, *moons).findings[0].code == "forward_collapse"


def test_large_features_of_scikit_learn(moons):
    X, y = moons
    clf = MLPClassifier(max_iter=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(1e4 * X, y)
    finding = diagnose(clf, 1e4 * X, y).findings[0]
    assert finding.code == "unscaled_features"
    assert "StandardScaler" in finding.remedy


@pytest.mark.parametrize("n", [2, 3, 6, 20, 45])
def test_few_rows(n):
    X = np.random.RandomState(0).standard_normal((n, 3))
    y = np.arange(n) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = DeepBinaryClassifier(5, max_iter=50, random_state=0).fit(X, y)
        mlp = MLPClassifier(5, max_iter=50, random_state=0).fit(X, y)
    for finding in (diagnose(clf, X, y).findings[0], diagnose(mlp, X, y).findings[0]):
        assert np.isfinite(list(finding.evidence.values())).all()


def test_other_estimators(moons):
    model = LogisticRegression().fit(*moons)
    with pytest.raises(TypeError, match=r"fitted DeepBinaryClassifier.* got Logistic"):
        diagnose(model, *moons)


@pytest.mark.parametrize("clf", [DeepBinaryClassifier(), MLPClassifier()])
def test_not_fitted(clf, moons):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        diagnose(clf, *moons)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        diagnose(make_pipeline(StandardScaler(), clf), *moons)
    with pytest.raises(NotFittedError, match="GridSearchCV has no best estimator yet"):
        diagnose(GridSearchCV(clf, {"alpha": [1, 2]}), *moons)


@pytest.mark.parametrize("several", ["classes", "labels"])
def test_more_than_two_classes(moons, several):
    X, y = moons
    Y = np.arange(len(y)) % 3 if several == "classes" else np.column_stack([y, 1 - y])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = MLPClassifier(5, max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="must be an MLPClassifier for two classes"):
        diagnose(clf, X, y)


def test_arrays_that_do_not_fit(clf, moons):
    X, y = moons
    with pytest.raises(ValueError, match=r"X must have the 2 features .* got 1"):
        diagnose(clf, X[:, :1], y)
    with pytest.raises(ValueError, match=r"must hold the classes of `clf`, \[0, 1\]"):
        diagnose(clf, X, y + 1)
    with pytest.raises(ValueError, match="must hold both classes"):
        diagnose(clf, X[y == 0], y[y == 0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        diagnose(clf, X, y[:-1])
    with pytest.raises(ValueError, match=r"of shape \(n_samples,\)"):
        diagnose(clf, X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="NaN"):
        diagnose(clf, np.where(X > 1, np.nan, X), y)


def test_of_many_rows_a_sample_is_enough():
    X, y = make_classification(10_000, 50, n_informative=20, random_state=0)
    clf = DeepBinaryClassifier(50, depth=4, init=0.01, solver="gd", max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    assert diagnose(clf, X, y).findings[0].code == "init_too_small"


def test_a_fit_with_weights_is_judged_with_them():
    """A class of fifty times the weight is learnt first, as it was asked for."""
    X, y = make_classification(300, 10, random_state=0)
    w = np.where(y == 1, 50.0, 1.0)
    clf = DeepBinaryClassifier(random_state=0).fit(X, y, w)
    assert diagnose(clf, X, y, w).ok
    with pytest.raises(ValueError, match="`sample_weight` must be one weight for each"):
        diagnose(clf, X, y, w[:9])


def _step_by_step(make, X, y):
    clf = make(random_state=0)
    for _ in range(3):
        clf.partial_fit(X, y, classes=[0, 1])
    return clf


@pytest.mark.parametrize("make", [DeepBinaryClassifier, MLPClassifier])
def test_steps_one_by_one_are_not_told_to_set_what_they_ignore(make, moons):
    worst = diagnose(_step_by_step(make, *moons), *moons).findings[0]
    assert worst.code == "too_few_iterations"
    assert "after 3 iterations" in worst.cause
    assert worst.remedy.startswith("Call partial_fit more often")
    assert not worst.change


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_overfitting_is_told_to_set_what_the_solver_heeds(solver):
    X, y = make_classification(200, 30, n_informative=3, flip_y=0.2, random_state=0)
    clf = MLPClassifier((100, 100), solver=solver, max_iter=1000, random_state=0)
    worst = diagnose(clf.fit(X, y), X, y).findings[0]
    assert worst.code == "overfitting"
    assert list(worst.change) == ["alpha" if solver == "lbfgs" else "early_stopping"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_features_whose_squares_overflow(moons):
    X, y = moons[0] * 1e200, moons[1]
    with np.errstate(all="ignore"):
        clf = MLPClassifier(random_state=0, max_iter=20).fit(X, y)
    worst = diagnose(clf, X, y).findings[0]
    assert worst.code == "unscaled_features"
    assert all(np.isfinite(value) for value in worst.evidence.values())


def test_one_class_is_named_as_it_is(clf, moons):
    with pytest.raises(ValueError, match=r"must hold both classes.* got only 0"):
        diagnose(clf, moons[0], 0 * moons[1])


def test_other_rows_than_those_of_the_fit_warn(moons):
    X, y = StandardScaler().fit_transform(moons[0]), moons[1]
    clf = DeepBinaryClassifier(20, random_state=0).fit(X, y)
    for rows, labels in ((30 * X + 99, y), (X, 1 - y)):
        with pytest.warns(UserWarning, match="are hardly the rows that `clf` was fitt"):
            diagnose(clf, rows, labels)


def test_columns_are_those_of_the_fit(moons):
    frame = pd.DataFrame(moons[0], columns=["a", "b"])
    clf = DeepBinaryClassifier(20, random_state=0).fit(frame, moons[1])
    with pytest.raises(ValueError, match="same order"):
        diagnose(clf, frame[["b", "a"]], moons[1])


def test_searches_and_nested_pipelines(clf, moons):
    search = GridSearchCV(DeepBinaryClassifier(20, random_state=0), {"depth": [2]})
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), search))
    nested.fit(*moons)
    assert (
        diagnose(search.fit(*moons), *moons).findings == diagnose(clf, *moons).findings
    )
    assert diagnose(nested, *moons).findings


def test_a_class_is_no_classifier(moons):
    with pytest.raises(TypeError, match="got the class DeepBinaryClassifier"):
        diagnose(DeepBinaryClassifier, *moons)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda y: -1.0 * y, "non-negative"),
        (lambda y: 0 * y, "above zero"),
        (lambda y: 1.0 * y, "class 0 has none"),
        (lambda y: np.nan * y, "NaN"),
        (lambda y: "balanced", "could not convert"),
    ],
)
def test_weights_of_a_diagnosis(weights, message, clf, moons):
    with pytest.raises(ValueError, match=message):
        diagnose(clf, *moons, sample_weight=weights(moons[1]))


def test_diagnoses_are_json(moons):
    with np.errstate(all="ignore"):
        clf = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(*moons)
        clf.coefs_[0] = clf.coefs_[0] * np.inf
    told = diagnose(clf, *moons).to_dict()
    assert json.loads(json.dumps(told, allow_nan=False))


@pytest.mark.parametrize("activation", [["relu", "tanh"], Softplus()])
def test_activations_that_no_rule_knows_are_refused_by_name(activation):
    X, y = make_moons(60, random_state=0)
    clf = DeepBinaryClassifier((3, 3), activation, max_iter=3, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"got (relu, tanh|Softplus)"):
        diagnose(clf, X, y)
