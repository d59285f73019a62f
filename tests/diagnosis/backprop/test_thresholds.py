"""Every tolerance of `debug_backprop`, with numbers on either side of it.

The numbers are written down, never taken from the code.
"""

import numpy as np
import pytest

from skdeepbin.diagnosis import GradientCheck, debug_backprop
from skdeepbin.diagnosis.backprop import _debug, _search
from skdeepbin.diagnosis.backprop._explanation import Explanation, UserGradients
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import BackwardContext
from skdeepbin.diagnosis.backprop.catalogue._factors import (
    factor_entries,
    penalty_entry,
    unnamed_factor_entry,
)
from skdeepbin.diagnosis.backprop.catalogue._hidden import DOWN, derivatives
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS
from tests.diagnosis.sabotage import CATALOGUE, random_network

NETWORK = random_network((4, 6, 5, 1), "tanh", alpha=0.4)
WITHOUT = random_network((4, 6, 5, 1), "tanh")


def report(dW, db, network=NETWORK, dtype=float):
    arrays = network.weights, network.biases, network.X, network.y, dW, db
    arrays = [
        [a.astype(dtype) for a in part] if isinstance(part, list) else part
        for part in arrays
    ]
    return debug_backprop(*arrays, activation="tanh", alpha=network.alpha)


def scaled(factor, layer=1, dtype=float):
    """Return the report on gradients of which one of the weights is scaled."""
    dW, db = map(list, NETWORK.gradient)
    dW[layer] = factor * dW[layer]
    return report(dW, db, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "below", "above"),
    [(np.float64, 1.9e-6, 2.1e-6), (np.float32, 5.7e-4, 8e-4)],
)
def test_what_is_right_up_to_rounding(dtype, below, above):
    assert scaled(1 + below, dtype=dtype).ok
    assert not scaled(1 + above, dtype=dtype).ok


@pytest.mark.parametrize(
    ("dtype", "below", "above"),
    [(np.float64, 0.9e-13, 1.1e-13), (np.float32, 0.9e-5, 1.1e-5)],
)
def test_what_is_right_where_terms_cancel(dtype, below, above):
    """Two rows that are alike, of either class: the terms are plus and minus 1/2."""
    one = np.ones((1, 1), dtype)
    for size, ok in ((below, True), (above, False)):
        dW = [np.full((1, 1), 0.5 * size)]
        arrays = [0 * one], [np.zeros(1)], np.ones((2, 1), dtype), [0, 1]
        assert debug_backprop(*arrays, dW, [np.zeros(1)], samples="rows").ok == ok


def test_gradients_against_central_differences():
    assert [GradientCheck((e,), (1,)).ok for e in (0.9e-5, 1.1e-5)] == [True, False]
    verdicts = [str(GradientCheck((e,), (1,))).split()[-1] for e in (0.9e-2, 1.1e-2)]
    assert verdicts == ["doubtful", "WRONG"]


def test_factors_near_one_are_not_named():
    for excess, named in ((0.9e-5, False), (1.1e-5, True)):
        dW, db = map(list, WITHOUT.gradient)
        dW[1] = (1 + excess) * dW[1]
        assert bool(report(dW, db, WITHOUT).mistakes) == named


def test_a_penalty_on_a_lone_bias():
    for excess, named in ((0.9e-3, True), (1.1e-3, False)):
        dW, db = map(list, NETWORK.gradient)
        db[2] = db[2] + (1 + excess) * 0.4 / 60 * NETWORK.biases[2]
        names = [mistake.name for mistake in report(dW, db).mistakes]
        assert ("the biases are penalised too" in names) == named


def given(*change):
    """Return the gradients with a change to those of the second layer's weights."""
    dW, db = map(list, WITHOUT.gradient)
    dW[1] = sum(change, dW[1])
    return UserGradients(dW, db, 1e-6, ([0.0] * 3, [0.0] * 3))


def test_small_differences_are_searched_for_with_a_finer_tolerance(monkeypatch):
    tolerances = []
    search = _search._search

    def recorded(network, gradients):
        tolerances.append(gradients.tolerance)
        return search(network, gradients)

    monkeypatch.setattr(_search, "_search", recorded)
    noise = np.random.RandomState(0).normal(size=(6, 5))
    noise /= np.linalg.norm(noise) / np.linalg.norm(WITHOUT.gradient[0][1])
    for size, expected in ((1.9e-4, [1e-6, 1e-7]), (2.1e-4, [1e-6])):
        tolerances.clear()
        _search.explain(WITHOUT, given(size * noise))
        assert tolerances == pytest.approx(expected)


def test_directions_that_may_be_the_same():
    gradients = given()
    search = _search._Search(WITHOUT, gradients, {})
    right = search._largest(2).gradient
    across = np.random.RandomState(0).normal(size=len(right))
    across -= across @ right / (right @ right) * right
    across *= np.linalg.norm(right) / np.linalg.norm(across)
    for distance, same in ((0.9e-4, True), (1.1e-4, False)):
        cosine = 1 - distance
        wanted = cosine * right + np.sqrt(1 - cosine**2) * across
        column = np.linalg.pinv(WITHOUT.A[1].T) @ wanted
        found = search._may_be(Explanation(), 2, column[:, np.newaxis])
        assert found == same


CONTEXT = BackwardContext(NETWORK, 2)


def test_known_factors():
    for excess, known in ((0.9e-5, True), (1.1e-5, False)):
        entries = factor_entries("weights", 2 * (1 + excess), CONTEXT, 1e-6)
        assert bool(entries) == known


def test_known_multiples_of_the_penalty():
    for excess, known in ((0.9e-4, True), (1.1e-4, False)):
        strength = 2 * 0.4 / 60 * (1 + excess)
        entry = penalty_entry(strength, "weights", NETWORK)
        assert ("doubled" in entry.message.name) == known


def test_costs():
    assert Explanation(unexplained=(("weights", 1), ("biases", 1))).cost == 8
    assert unnamed_factor_entry("weights", 3.7).cost == 2


@pytest.mark.parametrize(("n", "used"), [(2000, 2000), (2500, 2000)])
def test_rows_and_entries_of_central_differences(n, used, monkeypatch):
    seen = []

    def differences(loss, params, entries):
        loss(params)
        seen.append([len(chosen) for chosen in entries])
        return [np.zeros(len(chosen)) for chosen in entries]

    monkeypatch.setattr(_debug, "central_differences", differences)
    monkeypatch.setattr(ReferenceNetwork, "loss", lambda self: seen.append(self.n))
    _debug._confirmed(random_network((2, 3, 1), "tanh", n=n))
    assert seen == [used, [1, 1, 1, 1]]


def test_keys_are_unique():
    tables = [*CATALOGUE.values(), *map(list, map(derivatives, ("tanh", "relu")))]
    for table in tables:
        assert len({(e.kind, e.key) for e in table}) == len(table)
    assert {e.kind for e in (*DOWN, *OUTPUTS)} == {"down", "output"}
