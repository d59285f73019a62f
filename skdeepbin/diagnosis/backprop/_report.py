"""Report of `debug_backprop`, as text, HTML and a dict."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any, NamedTuple

from skdeepbin.diagnosis.backprop.catalogue._entry import Mistake

# Mistakes of the same numbers that are printed with each.
N_SHOWN = 4


def finite(value: Any) -> Any:
    """Return plain values with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


class Comparison(NamedTuple):
    """A gradient against the true one.

    relative_error : ``|user - true| / (|user| + |true|)``.
    norm_ratio : ``|user| / |true|``.
    cosine : of the angle between them.
    verdict : the same in words.
    """

    relative_error: float
    norm_ratio: float
    cosine: float
    verdict: str

    @property
    def ok(self) -> bool:
        """True if it is right up to rounding."""
        return self.verdict == "right"


class LayerReport(NamedTuple):
    """The gradients of one layer.

    layer : 0 for the output, 1 for the last hidden layer, and so on.
    number : the layer counted from the input, as in W1, W2.
    """

    layer: int
    number: int
    weights: Comparison
    biases: Comparison


@dataclass(frozen=True)
class BackpropReport:
    """Report of `debug_backprop`.

    Parameters
    ----------
    ok : bool
        Whether all gradients are right up to rounding.

    first_wrong_layer : int or None
        Going backwards, the first layer with a wrong gradient, 0 for the output; None
        if there is none. Look there.

    mistakes : tuple of Mistake
        Entries of the catalogue that give the user's numbers, from the output down.

    layers : tuple of LayerReport
        Every layer, from the output to the input: `layer` (0 for the output), `number`
        (counted from the input), and for `weights` and `biases` the `relative_error`,
        `norm_ratio`, `cosine` and `verdict`.

    notes : tuple of str
        What else is to be said, and of what no entry explains, how it is wrong.

    numeric_error : float
        Relative error of the true gradient against central differences.
    """

    ok: bool
    first_wrong_layer: int | None
    mistakes: tuple[Mistake, ...]
    layers: tuple[LayerReport, ...]
    notes: tuple[str, ...]
    numeric_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values.

        Returns
        -------
        report : dict
            Numbers, strings, lists and dicts of them; None for numbers that are not
            finite, which JSON has not.
        """
        return finite(
            {
                "ok": self.ok,
                "first_wrong_layer": self.first_wrong_layer,
                "mistakes": [mistake._asdict() for mistake in self.mistakes],
                "layers": [
                    layer._asdict()
                    | {
                        "weights": layer.weights._asdict(),
                        "biases": layer.biases._asdict(),
                    }
                    for layer in self.layers
                ],
                "notes": list(self.notes),
                "numeric_error": self.numeric_error,
            }
        )

    @property
    def headline(self) -> str:
        """The result in one line."""
        if self.ok:
            return "The gradients are right up to rounding."
        if self.first_wrong_layer is None:
            return "The gradients that can be compared are right up to rounding."
        number = self.layers[self.first_wrong_layer].number
        where = ", the output" if self.first_wrong_layer == 0 else ""
        return (
            f"The gradients are wrong. Going backwards, the first wrong layer is "
            f"{number}{where}."
        )

    def __str__(self) -> str:
        lines = [self.headline, ""]
        lines.append("           relative   ratio of")
        lines.append("gradient      error      norms   cosine  verdict")
        for name, c in self._rows():
            lines.append(
                f"{name:8} {c.relative_error:10.1e} {c.norm_ratio:10.3g} "
                f"{c.cosine:8.4f}  {c.verdict}"
            )
        for number, mistake in enumerate(self.mistakes, 1):
            lines += ["", f"Mistake {number}: {mistake.name} ({self._where(mistake)})"]
            lines.append(f"    wrong  {mistake.wrong}")
            lines.append(f"    right  {mistake.right}")
            shown = mistake.same_numbers[:N_SHOWN]
            lines += [f"    or     {other}" for other in shown]
            if more := len(mistake.same_numbers) - len(shown):
                lines.append(f"    or     {more} more, in `same_numbers`")
            if shown:
                lines.append("    (the same numbers: nothing tells these apart here)")
            lines.append(f"    {mistake.why}")
        if self.notes:
            lines += ["", *self.notes]
        lines.append("")
        lines.append(self._confirmation)
        return "\n".join(lines)

    @property
    def _confirmation(self) -> str:
        rounding = " (it is so small that they cannot tell it better)"
        return (
            "The true gradient agrees with central differences to "
            f"{self.numeric_error:.0e}{rounding * (self.numeric_error > 1e-5)}."
        )

    def _rows(self) -> list[tuple[str, Comparison]]:
        return [
            row
            for layer in self.layers
            for row in (
                (f"dW{layer.number}", layer.weights),
                (f"db{layer.number}", layer.biases),
            )
        ]

    def _where(self, mistake: Mistake) -> str:
        if mistake.layer is None:
            return "everywhere"
        return f"layer {self.layers[mistake.layer].number}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{c.relative_error:.1e}</td>"
            f"<td>{c.norm_ratio:.3g}</td><td>{c.cosine:.4f}</td>"
            f"<td>{escape(c.verdict)}</td></tr>"
            for name, c in self._rows()
        )
        mistakes = "".join(
            f"<li><b>{escape(m.name)}</b> ({escape(self._where(m))})<br>"
            f"wrong <code>{escape(m.wrong)}</code><br>"
            f"right <code>{escape(m.right)}</code><br>"
            + "".join(f"or {escape(o)}<br>" for o in m.same_numbers[:N_SHOWN])
            + "(the same numbers: nothing tells these apart here)<br>"
            * bool(m.same_numbers)
            + f"{escape(m.why)}</li>"
            for m in self.mistakes
        )
        mistakes = f"<ol>{mistakes}</ol>" if mistakes else ""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<p><b>{escape(self.headline)}</b></p><table><thead><tr><th>gradient</th>"
            "<th>relative error</th><th>ratio of norms</th><th>cosine</th>"
            f"<th>verdict</th></tr></thead><tbody>{rows}</tbody></table>"
            f"{mistakes}{notes}<p>{escape(self._confirmation)}</p>"
        )
