from dataclasses import replace
from math import nan

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._data import LocalData
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._scaling import FeatureScaling
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
    train_ensemble,
)
from skdeepbin.training._loop import minimize
from skdeepbin.training._objective import Objective
from skdeepbin.training._observer import Observer
from skdeepbin.training._optimizers import GradientDescent, Rprop
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
    scaling = FeatureScaling(np.array([0.5, -1.0]), np.array([2.0, 0.25]))
    features, hashes = Features(X, float, 20), row_hashes(X, 0)
    return LocalData(NETWORK, features, y, w, FACTORS, scaling, 25, hashes, Threads(1))


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
    engine = Engine(NETWORK, rows, Threads(1))
    return Objective(
        engine, Losses(*sums), ALPHA, data.scaling.conversion(NETWORK.layout)
    )


class Solver:
    """Of each member ``solve(objective, batches, theta, ...)``."""

    def __init__(self, solve):
        self.solve = solve

    def solver(self, batches=None):
        def solve(objective, *args, session):
            return self.solve(objective, batches, *args)

        return solve


def ensemble(data, members, solve, monitor=training_loss, observer=None):
    """The results of ``solve(objective, batches, ...)``."""
    observer = Observer() if observer is None else observer
    stopping = Stopping(5, 0.0, 5, monitor)
    baseline = Losses(100.0, nan)  # so that everyone has learnt
    view = View(NETWORK, data, ALPHA)
    networks = [
        (view, member, Training(Solver(solve), stopping, baseline, observer, number))
        for number, member in enumerate(members)
    ]
    return train_ensemble(networks, observer)


def down(objective, batches, *rest):
    return minimize(objective, *rest, optimizer=GradientDescent(0.1))


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_rows", [20, 50])
@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_mini_batches_make_up_the_objective(
    out, weighted, block_rows, container, data, rng
):
    """Averaged by their weights: value and gradient, with the penalty.

    Of 25 rows, in memory of their own or by an engine.
    """
    features = Features(container(data.features.X), float, block_rows)
    data = data._replace(features=features)
    data = data if weighted else data._replace(w=np.ones(N_ROWS))
    held_out = rng.uniform(size=N_ROWS) < 0.3 if out else None
    given = data if weighted else data._replace(w=None)
    seen = []

    def solve(objective, batches, theta, *rest):
        seen.append([part(theta) for _, part in batches(0)])
        seen.append([share for share, _ in batches(0)])
        seen.append(objective(theta))
        seen.append(batches.validation(theta))
        return down(objective, batches, theta, *rest)

    ensemble(given, [member(data, held_out)], solve)
    parts, shares, whole, validation = seen
    assert sum(shares) == pytest.approx(1.0, rel=1e-14)
    np.testing.assert_allclose(validation, whole[3:], rtol=1e-12)
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
        seen.extend(part.weights.trained for _, part in batches(0))
        return down(objective, batches, *rest)

    w, factors = np.ones(N_ROWS), np.array([0.0, 3.0])
    given = data._replace(w=None, factors=factors, batch_size=1)
    ensemble(given, [member(data._replace(w=w))], solve)
    assert seen == [3.0] * data.y.sum()


def test_all_rows_at_once_need_no_mini_batches(data):
    seen = []

    def solve(objective, batches, *rest):
        seen.append(batches)
        return down(objective, batches, *rest)

    given = data._replace(batch_size=None, hashes=None)
    (result,) = ensemble(given, [member(data)], solve)
    assert seen == [None]
    start, rules = member(data).start(), Stopping(5, 0.0, 5)
    by_hand = down(objective(data, data.w), None, start, rules, lambda step: False)
    np.testing.assert_allclose(result.theta, by_hand.theta, rtol=1e-12)
    np.testing.assert_array_equal(result.best.theta, result.theta)


@pytest.mark.parametrize("reason", sorted({*STOP_REASONS} - {"diverged", INTERRUPTED}))
def test_the_last_small_steps_are_on_all_rows(reason, data, rng):
    """However a descent ended."""
    held_out = rng.uniform(size=N_ROWS) < 0.4
    best = []

    def solve(*arguments):
        result = down(*arguments)
        best.append(result.best)
        return result._replace(stop_reason=reason)

    members = [member(data, held_out)]
    (result,) = ensemble(data, members, solve, validation_loss)
    whole = objective(data, data.w)
    assert result.best.loss == pytest.approx(whole(result.best.theta).value)
    assert result.best.loss < whole(best[0].theta).value
    assert result.best.iteration == FINISH == 10  # as documented
    moved = abs(result.best.theta - best[0].theta)
    assert FINISH * FINISH_STEP < moved.max() < 3 * FINISH * FINISH_STEP
    assert len(result.history["loss"]) == 6  # they are not written down


def test_members_have_their_own_rows_start_and_state(data, rng):
    seen = []

    def solve(objective, batches, theta, stopping, on_step, state=None):
        seen.append((theta, objective(theta).validation_loss, state))
        return down(objective, batches, theta, stopping, on_step, state)

    parts = [rng.uniform(size=N_ROWS) < 0.4 for _ in range(3)]
    members = [member(data, part, i, state=i) for i, part in enumerate(parts)]
    assert len(ensemble(data, members, solve)) == 3
    for number, (theta, watched, state) in enumerate(seen):
        np.testing.assert_array_equal(theta, members[number].start())
        expected = objective(data, data.w, parts[number])(theta).validation_loss
        assert watched == pytest.approx(expected)
        assert state == number


def test_what_validates_sees_each_point(data):
    """For scaled features; what it does not know is that of the rows held out."""
    told, found = [], []

    def validator(theta):
        told.append(theta)
        return (0.25 if len(told) == 1 else nan), 0.5

    def solve(objective, batches, theta, *rest):
        found.extend(objective(theta) for _ in range(2))
        found.extend(part(theta) for _, part in batches(0))
        return down(objective, batches, theta, *rest)

    held_out = np.arange(N_ROWS) < 20
    one = member(data, held_out, validator=validator)
    ensemble(data, [one], solve)
    # Neither on mini-batches nor in the last steps; and once where the run has ended.
    assert len(told) == 2 + 6 + 1
    for theta in told[:3]:
        np.testing.assert_array_equal(theta, one.start())
    given, missing, *parts = found
    assert (given.validation_loss, given.validation_score) == (0.25, 0.5)
    expected = objective(data, data.w, held_out)(one.start())
    assert missing.validation_loss == pytest.approx(expected.validation_loss)
    assert missing.value == given.value == pytest.approx(expected.value)
    assert np.isnan([part.validation_score for part in parts]).all()


@pytest.mark.parametrize("finish", [0.0, 1.0, 20.0])
def test_the_penalties_are_multiples_of_that_of_the_ensemble(finish, data, rng):
    """What is said of the last steps is with the penalty that was chosen."""
    held_out = rng.uniform(size=N_ROWS) < 0.4
    seen, best = [], []

    def solve(objective, batches, *rest):
        seen.append(objective.alpha)
        seen.append(sum(part.alpha for _, part in batches(0)))
        result = down(objective, batches, *rest)
        best.append(result.best)
        return result._replace(stop_reason="early_stopping")

    one = member(data, held_out, alphas=(4.0, 0.5), stage=1, finish=finish)
    (result,) = ensemble(data, [one], solve, validation_loss)
    assert seen == [0.5 * ALPHA, pytest.approx(0.5 * ALPHA)]
    assert (result.alpha, result.stage, result.best_stage) == (0.5, 1, 1)
    whole = replace(objective(data, data.w), alpha=0.5 * ALPHA)
    there = whole(result.best.theta)
    if finish:
        assert result.best.loss == pytest.approx(there.value)
        assert result.best.penalty == pytest.approx(there.penalty)
    else:
        assert result.best.loss == pytest.approx(there.value - there.penalty)
    by_hand = minimize(
        replace(whole, alpha=finish * ALPHA),
        best[0].theta,
        Stopping(FINISH, 0.0, FINISH),
        lambda step: False,
        optimizer=Rprop(FINISH_STEP, 10 * FINISH_STEP),
    )
    np.testing.assert_allclose(result.best.theta, by_hand.best.theta, rtol=1e-9)


def test_the_penalty_is_that_of_the_best_point(data):
    """Where a weaker one has not gained yet, and is still on its way."""
    ends = iter([("early_stopping", 0.1), ("max_iter", 0.2)])

    def solve(*args):
        result, (reason, watched) = down(*args), next(ends)
        best = result.best._replace(validation_loss=watched)
        return result._replace(best=best, stop_reason=reason)

    def solve_briefly(objective, batches, theta, stopping, *rest):
        return solve(objective, batches, theta, stopping.at_most(2), *rest)

    one = member(data, np.arange(N_ROWS) < 20, alphas=(4.0, 0.5))
    (result,) = ensemble(data, [one], solve_briefly, validation_loss)
    assert (result.stage, result.best_stage, result.alpha) == (1, 0, 4.0)


def test_a_network_that_is_stuck_is_started_anew(data):
    """Where it was not an earlier training that goes on."""
    starts = []

    def solve(objective, batches, theta, stopping, on_step, state=None):
        starts.append(theta[0])
        result = down(objective, batches, theta, stopping, on_step)
        bad = result.best._replace(loss=1e3)
        best = bad if len(starts) % 2 else result.best
        return result._replace(best=best, stop_reason="converged")

    points = [np.full(NETWORK.layout.n_parameters, size) for size in (0.1, 0.2)]
    for state, n_starts in ((None, 2), ("known", 1)):
        one = member(data, state=state)._replace(start=iter(points).__next__)
        starts.clear()
        given = data._replace(batch_size=None)
        (result,) = ensemble(given, [one], solve)
        assert starts == [0.1, 0.2][:n_starts]
        assert (result.n_starts, result.has_learnt) == (n_starts, n_starts == 2)


class Seen(Observer):
    """Of each network its number at its end; ends the ensemble after one of them."""

    def __init__(self, last=None):
        self.last, self.steps, self.ended = last, [], []

    def on_step(self, network, step):
        self.steps.append((network, step.iteration))
        return False

    def on_network_end(self, network):
        self.ended.append(network)
        return network == self.last


def test_an_observer_sees_each_network_and_can_end_the_ensemble(data):
    members = [member(data, None, seed) for seed in range(3)]
    seen = Seen()
    assert len(ensemble(data, members, down, observer=seen)) == 3
    assert seen.ended == [0, 1, 2]
    assert seen.steps == [(number, i) for number in range(3) for i in range(6)]
    seen = Seen(last=1)
    results = ensemble(data, members, down, observer=seen)
    assert [result.stop_reason for result in results] == ["max_iter"] * 2
    assert seen.ended == [0, 1]


@pytest.mark.parametrize("place", ["training", "finish"])
def test_ctrl_c_ends_an_ensemble_with_those_that_were_begun(place, data, monkeypatch):
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
    given = data._replace(batch_size=None)
    first, second = ensemble(given, members, down, validation_loss)
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
    data = data._replace(batch_size=None)
    members = [member(data, None, seed) for seed in range(3)]
    when = 1
    with pytest.raises(KeyboardInterrupt):
        ensemble(data, members, down)
    when, made = 7, []
    (first,) = ensemble(data, members, down)
    assert first.stop_reason == INTERRUPTED
    assert len(first.history["loss"]) == 6
    when, made = 13, []
    first, second = ensemble(data, members, down)
    assert (first.stop_reason, second.stop_reason) == ("max_iter", INTERRUPTED)
    np.testing.assert_array_equal(second.theta, made[11])
