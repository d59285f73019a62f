"""Who is told of the course of a training, and may end it."""

from __future__ import annotations

from collections.abc import Sequence

from skdeepbin.training._history import Step


class Watcher:
    """Is told of every step. This one has nothing to say."""

    def on_step(self, network: int, step: Step) -> bool:
        """Whether to end the training of this network of the committee."""
        return False

    def on_network_end(self, network: int) -> bool:
        """Whether to end the training of the committee."""
        return False


class Watchers(Watcher):
    """Several watchers, each told of everything."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def on_step(self, network: int, step: Step) -> bool:
        ends = [watcher.on_step(network, step) for watcher in self._watchers]
        return any(ends)

    def on_network_end(self, network: int) -> bool:
        ends = [watcher.on_network_end(network) for watcher in self._watchers]
        return any(ends)
