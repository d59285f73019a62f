"""Diagnosis of networks that do not learn: ours, and ones written by hand."""

from skdeepbin.diagnosis._findings import Diagnosis, Finding, LearningWarning
from skdeepbin.diagnosis._gradients import GradientCheck, check_gradients
from skdeepbin.diagnosis.backprop._debug import debug_backprop
from skdeepbin.diagnosis.backprop._report import BackpropReport
from skdeepbin.diagnosis.backprop.catalogue._entry import Mistake
from skdeepbin.diagnosis.training._diagnose import diagnose

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
