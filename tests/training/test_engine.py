import threading

import numpy as np
import pytest
from scipy import sparse

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training import _blocks
from skdeepbin.training._blocks import Features, Rows
from skdeepbin.training._engine import Engine, logits
from skdeepbin.training._threads import Threads

N_ROWS = 5000
CONTAINERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "memory map": None,  # by the fixture
}


@pytest.fixture(params=[True, False], ids=["kept", "read"])
def kept(request, monkeypatch):
    monkeypatch.setattr(_blocks, "KEPT_BYTES", 2**30 if request.param else 0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_ROWS, 6))
    X[abs(X) < 0.7] = 0
    return X, X[:, 0] > rng.normal(size=N_ROWS), rng.uniform(size=N_ROWS)


def network_and_point(activation="tanh"):
    network = Network(Layout((6, 9, 5, 1)), ACTIVATIONS[activation])
    return network, initialize(network.layout, xavier, np.random.RandomState(0))


def total(X, data, *, n=1, block_rows=130, dtype=np.float64, activation="tanh"):
    """Value and gradient, and the logits, by an engine of ``n`` threads."""
    network, theta = network_and_point(activation)
    features = Features(X, dtype, block_rows)
    with Threads(n) as threads:
        rows = Rows(features, data[1], data[2], np.ones(2))
        engine = Engine(network, rows, threads)
        first, second = engine(theta), engine(theta)
        z = logits(network, theta.astype(dtype), features, threads)
    np.testing.assert_array_equal(first[1], second[1])
    return first[0].trained, first[1], z


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 3, 8])
def test_any_number_of_threads_gives_the_same_bits(n, dtype, activation, data, kept):
    one = total(data[0], data, dtype=dtype, activation=activation)
    many = total(data[0], data, dtype=dtype, activation=activation, n=n)
    for ours, theirs in zip(one, many, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_order_does_not_change_a_bit(container, dtype, data, kept, tmp_path):
    if container == "memory map":
        X = np.memmap(tmp_path / "X", mode="w+", dtype=float, shape=data[0].shape)
        X[:] = data[0]
    else:
        X = CONTAINERS[container](data[0])
    for ours, theirs in zip(
        total(data[0], data, dtype=dtype), total(X, data, dtype=dtype), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("block_rows", [1, 7, 1000, N_ROWS])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_blocks_change_nothing_beyond_rounding(block_rows, container, data, kept):
    value, gradient, z = total(data[0], data)
    other = total(container(data[0]), data, block_rows=block_rows)
    assert other[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(other[1], gradient, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(other[2], z, rtol=1e-10, atol=1e-13)


def test_float32_does_not_lose_accuracy_with_the_number_of_rows(data):
    """The error of the sum over 100 times the rows is not that of 100 sums."""
    errors = []
    for times in (1, 100):
        X, y, w = (np.tile(a.T, times).T for a in data)
        exact = total(X, (X, y, w), block_rows=512)[1]
        rough = total(X, (X, y, w), block_rows=512, dtype=np.float32)[1]
        errors.append(np.linalg.norm(rough - exact) / np.linalg.norm(exact))
    assert errors[1] < 3 * errors[0] < 1e-5


def test_an_error_in_a_block_passes_through_and_leaves_no_thread(data):
    network, theta = network_and_point()
    rows = Rows(Features(data[0], np.float64, 130), data[1], None, np.ones(2))

    def broken(number, memory):
        if number == 20:
            raise OSError("unreadable")
        return load(number, memory)

    load, rows.load = rows.load, broken
    before = threading.active_count()
    with pytest.raises(OSError, match="unreadable"), Threads(2) as threads:
        Engine(network, rows, threads)(theta)
    assert threading.active_count() == before
