"""Observers of a training: they see every step, and may end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from skdeepbin.training._history import Step


class Observer:
    """Observer of a training. This one does nothing."""

    def on_step(self, network: int, step: Step) -> bool:
        """See a step; true ends the training of this network of the ensemble."""
        return False

    def on_network_end(self, network: int) -> bool:
        """See the end of a network; true ends the training of the ensemble."""
        return False

    def on_fit_end(self) -> None:
        """See the end of the fit; the estimator has its attributes."""


NO_OBSERVER = Observer()


class Observers(Observer):
    """Several observers, each of which sees everything."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def on_step(self, network: int, step: Step) -> bool:
        ends = [observer.on_step(network, step) for observer in self._observers]
        return any(ends)

    def on_network_end(self, network: int) -> bool:
        ends = [observer.on_network_end(network) for observer in self._observers]
        return any(ends)

    def on_fit_end(self) -> None:
        for observer in self._observers:
            observer.on_fit_end()


_is_quiet: ContextVar[bool] = ContextVar("is_quiet", default=False)


@contextmanager
def quiet_fits() -> Iterator[None]:
    """Let fits in the block warn of nothing and have no callbacks, as mere trials."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def is_quiet() -> bool:
    """Tell if a fit is in such a block."""
    return _is_quiet.get()
