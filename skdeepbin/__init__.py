"""A deep binary classifier for scikit-learn, trained by batch gradient descent."""

from typing import Any

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._version import __version__ as __version__

__all__ = ["DeepBinaryClassifier", "report"]


def __getattr__(name: str) -> Any:
    """The report when it is asked for: the classifier is imported without pictures."""
    if name == "report":
        from skdeepbin._report import report

        return report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
