"""``report``: what is to be known about a fitted classifier, on one page of HTML."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from html import escape
from io import StringIO
from os import PathLike
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    log_loss,
    roc_auc_score,
)
from sklearn.utils import column_or_1d

from skdeepbin._extras import extra
from skdeepbin.diagnosis._findings import shown
from skdeepbin.diagnosis.training._diagnose import diagnose
from skdeepbin.diagnosis.training._model import DiagnosedModel, diagnosed_models
from skdeepbin.inputs._validation import encode_labels
from skdeepbin.inputs._weights import check_weights
from skdeepbin.network._activations import is_diagnosed
from skdeepbin.plotting._activation import (
    ActivationDisplay,
    activations_of,
    measures_of,
)
from skdeepbin.plotting._ensemble import EnsembleDisplay
from skdeepbin.plotting._gradient_flow import GradientFlowDisplay
from skdeepbin.plotting._loss_curve import LossCurveDisplay
from skdeepbin.plotting._search import SearchDisplay
from skdeepbin.plotting._shared import plain
from skdeepbin.reporting._page import Part, Picture, Report, Section, Table, Words
from skdeepbin.training._stopping import STOP_REASONS

# Inches of a picture: as wide as a phone, so that its text is as large as the page's.
SIZE = (4.2, 3.2)
# Names in a list, and letters of a name or value, that are shown.
NAMES, LETTERS = 10, 60
# Letters of a line below a picture.
LINE = 12
# Bins of the calibration curve.
BINS = 10


def report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
) -> Report:
    """Say on one page what is to be known about a fitted classifier.

    The page has what :func:`skdeepbin.diagnosis.diagnose` finds, the scores with the
    ROC curve, the calibration and the confusion matrix, the course of training with its
    losses and gradients, a summary of the data, and the parameters that are not the
    defaults. It is one HTML file that loads nothing and runs nothing. It needs
    matplotlib.

    Parameters
    ----------
    estimator : DeepBinaryClassifier, MLPClassifier, Pipeline or search
        Fitted. A pipeline must end in one of the two; a search is described by its best
        estimator and a picture of its scores.

    X : array-like or sparse matrix of shape (n_samples, n_features)
        The rows that it was fitted on, or others. The diagnosis is meant for the first;
        scores tell how good it is on the second.

    y : array-like of shape (n_samples,)
        Their labels.

    sample_weight : array-like of shape (n_samples,), default=None
        Their weights, in the scores and in the diagnosis.

    path : str or path-like, default=None
        The file that the page is written to.

    title : str, default=None
        What stands above. None names the classifier.

    Returns
    -------
    report : Report
        A notebook shows it, `print` gives it as text; `report.html` is the page, and
        `report.save(path)` writes it.

    Raises
    ------
    TypeError
        If `estimator` is another estimator.
    ValueError
        If `estimator` is not for two classes, or X and y do not fit it.
    NotFittedError
        If `estimator` is not fitted.
    ModuleNotFoundError
        If matplotlib is not installed.
    OSError
        If the file cannot be written.

    See Also
    --------
    skdeepbin.diagnosis.diagnose : The findings alone.
    skdeepbin.plotting.LossCurveDisplay : The losses alone.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier, report
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> clf = DeepBinaryClassifier(random_state=0).fit(X, y)
    >>> page = report(clf, X, y, title="Two moons")
    >>> [section.heading for section in page.sections]
    ['Findings', 'Scores on these rows', 'Training', 'Data', 'Parameters']
    """
    extra("matplotlib", "plot")
    networks = diagnosed_models(estimator, "estimator")
    clf = networks[0].estimator
    _, second = encode_labels(column_or_1d(y), clf.classes_)
    weights = check_weights(sample_weight, len(second))
    sections = [
        _findings(estimator, networks[0], X, y, sample_weight),
        _scores(estimator, X, second, weights),
        _training(estimator, networks, X, y, weights),
        *_search(estimator),
        _data(estimator, X, clf.classes_, second, weights),
        _parameters(estimator, networks[0]),
    ]
    made = Report(title or f"Report on {type(clf).__name__}", tuple(sections))
    if path is not None:
        made.save(path)
    return made


def _findings(
    estimator: Any, network: DiagnosedModel, X: Any, y: Any, sample_weight: Any
) -> Section:
    """Return the findings of a diagnosis."""
    if not is_diagnosed(activations_of(network)):
        names = ", ".join(_functions(network))
        words = "A diagnosis knows one activation for all hidden layers, by its name; "
        return Section("Findings", [Words(f"{words}here they are of {names}.")])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        diagnosis = diagnose(estimator, X, y, sample_weight)
    notes = [str(w.message) for w in caught if w.category is UserWarning]
    said = [Words(f"{f.severity}: {f}", f.severity) for f in diagnosis.findings]
    return Section("Findings", [*map(Words, notes), *said])


def _scores(
    estimator: Any, X: Any, second: np.ndarray, weights: np.ndarray | None
) -> Section:
    """Scores with their pictures."""
    y, classes = second.astype(int), estimator.classes_
    p = estimator.predict_proba(X)[:, 1]
    predicted = (estimator.predict(X) == classes[1]).astype(int)
    share = float(np.average(y, weights=weights))
    constant = np.full(len(y), share)
    auc = roc_auc_score(y, p, sample_weight=weights)
    accuracy = accuracy_score(y, predicted, sample_weight=weights)
    losses = [
        log_loss(y, q, sample_weight=weights, labels=[0, 1]) for q in (p, constant)
    ]
    names = [_short(name) for name in classes]
    table = Table(
        ["Score", "Of the classifier", "Of class frequencies alone"],
        [
            ["Log loss (nats per row)", *map(shown, losses)],
            ["Accuracy", f"{accuracy:.1%}", f"{max(share, 1 - share):.1%}"],
            ["Area under the ROC curve", f"{auc:.3f}", "0.500"],
        ],
    )

    def roc(ax: Any) -> None:
        RocCurveDisplay.from_predictions(
            y, p, sample_weight=weights, ax=ax, name="ROC", plot_chance_level=True
        )
        ax.set(xlabel="False positive rate", ylabel="True positive rate")

    def confusion(ax: Any) -> None:
        ConfusionMatrixDisplay.from_predictions(
            y,
            predicted,
            labels=[0, 1],
            sample_weight=weights,
            display_labels=[plain(fill(name, LINE)) for name in names],
            values_format="d" if weights is None else ".4g",
            cmap="Greys",
            colorbar=False,
            ax=ax,
        )

    mean_p, mean_y, in_bin = _calibration(p, y, weights)
    apart = np.average(abs(mean_p - mean_y), weights=in_bin)
    wrong = 1 - accuracy
    pictures = [
        _picture(
            "ROC curve",
            f"The area under it is {auc:.3f}. Positive is {names[1]}.",
            roc,
        ),
        _picture(
            "Calibration",
            f"The probability of {names[1]} and the share of that class are "
            f"{apart:.3f} apart on average, in bins of a tenth.",
            lambda ax: _draw_calibration(ax, mean_p, mean_y, p),
        ),
        _picture(
            "Confusion matrix",
            f"{wrong:.1%} of the rows{' by weight' * (weights is not None)} are given "
            "the wrong label.",
            confusion,
        ),
    ]
    return Section("Scores on these rows", [table, *pictures])


def _calibration(
    p: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In each bin that has rows, the mean probability and label, and the weight.

    scikit-learn's `calibration_curve` knows no weights.
    """
    w = np.ones(len(y)) if weights is None else weights
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    sums = [np.bincount(bins, w * values, BINS) for values in (p, y, np.ones(len(y)))]
    known = sums[2] > 0
    of_p, of_y, in_bin = (total[known] for total in sums)
    return of_p / in_bin, of_y / in_bin, in_bin


def _draw_calibration(
    ax: Any, mean_p: np.ndarray, mean_y: np.ndarray, p: np.ndarray
) -> None:
    from sklearn.calibration import CalibrationDisplay  # not cheap to import

    CalibrationDisplay(mean_y, mean_p, p).plot(ax=ax)
    ax.set(xlabel="Mean predicted probability", ylabel="Share of the second class")


def _training(
    estimator: Any,
    networks: Sequence[DiagnosedModel],
    X: Any,
    y: Any,
    weights: np.ndarray | None,
) -> Section:
    """Describe the training."""
    network, clf = networks[0], networks[0].estimator
    ours = network.scales_itself
    sizes = [network.n_inputs, *network.hidden, 1]
    rows = [
        ["Layers", ", ".join([" – ".join(map(str, sizes)), *_functions(network)])],
        ["Iterations", f"{clf.n_iter_:,}"],
        ["Loss with the penalty", shown(clf.loss_)],
    ]
    if len(networks) > 1:
        rows.insert(1, ["Networks", str(len(networks))])
    if ours:
        seconds = np.nanmax(clf.history_["seconds"], axis=-1).sum()
        rows.insert(-1, ["Time", f"{seconds:.2g} s"])
        said = STOP_REASONS[clf.stop_reason_].replace("`", "")
        rows.append(["Ended", f"{clf.stop_reason_}: {said}"])
    parts: list[Part] = [Table([], rows)]
    if len(network.loss) > 1:
        parts.append(_losses(estimator))
        if ours:
            parts.append(_gradients(estimator))
    if measures := measures_of(network):
        parts.append(_units(estimator, measures, X))
    if len(networks) > 1:
        parts.append(_ensemble(estimator, X, y, weights))
    return Section("Training", parts)


def _losses(estimator: Any) -> Picture:
    display, svg = _drawn(lambda ax: LossCurveDisplay.from_estimator(estimator, ax=ax))
    curve = np.atleast_2d(display.training_loss)[0]
    caption = f"Training from {curve[0]:.3g} to {np.nanmin(curve):.3g} at the least"
    if display.validation_loss is not None:
        least = np.nanmin(np.atleast_2d(display.validation_loss)[0])
        caption += f", validation to {least:.3g}"
    of = " of the first network" if np.ndim(display.training_loss) > 1 else ""
    return _labelled("Loss at every iteration", f"{caption}{of}.", svg)


def _gradients(estimator: Any) -> Picture:
    display, svg = _drawn(
        lambda ax: GradientFlowDisplay.from_estimator(estimator, ax=ax)
    )
    norms = np.asarray(display.gradient_norms)
    first = norms[0] if norms.ndim == 3 else norms
    known = first[~np.isnan(first).any(axis=1)]
    caption = (
        f"At the start {known[0, 0]:.2g} in the first layer and {known[0, -1]:.2g} in "
        f"the output, in the end {known[-1, 0]:.2g} and {known[-1, -1]:.2g}."
    )
    return _labelled("Gradient of each layer", caption, svg)


def _functions(network: DiagnosedModel) -> list[str]:
    """Return the names of the activations, one for all hidden layers or for each."""
    names = [row.name for row in activations_of(network)]
    return names if len({*names}) > 1 else names[:1]


def _units(estimator: Any, measures: Sequence[str], X: Any) -> Picture:
    display, svg = _drawn(
        lambda ax: ActivationDisplay.from_estimator(estimator, X, ax=ax)
    )
    said = []
    for measure in measures:
        share = np.atleast_2d(getattr(display, measure)).mean(axis=0)
        what = "units are dead" if measure == "dead" else "activations are saturated"
        layer = int(np.nanargmax(share))
        said.append(f"{layer + 1}, where {share[layer]:.1%} of the {what}")
    caption = f"Most in hidden layer {', and in '.join(said)}."
    return _labelled("Units that pass no gradient", caption, svg)


def _ensemble(estimator: Any, X: Any, y: Any, weights: np.ndarray | None) -> Picture:
    display, svg = _drawn(
        lambda ax: EnsembleDisplay.from_estimator(
            estimator, X, y, sample_weight=weights, ax=ax
        )
    )
    caption = (
        f"All networks give the same label to {display.agreement:.1%} of the rows. A "
        "line is a row, from the least to the largest probability."
    )
    return _labelled("Agreement of the networks", caption, svg)


def _search(estimator: Any) -> Iterator[Section]:
    """The scores of a search, if it is one of more than one candidate."""
    if not hasattr(estimator, "cv_results_"):
        return
    params = estimator.cv_results_["params"]
    if len({repr(candidate) for candidate in params}) < 2:
        return
    best = ", ".join(f"{k}={_short(v)}" for k, v in estimator.best_params_.items())
    picture = _picture(
        "Scores of the search",
        f"The best is {best}.",
        lambda ax: SearchDisplay.from_search(estimator, ax=ax),
    )
    yield Section("Search", [picture])


def _data(
    estimator: Any,
    X: Any,
    classes: np.ndarray,
    second: np.ndarray,
    weights: np.ndarray | None,
) -> Section:
    """Return a description of the rows."""
    table = _columns(estimator, X)
    rows = [
        ["Rows", f"{len(second):,}"],
        ["Features", f"{len(table.names):,}{table.kind}"],
        ["Weights", "none given" if weights is None else _of_weights(weights)],
        ["Missing values", _listed(table.missing)],
        ["Constant features", _listed(table.constant)],
    ]
    heads = ["Class", "Rows", "Share"]
    of_classes = []
    for label, which in zip(classes, (~second, second)):
        row = [_short(label), f"{which.sum():,}", f"{which.mean():.1%}"]
        if weights is not None:
            row.append(f"{weights[which].sum() / weights.sum():.1%}")
        of_classes.append(row)
    if weights is not None:
        heads.append("Share of the weights")
    return Section("Data", [Table([], rows), Table(heads, of_classes)])


class Columns(NamedTuple):
    """The features: their names, their type, and which have missing or no values."""

    names: Sequence[str]
    kind: str
    missing: Sequence[str]
    constant: Sequence[str]


def _columns(estimator: Any, X: Any) -> Columns:
    """Describe the features as they are given, before any pipeline."""
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        columns = [np.asarray(X[name]) for name in X.columns]
        kinds = sorted({str(column.dtype) for column in columns})
        kind = f" ({', '.join(kinds)})"
    else:
        X = X.tocsc() if issparse(X) else np.asarray(X)
        given = getattr(estimator, "feature_names_in_", None)
        names = [f"x{j}" for j in range(X.shape[1])] if given is None else [*given]
        columns = [_dense(X, j) for j in range(X.shape[1])]
        kind = f" ({X.dtype}{', sparse' * issparse(X)})"
    missing, constant = [], []
    for name, column in zip(names, columns):
        is_missing = _is_missing(column)
        if is_missing.any():
            missing.append(f"{_short(name)} ({is_missing.sum():,})")
        known = column[~is_missing]
        if not len(known) or (known == known[0]).all():
            constant.append(_short(name))
    return Columns(names, kind, missing, constant)


def _dense(X: Any, j: int) -> np.ndarray:
    return X[:, [j]].toarray()[:, 0] if issparse(X) else X[:, j]


def _is_missing(column: np.ndarray) -> np.ndarray:
    """Which values are nan, None or a missing value of pandas."""
    if column.dtype.kind in "fc":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype != object:
        return np.zeros(len(column), bool)
    return np.array([_differs_from_itself(value) for value in column], bool)


def _differs_from_itself(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA, which compares to itself as unknown
        return True


def _of_weights(weights: np.ndarray) -> str:
    n_zero = int((weights == 0).sum())
    zeros = f", {n_zero:,} of them 0" if n_zero else ""
    return f"from {weights.min():.3g} to {weights.max():.3g}{zeros}"


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
    return f"{len(names):,}: {', '.join(names[:NAMES])}{more}"


def _parameters(estimator: Any, network: DiagnosedModel) -> Section:
    """The parameters that are not the defaults, of the steps before too."""
    parts: list[Part] = []
    steps = [step for prefix in network.prefix for _, step in prefix.steps]
    for model in (*steps, network.estimator):
        kind = type(model).__name__
        if not hasattr(model, "get_params"):
            parts.append(Words(f"{kind}: {_short(model)}"))
            continue
        rows = _changed(model)
        head = [kind, "Value", "Default"]
        parts.append(Table(head, rows) if rows else Words(f"{kind}: all defaults."))
    return Section("Parameters", parts)


def _changed(model: Any) -> list[list[str]]:
    """The parameters of an estimator that are not the defaults."""
    try:
        defaults = type(model)().get_params(deep=False)
    except TypeError:  # some need arguments
        defaults = {}
    return [
        [name, _short(repr(value)), _short(repr(defaults.get(name, "none")))]
        for name, value in model.get_params(deep=False).items()
        if name not in defaults or repr(value) != repr(defaults[name])
    ]


def _short(value: Any) -> str:
    """A value on one line, of which the end is cut where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _picture(name: str, caption: str, draw: Callable[[Any], Any]) -> Picture:
    """A picture with what is to be seen in it."""
    return _labelled(name, caption, _drawn(draw)[1])


def _labelled(name: str, caption: str, svg: str) -> Picture:
    """A picture whose ids are its own on the page, described for those who listen."""
    own = re.sub(r"\W+", "-", name.lower())

    def with_own_ids(tag: re.Match) -> str:
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", tag[0])

    svg = re.sub(r"<[^>]*>", with_own_ids, svg)
    label = escape(f"{name}. {caption}")
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return Picture(name, caption, svg)


def _drawn(draw: Callable[[Any], Any]) -> tuple[Any, str]:
    """Return the result of a function that draws on axes, and the picture as SVG.

    The same for whatever style the user has set, and without a figure of pyplot.
    """
    matplotlib = extra("matplotlib", "plot")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Text as text: it can be searched, and is a tenth of the size of its outlines.
        matplotlib.rcParams.update(
            {"svg.fonttype": "none", "svg.hashsalt": "skdeepbin"}
        )
        figure = extra("matplotlib.figure", "plot").Figure(SIZE, layout="constrained")
        made = draw(figure.subplots())
        stream, kinds = StringIO(), ("Creator", "Date", "Format", "Type")
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(kinds))
    svg = re.sub(r"<!--.*?-->|<style.*?</style>", "", stream.getvalue(), flags=re.S)
    return made, svg[svg.index("<svg") :]
