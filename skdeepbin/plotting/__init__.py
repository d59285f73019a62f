"""Pictures of a fit, of an ensemble and of a search; they need matplotlib."""

from skdeepbin.plotting._activation import ActivationDisplay
from skdeepbin.plotting._ensemble import EnsembleDisplay
from skdeepbin.plotting._gradient_flow import GradientFlowDisplay
from skdeepbin.plotting._loss_curve import LossCurveDisplay
from skdeepbin.plotting._search import SearchDisplay

__all__ = [
    "ActivationDisplay",
    "EnsembleDisplay",
    "GradientFlowDisplay",
    "LossCurveDisplay",
    "SearchDisplay",
]
