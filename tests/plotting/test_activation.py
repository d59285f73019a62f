"""The picture of dead and saturated units."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis.training._evidence import gather
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.plotting import ActivationDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = [row for row in ACTIVATIONS.values() if row.measure]
NO_MEASURE = [name for name, row in ACTIVATIONS.items() if not row.measure]


def heights(bars):
    return [bar.get_height() for bar in bars]


@pytest.mark.parametrize("kind", [DeepBinaryClassifier, MLPClassifier])
@pytest.mark.parametrize("name", ["relu", "tanh", "logistic"])
def test_bars_are_the_shares_of_a_diagnosis(moons, name, kind):
    X, y = moons
    measure = ACTIVATIONS[name].measure
    clf = kind((20, 10), activation=name, max_iter=20, random_state=0).fit(X, y)
    for b in clf.intercepts_[:-1]:
        b[:3] -= 100
    display = ActivationDisplay.from_estimator(clf, X)
    (evidence,) = gather(clf, X, y)
    expected = getattr(evidence.layers, measure)
    assert 0 < max(expected) < 1
    assert np.allclose(getattr(display, measure), expected, atol=1e-3)
    other = {"dead": "saturated", "saturated": "dead"}[measure]
    assert getattr(display, other) is None
    (bars,) = display.bars_
    assert np.allclose(heights(bars), 100 * getattr(display, measure))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_units_that_have_lost_their_slope(moons, row):
    """Of a first layer whose pre-activations are the biases."""
    clf = DeepBinaryClassifier((4,), row.name, max_iter=1).fit(*moons)
    clf.coefs_[0][:] = 0
    clf.intercepts_[0][:] = [-50, -0.1, 0.1, 0.2]
    display = ActivationDisplay.from_estimator(clf, moons[0])
    assert getattr(display, row.measure)[0] == (0.5 if row.dies else 0.25)


def test_layers_of_several_functions(moons):
    names = ["relu", "tanh", "identity"]
    clf = DeepBinaryClassifier((4, 3, 2), names, max_iter=1).fit(*moons)
    for b in clf.intercepts_[:-1]:
        b[0] = -1000
    display = ActivationDisplay.from_estimator(clf, moons[0])
    assert display.dead[0] >= 1 / 4
    assert display.saturated[1] >= 1 / 3
    assert np.isnan(display.dead).tolist() == [False, True, True]
    assert np.isnan(display.saturated).tolist() == [True, False, True]
    texts = [text.get_text() for text in display.ax_.texts]
    assert sum(map(bool, texts)) == 2


def test_networks_of_a_ensemble(moons):
    clf = DeepBinaryClassifier((20, 10), n_networks=3, max_iter=20, random_state=0).fit(
        *moons
    )
    display = ActivationDisplay.from_estimator(clf, moons[0])
    expected = [evidence.layers.dead for evidence in gather(clf, *moons)]
    assert np.allclose(display.dead, expected)
    assert np.allclose(heights(display.bars_[0]), 100 * np.mean(expected, axis=0))
    points = [line.get_ydata() for line in display.lines_]
    assert np.allclose(points, 100 * np.array(expected))


def test_sparse_rows_and_many(moons):
    X, y = np.tile(moons[0], (10, 1)), np.tile(moons[1], 10)
    clf = DeepBinaryClassifier((20, 10), max_iter=20, random_state=0).fit(X, y)
    of_all = ActivationDisplay.from_estimator(clf, X[:300])
    of_some = ActivationDisplay.from_estimator(clf, csr_array(X))
    assert np.allclose(of_some.dead, of_all.dead, atol=0.1)


@pytest.mark.parametrize("name", [*NO_MEASURE, None])
def test_layers_that_have_no_such_units(moons, name):
    parameters = {"activation": name} if name else {"hidden_layer_sizes": ()}
    clf = DeepBinaryClassifier(max_iter=5, random_state=0, **parameters).fit(*moons)
    got = f"{name}, {name}" if name else "none"
    with pytest.raises(ValueError, match=f"hidden layers of .*relu.*; got .* of {got}"):
        ActivationDisplay.from_estimator(clf, moons[0])


def test_rows_of_other_features(moons):
    clf = DeepBinaryClassifier(4, max_iter=5, random_state=0).fit(*moons)
    with pytest.raises(ValueError, match=r"must have the 2 features .* got 1"):
        ActivationDisplay.from_estimator(clf, moons[0][:, :1])


def test_both_measures_and_a_style():
    display = ActivationDisplay([0.1, 0.9], [0.6, 0.2]).plot(bar_kw={"fc": "red"})
    dead, saturated = display.bars_
    assert dead[0].get_hatch() != saturated[0].get_hatch()
    assert dead[0].get_facecolor() == (1, 0, 0, 1)
    assert dead[0].get_x() + dead[0].get_width() == pytest.approx(saturated[0].get_x())
    again = ActivationDisplay([0.1, 0.9]).plot()
    assert again.bars_[0][0].get_facecolor() != (1, 0, 0, 1)


def test_nothing_given():
    with pytest.raises(ValueError, match="`dead` or `saturated` must be given"):
        ActivationDisplay().plot()
