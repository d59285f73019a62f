import threading
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from skdeepbin.engine import _blocks
from skdeepbin.engine._blocks import BLOCK_WORK, Features, Rows
from skdeepbin.engine._engine import (
    GROUP_BLOCKS,
    GROUPS,
    Engine,
    group_size,
    logits,
    memory_needed,
    n_useful_threads,
)
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.engine._threads import Threads
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Losses, Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training._loop import minimize
from skdeepbin.training._objective import Objective
from skdeepbin.training._optimizers import Rprop
from skdeepbin.training._stopping import Stopping

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
        overflowed = np.zeros(X.shape[0], bool)
        z = logits(network, theta.astype(dtype), features, threads, overflowed)
    assert not overflowed.any()
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


def test_rows_that_are_held_out_are_added_up_apart(data, kept, rng):
    network, theta = network_and_point()
    X, y, w = data
    out = rng.uniform(size=N_ROWS) < 0.3
    for n in (1, 3):
        with Threads(n) as threads:
            rows = Rows(Features(X, float, 130), y, w, np.ones(2), out)
            losses, gradient = Engine(network, rows, threads)(theta)
        trained, held_out = (total(X, (X, y, w * side)) for side in (~out, out))
        assert losses.trained == pytest.approx(trained[0], rel=1e-12)
        assert losses.held_out == pytest.approx(held_out[0], rel=1e-12)
        np.testing.assert_allclose(gradient, trained[1], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n_blocks", [1, 2, 31, 32, 63, 64, 65, 511, 512, 513, 700])
def test_groups_are_all_blocks_in_order(n_blocks):
    """Few enough blocks to each, and where there are enough blocks enough groups."""
    network, _ = network_and_point()
    X, y = np.ones((n_blocks, 6)), np.ones(n_blocks, bool)
    rows = Rows(Features(X, float, 1), y, None, np.ones(2))
    groups = Engine(network, rows, Threads(1)).groups
    blocks = [block for group in groups for block in range(group.start, group.stop)]
    assert blocks == list(range(n_blocks))
    sizes, most = [group.size for group in groups], group_size(n_blocks)
    assert (most + 1) // 2 <= min(sizes) <= max(sizes) <= most <= GROUP_BLOCKS
    assert len(groups) >= min(n_blocks, GROUPS)
    assert most == GROUP_BLOCKS or n_blocks < (most + 1) * GROUPS  # no smaller than so


def test_threads_are_used_where_blocks_are_worth_it():
    features = Features(np.ones((70, 3)), float, 10)
    for n_jobs, n in ((1, 1), (2, 2), (7, 7), (8, 7)):
        assert n_useful_threads(n_jobs, features, 7 * BLOCK_WORK) == n
        assert n_useful_threads(n_jobs, features, 7 * BLOCK_WORK - 1) == 1
    one_block = Features(np.ones((70, 3)), float, 70)
    assert n_useful_threads(8, one_block, 1e9 * BLOCK_WORK) == 1


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [1500, 1600])  # blocks of one size and of two
def test_memory_is_as_much_as_stated(container, dtype, n_rows, rng, monkeypatch):
    monkeypatch.setattr(_blocks, "KEPT_BYTES", 0)
    network = Network(Layout((60, 50, 40, 1)), ACTIVATIONS["tanh"])
    X = container(rng.normal(size=(n_rows, 60)).astype(dtype))
    features, y = Features(X, dtype, 500), np.ones(n_rows, bool)

    def taken(n_threads):
        rows = Rows(features, y, None, np.ones(2))
        tracemalloc.start()
        engine = Engine(network, rows, Threads(n_threads))
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert engine.groups
        return used

    stated = memory_needed(network, features, 3) - memory_needed(network, features, 1)
    assert taken(3) - taken(1) == pytest.approx(stated, rel=0.06)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_descent_takes_as_much_as_stated_within_a_factor_of_two(dtype, rng):
    """Where parameters are what takes memory."""
    network = Network(Layout((100, 200, 1)), ACTIVATIONS["tanh"])
    X, y = rng.normal(size=(30, 100)), np.ones(30, bool)
    features = Features(X, dtype, 30)
    theta = initialize(network.layout, xavier, rng)
    tracemalloc.start()
    engine = Engine(network, Rows(features, y, None, np.ones(2)), Threads(1))
    conversion = FeatureScaling(np.zeros(100), np.ones(100)).conversion(network.layout)
    objective = Objective(engine, Losses(30.0, 0.0), 1.0, conversion)
    stopping = Stopping(5, 0.0, 5)
    minimize(objective, theta, stopping, lambda step: False, optimizer=Rprop(0.01, 1.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 < memory_needed(network, features, 1) / peak < 2


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
