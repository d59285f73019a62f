"""The picture of losses."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import LossCurveDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def net(**parameters):
    return DeepBinaryClassifier(8, max_iter=60, random_state=0, **parameters)


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_lines_are_the_losses_without_the_penalty(moons):
    clf = net().set_params(max_iter=300).fit(*moons)
    display = LossCurveDisplay.from_estimator(clf)
    (training,), (validation,) = display.lines_, display.validation_lines_
    log_loss = clf.history_["loss"] - clf.history_["penalty"]
    assert np.array_equal(training.get_ydata(), log_loss)
    assert np.array_equal(validation.get_ydata(), clf.history_["validation_loss"])
    assert np.array_equal(training.get_xdata(), np.arange(clf.n_iter_ + 1))
    assert training.get_linestyle() != validation.get_linestyle()
    kept = clf.history_["validation_loss"].argmin()
    assert display.kept_iteration == kept < clf.n_iter_
    assert display.kept_line_.get_xdata() == [kept]
    assert labels(display) == ["training", "validation", f"kept (iteration {kept})"]


def test_the_iteration_kept_has_the_loss_of_the_fit(moons):
    clf = net(early_stopping=False, solver="gd", learning_rate=30.0).fit(*moons)
    display = LossCurveDisplay.from_estimator(clf)
    assert clf.history_["loss"][display.kept_iteration] == clf.loss_
    assert not display.validation_lines_


def test_the_iteration_kept_by_a_scorer(moons):
    clf = net(scoring="accuracy").fit(*moons)
    display = LossCurveDisplay.from_estimator(clf)
    assert clf.validation_scores_[display.kept_iteration] == max(clf.validation_scores_)


def test_nothing_is_kept_of_single_steps(moons):
    clf = net()
    for _ in range(3):
        clf.partial_fit(*moons, classes=[0, 1])
    display = LossCurveDisplay.from_estimator(clf)
    assert display.kept_iteration is display.kept_line_ is None
    assert len(display.training_loss) == 3


def test_networks_of_a_ensemble(moons):
    clf = net(n_networks=3).fit(*moons)
    display = LossCurveDisplay.from_estimator(clf, name="three")
    losses = clf.history_["validation_loss"]
    assert len(display.lines_) == len(display.validation_lines_) == 3
    for line, loss in zip(display.validation_lines_, losses):
        assert np.array_equal(line.get_ydata(), loss, equal_nan=True)
    kept = np.nanargmin(losses, axis=1)
    assert display.kept_line_.get_xdata().tolist() == kept.tolist()
    assert labels(display) == [
        "three: training",
        "three: validation",
        f"three: kept ({kept.min()} to {kept.max()})",
    ]


@pytest.mark.parametrize("early_stopping", [True, False])
def test_mlp_classifier(moons, early_stopping):
    mlp = MLPClassifier(
        8, max_iter=40, early_stopping=early_stopping, tol=0.1, random_state=0
    ).fit(*moons)
    display = LossCurveDisplay.from_estimator(mlp)
    assert display.lines_[0].get_ydata().tolist() == mlp.loss_curve_
    assert display.lines_[0].get_xdata().tolist() == [*range(1, mlp.n_iter_ + 1)]
    kept = mlp.n_iter_
    if early_stopping:
        kept = 1 + int(np.argmax(mlp.validation_scores_))
    assert display.kept_iteration == kept


def test_mlp_classifier_without_a_curve(moons):
    mlp = MLPClassifier(4, solver="lbfgs", max_iter=5, random_state=0).fit(*moons)
    with pytest.raises(ValueError, match=r"solver='lbfgs' has no `loss_curve_`"):
        LossCurveDisplay.from_estimator(mlp)


def test_fits_on_the_same_axes_differ_without_colour(moons):
    one, two = net(n_networks=2).fit(*moons), net(activation="tanh").fit(*moons)
    first = LossCurveDisplay.from_estimator(one, name="$relu$")
    second = LossCurveDisplay.from_estimator(two, name="tanh", ax=first.ax_)
    third = LossCurveDisplay.from_estimator(two, name="again", ax=first.ax_)
    displays = [first, second, third]
    assert len({d.lines_[0].get_marker() for d in displays}) == 3
    assert len({d.lines_[0].get_color() for d in displays}) == 3
    assert labels(third)[0] == r"\$relu\$: training"  # drawn as it is
    assert len(labels(third)) == 9


def test_styles_are_passed_on(moons):
    display = LossCurveDisplay.from_estimator(
        net().fit(*moons),
        line_kw={"c": "red", "lw": 4},
        validation_kw={"ls": ":"},
        kept_kw={"marker": "o"},
    )
    (training,), (validation,) = display.lines_, display.validation_lines_
    assert (training.get_color(), training.get_linewidth()) == ("red", 4)
    assert (validation.get_color(), validation.get_linestyle()) == ("red", ":")
    assert display.kept_line_.get_marker() == "o"


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([0.7, 0.5, 0.1], "linear"),
        ([0.7, 1e5, 0.1], "log"),
        ([0.7, np.inf, 0.0], "linear"),
        ([np.nan, np.nan], "linear"),
    ],
)
def test_losses_of_many_sizes(losses, scale):
    display = LossCurveDisplay(losses).plot()
    assert display.ax_.get_yscale() == scale
    display.figure_.canvas.draw()


def test_a_loss_that_is_stuck_is_flat():
    display = LossCurveDisplay([np.log(2), np.log(2) - 1e-9]).plot()
    low, high = display.ax_.get_ylim()
    assert high - low > 0.01
    LossCurveDisplay([0.7, 0.3]).plot(ax=display.ax_)
    assert display.ax_.get_ylim()[0] < 0.3


def test_losses_of_other_shapes():
    with pytest.raises(ValueError, match=r"`validation_loss` must have the shape"):
        LossCurveDisplay([1, 2], [1, 2, 3]).plot()
    with pytest.raises(ValueError, match=r"`training_loss` must be .* got shape \(0,"):
        LossCurveDisplay([]).plot()
