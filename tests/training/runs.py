"""Objectives, rules and a session for the tests of the loops."""

from math import nan

import numpy as np
from scipy.optimize import rosen, rosen_der

from skdeepbin.training._objective import Evaluation
from skdeepbin.training._session import Session
from skdeepbin.training._stopping import Stopping

START = np.array([-1.2, 1.0, 0.5])
RULES = Stopping(40, 0.0, 50)


def parabola(theta):
    return Evaluation(float(theta @ theta) / 2, theta)


def valley(theta):
    """Rosenbrock's."""
    return Evaluation(float(rosen(theta)), rosen_der(theta))


class InHand:
    """Mini-batches by a function of the epoch; nothing validates, unless it is told."""

    def __init__(self, batches, validation=lambda theta: (nan, nan)):
        self.batches, self.validation = batches, validation

    def __call__(self, epoch):
        return self.batches(epoch)


def counted(objective, interrupted_at=None):
    """The objective, and a list of the points that it is asked for."""
    asked = []

    def evaluate(theta):
        if len(asked) == interrupted_at:
            raise KeyboardInterrupt
        asked.append(theta.copy())
        return objective(theta)

    return evaluate, asked


def goes_on(step):
    """Do not end after this step."""
    return False


class Memory(Session):
    """A session that keeps in memory all that it is given.

    running : where the run was interrupted, for one that is resumed.
    asked : the points that were evaluated; each state comes with their number.
    saved : of each state that was given: itself, `at_once`, and that number.
    """

    is_active, is_due = True, True

    def __init__(self, running=None, asked=()):
        self._running, self._asked, self.saved = running, asked, []

    def running(self):
        running, self._running = self._running, None
        return running

    def save(self, state, at_once=False):
        self.saved.append((state, at_once, len(self._asked)))

    @property
    def states(self):
        return [state for state, *_ in self.saved]


class OnlyAtTheEnd(Memory):
    """One whose interval is never over."""

    is_due = False


def same(one, other):
    """Whether two results are the same, but for the seconds."""
    np.testing.assert_equal(
        {**one.history, "seconds": 0}, {**other.history, "seconds": 0}
    )
    np.testing.assert_array_equal(one.best.theta, other.best.theta)
    np.testing.assert_array_equal(one.theta, other.theta)
    np.testing.assert_array_equal(one.next[0], other.next[0])
    return (one.stop_reason, one.best.iteration) == (
        other.stop_reason,
        other.best.iteration,
    )
