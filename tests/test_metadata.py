"""Data frames, metadata that is routed, and scikit-learn's tools of inspection."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_breast_cancer(return_X_y=True)
X = X[:, :4]
NAMES = ["radius", "texture", "perimeter", "area"]
W = np.where(Y, 1.0, 3.0)


def pandas_frame():
    return pytest.importorskip("pandas").DataFrame(X, columns=NAMES)


def nullable_frame():
    return pandas_frame().convert_dtypes()


def polars_frame():
    return pytest.importorskip("polars").DataFrame(X, schema=NAMES)


FRAMES = {"pandas": pandas_frame, "nullable": nullable_frame, "polars": polars_frame}


def make(**settings):
    return DeepBinaryClassifier(8, **{"max_iter": 30, "random_state": 0} | settings)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_is_its_array_and_its_names(frame):
    X_frame = frame()
    clf = make().fit(X_frame, Y)
    expected = make().fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(clf.predict_proba(X_frame), expected)
    if not hasattr(StandardScaler().fit(X_frame), "feature_names_in_"):
        return  # scikit-learn 1.8 does not know the names of polars 2
    assert clf.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(X_frame[NAMES[::-1]])


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_rows_that_validate_may_be_a_frame_too(frame):
    X_frame = frame()
    clf = make().fit(X_frame, Y, X_val=X_frame[:100], y_val=Y[:100])
    expected = make().fit(X, Y, X_val=X[:100], y_val=Y[:100])
    np.testing.assert_array_equal(clf.loss_curve_, expected.loss_curve_)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_weights_are_routed_through_a_pipeline_and_a_search(routing, fraction):
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipe = make_pipeline(scaler, make().set_fit_request(sample_weight=True))
    weights = np.where(Y, fraction, 1.0) + 1e-3
    search = GridSearchCV(
        pipe,
        {"deepbinaryclassifier__depth": [1]},
        scoring=get_scorer("accuracy").set_score_request(sample_weight=False),
        cv=2,
        error_score="raise",
    ).fit(X, Y, sample_weight=weights)
    scaled = StandardScaler().fit_transform(X)
    direct = make(depth=1).fit(scaled, Y, weights)
    np.testing.assert_array_equal(search.predict_proba(X), direct.predict_proba(scaled))
    assert (search.predict(X).mean() > 0.5) == bool(fraction)


def test_weights_are_routed_through_cross_validation(routing):
    clf = (
        make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    )
    result = cross_validate(
        clf,
        X,
        Y,
        cv=[(np.arange(300), np.arange(300, 569))],
        params={"sample_weight": W},
        return_estimator=True,
        error_score="raise",
    )
    expected = make().fit(X[:300], Y[:300], W[:300])
    assert result["test_score"] == expected.score(X[300:], Y[300:], W[300:])


def test_weights_that_nobody_asked_for_are_refused(routing):
    with pytest.raises(ValueError, match="sample_weight"):
        cross_validate(make(), X, Y, params={"sample_weight": W}, error_score="raise")


def test_rows_that_validate_go_through_the_steps_of_a_pipeline(routing):
    scaler = StandardScaler()
    clf = make().set_fit_request(X_val=True, y_val=True)
    pipe = Pipeline([("scale", scaler), ("net", clf)], transform_input=["X_val"])
    pipe.fit(X[:400], Y[:400], X_val=X[400:], y_val=Y[400:])
    scaled = StandardScaler().fit(X[:400]).transform(X)
    direct = make().fit(scaled[:400], Y[:400], X_val=scaled[400:], y_val=Y[400:])
    np.testing.assert_array_equal(
        pipe[-1].validation_scores_, direct.validation_scores_
    )


def test_partial_fit_takes_weights_that_are_routed(routing):
    clf = make().set_partial_fit_request(sample_weight=True, classes=True)
    assert clf.partial_fit(X, Y, [0, 1], sample_weight=W).n_iter_ == 1


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_permutation_importance(frame):
    if frame is polars_frame:
        pytest.skip("permutation_importance of scikit-learn takes no polars frames")
    clf = make().fit(frame(), Y)
    found = permutation_importance(clf, frame(), Y, n_repeats=2, random_state=0)
    assert found.importances_mean.max() > 0


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_partial_dependence_by_name(method):
    clf = make().fit(pandas_frame(), Y)
    shown = partial_dependence(
        clf, pandas_frame(), ["radius"], response_method=method, grid_resolution=5
    )
    assert shown["average"].shape == (1, 5)
    assert shown["average"][0, 0] > shown["average"][0, -1]  # large ones are malignant


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
def test_decision_boundary(method):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.pyplot import close
    from sklearn.inspection import DecisionBoundaryDisplay

    frame = pandas_frame()[NAMES[:2]]
    clf = make().fit(frame, Y)
    display = DecisionBoundaryDisplay.from_estimator(
        clf, frame, response_method=method, grid_resolution=20
    )
    assert display.response.shape == (20, 20)
    assert display.ax_.get_xlabel() == "radius"
    close(display.figure_)
