"""What a notebook shows of a classifier."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skdeepbin import DeepBinaryClassifier
from skdeepbin.reporting._notebook import HEIGHT, WIDTH, picture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(200, noise=0.2, random_state=0)
SVG = "{http://www.w3.org/2000/svg}"


def make(**settings):
    common = {"hidden_layer_sizes": 8, "max_iter": 30, "random_state": 0}
    return DeepBinaryClassifier(**common | settings)


def without_ids(html):
    return re.sub(r"(container-)?id-\d+", "", html)


def test_unfitted_it_is_the_diagram():
    clf = make()
    ours, theirs = map(without_ids, (clf._repr_html_(), estimator_html_repr(clf)))
    assert ours == theirs


@pytest.mark.parametrize(
    "settings",
    [{}, {"early_stopping": False}, {"n_networks": 3}, {"hidden_layer_sizes": ()}],
)
def test_fitted_it_is_the_diagram_and_how_training_went(settings):
    clf = make(**settings).fit(X, Y)
    bundle = clf._repr_mimebundle_()
    diagram, below = map(without_ids, (estimator_html_repr(clf), bundle["text/html"]))
    assert below.startswith(diagram)
    below = ElementTree.fromstring(below.removeprefix(diagram))  # well-formed
    text = " ".join(below.itertext())
    size = sum(part.size for part in (*clf.coefs_, *clf.intercepts_))
    if clf.bin_edges_ is not None:  # the second network of three reads none
        size -= 8 * (len(clf.coefs_[0][1]) - 2)
    for shown in f"{size:,} parameters", f"{clf.n_iter_} of", clf.stop_reason_:
        assert shown in text
    assert ("validation loss" in text) == (clf.validation_scores_ is not None)
    assert len(list(below.iter(f"{SVG}path"))) == 2 + ("validation loss" in text)
    assert not list(below.iter(f"{SVG}script"))
    assert "3 networks" in text or clf.n_networks == 1


def test_after_partial_fit_there_is_no_curve_of_one_point():
    clf = make(early_stopping=False).partial_fit(X, Y, [0, 1])
    assert "<svg" not in clf._repr_html_()[len(estimator_html_repr(clf)) :]


def test_in_a_pipeline_and_where_diagrams_are_off():
    clf = make().fit(X, Y)
    assert "skdeepbin-fit" not in make_pipeline(StandardScaler(), clf)._repr_html_()
    with config_context(display="text"):
        assert not hasattr(clf, "_repr_html_")
        assert "text/html" not in clf._repr_mimebundle_()


@pytest.mark.parametrize("n", [2, 7, 5000])
def test_the_curve_stays_in_the_picture_and_has_gaps(n):
    loss = np.linspace(2, 1, n)
    validation = np.where(np.arange(n) % 2, np.nan, loss)
    svg = ElementTree.fromstring(picture({"loss": loss, "validation loss": validation}))
    _, *paths = [path.get("d") for path in svg.iter(f"{SVG}path")]
    numbers = np.array([re.findall(r"[\d.]+", path) for path in paths[:1]], float)
    across, down = numbers[0, ::2], numbers[0, 1::2]
    assert ((across >= 0) & (across <= WIDTH) & (down >= 0) & (down <= HEIGHT)).all()
    assert (np.diff(down) >= 0).all()  # a loss that falls goes down
    assert (paths[0].count("M"), paths[1].count("M") > 1) == (1, n > 2)


@pytest.mark.parametrize(
    "curve", [np.full(5, np.nan), np.array([np.inf, np.nan]), np.zeros(1)]
)
def test_nothing_to_draw(curve):
    assert picture({"loss": curve}) == ""


def test_a_loss_that_stands_still_is_drawn():
    assert "nan" not in picture({"loss": np.full(5, 0.5)})
