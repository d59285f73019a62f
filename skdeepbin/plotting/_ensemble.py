"""EnsembleDisplay: whether the networks of an ensemble agree."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.utils import column_or_1d

from skdeepbin.diagnosis.training._evidence import rows_of
from skdeepbin.diagnosis.training._model import diagnosed_models
from skdeepbin.inputs._validation import encode_labels
from skdeepbin.inputs._weights import check_weights
from skdeepbin.network._loss import log_loss
from skdeepbin.plotting._shared import axes, labelled, plain, styled

# Rows that are drawn, at most.
ROWS = 300


class EnsembleDisplay:
    """Predictions of each network of an ensemble, against those of the ensemble.

    Each row of the data is a vertical line, from the least to the largest of the
    probabilities that the networks give it, at the probability that the ensemble gives
    it. Short lines are networks that agree; a line across 0.5 is a row to which they
    give different labels. Where the labels are known, rows that the ensemble gets
    wrong are drawn in black with a cross: on these, networks that agree have learnt the
    same mistake.

    Make it with :meth:`from_estimator`, or from the numbers. All parameters are stored
    as attributes.

    Parameters
    ----------
    logits : array-like of shape (n_networks, n_samples)
        The logit of each network for each row; the ensemble's is their mean.

    y : array-like of shape (n_samples,), default=None
        Whether each row is of the second class.

    sample_weight : array-like of shape (n_samples,), default=None
        The weight of each row in the shares and losses of the legend.

    pos_label : object, default=None
        The label of the second class, for the title.

    name : str, default=None
        What the labels in the legend begin with.

    Attributes
    ----------
    agreement : float
        The share of the rows to which all networks give the same label.

    losses : ndarray of shape (n_networks + 1,) or None
        The mean log loss of each network, and last that of the ensemble; None without
        `y`. That of the ensemble is at most the mean of the others.

    ax_ : matplotlib Axes
        The axes with the lines.

    figure_ : matplotlib Figure
        The figure of the axes.

    lines_ : matplotlib LineCollection
        The rows, of which at most 300 are drawn, evenly from all probabilities.

    wrong_lines_ : matplotlib LineCollection or None
        Those that the ensemble gets wrong; None without `y`.

    See Also
    --------
    LossCurveDisplay : The losses of each network in training.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.plotting import EnsembleDisplay
    >>> X, y = make_moons(200, noise=0.3, random_state=0)
    >>> clf = DeepBinaryClassifier(n_networks=3, random_state=0).fit(X, y)
    >>> display = EnsembleDisplay.from_estimator(clf, X, y)
    >>> bool(display.losses[-1] <= display.losses[:-1].mean())
    True
    """

    def __init__(
        self, logits, y=None, *, sample_weight=None, pos_label=None, name=None
    ):
        self.logits = logits
        self.y = y
        self.sample_weight = sample_weight
        self.pos_label = pos_label
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        sample_weight=None,
        name=None,
        ax=None,
        line_kw=None,
        wrong_kw=None,
    ):
        """Draw what the networks of a fitted ensemble say of rows.

        Parameters
        ----------
        estimator : DeepBinaryClassifier, Pipeline or search
            Fitted, with `n_networks` of at least 2. A pipeline must end in a
            DeepBinaryClassifier; of a search it is the best estimator.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            The rows, best some that it was not fitted on.

        y : array-like of shape (n_samples,), default=None
            Their labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        name : str, default=None
            What the labels in the legend begin with.

        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.vlines` for the rows.

        wrong_kw : dict, default=None
            The same for the rows that the ensemble gets wrong.

        Returns
        -------
        display : EnsembleDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If `estimator` is another estimator.
        ValueError
            If `estimator` is a single network, or X or y do not fit it.
        NotFittedError
            If `estimator` is not fitted.
        """
        networks = diagnosed_models(estimator, "estimator")
        clf = networks[0].estimator
        if not networks[0].scales_itself:
            raise TypeError(
                "`estimator` must be a DeepBinaryClassifier with n_networks=2 or more; "
                f"got {type(clf).__name__}, which is a single network."
            )
        if len(networks) < 2:
            raise ValueError(
                "`estimator` must be an ensemble; got a single network. Fit it with "
                "n_networks=5, for example."
            )
        X = rows_of(networks[0], X)
        if y is not None:
            _, y = encode_labels(column_or_1d(y), clf.classes_)
        model = clf.model_
        logits = [model.logits(X, clf.n_jobs, [one]) for one in model.networks]
        display = cls(
            np.array(logits),
            y,
            sample_weight=check_weights(sample_weight, X.shape[0]),
            pos_label=clf.classes_[1],
            name=name,
        )
        return display.plot(ax=ax, line_kw=line_kw, wrong_kw=wrong_kw)

    @property
    def agreement(self):
        """The share of the rows to which all networks give the same label."""
        second = self._logits > 0
        same = second.all(axis=0) | ~second.any(axis=0)
        return float(np.average(same, weights=self.sample_weight))

    @property
    def losses(self):
        """The mean log loss of each network, and last that of the ensemble."""
        if self.y is None:
            return None
        z = np.vstack([self._logits, self._logits.mean(axis=0)])
        rows, _ = log_loss(z, np.asarray(self.y, float))
        return np.average(rows, axis=1, weights=self.sample_weight)

    @property
    def _logits(self):
        """The logits, checked."""
        z = np.asarray(self.logits, float)
        if z.ndim != 2 or not z.size:
            raise ValueError(
                "`logits` must be of shape (n_networks, n_samples) and not empty; got "
                f"shape {z.shape}."
            )
        if self.y is not None and np.shape(self.y) != z.shape[1:]:
            raise ValueError(
                f"`y` must be one number for each of the {z.shape[1]} rows; got shape "
                f"{np.shape(self.y)}."
            )
        return z

    def plot(self, ax=None, *, name=None, line_kw=None, wrong_kw=None):
        """Draw what the networks say.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        name : str, default=None
            What the labels in the legend begin with. None is the `name` of the display.

        line_kw : dict, default=None
            Passed to `matplotlib.pyplot.vlines` for the rows.

        wrong_kw : dict, default=None
            The same for the rows that the ensemble gets wrong.

        Returns
        -------
        display : EnsembleDisplay
            The display itself.
        """
        z = self._logits
        name = self.name if name is None else name
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        order = z.mean(axis=0).argsort(kind="stable")
        n_drawn = min(ROWS, len(order))
        drawn = order[np.linspace(0, len(order) - 1, n_drawn).round().astype(int)]
        p, ensemble = expit(z[:, drawn]), expit(z[:, drawn].mean(axis=0))
        wrong = np.zeros(n_drawn, bool)
        if self.y is not None:
            wrong = (ensemble > 0.5) != np.asarray(self.y, bool)[drawn]
        self.ax_.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
        self.ax_.axhline(0.5, color="black", linestyle=":", linewidth=1)
        label = f"{self.agreement:.1%} of rows get one label by all"
        self.lines_ = self._rows(
            ensemble, p, ~wrong, {"color": "0.6", "label": label}, line_kw, name
        )
        self.wrong_lines_ = None
        if self.y is not None:
            style = {"color": "black", "label": "rows that the ensemble gets wrong"}
            self.wrong_lines_ = self._rows(ensemble, p, wrong, style, wrong_kw, name)
            at = ensemble[wrong]
            self.ax_.plot(at, at, color="black", linestyle="", marker="x")
            *each, together = self.losses
            label = (
                f"log loss {min(each):.2g} to {max(each):.2g}, together {together:.2g}"
            )
            self.ax_.plot([], [], " ", label=labelled(name, label))
        self.ax_.set(
            xlabel="Probability by the ensemble",
            ylabel="Probability by its networks",
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.32),
        )
        self.ax_.set_yticks(np.linspace(0, 1, 6))
        if self.pos_label is not None:
            self.ax_.set_title(f"Probability of class {plain(self.pos_label)}")
        self.ax_.legend(loc="upper left")
        return self

    def _rows(self, ensemble, p, which, style, given, name):
        """A line for each of some rows."""
        style["label"] = labelled(name, style["label"])
        style = styled({"linewidth": 1, **style}, given, "collections.LineCollection")
        low, high = p.min(axis=0)[which], p.max(axis=0)[which]
        return self.ax_.vlines(ensemble[which], low, high, **style)
