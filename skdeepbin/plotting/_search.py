"""SearchDisplay: the scores of a search over two of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV

from skdeepbin.plotting._shared import axes, plain, styled

EXPECTED = (
    "a fitted search of scikit-learn, as GridSearchCV, RandomizedSearchCV or a halving "
    "search"
)
# Numbers of a parameter that have a row or column of their own, at most; of more than
# that, neighbours share one of so many.
OWN, SHARED = 10, 8
# From this luminance of a cell black text has more contrast than white, by
# https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio, where colours have this exponent.
BRIGHT, GAMMA = 0.179, 2.2
# What red, green and blue add to the luminance.
LUMINANCE = (0.2126, 0.7152, 0.0722)
# Letters of a value that are shown.
LONG = 24
# Letters below all columns from which they are turned.
WIDE = 50


class SearchDisplay:
    """The scores of a search over two of its parameters, as a heat map.

    A cell has the mean test score and its standard deviation over the folds, and where
    other parameters vary too, those of the best candidate. Make it with
    :meth:`from_search`, or from the numbers. All parameters are stored as attributes.

    Parameters
    ----------
    scores : array-like of shape (n_y, n_x)
        The mean test score of each cell; nan where none was tried.

    stds : array-like of shape (n_y, n_x), default=None
        Its standard deviation over the folds.

    resources : array-like of shape (n_y, n_x), default=None
        What a halving search gave to the candidates of each cell in the end.

    x_values, y_values : sequence of str, default=None
        What stands at the columns and rows.

    x_name, y_name : str, default=None
        The parameters.

    score_name : str, default="score"
        What the score is.

    title : str, default=None
        What stands above.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the heat map.

    figure_ : matplotlib Figure
        The figure of the axes.

    im_ : matplotlib AxesImage
        The cells.

    text_ : ndarray of shape (n_y, n_x) of matplotlib Text
        What stands in the cells; the best is in bold.

    colorbar_ : matplotlib Colorbar or None
        The scale of the scores.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : A search over all combinations.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.plotting import SearchDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> grid = {"depth": [1, 2, 3], "activation": ["relu", "tanh"]}
    >>> search = GridSearchCV(DeepBinaryClassifier(8, random_state=0), grid, cv=2)
    >>> display = SearchDisplay.from_search(search.fit(X, y))
    >>> display.x_name, display.y_name, display.scores.shape
    ('depth', 'activation', (2, 3))
    """

    def __init__(
        self,
        scores,
        stds=None,
        resources=None,
        *,
        x_values=None,
        y_values=None,
        x_name=None,
        y_name=None,
        score_name="score",
        title=None,
    ):
        self.scores = scores
        self.stds = stds
        self.resources = resources
        self.x_values = x_values
        self.y_values = y_values
        self.x_name = x_name
        self.y_name = y_name
        self.score_name = score_name
        self.title = title

    @classmethod
    def from_search(
        cls,
        search,
        x=None,
        y=None,
        *,
        metric=None,
        ax=None,
        colorbar=True,
        im_kw=None,
        text_kw=None,
    ):
        """Draw the scores of a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or halving search
            Fitted.

        x, y : str, default=None
            The parameters, by their names with or without the step of a pipeline. None
            are the first two of which more than one value was tried, the one of more
            values along x. Of more than 10 numbers, neighbours share a cell.

        metric : str, default=None
            Which score, where `search` has several. None is the one of its `refit`.

        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        colorbar : bool, default=True
            Whether the scale of the scores is drawn.

        im_kw : dict, default=None
            Passed to `matplotlib.pyplot.imshow`.

        text_kw : dict, default=None
            Passed to `matplotlib.pyplot.text`.

        Returns
        -------
        display : SearchDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If `search` is not a search.
        ValueError
            If a parameter or `metric` is not one of the search, or only one candidate
            was tried.
        NotFittedError
            If `search` is not fitted.
        """
        results, metric = _results(search, metric)
        candidates = _candidates(results, metric, getattr(search, "resource", None))
        names = list(dict.fromkeys(n for c in candidates for n in c.params))
        short = _shortened(names)
        varying = [n for n in names if len(_distinct(candidates, n)) > 1]
        x, y = _chosen(_full("x", x, short), _full("y", y, short), varying, candidates)
        columns = _groups(_distinct(candidates, x))
        rows = [("", None)] if y is None else _groups(_distinct(candidates, y))
        cells = np.full((3, len(rows), len(columns)), np.nan)
        for i, (_, ys) in enumerate(rows):
            for j, (_, xs) in enumerate(columns):
                inside = [c for c in candidates if c.has(x, xs) and c.has(y, ys)]
                if inside:
                    best = max(inside, key=lambda c: c.rank)
                    cells[:, i, j] = best.score, best.std, best.resources
        others = [short[n] for n in varying if n not in (x, y)]
        titles = [f"best over {', '.join(others)}"] if others else []
        has_resources = not np.isnan(cells[2]).all()
        if has_resources:
            titles.append(f"at: {search.resource} of the last round")
        display = cls(
            cells[0],
            cells[1],
            cells[2] if has_resources else None,
            x_values=[label for label, _ in columns],
            y_values=[label for label, _ in rows],
            x_name=short[x],
            y_name=None if y is None else short[y],
            score_name=_score_name(search, metric),
            title="; ".join(titles) or None,
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kw=im_kw, text_kw=text_kw)

    def plot(self, ax=None, *, colorbar=True, im_kw=None, text_kw=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a new figure.

        colorbar : bool, default=True
            Whether the scale of the scores is drawn.

        im_kw : dict, default=None
            Passed to `matplotlib.pyplot.imshow`.

        text_kw : dict, default=None
            Passed to `matplotlib.pyplot.text`.

        Returns
        -------
        display : SearchDisplay
            The display itself.
        """
        scores = np.asarray(self.scores, float)
        if scores.ndim != 2 or not scores.size:
            raise ValueError(
                "`scores` must be of shape (n_y, n_x) and not empty; got shape "
                f"{scores.shape}."
            )
        self.ax_ = axes(ax)
        self.figure_ = self.ax_.figure
        style = styled({"cmap": "viridis", "aspect": "auto"}, im_kw, "image.AxesImage")
        self.im_ = self.ax_.imshow(np.ma.masked_invalid(scores), **style)
        self.text_ = np.empty(scores.shape, object)
        known = last = np.isfinite(scores)
        if self.resources is not None:
            last = known & (self.resources == np.nanmax(self.resources))
        best = scores[last].max(initial=-np.inf)
        for (i, j), score in np.ndenumerate(scores):
            style = {
                "color": _readable(self.im_, score),
                "fontsize": 10 if scores.shape[1] <= 5 else 8,
                "fontweight": "bold" if last[i, j] and score == best else "normal",
                "ha": "center",
                "va": "center",
            }
            style = styled(style, text_kw, "text.Text")
            self.text_[i, j] = self.ax_.text(j, i, self._cell(i, j), **style)
        self.colorbar_ = None
        if colorbar and known.any():
            spread = "" if self.stds is None else " ± std over folds"
            label = f"Mean test {plain(self.score_name)}{spread}"
            self.colorbar_ = self.figure_.colorbar(self.im_, ax=self.ax_, label=label)
        for axis, name, values in (
            (self.ax_.xaxis, self.x_name, self.x_values),
            (self.ax_.yaxis, self.y_name, self.y_values),
        ):
            values = () if values is None else [plain(value) for value in values]
            axis.set_ticks(range(len(values)), values)
            axis.set_label_text("" if name is None else plain(name))
        if max(map(len, self.x_values or [""])) * scores.shape[1] > WIDE:
            self.ax_.tick_params(axis="x", labelrotation=30)
        if self.title is not None:
            self.ax_.set_title(plain(self.title), fontsize=10)
        return self

    def _cell(self, i, j):
        """Return the text of a cell."""
        score = self.scores[i][j]
        if not np.isfinite(score):
            return "–"
        decimals = max(0, 2 - floor(log10(abs(score)))) if score else 2
        lines = [f"{score:.{decimals}f}"]
        if self.stds is not None:
            lines.append(f"±{self.stds[i][j]:.{decimals}f}")
        if self.resources is not None:
            lines.append(f"at {self.resources[i][j]:.3g}")
        return "\n".join(lines)


class Candidate(NamedTuple):
    """Parameters that a search tried, without the resource of a halving search.

    resources : what a halving search gave it; nan for others.
    """

    params: Mapping[str, Any]
    score: float
    std: float
    resources: float

    def has(self, name: str | None, keys: Sequence[str] | None) -> bool:
        """Tell if its value of a parameter is one of some."""
        return name is None or keys is None or _key(self.params.get(name)) in keys

    @property
    def rank(self) -> tuple[float, float]:
        """Rank by how long it lasted in the search, then by its score."""
        resources = -np.inf if np.isnan(self.resources) else self.resources
        return resources, -np.inf if np.isnan(self.score) else self.score


def _results(search: Any, metric: str | None) -> tuple[Mapping[str, Any], str]:
    """The results of a search, and which of its scores to show."""
    kind = type(search).__name__
    if not hasattr(search, "cv_results_"):
        if isinstance(search, BaseSearchCV):
            raise NotFittedError(
                f"`search` must be {EXPECTED}; this {kind} is not fitted yet. Call "
                "`fit` first."
            )
        raise TypeError(f"`search` must be {EXPECTED}; got {kind}.")
    results = search.cv_results_
    prefix = "mean_test_"
    metrics = [key.removeprefix(prefix) for key in results if key.startswith(prefix)]
    if metric is None:
        metric = metrics[0] if len(metrics) == 1 else search.refit
    if metric not in metrics:
        raise ValueError(
            f"`metric` must be one of {', '.join(map(repr, metrics))}; got {metric!r}."
        )
    return results, metric


def _candidates(
    results: Mapping[str, Any], metric: str, resource: str | None
) -> list[Candidate]:
    """Each candidate at its last round."""
    last: dict[Any, Candidate] = {}
    n = len(results["params"])
    resources = results.get("n_resources", np.full(n, np.nan))
    scores, stds = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
    for i, params in enumerate(results["params"]):
        params = {k: v for k, v in params.items() if k != resource}
        key = tuple(sorted((k, _key(v)) for k, v in params.items()))
        last[key] = Candidate(
            params, float(scores[i]), float(stds[i]), float(resources[i])
        )
    return list(last.values())


def _key(value: Any) -> str:
    """Return a key that tells values apart, which need not be hashable."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _distinct(candidates: Sequence[Candidate], name: str) -> dict[str, Any]:
    """The different values of a parameter by their keys, in the order tried."""
    return {_key(c.params.get(name)): c.params.get(name) for c in candidates}


def _shortened(names: Sequence[str]) -> dict[str, str]:
    """The names without the steps of pipelines, where they then still differ."""
    short = [name.rpartition("__")[2] for name in names]
    return {n: s if short.count(s) == 1 else n for n, s in zip(names, short)}


def _full(which: str, name: str | None, short: Mapping[str, str]) -> str | None:
    """The full name of a parameter that is given with or without the step."""
    if name is None or name in short:
        return name
    for full, shortened in short.items():
        if name == shortened:
            return full
    raise ValueError(
        f"`{which}` must be a parameter that `search` has tried, one of "
        f"{', '.join(map(repr, short.values()))}; got {name!r}."
    )


def _chosen(
    x: str | None,
    y: str | None,
    varying: Sequence[str],
    candidates: Sequence[Candidate],
) -> tuple[str, str | None]:
    """The parameters of both axes: those given, else the first that vary."""
    if x is not None and x == y:
        raise ValueError(f"`x` and `y` must be two parameters; got {x!r} twice.")
    left = [name for name in varying if name not in (x, y)]
    if x is None and y is None:
        pair = sorted(left[:2], key=lambda n: len(_distinct(candidates, n)))
        if not pair:
            raise ValueError(
                "`search` must have tried two values of a parameter at least; got one "
                "candidate. Name a parameter by `x` to draw it all the same."
            )
        return pair[-1], pair[0] if len(pair) == 2 else None
    if x is None:
        return (left[0], y) if left else (str(y), None)
    return x, y if y is not None or not left else left[0]


def _groups(distinct: Mapping[str, Any]) -> list[tuple[str, list[str] | None]]:
    """The label and the keys of each row or column; numbers in their order."""
    values = list(distinct.items())
    if all(v is None or _is_number(v) for v in distinct.values()):
        values.sort(key=lambda kv: -np.inf if kv[1] is None else float(kv[1]))
    numbers = [kv for kv in values if _is_number(kv[1])]
    if len(numbers) <= OWN or len(numbers) < len(values):
        return [(_label(value), [key]) for key, value in values]
    groups: list[tuple[str, list[str] | None]] = []
    for part in np.array_split(np.arange(len(numbers)), SHARED):
        (_, low), (_, high) = numbers[part[0]], numbers[part[-1]]
        keys = [numbers[k][0] for k in part]
        groups.append((f"{_label(low)} to {_label(high)}", keys))
    return groups


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _label(value: Any) -> str:
    """A value as it stands at an axis."""
    if isinstance(value, float) or (_is_number(value) and value != int(value)):
        return f"{value:.3g}"
    text = " ".join(str(value).split())
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _readable(image: Any, score: float) -> str:
    """Black or white, whichever is seen on the colour of a score."""
    if not np.isfinite(score):
        return "black"
    colour = np.array(image.cmap(image.norm(score))[:3])
    return "black" if colour**GAMMA @ LUMINANCE > BRIGHT else "white"


def _score_name(search: Any, metric: str) -> str:
    """Return the name of the score, in words."""
    if metric != "score":
        return metric.replace("_", " ")
    if isinstance(search.scoring, str):
        return search.scoring.replace("_", " ")
    is_default = search.scoring is None and is_classifier(search.estimator)
    return "accuracy" if is_default else "score"
