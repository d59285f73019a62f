"""A deep binary classifier for scikit-learn, trained by batch gradient descent."""

from skdeepbin._classifier import DeepBinaryClassifier

__all__ = ["DeepBinaryClassifier"]
__version__ = "0.1.0"
