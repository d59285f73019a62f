"""A page of words, tables and pictures, as HTML and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeAlias

from skdeepbin._version import __version__
from skdeepbin.checkpoint._file import write

STYLE = """\
.skdeepbin-report { max-width: 70rem; margin: 0 auto; padding: 1rem; color: #111;
  background: #fff; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
.skdeepbin-report h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .5rem; }
.skdeepbin-report h2 { font-size: 1.2rem; margin: 2rem 0 .5rem;
  border-bottom: 1px solid #999; }
.skdeepbin-report .pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.skdeepbin-report figure { margin: .5rem 0; max-width: 28rem; min-width: 0; }
.skdeepbin-report figcaption { font-size: .9rem; }
.skdeepbin-report svg { display: block; width: 100%; height: auto; }
.skdeepbin-report svg text, .skdeepbin-report svg tspan {
  font-family: system-ui, sans-serif !important; }
.skdeepbin-report .table { overflow-x: auto; overflow-wrap: break-word; }
.skdeepbin-report table { border-collapse: collapse; margin: .5rem 0; }
.skdeepbin-report th, .skdeepbin-report td { text-align: left; vertical-align: top;
  padding: .15rem .7rem .15rem 0; border-bottom: 1px solid #ddd; }
.skdeepbin-report .error { border-left: .4rem double #b00; padding-left: .6rem; }
.skdeepbin-report .warning { border-left: .4rem solid #c70; padding-left: .6rem; }
.skdeepbin-report .info { border-left: .2rem dotted #555; padding-left: .6rem; }
"""
# Nothing may be loaded or run, whatever is in the names of classes and features.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Words(NamedTuple):
    """A paragraph.

    kind : of the paragraph, for its style: a severity, or nothing.
    """

    words: str
    kind: str = ""

    @property
    def html(self) -> str:
        """As HTML."""
        style = f' class="{self.kind}"' if self.kind else ""
        return f"<p{style}>{escape(self.words)}</p>"

    def __str__(self) -> str:
        return self.words


class Table(NamedTuple):
    """Rows of text, under heads if there are any; the first cell names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def html(self) -> str:
        """As HTML."""
        heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.head)
        heads = f"<thead><tr>{heads}</tr></thead>" if heads else ""
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self.rows
        )
        table = f"<table>{heads}<tbody>{rows}</tbody></table>"
        return f'<div class="table">{table}</div>'

    def __str__(self) -> str:
        lines = [self.head, *self.rows] if self.head else self.rows
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join(
            "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines
        )


class Picture(NamedTuple):
    """A picture, as SVG to stand in HTML, and what is to be seen in it."""

    name: str
    caption: str
    svg: str

    @property
    def html(self) -> str:
        """As HTML."""
        caption = f"<b>{escape(self.name)}.</b> {escape(self.caption)}"
        return f"<figure>{self.svg}<figcaption>{caption}</figcaption></figure>"

    def __str__(self) -> str:
        return f"{self.name}. {self.caption}"


Part: TypeAlias = Words | Table | Picture


class Section(NamedTuple):
    """Parts under a heading."""

    heading: str
    parts: Sequence[Part]

    @property
    def html(self) -> str:
        """As HTML, with the pictures side by side where there is room."""
        pictures = [part.html for part in self.parts if isinstance(part, Picture)]
        others = [part.html for part in self.parts if not isinstance(part, Picture)]
        if pictures:
            others.append(f'<div class="pictures">{"".join(pictures)}</div>')
        return f"<section><h2>{escape(self.heading)}</h2>{''.join(others)}</section>"

    def __str__(self) -> str:
        return "\n".join([self.heading, "-" * len(self.heading), *map(str, self.parts)])


@dataclass(frozen=True)
class Report:
    """Report on a fitted classifier; a notebook shows it, `print` gives its text.

    Parameters
    ----------
    title : str
        What stands above.

    sections : tuple of Section
        What follows.
    """

    title: str
    sections: tuple[Section, ...]

    @property
    def html(self) -> str:
        """The whole page."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{escape(self.title)}</title>\n"
            "<style>body { margin: 0; }</style>\n</head>\n"
            f"<body>\n{self._repr_html_()}\n</body>\n</html>\n"
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file; there is always a whole one.

        Parameters
        ----------
        path : str or path-like
            The file, in a folder that there is. An earlier file is replaced.
        """
        write(Path(path), self.html.encode())

    def _repr_html_(self) -> str:
        sections = "\n".join(section.html for section in self.sections)
        return (
            f'<style>\n{STYLE}</style>\n<article class="skdeepbin-report">\n'
            f"<h1>{escape(self.title)}</h1>\n{sections}\n"
            f"<p>Made with skdeepbin {__version__}.</p>\n</article>"
        )

    def __str__(self) -> str:
        return "\n\n".join([self.title, *map(str, self.sections)])
