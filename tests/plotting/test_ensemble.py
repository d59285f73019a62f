"""The picture of an ensemble."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import EnsembleDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def ensemble(moons):
    X, y = moons
    clf = DeepBinaryClassifier(
        4, depth=1, n_networks=3, max_iter=15, random_state=0
    ).fit(X, np.array(["$no$", "yes"])[y])
    return clf, X, clf.classes_[y]


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_the_mean_of_the_networks_is_the_ensemble(ensemble):
    clf, X, y = ensemble
    display = EnsembleDisplay.from_estimator(clf, X, y)
    assert np.allclose(display.logits.mean(axis=0), clf.decision_function(X))
    assert display.losses[-1] == pytest.approx(log_loss(y, clf.predict_proba(X)))
    one_label = np.ptp(np.sign(display.logits), axis=0) == 0
    assert display.agreement == np.mean(one_label)
    assert display.ax_.get_title() == "Probability of class yes"


def test_lines_go_over_the_networks_at_the_ensemble(ensemble):
    clf, X, y = ensemble
    display = EnsembleDisplay.from_estimator(clf, X, y)
    segments = [*display.lines_.get_segments(), *display.wrong_lines_.get_segments()]
    found = sorted((x, low, high) for (x, low), (_, high) in segments)
    p = 1 / (1 + np.exp(-display.logits))
    rows = zip(clf.predict_proba(X)[:, 1], p.min(axis=0), p.max(axis=0))
    assert np.allclose(found, sorted(rows))
    n_wrong = np.sum(clf.predict(X) != y)
    assert len(display.wrong_lines_.get_segments()) == n_wrong > 0


def test_without_labels(ensemble):
    clf, X, _ = ensemble
    display = EnsembleDisplay.from_estimator(clf, X, name="three")
    assert display.losses is display.wrong_lines_ is None
    assert len(labels(display)) == 1
    assert labels(display)[0].startswith("three: ")


def test_a_weight_is_a_row_repeated(ensemble):
    clf, X, y = ensemble
    w = np.arange(len(y)) % 3
    one = EnsembleDisplay.from_estimator(clf, X, y, sample_weight=w)
    other = EnsembleDisplay.from_estimator(clf, X.repeat(w, axis=0), y.repeat(w))
    assert one.agreement == pytest.approx(other.agreement)
    assert one.losses == pytest.approx(other.losses)


def test_many_rows_are_drawn_from_all_probabilities(rng):
    logits = rng.normal(size=(2, 5000))
    display = EnsembleDisplay(logits).plot()
    segments = display.lines_.get_segments()
    assert len(segments) == 300
    means = logits.mean(axis=0)
    drawn = [x for (x, _), _ in segments]
    assert drawn == pytest.approx(sorted(drawn))
    assert drawn[0] == pytest.approx(1 / (1 + np.exp(-means.min())))
    assert drawn[-1] == pytest.approx(1 / (1 + np.exp(-means.max())))


def test_styles_are_passed_on(ensemble):
    display = EnsembleDisplay.from_estimator(
        *ensemble, line_kw={"lw": 3}, wrong_kw={"color": "red"}
    )
    assert display.lines_.get_linewidth() == [3]
    assert display.wrong_lines_.get_color()[0].tolist() == [1, 0, 0, 1]


def test_single_networks(moons):
    clf = DeepBinaryClassifier(4, max_iter=5, random_state=0).fit(*moons)
    with pytest.raises(ValueError, match=r"must be an ensemble; got a single network"):
        EnsembleDisplay.from_estimator(clf, moons[0])
    mlp = MLPClassifier(4, max_iter=3, random_state=0).fit(*moons)
    with pytest.raises(TypeError, match=r"got MLPClassifier, which is a single"):
        EnsembleDisplay.from_estimator(mlp, moons[0])


def test_rows_and_labels_that_do_not_fit(ensemble):
    clf, X, y = ensemble
    with pytest.raises(ValueError, match=r"`y` must hold the classes .* got 'maybe'"):
        EnsembleDisplay.from_estimator(clf, X, np.full(len(X), "maybe"))
    with pytest.raises(ValueError, match=r"`y` must be one number for each of the 300"):
        EnsembleDisplay.from_estimator(clf, X, y[1:])
    with pytest.raises(ValueError, match="one weight for each of the 300"):
        EnsembleDisplay.from_estimator(clf, X, y, sample_weight=[1, 2])
    with pytest.raises(ValueError, match=r"`logits` must be of shape .* got shape"):
        EnsembleDisplay([1.0, 2.0]).plot()
