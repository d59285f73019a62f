"""Progress of a fit, as `verbose` prints it.

On a terminal one line that is rewritten; else a line at every tenth iteration, or at
every one. Where a logger "skdeepbin" has a handler and lets information through, it is
told instead.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from math import isnan
from time import perf_counter

from skdeepbin.training._history import Step
from skdeepbin.training._observer import Observer

LOGGER = logging.getLogger("skdeepbin")
EVERY = 10
# Seconds between two writings of the line on a terminal.
INTERVAL = 0.1
TO_THE_START, CLEAR = "\r", "\x1b[K"


class Progress(Observer):
    """Prints what is measured.

    Parameters
    ----------
    n_networks : int
        Of the ensemble.
    max_iter : int
        The most iterations of each.
    every : bool
        Whether each iteration has a line that stays.
    """

    def __init__(self, n_networks: int, max_iter: int, every: bool) -> None:
        self._n_networks, self._max_iter = n_networks, max_iter
        self._is_rewritten = not (every or _is_logged()) and _is_terminal()
        self._every = 1 if every else EVERY
        self._start = self._shown = perf_counter()
        self._n_steps = 0
        self._line = ""

    def on_step(self, network: int, step: Step) -> bool:
        self._n_steps += step.iteration > 0
        if self._is_rewritten:
            now = perf_counter()
            self._line = self._sentence(network, step)
            if now - self._shown >= INTERVAL:
                self._shown = now
                _rewrite(self._line)
        elif step.iteration % self._every == 0:
            say(self._sentence(network, step))
        return False

    def on_network_end(self, network: int) -> bool:
        self.leave_line()
        return False

    def leave_line(self) -> None:
        """Begin a new line for what is printed next."""
        if self._line:
            _rewrite(self._line)
            print()
            self._line = ""

    def _sentence(self, network: int, step: Step) -> str:
        which = f"Network {network + 1}/{self._n_networks}, " * (self._n_networks > 1)
        measured = [f"loss {step.loss:.5f}"]
        if not isnan(step.validation_loss):
            measured.append(f"validation loss {step.validation_loss:.5f}")
        if not isnan(step.validation_score):
            measured.append(f"validation score {step.validation_score:.5f}")
        measured.append(f"step {step.step_size:.2g}")
        if step.iteration:
            measured.append(f"< {self._left(network, step)} left")
        where = f"{which}iteration {step.iteration}"
        return f"{where[0].upper()}{where[1:]}: {', '.join(measured)}"

    def _left(self, network: int, step: Step) -> str:
        """Return the time left at most: if no network ends before `max_iter`."""
        to_come = self._max_iter - step.iteration
        to_come += (self._n_networks - network - 1) * self._max_iter
        return duration((perf_counter() - self._start) / self._n_steps * to_come)


def duration(seconds: float) -> str:
    """So many seconds, to be read."""
    if seconds < 99.5:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"


def say(sentence: str) -> None:
    """Print a sentence on a line of its own, or log it."""
    if _is_logged():
        LOGGER.info(sentence)
    else:
        print(sentence)


def _is_logged() -> bool:
    return LOGGER.hasHandlers() and LOGGER.isEnabledFor(logging.INFO)


def _is_terminal() -> bool:
    """Tell if output goes to a terminal that can rewrite a line."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _rewrite(line: str) -> None:
    """Write the line over what is there; a longer one than fits would stay."""
    width = shutil.get_terminal_size().columns - 1
    print(TO_THE_START + line[:width] + CLEAR, end="", flush=True)
