from itertools import product

import numpy as np
import pytest

from skdeepbin.training._history import Step
from skdeepbin.training._observer import NO_OBSERVER, Observer, Observers

STEP = Step(3, np.zeros(1), 0.5, 0.0, 0.0, 0.0, 0.0)


class Told(Observer):
    """Notes what it is told, and answers all of it alike."""

    def __init__(self, answer):
        self.answer, self.told = answer, []

    def on_step(self, network, step):
        self.told.append((network, step))
        return self.answer

    def on_network_end(self, network):
        self.told.append(network)
        return self.answer

    def on_fit_end(self):
        self.told.append("end")


@pytest.mark.parametrize("answers", [*product([False, True], repeat=2), ()])
def test_each_of_several_sees_everything_and_any_can_end_it(answers):
    every = [Told(answer) for answer in answers]
    observers = Observers(every)
    assert observers.on_step(1, STEP) is any(answers)
    assert observers.on_network_end(1) is any(answers)
    observers.on_fit_end()
    for observer in every:
        assert observer.told == [(1, STEP), 1, "end"]


def test_one_that_does_nothing_ends_nothing():
    assert not NO_OBSERVER.on_step(0, STEP)
    assert not NO_OBSERVER.on_network_end(0)
    NO_OBSERVER.on_fit_end()
