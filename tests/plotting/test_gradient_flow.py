"""The picture of gradients."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import GradientFlowDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("n_networks", [1, 2])
def test_lines_are_the_norms_of_each_layer(moons, n_networks):
    clf = DeepBinaryClassifier(
        8, depth=3, max_iter=20, n_networks=n_networks, random_state=0
    ).fit(*moons)
    display = GradientFlowDisplay.from_estimator(clf)
    norms = clf.history_["gradient_norms"].reshape(n_networks, -1, 4)
    expected = [norms[k, :, layer] for layer in range(4) for k in range(n_networks)]
    for line, values in zip(display.lines_, expected, strict=True):
        assert np.array_equal(line.get_ydata(), values, equal_nan=True)
    layers = display.lines_[::n_networks]
    assert len({line.get_linestyle() for line in layers}) == 4
    assert len({line.get_color() for line in layers}) == 4
    assert labels(display) == ["layer 1", "layer 2", "layer 3", "output"]
    assert display.ax_.get_yscale() == "log"


def test_layers_without_a_gradient():
    display = GradientFlowDisplay([[0, 1], [0, 0.1], [0, 0.01]]).plot()
    assert labels(display) == ["layer 1 (zero)", "output"]
    display.figure_.canvas.draw()


def test_a_name_and_a_style():
    display = GradientFlowDisplay(np.ones((3, 1)), name="one").plot(line_kw={"lw": 5})
    assert labels(display) == ["one: output"]
    assert display.lines_[0].get_linewidth() == 5
    assert labels(display.plot(name="two"))[0] == "two: output"


def test_many_layers_have_a_short_legend():
    display = GradientFlowDisplay(np.ones((3, 30))).plot()
    assert len(display.lines_) == 30
    assert labels(display)[0] == "layer 1"
    assert labels(display)[-1] == "output"
    assert len(labels(display)) <= 9


def test_mlp_classifier_has_none(moons):
    mlp = MLPClassifier(4, max_iter=3, random_state=0).fit(*moons)
    with pytest.raises(TypeError, match=r"got MLPClassifier, which does not.*LossCurv"):
        GradientFlowDisplay.from_estimator(mlp)
