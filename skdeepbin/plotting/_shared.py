"""Helpers of all displays: axes, text and styles, and checks of their input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdeepbin._extras import extra

# One for each fit, layer or network of a picture, so that they differ without colour.
MARKERS = ("", "s", "^", "o", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))
N_MARKERS = 8


def axes(ax: Any) -> Any:
    """The axes to draw on: those given, or new ones in a figure of their own."""
    plt = extra("matplotlib.pyplot", "plot")
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def axes_of_iterations(ax: Any) -> Any:
    """Return axes for pictures over iterations, which are whole numbers."""
    if ax is not None:
        return axes(ax)
    ax = axes(None)
    ax.locator_params(axis="x", integer=True)
    return ax


def styled(defaults: Mapping[str, Any], given: Any, artist: str) -> dict[str, Any]:
    """The defaults with what the user has given, which may be by short names.

    artist : the class that is drawn, as "lines.Line2D".
    """
    module, name = artist.split(".")
    kind = getattr(extra(f"matplotlib.{module}", "plot"), name)
    cbook = extra("matplotlib.cbook", "plot")
    return {**defaults, **cbook.normalize_kwargs(given or {}, kind)}


def plain(text: Any) -> str:
    """A text that is drawn as it is, dollars too."""
    return str(text).replace("$", r"\$")


def labelled(name: str | None, what: str) -> str:
    """The label of a line: what it is, after the name of what it is of."""
    return what if name is None else f"{plain(name)}: {what}"


def as_rows(name: str, values: Any, ndim: int) -> np.ndarray:
    """Numbers of one network or of several, with an axis for the networks.

    ndim : axes of those of one network.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim not in (ndim, ndim + 1) or not array.size:
        raise ValueError(
            f"`{name}` must be an array of {ndim} dimensions, or {ndim + 1} with one "
            f"row for each network, and not empty; got shape {array.shape}."
        )
    return array[np.newaxis] if array.ndim == ndim else array
