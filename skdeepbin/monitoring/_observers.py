"""The observers of a fit: its progress, and scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skdeepbin.monitoring._callbacks import Callbacks
from skdeepbin.monitoring._progress import Progress, say
from skdeepbin.training._history import Step
from skdeepbin.training._observer import Observer, Observers
from skdeepbin.training._stopping import STOP_REASONS


@contextmanager
def observed(
    clf: Any,
    callbacks: Callbacks | None,
    attributes_at: Callable[[Step], dict[str, Any]],
) -> Iterator[Observer]:
    """Yield the observer of a fit; at the end `clf` must have its fitted attributes.

    attributes_at : gives the fitted attributes at a step.
    """
    progress = None
    if clf.verbose:
        progress = Progress(clf.n_networks, clf.max_iter, clf.verbose > 1)
    if callbacks is not None:
        callbacks.on_fit_begin(attributes_at)
    observers = [one for one in (progress, callbacks) if one is not None]
    try:
        yield Observers(observers) if observers else Observer()
    finally:
        if progress is not None:
            progress.leave_line()
    if progress is not None:
        if clf.n_starts_ > 1:
            say("Nothing was learnt from the first start; this is the second.")
        sentence = STOP_REASONS[clf.stop_reason_]
        say(f"Stopped after {clf.n_iter_} iterations: {sentence}.")
    if callbacks is not None:
        callbacks.on_fit_end()
