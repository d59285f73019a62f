"""What holds for all displays."""

import inspect
from functools import cache, partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skdeepbin.plotting
from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import (
    ActivationDisplay,
    EnsembleDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    SearchDisplay,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = make_moons(200, noise=0.2, random_state=0)
SINGLE = DeepBinaryClassifier(8, max_iter=30, random_state=0)
COMMITTEE = DeepBinaryClassifier(8, max_iter=30, random_state=0, n_networks=3)
SEARCH = GridSearchCV(
    DeepBinaryClassifier(4, max_iter=10, random_state=0),
    {"depth": [1, 2], "activation": ["relu", "tanh"]},
    cv=2,
)

# Of each display, what makes one from an estimator, and an estimator that it takes.
DISPLAYS = {
    ActivationDisplay: (partial(ActivationDisplay.from_estimator, X=X), SINGLE),
    LossCurveDisplay: (LossCurveDisplay.from_estimator, SINGLE),
    SearchDisplay: (SearchDisplay.from_search, SEARCH),
    EnsembleDisplay: (partial(EnsembleDisplay.from_estimator, X=X, y=y), COMMITTEE),
    GradientFlowDisplay: (GradientFlowDisplay.from_estimator, SINGLE),
}
OF_ESTIMATORS = [kind for kind in DISPLAYS if hasattr(kind, "from_estimator")]
ALL = pytest.mark.parametrize("kind", DISPLAYS, ids=lambda kind: kind.__name__)
ESTIMATORS = pytest.mark.parametrize(
    "kind", OF_ESTIMATORS, ids=lambda kind: kind.__name__
)


@cache
def fitted(estimator):
    return estimator.fit(X, y)


def draw(kind, **options):
    make, estimator = DISPLAYS[kind]
    return make(fitted(estimator), **options)


def pixels(display):
    canvas = display.figure_.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def test_every_display_is_tested():
    assert {kind.__name__ for kind in DISPLAYS} == set(skdeepbin.plotting.__all__)


@ALL
def test_a_figure_of_its_own(kind, plt):
    display = draw(kind)
    assert isinstance(display, kind)
    assert display.figure_ is display.ax_.figure
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()


@ALL
def test_on_given_axes(kind, plt):
    figure, (left, right) = plt.subplots(ncols=2)
    display = draw(kind, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not left.has_data()


@ALL
def test_the_data_make_the_same_picture_again(kind):
    display = draw(kind)
    names = list(inspect.signature(kind).parameters)
    again = kind(**{name: getattr(display, name) for name in names})
    assert np.array_equal(pixels(again.plot()), pixels(display))


@ALL
def test_without_matplotlib(kind, monkeypatch):
    def missing(name):
        assert name.startswith("matplotlib")
        raise ModuleNotFoundError(name="matplotlib")

    fitted(DISPLAYS[kind][1])
    monkeypatch.setattr("skdeepbin._extras.import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'skdeepbin\[plot\]'"):
        draw(kind)


@ESTIMATORS
@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: clf,
        partial(make_pipeline, FunctionTransformer()),
        lambda clf: GridSearchCV(clf, {"alpha": [1]}),
    ],
    ids=["alone", "in a pipeline", "in a search"],
)
def test_not_fitted(kind, wrap):
    make = DISPLAYS[kind][0]
    with pytest.raises(NotFittedError, match=r"`estimator` must be .* Call `fit`"):
        make(wrap(DeepBinaryClassifier()))


@ESTIMATORS
def test_other_estimators(kind):
    make = DISPLAYS[kind][0]
    model = LogisticRegression().fit(X, y)
    with pytest.raises(TypeError, match=r"`estimator` must be .* got LogisticRegr"):
        make(model)


def moved(X):
    return 3 * X + 1


@ESTIMATORS
def test_pipelines_and_searches_are_unwrapped(kind):
    make, clf = DISPLAYS[kind]
    takes_rows = "X" in getattr(make, "keywords", {})
    rows = {"X": moved(X)} if takes_rows else {}
    alone = pixels(make(clone(clf).fit(moved(X), y), **rows))
    pipeline = make_pipeline(FunctionTransformer(moved), clf)
    alpha = {"deepbinaryclassifier__alpha": [clf.alpha]}
    search = GridSearchCV(pipeline, alpha, cv=2)
    assert np.array_equal(pixels(make(pipeline.fit(X, y))), alone)
    assert np.array_equal(pixels(make(search.fit(X, y))), alone)
