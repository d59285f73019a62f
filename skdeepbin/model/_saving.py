"""The attributes of a classifier as they are saved: plain, with the version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepbin._version import __version__
from skdeepbin.checkpoint._serialization import KINDS, deserialize, serialize
from skdeepbin.inputs._stream import Stream
from skdeepbin.model._resume import NetworkState, ResumeState

# The attribute that holds more than lists, numbers, texts and arrays.
RESUME = "_resume"
SAVED_KINDS = KINDS | {k.__name__: k for k in (NetworkState, ResumeState, Stream)}
WRITER = "_skdeepbin_version"


def saved(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written for the attributes of a classifier."""
    state = {**attributes, WRITER: __version__}
    if RESUME in state:
        state[RESUME] = serialize(state[RESUME])
    return state


def loaded(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes; raise a ValueError if a later version wrote them."""
    attributes = dict(state)
    writer = attributes.pop(WRITER, __version__)
    if _release(writer) > _release(__version__):
        raise ValueError(
            f"This classifier was saved by skdeepbin {writer}, and this is "
            f"{__version__}, which may read it wrongly. Install skdeepbin>={writer}."
        )
    if RESUME in attributes:
        attributes[RESUME] = deserialize(attributes[RESUME], SAVED_KINDS)
    return attributes


def _release(version: str) -> tuple[int, ...]:
    """Return the first two numbers: within a release what is saved stays the same."""
    return tuple(int(part) for part in version.split(".")[:2])
