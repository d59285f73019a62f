"""Why is it not learning?"""

from skdeepbin.diagnosis._backprop import debug_backprop
from skdeepbin.diagnosis._diagnose import diagnose
from skdeepbin.diagnosis._findings import Diagnosis, Finding, LearningWarning
from skdeepbin.diagnosis._gradients import GradientCheck, check_gradients
from skdeepbin.diagnosis._pieces import Mistake
from skdeepbin.diagnosis._report import BackpropReport

__all__ = [
    "BackpropReport",
    "Diagnosis",
    "Finding",
    "GradientCheck",
    "LearningWarning",
    "Mistake",
    "check_gradients",
    "debug_backprop",
    "diagnose",
]
