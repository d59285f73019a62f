import numpy as np
import pytest
from scipy import sparse

from skdeepbin.engine import _blocks
from skdeepbin.engine._blocks import (
    CACHE_BYTES,
    LEAST_ROWS,
    MOST_ROWS,
    Features,
    Rows,
    block_rows,
    row_slices,
    training_work,
)
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout


@pytest.mark.parametrize("n_rows", [1, 5, LEAST_ROWS, 4097, 10_000, 123_457])
@pytest.mark.parametrize("most", [3, LEAST_ROWS, MOST_ROWS])
def test_slices_cover_every_row_once_in_order(n_rows, most):
    slices = row_slices(n_rows, most)
    rows = [row for s in slices for row in range(s.start, s.stop)]
    assert rows == list(range(n_rows))
    sizes = {s.stop - s.start for s in slices}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("hidden", [(), (8,), (64, 64), (256,) * 3, (10_000,)])
@pytest.mark.parametrize("itemsize", [4, 8])
def test_wider_networks_have_smaller_blocks(hidden, itemsize):
    def rows(*sizes):
        network = Network(Layout(sizes), ACTIVATIONS["relu"])
        return block_rows(network, 10**6, itemsize)

    assert LEAST_ROWS - 1 <= rows(30, *hidden, 1) <= rows(30, 1) <= MOST_ROWS


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_block_fills_the_cache_and_no_more(itemsize, dropout):
    """What of it is in memory at once, by its true size."""
    network = Network(Layout((300, 100, 200, 1)), ACTIVATIONS["relu"], dropout)
    rows = block_rows(network, 10**6, itemsize)
    assert LEAST_ROWS < rows < MOST_ROWS
    entries = rows * 300 + network.workspace_size(rows)
    assert 0.99 * CACHE_BYTES < entries * itemsize <= CACHE_BYTES


def test_blocks_have_neither_too_few_rows_nor_too_many():
    def rows(*sizes):
        network = Network(Layout(sizes), ACTIVATIONS["relu"])
        return block_rows(network, 10 * MOST_ROWS, 4)

    assert rows(1, 1) == MOST_ROWS
    assert rows(10**6, 1) == LEAST_ROWS


def test_work_is_two_operations_a_parameter_and_row_three_times():
    """Forward, for the gradient, and for the errors; in float64 twice as long."""
    network = Network(Layout((3, 4, 1)), ACTIVATIONS["relu"])
    single = training_work(network, 10, 4)
    assert single == 3 * 2 * 10 * network.layout.n_parameters
    assert training_work(network, 10, 8) == 2 * single


def test_two_threads_have_an_even_number_of_blocks_where_it_pays():
    network = Network(Layout((30, 64, 64, 1)), ACTIVATIONS["relu"])
    for n_rows in (1_200, 5_000, 9_000, 13_000, 20_000, 40_000):
        n_blocks = len(row_slices(n_rows, block_rows(network, n_rows, 4)))
        assert n_blocks % 2 == 0
        assert n_blocks < n_rows / MOST_ROWS + 2
    assert block_rows(network, 500, 4) >= 500


def test_float64_is_shared_by_threads_from_half_the_rows_on():
    network = Network(Layout((30, 64, 64, 1)), ACTIVATIONS["relu"])

    def fewest_rows_of_two_blocks(itemsize):
        sizes = range(1, 5_000)
        return next(n for n in sizes if block_rows(network, n, itemsize) < n)

    single, double = map(fewest_rows_of_two_blocks, (4, 8))
    assert abs(single - 2 * double) <= 1


def all_blocks(rows):
    """Every block of some rows, as copies."""
    for number, where in enumerate(rows.slices):
        memory = rows.memory(where.stop - where.start)
        X, y, w, *_ = rows.load(number, memory)
        X = X.toarray().T if sparse.issparse(X) else X[:-1]
        yield X.T.copy(), y.copy(), w.copy()


INPUTS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "int8": lambda X: X.astype(np.int8),
    "bool": lambda X: X.astype(bool),
    "float16": lambda X: X.astype(np.float16),
    "longdouble": lambda X: X.astype(np.longdouble),
    "big-endian": lambda X: X.astype(">f8"),
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "sparse": sparse.csr_array,
    "sparse int": lambda X: sparse.csr_array(X.astype(int)),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_blocks_are_the_rows(kind, dtype, kept, weighted, rng, monkeypatch):
    monkeypatch.setattr(_blocks, "KEPT_BYTES", 2**30 if kept else 0)
    X = INPUTS[kind](rng.randint(0, 2, (70, 3)).astype(float))
    y = rng.randint(0, 2, 70).astype(bool)
    w = rng.uniform(size=70) if weighted else None
    rows = Rows(Features(X, dtype, 30), y, w, np.array([2.0, 3.0]))
    parts = zip(*all_blocks(rows), strict=True)
    read_X, read_y, read_w = map(np.concatenate, parts)
    assert read_X.dtype == read_y.dtype == read_w.dtype == dtype
    dense = X.toarray() if sparse.issparse(X) else X
    np.testing.assert_array_equal(read_X, dense.astype(dtype))
    np.testing.assert_array_equal(read_y, y)
    expected = np.where(y, 3.0, 2.0) * (1 if w is None else w)
    np.testing.assert_allclose(read_w, expected, rtol=1e-6)


def bytes_of(block):
    """Of the arrays that a block lies in."""
    X = 0 if sparse.issparse(block.X) else block.X.nbytes
    return X + block.y.base.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_kept_up_to_the_limit(dtype, rng, monkeypatch):
    X, y = rng.normal(size=(70, 5)), np.ones(70, bool)

    def some(limit):
        monkeypatch.setattr(_blocks, "KEPT_BYTES", limit)
        return Rows(Features(X, dtype, 30), y, None, np.ones(2))

    rows = some(2**30)
    needed = sum(bytes_of(rows.load(number, None)) for number in range(3))
    assert some(needed).memory(30) is None
    assert some(needed - 1).memory(30) is not None


def test_small_data_are_kept_and_large_ones_are_not():
    for n_rows, kept in ((10_000, True), (1_000_000, False)):
        X = np.broadcast_to(0.0, (n_rows, 30))  # takes no memory
        y = np.broadcast_to(True, n_rows)
        rows = Rows(Features(X, float, 4096), y, None, np.ones(2))
        assert (rows.memory(4096) is None) == kept


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_rows_that_are_held_out_come_last(kept, weighted, rng, monkeypatch):
    monkeypatch.setattr(_blocks, "KEPT_BYTES", 2**30 if kept else 0)
    X, y, out = rng.normal(size=(70, 3)), *(rng.uniform(size=(2, 70)) < 0.4)
    w = rng.uniform(1, 2, 70) if weighted else None
    hashes = rng.randint(2**62, size=70).astype(np.uint64)
    factors = np.array([2.0, 3.0])
    rows = Rows(Features(X, float, 30), y, w, factors, out, hashes)
    for number, where in enumerate(rows.slices):
        block = rows.load(number, rows.memory(where.stop - where.start))
        expected = factors[y[where].astype(int)] * (1 if w is None else w[where])
        order = np.r_[np.flatnonzero(~out[where]), np.flatnonzero(out[where])]
        assert block.n_trained == np.count_nonzero(~out[where])
        np.testing.assert_array_equal(block.X[:-1].T, X[where][order])
        np.testing.assert_array_equal(block.y, y[where][order])
        np.testing.assert_allclose(block.w, expected[order], atol=1e-15)
        np.testing.assert_array_equal(block.h % np.uint64(2), 1)
        changed = block.h ^ hashes[where][order]
        assert changed.max() <= 1  # of each the last bit at most
    whole = Rows(Features(X, float, 30), y, w, factors)
    weights = np.concatenate([w for _, _, w in all_blocks(whole)])
    assert whole.weight() == pytest.approx(weights.sum(), rel=1e-14)
    block = whole.load(0, whole.memory(whole.slices[0].stop))
    assert block.n_trained is None
    assert block.h is None


@pytest.mark.parametrize("kind", ["float64", "sparse"])
@pytest.mark.parametrize("full", [True, False])
def test_some_rows_are_those_rows(kind, full, rng):
    X = INPUTS[kind](rng.randint(0, 2, (70, 3)).astype(float))
    y, chosen = rng.uniform(size=70) < 0.5, np.arange(3, 70, 2)
    w = rng.uniform(size=70) if full else None
    hashes = np.arange(70, dtype=np.uint64) * 2 + 1 if full else None
    held_out = np.ones(70, bool) if full else None
    rows = Rows(Features(X, float, 9), y, w, np.array([2.0, 3.0]), held_out, hashes)
    some = rows.some(chosen)
    given = [None if part is None else part[chosen] for part in (w, hashes)]
    expected = Rows(
        Features(X[chosen], float, 9), y[chosen], given[0], rows.factors, None, given[1]
    )
    for ours, theirs in zip(all_blocks(some), all_blocks(expected), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(some.hashes, given[1])
    assert some.held_out is None


def test_a_file_that_became_shorter_is_an_error_not_a_crash(tmp_path):
    path = tmp_path / "X"
    np.ones((10_000, 4)).tofile(path)
    X = np.memmap(path, mode="r").view(float).reshape(-1, 4)
    features = Features(X, np.float64, 1000)
    memory = features.memory(features.slices[-1].stop - features.slices[-1].start)
    features.load(len(features.slices) - 1, memory)
    with open(path, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(OSError, match="was 320000 bytes long and has become 1000"):
        features.load(len(features.slices) - 1, memory)
    with pytest.raises(OSError, match="has become 1000"):
        features.some(np.arange(3))


def test_a_file_that_grows_may_be_read(tmp_path):
    path = tmp_path / "X"
    np.ones((100, 4)).tofile(path)
    X = np.memmap(path, mode="r").view(float).reshape(-1, 4)
    features = Features(X, np.float64, 100)
    with open(path, "ab") as file:
        file.write(b"more")
    assert features.load(0, features.memory(100)).all()
