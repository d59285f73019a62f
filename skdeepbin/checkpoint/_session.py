"""A session that keeps the progress of a fit in a file, until the fit has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdeepbin.checkpoint._file import Checkpoint, read
from skdeepbin.checkpoint._fingerprint import differences
from skdeepbin.training._session import (
    Evaluations,
    FitState,
    RunResult,
    RunState,
    Session,
)


class CheckpointSession(Session):
    """Session of a fit whose progress is kept in a file.

    Parameters
    ----------
    file : Checkpoint
        The progress is written to it.
    past : FitState
        The progress of the fit that is resumed.
    """

    def __init__(self, file: Checkpoint, past: FitState) -> None:
        self._file = file
        self._ended = list(past.ended)
        self._to_come = deque(past.ended)
        self._running = past.running
        self.is_finished = False

    @property
    def is_active(self) -> bool:
        """True: the progress is kept."""
        return True

    @property
    def is_due(self) -> bool:
        """True if the interval between two writes is over."""
        return self._file.is_due

    def next_result(self) -> RunResult | None:
        """Return the result of the next run that ended before the fit was resumed."""
        return self._to_come.popleft() if self._to_come else None

    def running(self) -> RunState | Evaluations | None:
        """Return the state of the run that was interrupted, once."""
        running, self._running = self._running, None
        return running

    def save(self, state: RunState | Evaluations, at_once: bool = False) -> None:
        """Write the progress in the background; `at_once` waits for it."""
        self._file.save(FitState(tuple(self._ended), state), at_once)

    def end(self, result: RunResult) -> None:
        """Note that a run has ended."""
        self._ended.append(result)

    def finish(self) -> None:
        """Note that the fit has ended: its file is no longer needed."""
        self.is_finished = True


@contextmanager
def opened(
    path: Any,
    interval: float,
    identity: Mapping[str, str],
    random: np.random.RandomState,
) -> Iterator[tuple[Session, np.random.RandomState]]:
    """Open the session of a fit in a file, and close it at the end.

    The file is removed if the session was finished.

    Parameters
    ----------
    path : path-like or None
        Of the file; None to keep nothing.
    interval : float
        Seconds between two writes, at least.
    identity : mapping
        What tells the fit from others.
    random : RandomState
        Of a new fit.

    Yields
    ------
    session : Session
    random : RandomState
        Of the fit that is resumed, if there is one.
    """
    if path is None:
        yield Session(), random
        return
    heading = {"fingerprint": identity, "random": random.get_state(legacy=False)}
    past, before = FitState(), read(path)
    if before is not None:
        _check_same(path, before["fingerprint"], identity)
        heading["random"], past = before["random"], before["past"]
        random = _random(before["random"])
    file = Checkpoint(path, interval, heading)
    if before is not None:
        file.remove_remains()
    session = CheckpointSession(file, past)
    try:
        yield session, random
    finally:
        file.close(session.is_finished)


def _random(state: Mapping[str, Any]) -> np.random.RandomState:
    """Return random numbers from a state, which are nobody else's."""
    generator = getattr(np.random, state["bit_generator"])
    random = np.random.RandomState(generator())
    random.set_state(dict(state))
    return random


def _check_same(path: Any, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise a ValueError unless a checkpoint is of this very fit."""
    if differ := differences(before, now):
        raise ValueError(
            f"`checkpoint` {str(path)!r} is of another fit: {'; '.join(differ)}. Fit "
            "with what it was made with, or delete the file to start anew."
        )
