"""Libraries that only some uses need: imported where they are used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def extra(name: str, group: str | None) -> ModuleType:
    """The module of an optional dependency.

    name : of the module.
    group : of the optional dependencies in which it is; None if it is in none and is
        installed by its own name.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise  # it is there, and something that it needs is not
        package = error.name if group is None else f"'skdeepbin[{group}]'"
        raise ModuleNotFoundError(
            f"This needs {error.name}, which is not installed. Install it with "
            f"`pip install {package}`.",
            name=error.name,
        ) from None
