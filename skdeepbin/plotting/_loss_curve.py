"""LossCurveDisplay: the loss of training and of validation at every iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin.diagnosis.training._model import DiagnosedModel, diagnosed_models
from skdeepbin.plotting._shared import (
    MARKERS,
    N_MARKERS,
    as_rows,
    axes_of_iterations,
    labelled,
    styled,
)

# The largest loss over the least from which the axis is logarithmic.
WIDE = 100.0
# The share of the loss that the axis shows at least: what falls by 1e-9 is flat.
FLAT = 0.01


class LossCurveDisplay:
    """The loss of training and of validation at every iteration.

    Make it with :meth:`from_estimator`, or from the numbers. All parameters are stored
    as attributes.

    Parameters
    ----------
    training_loss : array-like of shape (n_points,) or (n_networks, n_points)
        The loss of the rows that are trained on; nan where there is none.

    validation_loss : array-like of the same shape, default=None
        The loss of the rows that are held out.

    kept_iteration : int or sequence of int, default=None
        The iteration whose weights are those of the fitted network, or of each network;
        None if it is not among them.

    first_iteration : int, default=0
        The iteration of the first point.

    name : str, default=None
        What the labels in the legend begin with.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.

    figure_ : matplotlib Figure
        The figure of the axes.

    lines_ : list of matplotlib Line2D
        The curve of training of each network.

    validation_lines_ : list of matplotlib Line2D
        The curve of validation of each network; empty without validation.

    kept_line_ : matplotlib Line2D or None
        The stars at the iterations that are kept.

    See Also
    --------
    GradientFlowDisplay : The gradient of each layer at every iteration.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.plotting import LossCurveDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> relu = DeepBinaryClassifier(random_state=0).fit(X, y)
    >>> tanh = DeepBinaryClassifier(activation="tanh", random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(relu, name="relu")
    >>> LossCurveDisplay.from_estimator(tanh, name="tanh", ax=display.ax_)
    <...>
    """

    def __init__(
        self,
        training_loss,
        validation_loss=None,
        *,
        kept_iteration=None,
        first_iteration=0,
        name=None,
    ):
        self.training_loss = training_loss
        self.validation_loss = validation_loss
        self.kept_iteration = kept_iteration
        self.first_iteration = first_iteration
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        name=None,
        ax=None,
        line_kw=None,
        validation_kw=None,
        kept_kw=None,
    ):
        """Draw the losses of a fitted classifier.

        Both losses of a DeepBinaryClassifier are the mean log loss without the penalty,
        so that they can be compared; with dropout, that of training is of the thinned
        network. MLPClassifier has only the loss of training, with its penalty.

        Parameters
        ----------
        estimator : DeepBinaryClassifier, MLPClassifier, Pipeline or search
            Fitted. A pipeline must end in one of the two; of a search it is the best
            estimator. Of an ensemble each network is drawn.

        name : str, default=None
            What the labels in the legend begin with.

        ax : matplotlib Axes, default=None
            The axes to draw on, of another display for a comparison. None makes a new
            figure.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.plot` for the curves of training.

        validation_kw : dict, default=None
            The same for the curves of validation.

        kept_kw : dict, default=None
            The same for the stars at the iterations that are kept.

        Returns
        -------
        display : LossCurveDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If `estimator` is another estimator.
        ValueError
            If `estimator` has recorded no losses.
        NotFittedError
            If `estimator` is not fitted.
        """
        networks = diagnosed_models(estimator, "estimator")
        if networks[0].scales_itself:
            display = cls(*_of_ours(networks), name=name)
            display.kept_iteration = _kept(networks[0])
        else:
            curve, kept = _of_mlp(networks[0].estimator)
            display = cls(curve, kept_iteration=kept, first_iteration=1, name=name)
        return display.plot(
            ax=ax, line_kw=line_kw, validation_kw=validation_kw, kept_kw=kept_kw
        )

    def plot(
        self, ax=None, *, name=None, line_kw=None, validation_kw=None, kept_kw=None
    ):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        name : str, default=None
            What the labels in the legend begin with. None is the `name` of the display.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.plot` for the curves of training.

        validation_kw : dict, default=None
            The same for the curves of validation.

        kept_kw : dict, default=None
            The same for the stars at the iterations that are kept.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        training = as_rows("training_loss", self.training_loss, 1)
        validation = None
        if self.validation_loss is not None:
            validation = as_rows("validation_loss", self.validation_loss, 1)
            if validation.shape != training.shape:
                raise ValueError(
                    "`validation_loss` must have the shape of `training_loss`, "
                    f"{training.shape}; got {validation.shape}."
                )
        self.ax_ = axes_of_iterations(ax)
        self.figure_ = self.ax_.figure
        name = self.name if name is None else name
        number = sum(line.get_gid() == GID for line in self.ax_.lines)
        style = _style(number, training.shape)
        label = labelled(name, "training")
        self.lines_ = self._lines(training, label, style, line_kw)
        colour = self.lines_[0].get_color()
        self.lines_[0].set_gid(GID)  # one fit, however many networks
        self.validation_lines_ = []
        watched = training
        if validation is not None:
            style |= {"color": colour, "linestyle": "--"}
            label, watched = labelled(name, "validation"), validation
            self.validation_lines_ = self._lines(
                validation, label, style, validation_kw
            )
        self.kept_line_ = self._star(watched, name, colour, kept_kw)
        self.ax_.set(xlabel="Iteration", ylabel="Log loss (nats per row)")
        self._scale()
        self.ax_.legend()
        return self

    def _scale(self):
        """Make the axis of the losses fit to all that are drawn."""
        shown = np.concatenate([line.get_ydata() for line in self.ax_.lines])
        shown = shown[np.isfinite(shown)]
        if not shown.size:
            return
        low, high = shown.min(), shown.max()
        if 0 < WIDE * low < high:
            self.ax_.set_yscale("log")
        elif high - low < FLAT * high:
            self.ax_.set_ylim(low - FLAT * high, high + FLAT * high, auto=True)

    def _lines(self, losses, label, style, given):
        """A curve for each network, in one style; only the first has a label."""
        iterations = self.first_iteration + np.arange(losses.shape[1])
        style = styled({"label": label, **style}, given, "lines.Line2D")
        lines = []
        for row in losses:
            lines += self.ax_.plot(iterations, row, **style)
            style |= {"color": lines[0].get_color(), "label": "_"}
        return lines

    def _star(self, losses, name, colour, given):
        """A star on the curve of each network where its weights were kept."""
        if self.kept_iteration is None:
            return None
        kept = np.atleast_1d(self.kept_iteration)
        first, last = kept.min(), kept.max()
        which = f"iteration {first}" if len(kept) == 1 else f"{first} to {last}"
        style = {
            "label": labelled(name, f"kept ({which})"),
            "linestyle": "",
            "marker": "*",
            "markersize": 12,
            "color": colour,
            "markeredgecolor": "black",
            "zorder": 3,
        }
        at = losses[np.arange(len(kept)), kept - self.first_iteration]
        return self.ax_.plot(kept, at, **styled(style, given, "lines.Line2D"))[0]


# Marks the first curve of each fit, by which the fits on the same axes are counted.
GID = "skdeepbin.loss_curve"


def _style(number: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """The line of one fit among others: by colour, and but for the first by markers."""
    every = max(1, shape[1] // N_MARKERS)
    return {
        "marker": MARKERS[number % len(MARKERS)],
        "markevery": (every * number // len(MARKERS), every),
        "markersize": 5,
        "linewidth": 1.5 if shape[0] == 1 else 0.8,
    }


def _of_ours(networks: list[DiagnosedModel]) -> tuple[np.ndarray, np.ndarray | None]:
    """The log loss of the rows of training and of those held out, if any are."""
    history = networks[0].estimator.history_
    validation = history["validation_loss"]
    recorded = not np.isnan(validation).all()
    return history["loss"] - history["penalty"], validation if recorded else None


def _kept(network: DiagnosedModel) -> int | list[int] | None:
    """The iteration of each network that was best by what was watched.

    None after `partial_fit`, whose last step is not measured.
    """
    if network.is_step_by_step:
        return None
    clf = network.estimator
    watched = clf.history_["loss"]
    if network.parameters["early_stopping"] and clf.validation_scores_ is not None:
        watched = -clf.validation_scores_
    watched = np.where(np.isnan(watched), np.inf, watched)
    best = watched.argmin(axis=-1)
    return best.tolist()


def _of_mlp(clf: Any) -> tuple[list[float], int]:
    """The recorded losses of MLPClassifier, and the iteration that it kept."""
    curve = getattr(clf, "loss_curve_", None)
    if not curve:
        raise ValueError(
            "`estimator` must have recorded its losses; an MLPClassifier with "
            f"solver={clf.solver!r} has no `loss_curve_`. Set solver='adam' or 'sgd', "
            "or use a DeepBinaryClassifier."
        )
    scores = getattr(clf, "validation_scores_", None)
    return curve, 1 + int(np.argmax(scores)) if scores else len(curve)
