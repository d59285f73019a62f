"""The estimator inside scikit-learn's pipelines, searches and meta-estimators."""

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_wine
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def net():
    return DeepBinaryClassifier(8, max_iter=30, random_state=0)


def test_pipeline_with_sample_weight(net, cancer):
    X, y = cancer
    model = make_pipeline(StandardScaler(), net)
    model.fit(X, y, deepbinaryclassifier__sample_weight=np.where(y, 1e-6, 1))
    assert (model.predict(X) == 0).mean() > 0.9


def test_grid_over_depth_and_activation(net, cancer):
    grid = {"depth": [1, 2, 3], "activation": ["relu", "tanh"]}
    search = GridSearchCV(net, grid, error_score="raise", n_jobs=2).fit(*cancer)
    depths = [params["depth"] for params in search.cv_results_["params"]]
    assert sorted(depths) == [1, 1, 2, 2, 3, 3]
    assert search.best_score_ > 0.95
    assert len(search.best_estimator_.coefs_) == search.best_params_["depth"] + 1


def test_randomized_search_over_integers(net, cancer):
    space = {"depth": randint(1, 5), "hidden_layer_sizes": randint(4, 33)}
    search = RandomizedSearchCV(
        net, space, n_iter=5, cv=3, error_score="raise", random_state=0
    )
    assert search.fit(*cancer).best_score_ > 0.9


def test_halving_search_over_iterations(net, cancer):
    search = HalvingGridSearchCV(
        net,
        {"depth": [1, 2, 3], "activation": ["relu", "tanh"]},
        resource="max_iter",
        min_resources=5,
        max_resources=45,
        cv=3,
        error_score="raise",
        random_state=0,
    )
    search.fit(*cancer)
    assert search.best_estimator_.max_iter == search.n_resources_[-1] > 5


def test_cross_val_score_next_to_logistic_regression(net, cancer):
    ours, theirs = (
        cross_val_score(model, *cancer, scoring="roc_auc").mean()
        for model in (net, LogisticRegression())
    )
    assert ours > theirs - 0.01


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated(net, cancer, method):
    assert CalibratedClassifierCV(net, method=method).fit(*cancer).score(*cancer) > 0.95


def test_tuned_threshold(net, cancer):
    model = TunedThresholdClassifierCV(net, scoring="balanced_accuracy").fit(*cancer)
    assert 0 < model.best_threshold_ < 1
    assert model.score(*cancer) > 0.95


@pytest.mark.parametrize(
    "combined",
    [
        lambda net: BaggingClassifier(net, n_estimators=3, random_state=0),
        lambda net: VotingClassifier([("a", net), ("b", net)], voting="soft"),
        lambda net: StackingClassifier([("net", net)], cv=3),
    ],
    ids=["bagging", "voting", "stacking"],
)
def test_ensembles(net, cancer, combined):
    assert combined(net).fit(*cancer).score(*cancer) > 0.95


def test_one_versus_rest(net):
    X, y = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), OneVsRestClassifier(net))
    assert cross_val_score(model, X, y).mean() > 0.95


def test_learning_curve_and_permutation_importance(net, cancer):
    _, _, scores = learning_curve(
        net, *cancer, cv=3, shuffle=True, random_state=0, error_score="raise"
    )
    assert scores[-1].mean() > 0.9
    importance = permutation_importance(net.fit(*cancer), *cancer, random_state=0)
    assert importance.importances.shape == (30, 5)


def test_one_import_changes_from_mlp_classifier(cancer):
    """The same constructor call, the same attributes, the same kinds of values."""
    from sklearn.neural_network import MLPClassifier

    X, y = cancer
    theirs, ours = (
        Classifier(
            hidden_layer_sizes=(16, 8),
            activation="tanh",
            alpha=1e-3,
            max_iter=20,
            tol=1e-4,
            n_iter_no_change=10,
            early_stopping=False,
            random_state=0,
            warm_start=False,
            verbose=False,
        ).fit(X, y, sample_weight=np.ones(len(y)))
        for Classifier in (MLPClassifier, DeepBinaryClassifier)
    )
    for name in ("coefs_", "intercepts_", "loss_curve_"):
        assert type(getattr(ours, name)) is type(getattr(theirs, name)) is list
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    for name in ("n_layers_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)
    for name in ("loss_", "best_loss_"):
        assert isinstance(getattr(ours, name), float)
    assert ours.predict_proba(X).shape == theirs.predict_proba(X).shape
    assert ours.validation_scores_ is theirs.validation_scores_ is None
