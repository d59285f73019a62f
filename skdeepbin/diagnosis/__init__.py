"""Why does a network not learn?"""

from skdeepbin.diagnosis._backprop import debug_backprop
from skdeepbin.diagnosis._gradients import check_gradients

__all__ = ["check_gradients", "debug_backprop"]
