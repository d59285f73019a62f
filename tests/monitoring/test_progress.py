"""What `verbose` shows on a terminal, in a file and in a log."""

import io
import logging
import re
from contextlib import redirect_stdout
from math import nan

import numpy as np
import pytest
from sklearn.datasets import make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.monitoring import _progress as progress
from skdeepbin.training._history import Step
from skdeepbin.training._stopping import STOP_REASONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(200, noise=0.2, random_state=0)
LINE = re.compile(
    r"(Network \d/\d, i|I)teration (\d+): loss \d\.\d{5}(, validation loss \d\.\d{5})?"
    r"(, validation score -?\d\.\d{5})?, step [\d.e+-]+"
    r"(, < [\d.]+ (s|min|h) left)?"
)


def make(**settings):
    return DeepBinaryClassifier(8, **{"max_iter": 25, "random_state": 0} | settings)


class Terminal(io.StringIO):
    """What was written to a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(progress, "INTERVAL", 0)
    return Terminal()


def fitted(terminal, **settings):
    with redirect_stdout(terminal):
        return make(**settings).fit(X, Y)


def test_nothing_by_default(capsys):
    make().fit(X, Y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("verbose", "every"), [(True, 10), (1, 10), (2, 1), (7, 1)])
def test_where_a_line_cannot_be_rewritten(verbose, every, capsys):
    clf = make(verbose=verbose, n_networks=2, scoring="roc_auc").fit(X, Y)
    *lines, last = capsys.readouterr().out.splitlines()
    numbers = [int(LINE.fullmatch(line)[2]) for line in lines]
    lengths = (~np.isnan(clf.history_["loss"])).sum(axis=1)
    shown = [n for length in lengths for n in range(0, length, every)]
    assert numbers == shown
    assert STOP_REASONS[clf.stop_reason_] in last


def test_on_a_terminal_one_line_is_rewritten(terminal):
    clf = fitted(terminal, verbose=1, n_networks=2)
    first, second, last, end = terminal.getvalue().split("\n")
    assert (end, STOP_REASONS[clf.stop_reason_] in last) == ("", True)
    lengths = (~np.isnan(clf.history_["loss"])).sum(axis=1)
    for n_steps, line in zip(lengths, (first, second)):
        start, *writings = line.split(progress.TO_THE_START)
        assert start == ""
        texts = [text.removesuffix(progress.CLEAR) for text in writings]
        numbers = [int(LINE.fullmatch(text)[2]) for text in texts]
        assert numbers == [*range(n_steps), n_steps - 1]  # the last is left there


def test_on_a_terminal_every_iteration_has_a_line_of_its_own_if_asked(terminal):
    fitted(terminal, verbose=2)
    assert progress.TO_THE_START not in terminal.getvalue()


def test_a_dumb_terminal_cannot_rewrite(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    fitted(terminal, verbose=1)
    assert progress.TO_THE_START not in terminal.getvalue()


def test_the_line_is_not_rewritten_more_often_than_can_be_read(terminal, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 1000)
    fitted(terminal, verbose=1)
    assert terminal.getvalue().count(progress.TO_THE_START) == 1


def test_the_line_is_cut_where_it_would_not_fit(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    fitted(terminal, verbose=1)
    texts = re.split("\r|\n", terminal.getvalue())[:-2]
    assert {len(text.removesuffix(progress.CLEAR)) for text in texts[1:]} == {39}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_begins_on_a_line_of_its_own(terminal, error):
    def scorer(estimator, X, y):
        if len(calls) == 5:
            raise error
        calls.append(X)
        return 1.0

    calls = []
    with pytest.raises(error):
        fitted(terminal, verbose=1, scoring=scorer)
    assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize("name", ["skdeepbin", None])
def test_a_logger_with_a_handler_is_told_instead(name, capsys):
    logger, records = logging.getLogger(name), []
    handler, level = logging.Handler(), logger.level
    handler.emit = records.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        clf = make(verbose=1).fit(X, Y)
        clf.partial_fit(X, Y)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert capsys.readouterr().out == ""
    assert {record.name for record in records} == {"skdeepbin"}
    assert STOP_REASONS[clf.stop_reason_] in records[-2].getMessage()


def test_a_logger_that_lets_nothing_through_is_not_told(capsys):
    logger, handler = logging.getLogger("skdeepbin"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        make(verbose=1).fit(X, Y)
    finally:
        logger.removeHandler(handler)
    assert "Iteration 10" in capsys.readouterr().out


def test_partial_fit_says_where_it_stands(capsys):
    clf = make(verbose=1)
    for _ in range(3):
        clf.partial_fit(X, Y, [0, 1])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"Iteration {n}" for n in (1, 2, 3)
    ]


def test_the_time_left_is_that_of_the_iterations_to_come(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    shown = progress.Progress(n_networks=2, max_iter=100, every=True)
    for iteration in range(5):
        now[0] = 2.0 * iteration  # two seconds each
        shown.on_step(0, Step(iteration, np.zeros(1), 1.0, 0.0, 1.0, 0.1, now[0]))
    step = Step(4, np.zeros(1), 1.0, 0.0, 1.0, 0.1, 8.0, nan)
    assert shown._left(0, step) == progress.duration(2 * (96 + 100))
    assert shown._left(1, step) == progress.duration(2 * 96)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (99.4, "99 s"), (100, "2 min"), (36000, "10 h")],
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text
