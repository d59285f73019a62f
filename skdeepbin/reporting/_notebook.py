"""A fitted classifier in a notebook: its size, its training, and the loss curve."""

from __future__ import annotations

from html import escape
from itertools import chain
from typing import Any

import numpy as np

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import mean

# Of the picture and its margins, in pixels.
WIDTH, HEIGHT = 360, 110
LEFT, RIGHT, TOP, BOTTOM = 52, 6, 8, 22
# Points that a curve is drawn through, at most.
N_POINTS = 180


def summary(clf: Any) -> str:
    """The HTML of a table of a fitted classifier and the picture of its loss."""
    rows = {
        "layers": _layers(clf),
        "iterations": f"{clf.n_iter_:,} of at most {clf.max_iter:,}",
        "stop reason": clf.stop_reason_,
        "loss": f"{clf.loss_:.4g}",
    }
    curves = {"loss": _curve(clf, "loss")}
    validation = _curve(clf, "validation_loss")
    if not np.isnan(validation).all():
        rows["validation loss"] = f"{np.nanmin(validation):.4g} at best"
        curves["validation loss"] = validation
    table = "".join(
        f'<tr><th scope="row" style="text-align:left">{name}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return (
        '<div class="skdeepbin-fit" style="display:flex;flex-wrap:wrap;gap:1em;'
        f'align-items:center"><table>{table}</table>{picture(curves)}</div>'
    )


def _layers(clf: Any) -> str:
    """The width of each layer, and how many numbers were fitted."""
    widths = [clf.n_features_in_, *(b.shape[-1] for b in clf.intercepts_)]
    networks = clf.model_.networks
    size = sum(part.size for parts in networks for part in chain(*parts))
    of = f"{len(networks)} networks of " * (len(networks) > 1)
    return f"{of}{' → '.join(map(str, widths))}, {size:,} parameters"


def _curve(clf: Any, name: str) -> Array:
    """A column of the history; of an ensemble, the mean over its networks."""
    values = clf.history_[name]
    return values if values.ndim == 1 else mean(values)


def picture(curves: dict[str, Array]) -> str:
    """The SVG of curves over the iterations: the first solid, the second dashed."""
    known = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    n = max(map(len, curves.values()))
    if not len(known) or n < 2:
        return ""
    low, high = float(known.min()), float(known.max())
    lines = "".join(
        f'<path d="{_path(curve, n, low, high)}" fill="none" stroke="currentColor" '
        f'stroke-width="1.5" stroke-dasharray="{dashes}"/>'
        for curve, dashes in zip(curves.values(), ("none", "5 3"))
    )
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    names = " and ".join(curves)
    legend = "loss solid, validation loss dashed" if len(curves) > 1 else "loss"
    label = (
        f"{names} over {n - 1} iterations, between {low:.3g} and {high:.3g}; "
        f"the loss ends at {curves['loss'][np.isfinite(curves['loss'])][-1]:.3g}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" '
        'style="max-width:100%" font-family="sans-serif" font-size="11" '
        f'fill="currentColor"><path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" '
        f'stroke="currentColor" stroke-opacity="0.4"/>{lines}'
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">0</text>'
        f'<text x="{(LEFT + right) / 2:g}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"iteration ({legend})</text>"
        f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">{n - 1}</text></svg>'
    )


def _path(curve: Array, n: int, low: float, high: float) -> str:
    """The path of a curve, with a gap where it is not finite."""
    shown = np.unique(np.linspace(0, len(curve) - 1, N_POINTS).round().astype(int))
    x = LEFT + shown / (n - 1) * (WIDTH - LEFT - RIGHT)
    share = (curve[shown] - low) / (high - low or 1.0)
    y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    parts, pen = [], "M"
    for across, down in zip(x, y):
        if np.isfinite(down):
            parts.append(f"{pen}{across:.1f} {down:.1f}")
        pen = "L" if np.isfinite(down) else "M"
    return "".join(parts)
