"""A deep binary classifier for scikit-learn, trained by batch gradient descent."""

from importlib import import_module
from typing import Any

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._encoder import PiecewiseLinearEncoder
from skdeepbin._version import __version__ as __version__

__all__ = ["DeepBinaryClassifier", "PiecewiseLinearEncoder", "report"]

# Imported where they are first used: they bring many modules.
PACKAGES = ("dask", "diagnosis", "export", "plotting")


def __getattr__(name: str) -> Any:
    if name in PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name == "report":
        return import_module(f"{__name__}.reporting._report").report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
