"""A fit that is kept in a file while it runs, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skdeepbin.checkpoint._file import Checkpoint, read
from skdeepbin.checkpoint._fingerprint import differences, fingerprint
from skdeepbin.engine._hashing import digest
from skdeepbin.inputs._dataset import Problem, Rows
from skdeepbin.training._loop import Solve
from skdeepbin.training._resume_state import Journal, Past
from skdeepbin.training._stopping import INTERRUPTED


class Kept(NamedTuple):
    """What a fit draws its random numbers from, and how its descents are watched."""

    random: np.random.RandomState
    watched: Callable[[Solve], Solve]


@contextmanager
def kept(
    clf: Any, problem: Problem, given: Rows | None, goes_on: bool
) -> Iterator[Kept]:
    """Keep a fit in the file that `checkpoint` names, until it has come to its end.

    given : rows that validate.
    goes_on : whether this is a warm start.
    """
    random = check_random_state(clf.random_state)
    if clf.checkpoint is None:
        yield Kept(random, lambda solve: solve)
        return
    heading = {
        "fingerprint": _fingerprint(clf, problem, given, goes_on),
        "random": random.get_state(legacy=False),
    }
    past, before = Past(), read(clf.checkpoint)
    if before is not None:
        _check_same(clf.checkpoint, before["fingerprint"], heading["fingerprint"])
        heading["random"], past = before["random"], before["past"]
        random = _random(heading["random"])
    checkpoint = Checkpoint(clf.checkpoint, float(clf.checkpoint_interval), heading)
    if before is not None:
        checkpoint.remove_remains()
    is_over = False
    try:
        yield Kept(random, Journal(past, checkpoint.keep).watched)
        is_over = clf.stop_reason_ != INTERRUPTED
    finally:
        checkpoint.close(is_over)


def _random(state: Mapping[str, Any]) -> np.random.RandomState:
    """Random numbers from a state, which are nobody else's."""
    generator = getattr(np.random, state["bit_generator"])
    random = np.random.RandomState(generator())
    random.set_state(dict(state))
    return random


def _fingerprint(
    clf: Any, problem: Problem, given: Rows | None, goes_on: bool
) -> dict[str, str]:
    names = "`X_val`", "`y_val`", "`sample_weight_val`"
    others = zip(names, map(digest, given or (None, None, None)))
    contents = problem.contents() | dict(others)
    start = "none"
    if goes_on:
        points = ", ".join(digest(theta) for theta, *_ in clf._resume)
        start = f"{points}, {clf._split_seed}"
    return {
        **fingerprint(clf._parameters(), contents),
        "the fit before": start,
    }


def _check_same(path: Any, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """That a checkpoint is of this very fit."""
    if differ := differences(before, now):
        raise ValueError(
            f"`checkpoint` {str(path)!r} is of another fit: {'; '.join(differ)}. Fit "
            "with what it was made with, or delete the file to start anew."
        )
