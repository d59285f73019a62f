"""A mini-batch in memory of its own: the sums of an engine over the same rows."""

import numpy as np
import pytest

from skdeepbin.engine import _mini_batches
from skdeepbin.engine._bins import bins_of
from skdeepbin.engine._blocks import Features, Rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._mini_batches import SIZES, Batch
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.engine._split import row_hashes
from skdeepbin.engine._threads import Threads
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout

N_ROWS, FACTORS = 90, np.array([2.0, 0.5])
EDGES = [np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.5]), np.array([])]


class Case:
    """Rows far from zero, one feature of them constant, and a network for them."""

    def __init__(self, rng, dtype=float, block_rows=200, dropout=0.0, bins=None):
        X = np.column_stack([9 + 4 * rng.normal(size=N_ROWS), rng.normal(size=N_ROWS)])
        X = np.column_stack([X, np.full(N_ROWS, 3.0)])
        self.features = Features(X, dtype, block_rows, bins=bins)
        n = self.features.shape[1]
        scale = np.append([4.0, 0.5, 1.0], np.full(n - 3, 0.25))
        shift = np.append([8.0, 0.25, 3.0], np.full(n - 3, 0.5))
        scaling = FeatureScaling(shift, scale, np.array([2]))
        self.network = Network(Layout((n, 5, 4, 1)), ACTIVATIONS["tanh"], dropout)
        self.conversion = scaling.conversion(self.network.layout)
        y, w = X[:, 0] > 9, rng.uniform(0.5, 2.0, N_ROWS)
        self.rows = Rows(self.features, y, w, FACTORS, hashes=row_hashes(X, 0))
        self.w = w * FACTORS[y.astype(int)]
        self.theta = initialize(self.network.layout, xavier, np.random.RandomState(0))

    def batch(self):
        return Batch(self.network, self.rows, self.conversion)

    def by_an_engine(self, numbers):
        engine = Engine(self.network, self.rows.some(numbers), Threads(1))
        losses, gradient = engine(self.conversion.to_rows(self.theta))
        return losses.trained, self.conversion.gradient(gradient.copy())

    def assert_same(self, batch, numbers, rtol):
        loss, gradient = self.by_an_engine(numbers)
        assert batch.choose(numbers) == pytest.approx(self.w[numbers].sum())
        losses, found = batch(self.theta)
        assert losses.trained == pytest.approx(loss, rel=rtol)
        assert losses.held_out == 0
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, gradient, rtol, rtol * abs(gradient).max())


@pytest.fixture(params=[True, False], ids=["kept", "read anew"])
def kept(request, monkeypatch):
    monkeypatch.setattr(_mini_batches, "are_kept", lambda *_: request.param)


CASES = {
    "dense": {},
    "single precision": {"dtype": np.float32},
    "more rows than a block": {"block_rows": 7},
    "bins": {"bins": bins_of(EDGES)},
}


@pytest.mark.parametrize("name", CASES)
def test_the_sums_are_those_of_an_engine(name, kept, rng):
    """One mini-batch after the other, of more sizes than there is memory for."""
    case = Case(rng, **CASES[name])
    batch, order = case.batch(), rng.permutation(N_ROWS)
    rtol = 1e-4 if name == "single precision" else 1e-10
    for n in [20, 20, *range(30, 31 + SIZES), 1, 20]:
        case.assert_same(batch, order[-n:], rtol)


def test_a_row_is_left_out_by_its_hash_and_the_parameters(kept, rng):
    """Under dropout: in another order, and anew, the sums are the same."""
    case = Case(rng, dropout=0.5)
    batch, order = case.batch(), rng.permutation(N_ROWS)
    found = []
    for numbers in (order[:40], order[:20], order[:40][::-1]):
        batch.choose(numbers)
        found.append(batch(case.theta))
    (one, gradient), _, (other, again) = found
    assert one.trained == pytest.approx(other.trained, rel=1e-12)
    np.testing.assert_allclose(gradient, again, rtol=1e-9, atol=1e-12)
    batch.choose(order[:40])
    moved, _ = batch(case.theta + 0.5)
    assert moved.trained != one.trained


def test_memory_is_taken_once_a_size(rng, monkeypatch):
    made, workspace = [], Network.workspace

    def counted(self, n, *arguments):
        made.append(n)
        return workspace(self, n, *arguments)

    case, numbers = Case(rng), np.arange(N_ROWS)
    monkeypatch.setattr(Network, "workspace", counted)
    batch = case.batch()
    for n in (20, 20, 10, 20, 10, 20):
        batch.choose(numbers[:n])
        batch(case.theta)
    assert made == [20, 10]
    for n in [20, *range(31, 30 + SIZES), 20, 10]:  # in the place of the least used
        batch.choose(numbers[:n])
        batch(case.theta)
    assert made == [20, 10, *range(31, 30 + SIZES), 10]
