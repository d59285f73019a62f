"""ActivationDisplay: the units of each hidden layer that pass no gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdeepbin.diagnosis.training._evidence import most_rows, rows_of, sample
from skdeepbin.diagnosis.training._model import DiagnosedModel, diagnosed_models
from skdeepbin.diagnosis.training.causes._signal import DEAD, SATURATED
from skdeepbin.network._activations import ACTIVATIONS, Activation
from skdeepbin.network._parameters import Array
from skdeepbin.plotting._shared import as_rows, axes, labelled, styled

# Of the room for a layer, what its bars take.
WIDTH = 0.8
# Where the axis of the shares ends, with room for the legend.
TOP = 135
# Of each measure its name, from where a diagnosis suspects it, and how it looks.
BARS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "dead": ("dead units", DEAD, {"facecolor": "0.6"}),
    "saturated": (
        "saturated activations",
        SATURATED,
        {"facecolor": "0.9", "hatch": "//"},
    ),
}


class ActivationDisplay:
    """The units of each hidden layer that pass no gradient, as shares.

    A unit of relu is dead that is zero for every row. An activation of tanh or of the
    logistic function is saturated that is near one of its flat ends: there tanh has
    lost 98 % of its slope, the logistic function 96 %. Of other activations, and of
    your own, units are neither. Dotted lines are the shares from which
    :func:`skdeepbin.diagnosis.diagnose` suspects a layer.

    Make it with :meth:`from_estimator`, or from the numbers. All parameters are stored
    as attributes.

    Parameters
    ----------
    dead : array-like of shape (n_hidden,) or (n_networks, n_hidden), default=None
        Of each hidden layer the share of the units that are dead, nan for one whose
        units cannot be; None if no units can.

    saturated : array-like of shape (n_hidden,) or (n_networks, n_hidden), default=None
        Of each hidden layer the share of the activations, over units and rows, that are
        saturated, nan for one whose activations cannot be; None if none can.

    name : str, default=None
        What the labels in the legend begin with.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the bars.

    figure_ : matplotlib Figure
        The figure of the axes.

    bars_ : list of matplotlib BarContainer
        The bars of each measure; those of an ensemble are the means of the networks.

    lines_ : list of matplotlib Line2D
        For each measure of an ensemble, a point for each network.

    See Also
    --------
    skdeepbin.diagnosis.diagnose : What is wrong, if anything is.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.plotting import ActivationDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> clf = DeepBinaryClassifier(depth=4, random_state=0).fit(X, y)
    >>> display = ActivationDisplay.from_estimator(clf, X)
    >>> len(display.dead)
    4
    """

    def __init__(self, dead=None, saturated=None, *, name=None):
        self.dead = dead
        self.saturated = saturated
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, *, name=None, ax=None, bar_kw=None):
        """Draw what the hidden layers of a fitted classifier do with rows.

        Parameters
        ----------
        estimator : DeepBinaryClassifier, MLPClassifier, Pipeline or search
            Fitted. A pipeline must end in one of the two; of a search it is the best
            estimator.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            The rows. Of more than 2,000, or of a million numbers, a sample is taken.

        name : str, default=None
            What the labels in the legend begin with.

        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        bar_kw : dict, default=None
            Passed to `matplotlib.pyplot.bar`.

        Returns
        -------
        display : ActivationDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If `estimator` is another estimator.
        ValueError
            If X does not fit `estimator`, or that has no hidden layer with such units.
        NotFittedError
            If `estimator` is not fitted.
        """
        networks = diagnosed_models(estimator, "estimator")
        activations = activations_of(networks[0])
        if not measures_of(networks[0]):
            known = [row.name for row in ACTIVATIONS.values() if row.measure]
            names = ", ".join(row.name for row in activations) or "none"
            raise ValueError(
                f"`estimator` must have hidden layers of {', '.join(known)}, whose "
                f"units can be dead or saturated; got hidden layers of {names}."
            )
        X = rows_of(networks[0], X)
        X = X[sample(np.zeros(X.shape[0], bool), most_rows(X))]
        X = np.asarray(X.toarray() if issparse(X) else X, float)
        hidden = [_hidden(network, activations, X) for network in networks]
        shares = {
            measure: np.array(
                [[_share(measure, *layer) for layer in layers] for layers in hidden]
            )
            for measure in measures_of(networks[0])
        }
        if len(networks) == 1:
            shares = {measure: share[0] for measure, share in shares.items()}
        display = cls(**shares, name=name)
        return display.plot(ax=ax, bar_kw=bar_kw)

    def plot(self, ax=None, *, name=None, bar_kw=None):
        """Draw the shares.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        name : str, default=None
            What the labels in the legend begin with. None is the `name` of the display.

        bar_kw : dict, default=None
            Passed to `matplotlib.pyplot.bar`.

        Returns
        -------
        display : ActivationDisplay
            The display itself.
        """
        given = {
            measure: as_rows(measure, getattr(self, measure), 1)
            for measure in BARS
            if getattr(self, measure) is not None
        }
        if not given:
            raise ValueError("`dead` or `saturated` must be given; got neither.")
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        name = self.name if name is None else name
        self.bars_, self.lines_ = [], []
        width = WIDTH / len(given)
        for number, (measure, share) in enumerate(given.items()):
            what, limit, style = BARS[measure]
            n_networks, n_layers = share.shape
            if n_networks > 1:
                what = f"{what}, mean of {n_networks} networks"
            left = np.arange(1, n_layers + 1) - WIDTH / 2 + number * width
            style = {"label": labelled(name, what), "edgecolor": "black"} | style
            style = styled(style, bar_kw, "patches.Rectangle")
            bars = self.ax_.bar(
                left, 100 * share.mean(axis=0), width, align="edge", **style
            )
            self.bars_.append(bars)
            if n_networks > 1:
                self.lines_ += self._points(left + width / 2, share)
            else:
                labels = ["" if np.isnan(of) else f"{of:.0%}" for of in share[0]]
                labels = [label.replace("%", " %") for label in labels]
                self.ax_.bar_label(bars, labels, padding=2)
            self.ax_.axhline(
                100 * limit,
                color="black",
                linestyle=":" if measure == "dead" else "-.",
                linewidth=1,
                label=f"suspected from {limit:.0%}",
            )
        self.ax_.set_xticks(np.arange(1, n_layers + 1))
        self.ax_.set(
            xlabel="Hidden layer", ylabel="Share of the layer (%)", ylim=(0, TOP)
        )
        self.ax_.set_yticks(range(0, 101, 20))
        self.ax_.legend()
        return self

    def _points(self, centres, share):
        """A point for each network, and for each layer."""
        style = {"color": "black", "linestyle": "", "marker": "_", "markersize": 14}
        return self.ax_.plot(centres, 100 * share.T, **style)


def activations_of(network: DiagnosedModel) -> list[Activation]:
    """Return the activation of each hidden layer."""
    if network.scales_itself:
        return [*network.estimator.model_.activations]
    mlp = {row.mlp: row for row in ACTIVATIONS.values() if row.mlp}
    return [mlp[network.activation]] * len(network.hidden)


def measures_of(network: DiagnosedModel) -> list[str]:
    """Return what can be of the units of any layer, of "dead" and "saturated"."""
    of_layers = {row.measure for row in activations_of(network)}
    return [measure for measure in BARS if measure in of_layers]


def _share(measure: str, activation: Activation, A: Array) -> float:
    """Return the share of dead units or of saturated activations, nan if none can be.

    A : the activations, a row for each unit.
    """
    if activation.measure != measure:
        return float("nan")
    if activation.dies:
        return float(np.mean(~(A > 0).any(axis=1)))
    assert activation.saturates is not None
    low, high = activation.saturates
    return float(np.mean((low > A) | (high < A)))


def _hidden(
    network: DiagnosedModel, activations: Sequence[Activation], X: Array
) -> list[tuple[Activation, Array]]:
    """Return of each hidden layer the function and its values, a row for each unit."""
    A, found = network.input(X).T, list[tuple[Activation, Array]]()
    with np.errstate(all="ignore"):
        for activation, W, b in zip(activations, network.weights, network.biases):
            A = W.T @ A + b[:, np.newaxis]
            activation.forward(A)
            found.append((activation, A))
    return found
