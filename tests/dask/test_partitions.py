"""Block layouts, assignments and searches in partitions, without a cluster."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from skdeepbin.dask._assignment import assign_partitions
from skdeepbin.dask._block_layout import BlockLayout
from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._node_sums import merge_workers, total_sum
from skdeepbin.dask._partition import check_partition
from skdeepbin.dask._validation_split import (
    count_different_rows,
    find_splits,
    hash_groups,
)
from skdeepbin.dask._worker_partitions import WorkerPartitions
from skdeepbin.engine._blocks import Features, Rows, row_slices
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._split import held_out, n_different_rows, row_hashes
from skdeepbin.engine._threads import Threads
from skdeepbin.engine._tree import Bounded, Node
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout


class LocalPool:
    """Partitions in this process, in place of a pool of workers."""

    def __init__(self, partitions):
        self.partitions = partitions
        self.n_calls = 0

    def map(self, function, *args):
        self.n_calls += 1
        return [function(partition, *args) for partition in self.partitions]


def pool_of(X, y, w, rows, config):
    ends = np.cumsum([0, *rows])
    return LocalPool(
        [
            check_partition(n, X[a:b], y[a:b], None if w is None else w[a:b])
            for n, (a, b) in enumerate(pairwise(ends))
        ]
    )


def config_of(n_features, rows, unit=1.0):
    network = Network(Layout((n_features, 1)), ACTIVATIONS["relu"])
    factors = np.ones(2)
    classes = np.array([0, 1])
    layout = BlockLayout(rows, 100)
    return BroadcastConfig(
        "name", network, np.dtype(float), classes, unit, factors, layout, False, seed=5
    )


KINDS = ["plain", "weights", "few", "equal", "zeros", "big", "tiny to huge"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [(300, 0, 500, 200), (1000,)])
def test_splits_are_those_of_rows_in_one_piece(rng, kind, rows):
    n = sum(rows)
    X, y, w = rng.randn(n, 3), (rng.rand(n) < 0.4).astype(int), None
    if kind == "big":
        rows = tuple(50 * n for n in rows)
        X, y = (
            np.tile(X, (50, 1)) + np.repeat(np.arange(50), n)[:, None],
            np.tile(y, 50),
        )
    if kind in ("few", "equal"):
        X = np.round(X / (1 if kind == "few" else 100))
    if kind == "zeros":
        X[::2] = 0
    if kind != "plain":
        w = rng.gamma(1, size=len(y)) * (rng.rand(len(y)) < 0.9)
    if kind == "tiny to huge":
        w = 10.0 ** rng.uniform(-140, 140, size=len(y))
    unit = 1.0 if w is None else 2.0 ** np.floor(np.log2(w.max()))
    config = config_of(3, rows, unit)
    pool = pool_of(X, y, w, rows, config)
    hashes, second = row_hashes(X, 5), y == 1
    bounds = [(0, 0.2), (0.2, 0.6), (0.6, 1.0), (0, 1 / 3), (0, 1e-9)]
    for split, bound in zip(find_splits(pool, config, bounds), bounds):
        mask = np.concatenate(
            [p.held_out(config, split) for p in pool.partitions if p.shape[0]]
        )
        assert np.array_equal(mask, held_out(hashes, second, w, *bound)), bound
    assert pool.n_calls <= 4
    exact = n_different_rows(hashes, second, w)
    assert count_different_rows(pool, config, np.inf) == pytest.approx(exact)
    assert count_different_rows(pool, config, 0) <= exact * (1 + 1e-12)


def test_few_rows_are_gathered_in_search(rng):
    n = 200_000
    X, y = rng.randn(n, 1), (rng.rand(n) < 0.5).astype(int)
    config = config_of(1, (n,))
    pool = pool_of(X, y, None, (n,), config)
    gathered = []

    def counting(partition, config, queries):
        groups = hash_groups(partition, config, queries)
        gathered.extend(len(group.hashes) for group in groups)
        return groups

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepbin.dask._validation_split.hash_groups", counting)
        find_splits(pool, config, [(0, 0.2)])
    assert 0 < sum(gathered) < 2000


def test_a_split_without_rows():
    split = HashSplit((5, 0), (4, 2**64 - 1))
    hashes = np.array([0, 5, 2**64 - 1], np.uint64)
    assert not split.mask(hashes, np.zeros(3, bool)).any()
    assert split.mask(hashes, np.ones(3, bool)).all()


@pytest.mark.parametrize("n_rows", [1000, 997])
def test_partitions_at_blocks_have_the_blocks_of_the_whole(n_rows):
    slices = row_slices(n_rows, 100)
    rows = [slices[2].stop, 0, slices[7].stop - slices[2].stop]
    rows.append(n_rows - sum(rows))
    whole = BlockLayout(rows, 100)
    assert whole.is_aligned
    assert whole.root == Node(0, len(slices))
    assert not isinstance(whole.root, Bounded)
    found = [
        slice(s.start + start, s.stop + start)
        for partition, start in enumerate(whole.starts[:-1])
        for s in whole.slices(partition)
    ]
    assert found == slices


def test_other_partitions_have_blocks_of_their_own():
    other = BlockLayout([250, 0, 333, 417], 100)
    assert not other.is_aligned
    assert other.first_block == [0, 3, 3, 7, 12]
    assert [len(other.slices(p)) for p in range(4)] == [3, 0, 4, 5]
    assert other.nodes([0]) == [(0, 3)]
    assert other.nodes([0, 1, 2]) == [(0, 3), (3, 7)] or other.nodes([0, 1, 2]) == [
        (0, 7)
    ]
    assert other.nodes(range(4)) == [(0, 12)]
    assert other.nodes([1]) == []


@pytest.mark.parametrize("n_partitions", [2, 3, 20, 200])
def test_two_workers_return_one_node_each(rng, n_partitions):
    rows = rng.randint(900, 1100, n_partitions).tolist()
    assignment = assign_partitions(rows, {}, {"a": 1, "b": 1})
    layout = BlockLayout(rows, 100)
    for worker in "ab":
        held = [p for p, holder in assignment.items() if holder == worker]
        assert held == [*range(held[0], held[-1] + 1)]
        assert len(layout.nodes(held)) == 1
    loads = [sum(rows[p] for p, h in assignment.items() if h == w) for w in "ab"]
    assert n_partitions == 3 or max(loads) <= 1.25 * min(loads)


@pytest.mark.parametrize("n_workers", [1, 3, 7, 30])
def test_everything_is_assigned(rng, n_workers):
    sizes = rng.randint(1, 100, 20).tolist()
    n_threads = {f"w{n}": 1 + n % 2 for n in range(n_workers)}
    assignment = assign_partitions(sizes, {}, n_threads)
    assert [*assignment] == [*range(20)]
    again = assign_partitions(sizes, assignment, n_threads)
    assert assignment == again or n_workers > 1


def test_workers_that_stay_keep_their_partitions():
    sizes = [1.0] * 12
    before = assign_partitions(sizes, {}, {"a": 1, "b": 1, "c": 1})
    after = assign_partitions(sizes, before, {"a": 1, "c": 1})
    assert all(after[n] == h for n, h in before.items() if h != "b")
    assert sorted(after.values()) == ["a"] * 6 + ["c"] * 6
    again = assign_partitions(sizes, after, {"a": 1, "c": 1, "d": 1})
    assert sorted(again.values()) == ["a"] * 4 + ["c"] * 4 + ["d"] * 4
    assert sum(again[n] != after[n] for n in again) == 4


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_workers_sum_with_the_bits_of_an_engine(rng, n_threads, keeps, dtype):
    rows = [1500, 700, 0, 1800]  # more blocks than are added in float32
    X, y = rng.randn(4000, 3), rng.randint(2, size=4000)
    network = Network(Layout((3, 64, 64, 1)), ACTIVATIONS["relu"])
    config = replace(
        config_of(3, rows), network=network, caches_blocks=keeps, dtype=np.dtype(dtype)
    )
    assert config.block_layout.is_aligned
    partitions = pool_of(X, y, None, rows, config).partitions
    theta = rng.randn(network.layout.n_parameters) / 10
    features = Features(X, dtype, config.block_layout.block_rows)
    whole = Rows(features, y == 1, None, config.class_weights, keep=keeps)
    losses, gradient = Engine(network, whole, Threads(1))(theta)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepbin.dask._worker_partitions.BLOCK_WORK", 0)
        workers = (
            WorkerPartitions(n_threads, partitions[0], partitions[3]),
            WorkerPartitions(n_threads, *partitions[1:3]),
        )
        for _ in range(2):  # the second time in memory that is there
            nodes = [node for w in workers for node in w.sums(config, None, theta)]
            total = total_sum(nodes, config.block_layout.root)
            assert total[0] == losses
            assert np.array_equal(total[1], gradient)
            half = merge_workers(config, nodes[1:])
            assert [node[:2] for node in half] != [node[:2] for node in nodes[1:]]
            total = total_sum([*half, nodes[0]], config.block_layout.root)
            assert np.array_equal(total[1], gradient)
