import numpy as np
import pytest
from scipy import sparse

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout
from skdeepbin.training import _blocks
from skdeepbin.training._blocks import (
    LEAST_ROWS,
    MOST_ROWS,
    Features,
    Rows,
    block_rows,
    row_slices,
)


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


def test_two_threads_have_an_even_number_of_blocks_where_it_pays():
    network = Network(Layout((30, 64, 64, 1)), ACTIVATIONS["relu"])
    for n_rows in (1_200, 5_000, 9_000, 13_000):
        n_blocks = len(row_slices(n_rows, block_rows(network, n_rows, 4)))
        assert n_blocks % 2 == 0
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
