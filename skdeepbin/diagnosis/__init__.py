"""Why is it not learning?"""

from skdeepbin.diagnosis._backprop import debug_backprop
from skdeepbin.diagnosis._diagnose import diagnose
from skdeepbin.diagnosis._findings import Diagnosis, Finding, LearningWarning
from skdeepbin.diagnosis._gradients import check_gradients

__all__ = [
    "Diagnosis",
    "Finding",
    "LearningWarning",
    "check_gradients",
    "debug_backprop",
    "diagnose",
]
