"""What is done without a cluster: to cut, to assign, and to search in parts."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from skdeepbin.dask._added import merged, total_of
from skdeepbin.dask._assign import assigned
from skdeepbin.dask._bench import Bench
from skdeepbin.dask._block_layout import BlockLayout
from skdeepbin.dask._broadcast import BroadcastConfig, HashSplit
from skdeepbin.dask._part import groups, prepared
from skdeepbin.dask._split import found_splits, n_different
from skdeepbin.engine._blocks import Features, Rows, row_slices
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._split import held_out, n_different_rows, row_hashes
from skdeepbin.engine._threads import Threads
from skdeepbin.engine._tree import Bounded, Node
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout


class CrewOfOne:
    """Asks the parts in this process."""

    def __init__(self, parts):
        self.parts = parts
        self.n_questions = 0

    def each(self, question, *args):
        self.n_questions += 1
        return [question(part, *args) for part in self.parts]


def crew_of(X, y, w, rows, config):
    ends = np.cumsum([0, *rows])
    return CrewOfOne(
        [
            prepared(n, X[a:b], y[a:b], None if w is None else w[a:b])
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
    crew = crew_of(X, y, w, rows, config)
    hashes, second = row_hashes(X, 5), y == 1
    bounds = [(0, 0.2), (0.2, 0.6), (0.6, 1.0), (0, 1 / 3), (0, 1e-9)]
    for split, bound in zip(found_splits(crew, config, bounds), bounds):
        mask = np.concatenate(
            [p.held_out(config, split) for p in crew.parts if p.shape[0]]
        )
        assert np.array_equal(mask, held_out(hashes, second, w, *bound)), bound
    assert crew.n_questions <= 4
    exact = n_different_rows(hashes, second, w)
    assert n_different(crew, config, np.inf) == pytest.approx(exact)
    assert n_different(crew, config, 0) <= exact * (1 + 1e-12)


def test_few_rows_are_gathered_in_search(rng):
    n = 200_000
    X, y = rng.randn(n, 1), (rng.rand(n) < 0.5).astype(int)
    config = config_of(1, (n,))
    crew = crew_of(X, y, None, (n,), config)
    gathered = []

    def counting(part, config, asked):
        answers = groups(part, config, asked)
        gathered.extend(len(some.hashes) for some in answers)
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepbin.dask._split.groups", counting)
        found_splits(crew, config, [(0, 0.2)])
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
        for part, start in enumerate(whole.starts[:-1])
        for s in whole.slices(part)
    ]
    assert found == slices


def test_other_partitions_are_cut_for_themselves():
    other = BlockLayout([250, 0, 333, 417], 100)
    assert not other.is_aligned
    assert other.first_block == [0, 3, 3, 7, 12]
    assert [len(other.slices(part)) for part in range(4)] == [3, 0, 4, 5]
    assert other.nodes([0]) == [(0, 3)]
    assert other.nodes([0, 1, 2]) == [(0, 3), (3, 7)] or other.nodes([0, 1, 2]) == [
        (0, 7)
    ]
    assert other.nodes(range(4)) == [(0, 12)]
    assert other.nodes([1]) == []


@pytest.mark.parametrize("n_parts", [2, 3, 20, 200])
def test_two_workers_return_one_node_each(rng, n_parts):
    rows = rng.randint(900, 1100, n_parts).tolist()
    holders = assigned(rows, {}, {"a": 1, "b": 1})
    layout = BlockLayout(rows, 100)
    for worker in "ab":
        held = [part for part, holder in holders.items() if holder == worker]
        assert held == [*range(held[0], held[-1] + 1)]
        assert len(layout.nodes(held)) == 1
    loads = [sum(rows[p] for p, h in holders.items() if h == w) for w in "ab"]
    assert n_parts == 3 or max(loads) <= 1.25 * min(loads)


@pytest.mark.parametrize("n_workers", [1, 3, 7, 30])
def test_everything_is_assigned(rng, n_workers):
    sizes = rng.randint(1, 100, 20).tolist()
    speeds = {f"w{n}": 1 + n % 2 for n in range(n_workers)}
    holders = assigned(sizes, {}, speeds)
    assert [*holders] == [*range(20)]
    assert holders == assigned(sizes, holders, speeds) or n_workers > 1


def test_who_stays_keeps_what_it_holds():
    sizes = [1.0] * 12
    before = assigned(sizes, {}, {"a": 1, "b": 1, "c": 1})
    after = assigned(sizes, before, {"a": 1, "c": 1})
    assert all(after[n] == h for n, h in before.items() if h != "b")
    assert sorted(after.values()) == ["a"] * 6 + ["c"] * 6
    again = assigned(sizes, after, {"a": 1, "c": 1, "d": 1})
    assert sorted(again.values()) == ["a"] * 4 + ["c"] * 4 + ["d"] * 4
    assert sum(again[n] != after[n] for n in again) == 4


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bench_sums_with_the_bits_of_an_engine(rng, n_threads, keeps, dtype):
    rows = [1500, 700, 0, 1800]  # more blocks than are added in float32
    X, y = rng.randn(4000, 3), rng.randint(2, size=4000)
    network = Network(Layout((3, 64, 64, 1)), ACTIVATIONS["relu"])
    config = replace(
        config_of(3, rows), network=network, caches_blocks=keeps, dtype=np.dtype(dtype)
    )
    assert config.block_layout.is_aligned
    parts = crew_of(X, y, None, rows, config).parts
    theta = rng.randn(network.layout.n_parameters) / 10
    features = Features(X, dtype, config.block_layout.block_rows)
    whole = Rows(features, y == 1, None, config.class_weights, keep=keeps)
    losses, gradient = Engine(network, whole, Threads(1))(theta)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepbin.dask._bench.BLOCK_WORK", 0)
        benches = Bench(n_threads, parts[0], parts[3]), Bench(n_threads, *parts[1:3])
        for _ in range(2):  # the second time in memory that is there
            nodes = [node for b in benches for node in b.sums(config, None, theta)]
            total = total_of(nodes, config.block_layout.root)
            assert total[0] == losses
            assert np.array_equal(total[1], gradient)
            half = merged(config, nodes[1:])
            assert [node[:2] for node in half] != [node[:2] for node in nodes[1:]]
            total = total_of([*half, nodes[0]], config.block_layout.root)
            assert np.array_equal(total[1], gradient)
