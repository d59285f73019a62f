"""The page on a fitted classifier."""

import os
import re
import shutil
import subprocess
import warnings
from html import escape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdeepbin
from skdeepbin import DeepBinaryClassifier, report
from skdeepbin.reporting._page import STYLE, Words
from skdeepbin.reporting._report import _columns

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

NET = DeepBinaryClassifier(8, max_iter=30, random_state=0)
NASTY = "<script>alert(\"$x$\")</script> & 'it'"


@pytest.fixture(autouse=True)
def plt():
    pytest.importorskip("matplotlib", reason="a report has pictures")
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    yield plt
    assert not plt.get_fignums()
    assert dict(plt.rcParams) == before


@pytest.fixture(scope="module")
def net(moons):
    return DeepBinaryClassifier(8, max_iter=30, random_state=0).fit(*moons)


@pytest.fixture(scope="module")
def page(net, moons):
    """The report on it."""
    pytest.importorskip("matplotlib", reason="a report has pictures")
    return report(net, *moons)


@pytest.fixture(scope="module")
def nasty(cancer):
    """An ensemble in a pipeline, with names that are HTML, and its rows."""
    pytest.importorskip("matplotlib", reason="a report has pictures")
    X, y = cancer
    X = pd.DataFrame(X[:, :5], columns=[NASTY, "b" * 80, "$c", "constant", "e<"])
    X["constant"] = 3.0
    X.loc[[2, 5], NASTY] = np.nan
    y = np.array(["a long name " * 4, "b " + NASTY])[y]
    model = make_pipeline(
        SimpleImputer(),
        DeepBinaryClassifier(8, n_networks=3, max_iter=30, random_state=0),
    )
    return model.fit(X, y), X, y


@pytest.fixture(scope="module")
def nasty_page(nasty):
    return report(*nasty, title=NASTY)


class Page(HTMLParser):
    """The tags of a page, the text in it, and whether all that opens is closed."""

    EMPTY = ("meta", "link", "br")

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, *names):
        return [a[name] for _, a in self.tags for name in names if name in a]


def headings(made):
    return [section.heading for section in made.sections]


def section(made, heading):
    return next(section for section in made.sections if section.heading == heading)


def pictures(made):
    return [p for s in made.sections for p in s.parts if hasattr(p, "svg")]


def test_what_stands_on_the_page(page, net, moons):
    standard = ["Findings", "Scores on these rows", "Training", "Data", "Parameters"]
    assert headings(page) == standard
    assert [picture.name for picture in pictures(page)] == [
        "ROC curve",
        "Calibration",
        "Confusion matrix",
        "Loss at every iteration",
        "Gradient of each layer",
        "Units that pass no gradient",
    ]
    text = str(page)
    for said in (
        str(skdeepbin.diagnosis.diagnose(net, *moons).findings[0]),
        "2 – 8 – 8 – 1, relu",
        "300",
        "hidden_layer_sizes    8      50",
        f"Iterations             {net.n_iter_}",
    ):
        assert said in text
    assert "learning_rate" not in str(section(page, "Parameters"))


def test_scores_are_those_of_scikit_learn(page, net, moons):
    X, y = moons
    rows = section(page, "Scores on these rows").parts[0].rows
    p = net.predict_proba(X)
    of_classifier = [row[1] for row in rows]
    assert float(of_classifier[0]) == pytest.approx(log_loss(y, p), rel=1e-2)
    assert of_classifier[1] == f"{accuracy_score(y, net.predict(X)):.1%}"
    assert of_classifier[2] == f"{roc_auc_score(y, p[:, 1]):.3f}"
    assert rows[0][2] == f"{np.log(2):.3f}"


def test_a_weight_is_a_row_repeated(page, net, moons):
    X, y = moons
    w = 1 + np.arange(len(y)) % 3
    one = report(net, X, y, sample_weight=w)
    other = report(net, X.repeat(w, axis=0), y.repeat(w))
    scores, repeated = (section(r, "Scores on these rows").parts for r in (one, other))
    assert scores[0] == repeated[0]
    assert [p.caption for p in scores[1:3]] == [p.caption for p in repeated[1:3]]
    assert scores[0] != section(page, "Scores on these rows").parts[0]
    data = str(section(one, "Data"))
    assert "from 1 to 3" in data
    assert "Share of the weights" in data


@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_all_of_it(nasty, width, tmp_path):
    model, X, y = nasty
    html = report(model, X, y, sample_weight=np.arange(len(y)) % 3).html
    console, needed = browse(html, width, tmp_path)
    assert not console
    assert needed <= width


def test_the_browser_would_tell(page, tmp_path):
    bad = '<img src="https://example.org/a.png"><p style="width: 500px">wide</p>'
    console, needed = browse(
        page.html.replace("</body>", f"{bad}</body>"), 360, tmp_path
    )
    assert "Content Security Policy" in console
    assert needed > 360


def browse(html, width, folder):
    """What Chromium says on its console, and the width that the page needs."""
    names = "chromium", "chromium-browser", "google-chrome"
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("needs chromium, chromium-browser or google-chrome")
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe style="width: {width}px; height: 800px; border: 0" '
        f'srcdoc="{escape(html)}" onload="document.title = '
        'contentDocument.documentElement.scrollWidth"></iframe>'
    )
    result = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width + 100},900",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(\d+)</title>", result.stdout)
    assert title, result.stderr
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return "\n".join(console), int(title[1])


def test_names_are_escaped(nasty_page):
    made = nasty_page
    page = Page(made.html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert made.html.count(escape(NASTY)) > 3
    assert NASTY not in made.html
    data = str(section(made, "Data"))
    assert f"1: {NASTY} (2)" in data
    assert "1: constant" in data
    label = next(a["aria-label"] for tag, a in page.tags if tag == "svg")
    assert label.startswith("ROC curve. The area under it is ")
    assert label.endswith(f"Positive is b {NASTY}.")
    confusion = next(p for p in pictures(made) if p.name == "Confusion matrix")
    assert confusion.svg.count("$") == 2 * NASTY.count("$")  # drawn as it is
    assert Words(NASTY).html == f"<p>{escape(NASTY)}</p>"


def test_nothing_is_loaded(nasty_page):
    page = Page(nasty_page.html)
    ids = page.values("id")
    assert len(ids) == len(set(ids)) > 50
    links = page.values("href", "xlink:href", "src")
    assert len(links) > 20
    for link in links:
        assert link.startswith(("data:", "#"))
        assert link[0] != "#" or link[1:] in ids
    for used in re.findall(r"url\(#([^)]*)\)", " ".join(page.values("clip-path"))):
        assert used in ids
    assert [tag for tag, _ in page.tags].count("style") == 2
    svgs = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(svgs) == 7
    assert all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in svgs)


def test_in_a_notebook(page):
    part = page._repr_html_()
    assert part in page.html
    assert STYLE in part
    assert "<body" not in part
    rules = re.findall(r"(?m)^(\S[^{]*)\{", STYLE)
    assert len(rules) > 10
    assert all(rule.startswith(".skdeepbin-report") for rule in rules)


def test_the_same_page_again(page, net, moons, plt):
    with plt.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert report(net, *moons).html == page.html


def test_a_search_has_a_picture_of_its_scores(moons):
    grid = {"depth": [1, 2], "activation": ["relu", "tanh"]}
    search = GridSearchCV(NET, grid, cv=2).fit(*moons)
    made = report(search, *moons)
    assert "Search" in headings(made)
    (picture,) = section(made, "Search").parts
    assert f"depth={search.best_params_['depth']}" in picture.caption
    one = GridSearchCV(NET, {"depth": [1]}, cv=2).fit(*moons)
    assert "Search" not in headings(report(one, *moons))


def test_mlp_classifier(moons):
    mlp = MLPClassifier(8, max_iter=100, random_state=0).fit(*moons)
    names = [picture.name for picture in pictures(report(mlp, *moons))]
    assert "Loss at every iteration" in names
    assert "Gradient of each layer" not in names
    lbfgs = MLPClassifier(8, solver="lbfgs", random_state=0).fit(*moons)
    names = [picture.name for picture in pictures(report(lbfgs, *moons))]
    assert "Loss at every iteration" not in names


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": ()},
        {"activation": "identity"},
        {"solver": "gd", "learning_rate": 1e4, "early_stopping": False},
        {"activation": "tanh", "init": 1e-3, "depth": 4},
        {"n_networks": 2, "hidden_layer_sizes": ()},
        {"max_iter": 1},
    ],
    ids=str,
)
def test_any_fit(moons, parameters):
    parameters = {"hidden_layer_sizes": 8, "max_iter": 20, **parameters}
    clf = DeepBinaryClassifier(random_state=0, **parameters).fit(*moons)
    Page(report(clf, *moons).html)


def test_single_steps(moons):
    clf = DeepBinaryClassifier(8, random_state=0).partial_fit(*moons, classes=[0, 1])
    Page(report(clf, *moons).html)


@pytest.mark.parametrize("of", [csr_array, np.float32, np.ndarray.tolist, pd.DataFrame])
def test_kinds_of_rows(net, moons, of):
    X, y = moons
    X = X.astype(of) if of is np.float32 else of(X)
    clf = DeepBinaryClassifier(8, max_iter=10, random_state=0).fit(X, y)
    data = str(section(report(clf, X, y.tolist()), "Data"))
    assert ("float32" in data) == (of is np.float32)
    assert ("sparse" in data) == (of is csr_array)


def test_missing_and_constant_features():
    X = pd.DataFrame(
        {
            "number": [1.0, np.nan, 3.0],
            "none": [None, None, None],
            "text": pd.Series(["a", None, pd.NA], dtype=object),
            "time": pd.to_datetime(["2020-01-01", None, "2020-01-02"]),
            "whole": pd.array([1, None, 2], dtype="Int64"),
            "same": [2, 2, 2],
            "fine": [1, 2, 3],
        }
    )
    columns = _columns(None, X)
    assert columns.missing == [
        "number (1)",
        "none (3)",
        "text (2)",
        "time (1)",
        "whole (1)",
    ]
    assert columns.constant == ["none", "text", "same"]
    sparse = _columns(None, csr_array([[0, 1.0, 2], [0, 1, np.nan]]))
    assert sparse.missing == ["x2 (1)"]
    assert sparse.constant == ["x0", "x1", "x2"]


def test_rows_that_it_was_not_fitted_on_are_noted(net, moons):
    X, y = moons
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = report(net, X, 1 - y)
    assert "hardly the rows" in str(made.sections[0])


def test_written_to_a_file(page, net, moons, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    made = report(net, *moons, title="another", path=str(path))
    assert path.read_text(encoding="utf-8") == made.html

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        page.save(path)
    assert path.read_text(encoding="utf-8") == made.html
    assert os.listdir(tmp_path) == ["page.html"]


def test_what_is_refused(net, moons, monkeypatch):
    X, y = moons
    with pytest.raises(NotFittedError, match=r"`estimator` must be .* Call `fit`"):
        report(DeepBinaryClassifier(), X, y)
    with pytest.raises(TypeError, match=r"`estimator` must be .* got LogisticRegr"):
        report(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match=r"`y` must hold the classes \[0, 1\]; got 7"):
        report(net, X, np.where(y, 7, 0))
    with pytest.raises(ValueError, match="one weight for each of the 300 rows"):
        report(net, X, y, sample_weight=[1])

    def missing(name):
        raise ModuleNotFoundError(name="matplotlib")

    monkeypatch.setattr("skdeepbin._extras.import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'skdeepbin\[plot\]'"):
        report(net, X, y)


def test_a_scaled_pipeline_lists_its_steps(moons):
    model = make_pipeline(StandardScaler(with_mean=False), NET).fit(*moons)
    text = str(section(report(model, *moons), "Parameters"))
    assert "with_mean       False  True" in text


def test_the_package_says_what_it_has_not():
    with pytest.raises(AttributeError, match="has no attribute 'rapport'"):
        _ = skdeepbin.rapport
