"""What is said of the project in more than one place."""

from pathlib import Path

from skdeepbin import __version__

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {__version__}" in lines
