"""GradientFlowDisplay: the gradient of each layer at every iteration."""

from __future__ import annotations

import numpy as np

from skdeepbin._extras import extra
from skdeepbin.diagnosis.training._model import diagnosed_models
from skdeepbin.plotting._shared import (
    DASHES,
    as_rows,
    axes_of_iterations,
    labelled,
    styled,
)

# Lines that have an entry in the legend, at most; of more layers some have none.
LABELS = 8
# The part of the colour map that can be seen on white.
LIGHT = 0.85


class GradientFlowDisplay:
    """The norm of the gradient of each layer at every iteration.

    Lines that lie far apart are gradients that vanish or explode on their way back
    through the layers; lines that fall together are a fit that comes to rest.

    Make it with :meth:`from_estimator`, or from the numbers. All parameters are stored
    as attributes.

    Parameters
    ----------
    gradient_norms : array-like of shape (n_points, n_layers) or \
            (n_networks, n_points, n_layers)
        The norms, from the first hidden layer to the output; nan where there is none.

    name : str, default=None
        What the labels in the legend begin with.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the lines.

    figure_ : matplotlib Figure
        The figure of the axes.

    lines_ : list of matplotlib Line2D
        Layer by layer, the line of each network.

    See Also
    --------
    LossCurveDisplay : The loss at every iteration.
    skdeepbin.diagnosis.diagnose : What is wrong, if anything is.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.plotting import GradientFlowDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> clf = DeepBinaryClassifier(depth=4, random_state=0).fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(clf)
    >>> len(display.lines_)
    5
    """

    def __init__(self, gradient_norms, *, name=None):
        self.gradient_norms = gradient_norms
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, line_kw=None):
        """Draw the gradients of a fitted classifier.

        They are those of training, on scaled features.

        Parameters
        ----------
        estimator : DeepBinaryClassifier, Pipeline or search
            Fitted. A pipeline must end in a DeepBinaryClassifier; of a search it is the
            best estimator.

        name : str, default=None
            What the labels in the legend begin with.

        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.plot`.

        Returns
        -------
        display : GradientFlowDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If `estimator` is another estimator.
        NotFittedError
            If `estimator` is not fitted.
        """
        network = diagnosed_models(estimator, "estimator")[0]
        if not network.scales_itself:
            raise TypeError(
                "`estimator` must be a DeepBinaryClassifier, which records the "
                f"gradients of each layer; got {type(network.estimator).__name__}, "
                "which does not. Draw its losses with LossCurveDisplay."
            )
        norms = network.estimator.history_["gradient_norms"]
        return cls(norms, name=name).plot(ax=ax, line_kw=line_kw)

    def plot(self, ax=None, *, name=None, line_kw=None):
        """Draw the gradients.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        name : str, default=None
            What the labels in the legend begin with. None is the `name` of the display.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.plot`.

        Returns
        -------
        display : GradientFlowDisplay
            The display itself.
        """
        norms = as_rows("gradient_norms", self.gradient_norms, 2)
        self.ax_ = axes_of_iterations(ax)
        self.figure_ = self.ax_.figure
        name = self.name if name is None else name
        n_networks, n_points, n_layers = norms.shape
        colours = extra("matplotlib", "plot").colormaps["viridis"]
        step = -(-n_layers // LABELS)
        self.lines_ = []
        for layer in range(n_layers):
            label = "output" if layer == n_layers - 1 else f"layer {layer + 1}"
            if not np.nan_to_num(norms[..., layer]).any():
                label += " (zero)"
            is_shown = layer % step == 0 or layer == n_layers - 1
            style = {
                "color": colours(LIGHT * layer / max(n_layers - 1, 1)),
                "linestyle": DASHES[layer % len(DASHES)],
                "linewidth": 1.5 if n_networks == 1 else 0.8,
                "label": labelled(name, label) if is_shown else "_",
            }
            style = styled(style, line_kw, "lines.Line2D")
            for row in norms[..., layer]:
                self.lines_ += self.ax_.plot(np.arange(n_points), row, **style)
                style["label"] = "_"
        self.ax_.set_yscale("log", nonpositive="mask")
        self.ax_.set(xlabel="Iteration", ylabel="Norm of the gradient (nats per row)")
        self.ax_.legend()
        return self
