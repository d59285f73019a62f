"""Why is it not learning?"""

from skdeepbin.diagnosis._diagnose import diagnose
from skdeepbin.diagnosis._findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
