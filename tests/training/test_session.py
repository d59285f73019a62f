import numpy as np
import pytest

from skdeepbin.training._loop import minimize
from skdeepbin.training._optimizers import Momentum
from skdeepbin.training._session import Session, one_step_on
from skdeepbin.training._stopping import Stopping, validation_loss
from tests.training.runs import RULES, START, goes_on, valley


def run(rules):
    return minimize(valley, START, rules, goes_on, optimizer=Momentum(1e-4, 0.9))


def test_a_session_without_a_file_keeps_nothing_and_knows_nothing():
    session = Session()
    assert not session.is_active
    assert not session.is_due
    session.save(None)
    session.save(None, at_once=True)
    session.end(None)
    session.finish()
    assert session.next_result() is None
    assert session.running() is None


def test_one_step_on_is_where_the_next_run_would_begin():
    result = run(RULES)
    theta, state = result.next
    on = one_step_on(result)
    assert on.theta is on.best.theta is theta
    assert on.state is state
    assert on.best.loss == result.best.loss  # of the point before
    assert one_step_on(result._replace(best=None)).best is None


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (Stopping(40, 1e9, 3), "converged"),
        (Stopping(40, 0.0, 3, validation_loss), "early_stopping"),
        (Stopping(7, 0.0, 9), "max_iter"),
    ],
)
def test_a_run_that_has_come_to_rest_goes_on_from_its_best_point(rules, reason):
    """Any other from its last one, with what the optimiser knew."""
    result = run(rules)
    assert result.stop_reason == reason
    theta, state = result.next
    if reason == "max_iter":
        again = minimize(
            valley,
            theta,
            RULES.at_most(32),
            goes_on,
            state,
            optimizer=Momentum(1e-4, 0.9),
        )
        np.testing.assert_array_equal(again.theta, run(RULES).theta)
        assert not np.array_equal(theta, result.theta)
    else:
        assert result.theta is theta is result.best.theta
        assert result.state is state is None
