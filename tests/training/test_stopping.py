from math import inf, nan, nextafter

import numpy as np
import pytest

from skdeepbin.training._history import Step
from skdeepbin.training._stopping import (
    EXPLODED,
    Progress,
    Stopping,
    is_still_falling,
    training_loss,
    validation_error,
    validation_loss,
)


def step(loss, iteration=0, **watched):
    return Step(iteration, np.zeros(1), loss, 0.0, 0.0, 0.0, 0.0, **watched)


def follow(stopping, steps):
    progress = Progress()
    for one in steps:
        progress = stopping.follow(progress, one)
    return progress


def test_a_fall_of_tol_is_not_enough_and_more_is():
    stopping = Stopping(9, 0.25, 5)
    losses = [1.0, 0.75, 0.875]  # the second falls by tol itself
    progress = follow(stopping, map(step, losses))
    assert (progress.reference, progress.waited) == (1.0, 2)
    progress = stopping.follow(progress, step(0.5))
    assert (progress.reference, progress.waited) == (0.5, 0)
    assert progress.first == 1.0


def test_small_falls_add_up():
    progress = follow(Stopping(9, 0.25, 5), map(step, [1.0, 0.8, 0.6]))
    assert (progress.reference, progress.waited) == (0.6, 0)


@pytest.mark.parametrize("monitor", [validation_loss, validation_error])
def test_the_best_is_that_of_what_is_watched_then_of_the_loss(monitor):
    def seen(loss, value):
        score = -value
        return step(loss, validation_loss=value, validation_score=score)

    steps = [seen(1.0, 3.0), seen(0.9, 2.0), seen(0.5, 2.5), seen(0.8, 2.0)]
    assert follow(Stopping(9, 0, 5, monitor), steps).best is steps[3]
    equal = [*steps, seen(0.8, 2.0)]  # of equal ones the first
    assert follow(Stopping(9, 0, 5, monitor), equal).best is steps[3]
    steps = [seen(1.0, nan), seen(0.9, nan), seen(2.0, 7.0), seen(0.1, nan)]
    assert follow(Stopping(9, 0, 5, monitor), steps[:2]).best is steps[1]
    assert follow(Stopping(9, 0, 5, monitor), steps).best is steps[2]


def test_a_score_that_is_never_known_is_waited_for_no_longer():
    steps = [step(1.0, validation_score=nan) for _ in range(3)]
    assert follow(Stopping(9, 0, 5, validation_error), steps).waited == 3


def test_a_step_without_a_finite_loss_is_never_the_best():
    steps = [step(2.0, validation_loss=3.0), step(nan, validation_loss=1.0)]
    assert follow(Stopping(9, 0, 5, validation_loss), steps).best is steps[0]
    assert follow(Stopping(9, 0, 5), [step(inf)]).best is None


def test_a_loss_that_does_not_hold_is_the_best_only_at_the_start():
    """Or by what validates, which is measured at the point itself."""
    steps = [step(1.0, validation_loss=2.0), step(0.5, validation_loss=1.0)]
    for monitor, best in ((training_loss, 0), (validation_loss, 1)):
        progress, stopping = Progress(), Stopping(9, 0.0, 5, monitor)
        for one in steps:
            progress = stopping.follow(progress, one, False)
        assert progress.best is steps[best]


@pytest.mark.parametrize("first", [0.3, 1.0, 7.0])
def test_diverged_is_beyond_a_hundred_times_the_start_or_one(first):
    stopping = Stopping(9, 0.0, 5)
    progress = stopping.follow(Progress(), step(first))
    limit = EXPLODED * max(first, 1.0)
    assert stopping.reason(progress, step(limit)) is None
    assert stopping.reason(progress, step(nextafter(limit, inf))) == "diverged"


def test_reasons_by_the_number_of_iterations():
    stopping = Stopping(max_iter=9, tol=0.0, n_iter_no_change=4)
    calm, tired = Progress(1.0, None, 1.0, 3), Progress(1.0, None, 1.0, 4)
    assert stopping.reason(calm, step(1.0, 8)) is None
    assert stopping.reason(calm, step(1.0, 9)) == "max_iter"
    assert stopping.reason(tired, step(1.0, 9)) == "converged"
    assert stopping.reason(tired, step(nan, 9)) == "diverged"
    assert stopping.reason(tired._replace(waited=5), step(1.0)) == "converged"
    assert stopping.at_most(8).reason(calm, step(1.0, 8)) == "max_iter"
    assert stopping.at_most(8).n_iter_no_change == 4
    validating = Stopping(9, 0.0, 4, validation_loss)
    assert validating.reason(tired, step(1.0, 1)) == "early_stopping"
    assert stopping.monitor is training_loss


@pytest.mark.parametrize("monitor", ["loss", "validation_loss"])
def test_a_loss_is_still_falling_by_its_last_tenth(monitor):
    def history(values):
        flat = np.ones(len(values))
        return {"loss": flat, "validation_loss": flat, monitor: np.array(values)}

    early, late = [1.0] * 18 + [0.995, 0.995], [1.0] * 18 + [0.98, 1.5]
    assert not is_still_falling(history(early), monitor)
    assert is_still_falling(history(late), monitor)
    assert not is_still_falling(history([1.0] * 17 + [0.5] + [1.0] * 2), monitor)
    assert not is_still_falling(history([1.0] * 10 + [0.5] * 10), monitor)
    assert is_still_falling(history([1.0, 0.5]), monitor)  # of a few, the last one


def test_where_nothing_validates_the_loss_is_looked_at():
    falling = np.linspace(1, 0.5, 30)
    history = {"loss": falling, "validation_loss": np.full(30, nan)}
    assert is_still_falling(history, "validation_loss")
    history = {"loss": falling, "validation_loss": np.ones(30)}
    assert not is_still_falling(history, "validation_loss")
