"""The picture of a search."""

import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import SearchDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = DeepBinaryClassifier(4, max_iter=8, random_state=0)
MODEL = make_pipeline(StandardScaler(), LogisticRegression())  # fast
C = "logisticregression__C"


def fit(search, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search.fit(*data)


def texts(display):
    return [[text.get_text() for text in row] for row in display.text_]


def test_cells_are_the_scores_of_the_grid(moons):
    grid = {"depth": [2, 1, 3], "activation": ["tanh", "relu"]}
    search = fit(GridSearchCV(NET, grid, cv=2), moons)
    display = SearchDisplay.from_search(search)
    assert (display.x_name, display.y_name) == ("depth", "activation")
    assert display.x_values == ["1", "2", "3"]
    assert display.y_values == ["tanh", "relu"]
    for params, mean, std in zip(
        *map(search.cv_results_.get, ("params", "mean_test_score", "std_test_score"))
    ):
        i = display.y_values.index(params["activation"])
        j = display.x_values.index(str(params["depth"]))
        assert (display.scores[i, j], display.stds[i, j]) == (mean, std)
        text = display.text_[i, j]
        assert text.get_text() == f"{mean:.3f}\n±{std:.3f}"
        is_best = mean == search.best_score_
        assert text.get_fontweight() == ("bold" if is_best else "normal")
    assert "accuracy" in display.colorbar_.ax.get_ylabel()
    assert display.ax_.get_title() == ""


def test_axes_that_are_named(moons):
    grid = {C: [0.01, 1], "standardscaler": [StandardScaler(), MinMaxScaler()]}
    search = fit(GridSearchCV(MODEL, grid, cv=2), moons)
    one = SearchDisplay.from_search(search, "standardscaler", "C")
    assert (one.x_name, one.y_name) == ("standardscaler", "C")
    assert one.x_values == ["StandardScaler()", "MinMaxScaler()"]
    other = SearchDisplay.from_search(search, y=C)
    assert (other.x_name, other.y_name) == ("standardscaler", "C")
    turned = SearchDisplay.from_search(search, x="C")
    assert np.array_equal(turned.scores, one.scores.T)
    with pytest.raises(ValueError, match=r"`y` must be a parameter .*'C'.* got 'D'"):
        SearchDisplay.from_search(search, y="D")
    with pytest.raises(ValueError, match=r"must be two parameters; got .*C' twice"):
        SearchDisplay.from_search(search, "C", "C")


def test_names_that_would_be_the_same_keep_their_step(moons):
    model = make_pipeline(MinMaxScaler(), StandardScaler(), LogisticRegression())
    grid = {
        f"{step}__copy": [True, False] for step in ("minmaxscaler", "standardscaler")
    }
    display = SearchDisplay.from_search(fit(GridSearchCV(model, grid, cv=2), moons))
    assert {display.x_name, display.y_name} == set(grid)
    assert display.x_values == ["True", "False"]


def test_of_more_parameters_the_best(moons):
    grid = {"depth": [1, 2], "activation": ["relu", "tanh"], "alpha": [1, 1000]}
    search = fit(GridSearchCV(NET, grid, cv=2), moons)
    display = SearchDisplay.from_search(search, "depth", "activation")
    scores = search.cv_results_["mean_test_score"].reshape(2, 2, 2)
    assert np.array_equal(display.scores, scores.max(axis=1))
    assert not np.array_equal(display.scores, scores[:, -1])
    assert display.ax_.get_title() == "best over alpha"


def test_one_parameter(moons):
    search = fit(
        GridSearchCV(MODEL, {C: [100, None, 1]}, cv=2, error_score=np.nan), moons
    )
    display = SearchDisplay.from_search(search)
    assert display.x_values == ["None", "1", "100"]
    assert display.y_name is None
    assert display.scores.shape == (1, 3)
    assert texts(display)[0][0] == "–"  # that fit failed
    assert display.text_[0, 0].get_color() == "black"


def test_one_candidate(moons):
    search = fit(GridSearchCV(MODEL, {C: [1]}, cv=2), moons)
    with pytest.raises(ValueError, match="two values of a parameter at least"):
        SearchDisplay.from_search(search)
    assert SearchDisplay.from_search(search, "C").scores.shape == (1, 1)


def test_many_numbers_share_cells(moons):
    space = {C: loguniform(1e-3, 1e3), "standardscaler__with_mean": [True, False]}
    search = RandomizedSearchCV(MODEL, space, n_iter=40, cv=2, random_state=0)
    display = SearchDisplay.from_search(fit(search, moons))
    assert display.scores.shape == (2, 8)
    assert np.nanmax(display.scores) == search.best_score_
    lows = [float(label.split(" to ")[0]) for label in display.x_values]
    assert lows == sorted(lows)
    means = search.cv_results_["mean_test_score"]
    values = np.array([params[C] for params in search.cv_results_["params"]])
    first = means[np.argsort(values)[:5]].max()
    assert np.nanmax(display.scores[:, 0]) == first


def test_halving_shows_the_last_round(moons):
    grid = {"depth": [1, 2], "activation": ["relu", "tanh"]}
    search = HalvingGridSearchCV(
        NET, grid, resource="max_iter", min_resources=2, max_resources=18, cv=2,
        random_state=0,
    )  # fmt: skip
    display = SearchDisplay.from_search(fit(search, moons))
    results = search.cv_results_
    assert {display.x_name, display.y_name} == {"depth", "activation"}
    for n, params, score in zip(
        results["n_resources"], results["params"], results["mean_test_score"]
    ):
        at = {"depth": str(params["depth"]), "activation": params["activation"]}
        i = display.y_values.index(at[display.y_name])
        j = display.x_values.index(at[display.x_name])
        assert display.resources[i, j] >= n
        if display.resources[i, j] == n:
            assert display.scores[i, j] == score
            assert texts(display)[i][j].endswith(f"at {n}")
    bold = [text for text in display.text_.flat if text.get_fontweight() == "bold"]
    assert [text.get_text()[:5] for text in bold] == [f"{search.best_score_:.3f}"]
    assert "max_iter" in display.ax_.get_title()


def test_several_metrics(moons):
    search = GridSearchCV(
        MODEL, {C: [1, 10]}, cv=2, scoring=["roc_auc", "neg_log_loss"], refit="roc_auc"
    )
    display = SearchDisplay.from_search(fit(search, moons))
    assert display.score_name == "roc auc"
    assert display.scores[0, 0] == search.cv_results_["mean_test_roc_auc"][0]
    other = SearchDisplay.from_search(search, metric="neg_log_loss")
    assert other.scores[0, 0] == search.cv_results_["mean_test_neg_log_loss"][0]
    search = fit(search.set_params(refit=False), moons)
    with pytest.raises(ValueError, match="`metric` must be one of 'roc_auc', 'neg_log"):
        SearchDisplay.from_search(search)


def luminance(colour):
    from matplotlib.colors import to_rgb

    return np.dot(np.power(to_rgb(colour), 2.2), [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("cmap", ["viridis", "gray", "coolwarm"])
def test_text_can_be_read_on_every_colour(cmap):
    display = SearchDisplay(np.linspace(0, 1, 30).reshape(5, 6)).plot(
        im_kw={"cmap": cmap}
    )
    for score, text in zip(np.ravel(display.scores), display.text_.flat):
        of_cell = luminance(display.im_.cmap(display.im_.norm(score))[:3])
        dark, light = sorted([of_cell, luminance(text.get_color())])
        assert (light + 0.05) / (dark + 0.05) > 4.5  # enough for small text, by WCAG


def test_options_are_passed_on():
    display = SearchDisplay([[0.5, 0.25]]).plot(
        colorbar=False, im_kw={"vmin": 0}, text_kw={"size": 20}
    )
    assert display.colorbar_ is None
    assert display.im_.norm.vmin == 0
    assert display.text_[0, 0].get_fontsize() == 20
    assert texts(display) == [["0.500", "0.250"]]


@pytest.mark.parametrize(
    ("score", "text"), [(0, "0.00"), (-123.4, "-123"), (0.01234, "0.0123"), (1, "1.00")]
)
def test_scores_have_three_digits(score, text):
    assert texts(SearchDisplay([[score]]).plot()) == [[text]]


def test_nothing_known():
    display = SearchDisplay([[np.nan]]).plot()
    assert texts(display) == [["–"]]
    display.figure_.canvas.draw()


def test_other_objects():
    with pytest.raises(NotFittedError, match=r"this GridSearchCV is not fitted yet"):
        SearchDisplay.from_search(GridSearchCV(NET, {}))
    with pytest.raises(TypeError, match=r"`search` must be .* got DeepBinaryClass"):
        SearchDisplay.from_search(NET)
    with pytest.raises(ValueError, match=r"`scores` must be .* got shape \(1,"):
        SearchDisplay([1.0]).plot()
