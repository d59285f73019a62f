"""A deep binary classifier for scikit-learn, trained by batch gradient descent."""

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._version import __version__ as __version__

__all__ = ["DeepBinaryClassifier"]
