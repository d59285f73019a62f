"""A classifier as it is saved: plain attributes, and the version that wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepbin._version import __version__
from skdeepbin.checkpoint._serialization import living, plain
from skdeepbin.inputs._stream import Stream

# Attributes that hold more than lists, numbers, texts and arrays.
COMPOUND = ("_units", "_bin_units", "_resume", "_stream")
WRITER = "_skdeepbin_version"


def saved(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What is written for the attributes of a classifier."""
    names = [name for name in COMPOUND if name in attributes]
    compound = {name: plain(attributes[name]) for name in names}
    if attributes.get("_stream"):
        compound["_stream"] = plain(tuple(attributes["_stream"]))
    return {**attributes, **compound, WRITER: __version__}


def loaded(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes; a ValueError if a later version wrote them."""
    attributes = dict(state)
    writer = attributes.pop(WRITER, __version__)
    if _release(writer) > _release(__version__):
        raise ValueError(
            f"This classifier was saved by skdeepbin {writer}, and this is "
            f"{__version__}, which may read it wrongly. Install skdeepbin>={writer}."
        )
    names = [name for name in COMPOUND if name in attributes]
    compound = {name: living(attributes[name]) for name in names}
    if compound.get("_stream"):
        compound["_stream"] = Stream(*compound["_stream"])
    # Up to 0.1 there was one for all layers.
    first = attributes.pop("_fitted_activation", None)
    if first is not None:
        n_hidden = len(attributes["coefs_"]) - 1
        compound["activations_"] = [first] * n_hidden
    return {**attributes, **compound}


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers: within a release nothing that is saved changes."""
    return tuple(int(part) for part in version.split(".")[:2])
