from math import nan

import numpy as np
import pytest

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._data import LocalData
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._scaling import Units
from skdeepbin.engine._split import row_hashes
from skdeepbin.engine._threads import Threads
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training._ensemble import (
    FINISH,
    FINISH_STEP,
    Member,
    View,
    train_committee,
)
from skdeepbin.training._loop import descend
from skdeepbin.training._objective import Objective
from skdeepbin.training._observer import Watcher
from skdeepbin.training._optimizers import gradient_descent
from skdeepbin.training._restarts import Training
from skdeepbin.training._stopping import (
    INTERRUPTED,
    STOP_REASONS,
    Stopping,
    training_loss,
    validation_loss,
)

N_ROWS, ALPHA = 90, 3.0
NETWORK = Network(Layout((2, 4, 1)), ACTIVATIONS["tanh"])
FACTORS = np.array([2.0, 0.5])


@pytest.fixture
def data(rng):
    X = rng.normal(size=(N_ROWS, 2))
    y = X[:, 0] > rng.normal(size=N_ROWS)
    w = rng.randint(0, 3, N_ROWS).astype(float)
    units = Units(np.array([0.5, -1.0]), np.array([2.0, 0.25]))
    features, hashes = Features(X, float, 20), row_hashes(X, 0)
    return LocalData(NETWORK, features, y, w, FACTORS, units, 25, hashes, Threads(1))


def weight(data, rows):
    """The weight of some rows."""
    return float((data.w * np.where(data.y, *FACTORS[::-1]))[rows].sum())


def member(data, held_out=None, seed=0, **changes):
    theta = initialize(NETWORK.layout, xavier, np.random.RandomState(seed))
    out = np.zeros(N_ROWS, bool) if held_out is None else held_out
    weights = Losses(weight(data, ~out), weight(data, out))
    return Member(lambda: theta, held_out, weights, **changes)


def objective(data, w, held_out=None):
    """The objective on rows of weights ``w``, in the units of training, by hand."""
    rows = Rows(data.features, data.y, w, FACTORS, held_out)
    out = np.zeros(N_ROWS, bool) if held_out is None else held_out
    sums = [float((w * np.where(data.y, *FACTORS[::-1]))[o].sum()) for o in (~out, out)]
    total = data.units.total(Engine(NETWORK, rows, Threads(1)), NETWORK.layout)
    return Objective(total, Losses(*sums), ALPHA, NETWORK.layout.biases)


def committee(data, members, solve, watched=training_loss, validate=None):
    """The solutions of ``solve(objective, batches, ...)``."""

    def solver(factor, batches=None):
        return lambda objective, *rest: solve(objective, batches, *rest)

    constant = Losses(100.0, nan)  # so that everyone has learnt
    training = Training(solver, Stopping(5, 0.0, 5, watched), constant)
    views = [View(NETWORK, data, training)]
    return train_committee(views, members, ALPHA, validate, Watcher())


def down(objective, batches, *rest):
    return descend(objective, *rest, optimizer=gradient_descent(0.1))


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_mini_batches_make_up_the_objective(out, weighted, data, rng):
    """Averaged by their weights: value and gradient, with the penalty."""
    data = data if weighted else data._replace(w=np.ones(N_ROWS))
    held_out = rng.uniform(size=N_ROWS) < 0.3 if out else None
    given = data if weighted else data._replace(w=None)
    seen = []

    def solve(objective, batches, theta, *rest):
        seen.append([part(theta) for part in batches(0)])
        weights = [part.weights.trained for part in batches(0)]
        seen.append(np.array(weights) / sum(weights))
        seen.append(objective(theta))
        return down(objective, batches, theta, *rest)

    committee(given, [member(data, held_out)], solve)
    parts, shares, whole = seen
    assert len(parts) in (3, 4)
    assert np.isnan([part.validation_loss for part in parts]).all()
    value = sum(share * part.value for share, part in zip(shares, parts))
    gradient = sum(share * part.gradient for share, part in zip(shares, parts))
    assert value == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(gradient, whole.gradient, rtol=1e-9, atol=1e-13)
    w = data.w * ~held_out if out else data.w
    by_hand = objective(data, w)(member(data).start())
    assert whole.value == pytest.approx(by_hand.value, rel=1e-12)
    assert np.isnan(whole.validation_loss) == (not out)


def test_a_mini_batch_of_a_class_without_weight_is_left_out(data):
    """Each row is one, and those of the first class weigh nothing."""
    seen = []

    def solve(objective, batches, *rest):
        seen.extend(part.weights.trained for part in batches(0))
        return down(objective, batches, *rest)

    w, factors = np.ones(N_ROWS), np.array([0.0, 3.0])
    given = data._replace(w=None, factors=factors, batch_size=1)
    committee(given, [member(data._replace(w=w))], solve)
    assert seen == [3.0] * data.y.sum()


def test_all_rows_at_once_need_no_mini_batches(data):
    seen = []

    def solve(objective, batches, *rest):
        seen.append(batches)
        return down(objective, batches, *rest)

    given = data._replace(batch_size=None, hashes=None)
    (solution,) = committee(given, [member(data)], solve)
    assert seen == [None]
    start, rules = member(data).start(), Stopping(5, 0.0, 5)
    by_hand = down(objective(data, data.w), None, start, rules, lambda step: False)
    np.testing.assert_allclose(solution.theta, by_hand.theta, rtol=1e-12)
    np.testing.assert_array_equal(solution.best.theta, solution.theta)


@pytest.mark.parametrize("reason", sorted({*STOP_REASONS} - {"diverged", INTERRUPTED}))
def test_the_last_small_steps_are_on_all_rows(reason, data, rng):
    """However a descent ended."""
    held_out = rng.uniform(size=N_ROWS) < 0.4
    best = []

    def solve(*arguments):
        solution = down(*arguments)
        best.append(solution.best)
        return solution._replace(stop_reason=reason)

    members = [member(data, held_out)]
    (solution,) = committee(data, members, solve, validation_loss)
    whole = objective(data, data.w)
    assert solution.best.loss == pytest.approx(whole(solution.best.theta).value)
    assert solution.best.loss < whole(best[0].theta).value
    assert solution.best.iteration == FINISH == 10  # as documented
    moved = abs(solution.best.theta - best[0].theta)
    assert FINISH * FINISH_STEP < moved.max() < 3 * FINISH * FINISH_STEP
    assert len(solution.history["loss"]) == 6  # they are not written down


def test_members_have_their_own_rows_start_and_state(data, rng):
    seen = []

    def solve(objective, batches, theta, stopping, on_step, state=None):
        seen.append((theta, objective(theta).validation_loss, state))
        return down(objective, batches, theta, stopping, on_step, state)

    parts = [rng.uniform(size=N_ROWS) < 0.4 for _ in range(3)]
    members = [member(data, part, i, state=i) for i, part in enumerate(parts)]
    assert len(committee(data, members, solve)) == 3
    for number, (theta, watched, state) in enumerate(seen):
        np.testing.assert_array_equal(theta, members[number].start())
        expected = objective(data, data.w, parts[number])(theta).validation_loss
        assert watched == pytest.approx(expected)
        assert state == number


def test_what_validates_sees_the_users_parameters(data):
    told, found = [], []

    def validate(theta, asked):
        told.append((theta, asked))
        return (0.25 if len(told) == 1 else nan), 0.5

    def solve(objective, batches, theta, *rest):
        found.extend(objective(theta) for _ in range(2))
        return down(objective, batches, theta, *rest)

    held_out = np.arange(N_ROWS) < 20
    one = member(data, held_out)
    committee(data, [one], solve, validate=validate)
    theta, asked = told[0]
    expected = data.units.to_user(one.start(), NETWORK.layout)
    np.testing.assert_array_equal(theta, expected)
    assert asked is one
    given, missing = found
    assert (given.validation_loss, given.validation_score) == (0.25, 0.5)
    expected = objective(data, data.w, held_out)(one.start())
    assert missing.validation_loss == pytest.approx(expected.validation_loss)
    assert missing.value == given.value == pytest.approx(expected.value)


@pytest.mark.parametrize("place", ["training", "finish"])
def test_ctrl_c_ends_a_committee_with_those_that_were_begun(place, data, monkeypatch):
    whole, made = Objective.__call__, []

    def evaluate(self, theta):
        made.append(theta)
        if len(made) == len_first + {"training": 3, "finish": 6 + 4}[place]:
            raise KeyboardInterrupt
        return whole(self, theta)

    len_first = 6 + 1 + FINISH
    monkeypatch.setattr(Objective, "__call__", evaluate)
    held_out = np.arange(N_ROWS) < 20
    members = [member(data, held_out, seed) for seed in range(3)]
    first, second = committee(data, members, down, validation_loss)
    assert (first.stop_reason, second.stop_reason) == ("max_iter", INTERRUPTED)
    n_steps = {"training": 2, "finish": 6}[place]
    assert len(second.history["loss"]) == n_steps
    assert second.best.iteration < n_steps
    assert len(made) == len_first + {"training": 3, "finish": 6 + 4}[place]


def test_ctrl_c_before_the_first_step(data, monkeypatch):
    """Of the first network it goes on up; of the next the ones before are kept."""
    whole, made = Objective.__call__, []

    def evaluate(self, theta):
        made.append(theta)
        if len(made) == when:
            raise KeyboardInterrupt
        return whole(self, theta)

    monkeypatch.setattr(Objective, "__call__", evaluate)
    members = [member(data, None, seed) for seed in range(3)]
    when = 1
    with pytest.raises(KeyboardInterrupt):
        committee(data, members, down)
    when, made = 7, []
    (first,) = committee(data, members, down)
    assert first.stop_reason == INTERRUPTED
    assert len(first.history["loss"]) == 6
    when, made = 13, []
    first, second = committee(data, members, down)
    assert (first.stop_reason, second.stop_reason) == ("max_iter", INTERRUPTED)
    np.testing.assert_array_equal(second.theta, made[11])
