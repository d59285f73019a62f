import numpy as np
import pytest
from scipy import sparse

from skdeepbin.training import _split
from skdeepbin.training._split import (
    held_out,
    is_usable,
    n_different_rows,
    row_hashes,
)


@pytest.fixture
def X(rng):
    X = rng.normal(size=(300, 4))
    X[abs(X) < 0.3] = 0
    return X


@pytest.fixture
def y(rng):
    return rng.uniform(size=300) < 0.4


CONTAINERS = {
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "CSR array": sparse.csr_array,
    "CSR matrix": sparse.csr_matrix,
    "explicit zeros": lambda X: sparse.csr_array(
        (X.ravel(), np.tile(np.arange(4), 300), np.arange(0, 1201, 4)), X.shape
    ),
    "negative zeros": lambda X: np.where(X == 0, -0.0, X),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [2**14, 7])
def test_hashes_depend_on_values_alone(container, dtype, rows, X, monkeypatch):
    X = X.astype(dtype)
    expected = row_hashes(X, 3)
    monkeypatch.setattr(_split, "ROWS", rows)
    np.testing.assert_array_equal(row_hashes(CONTAINERS[container](X), 3), expected)
    assert len(np.unique(expected)) == len(np.unique(X, axis=0))


def test_hashes_are_spread_evenly_for_every_seed(X):
    """Also of rows that hardly differ."""
    rows = X[:1] + 1e-12 * np.arange(4000)[:, np.newaxis]
    for seed in range(5):
        counts = np.histogram(row_hashes(rows, seed).astype(float), 10, (0, 2.0**64))[0]
        assert 300 < counts.min() <= counts.max() < 500
    assert not np.array_equal(row_hashes(X, 0), row_hashes(X, 1))


def test_rows_of_whole_numbers_have_hashes_of_their_own():
    X = np.indices((2,) * 13).reshape(13, -1).T.astype(float)
    assert len(np.unique(row_hashes(X, 0))) == len(X)


@pytest.mark.parametrize("share", [0.1, 0.15, 0.5])
def test_the_share_is_that_of_each_class(share, X, y):
    mask = held_out(row_hashes(X, 0), y, None, 0, share)
    for of_the_class in (y, ~y):
        assert mask[of_the_class].mean() == pytest.approx(share, abs=0.01)


def test_parts_of_a_committee_are_all_rows_once(X, y):
    hashes = row_hashes(X, 0)
    parts = [held_out(hashes, y, None, i / 5, (i + 1) / 5) for i in range(5)]
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)


def test_a_weight_of_k_is_a_row_k_times(X, y, rng):
    k = rng.randint(0, 4, len(y))
    weighted = held_out(row_hashes(X, 0), y, k.astype(float), 0, 0.2)
    repeated = held_out(row_hashes(X.repeat(k, 0), 0), y.repeat(k), None, 0, 0.2)
    np.testing.assert_array_equal(weighted[k > 0].repeat(k[k > 0]), repeated)


def test_the_order_of_rows_does_not_matter(X, y, rng):
    order = rng.permutation(len(y))
    mask = held_out(row_hashes(X, 0), y, None, 0, 0.2)
    other = held_out(row_hashes(X[order], 0), y[order], None, 0, 0.2)
    np.testing.assert_array_equal(mask[order], other)


def test_a_class_of_equal_rows_cannot_be_split(X, y):
    assert is_usable(held_out(row_hashes(X, 0), y, None, 0, 0.2), y, None)
    few = row_hashes(np.where(y[:, np.newaxis], X[:1], X), 0)
    assert not is_usable(held_out(few, y, None, 0, 0.2), y, None)


@pytest.mark.parametrize("weighted", [True, False])
def test_rows_count_if_they_differ(weighted):
    hashes = np.arange(30, dtype=np.uint64)
    y = np.arange(30) % 2 == 0
    k = np.where(np.arange(30) < 20, 1, 100)  # five of either class make up nearly all
    if weighted:
        n = n_different_rows(hashes, y, 0.1 * k)
    else:
        n = n_different_rows(hashes.repeat(k), y.repeat(k), None)
    assert n_different_rows(hashes, y, None) == 15
    assert n == pytest.approx(5, rel=0.05)
