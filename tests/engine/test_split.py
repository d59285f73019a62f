import numpy as np
import pytest
from scipy import sparse

from skdeepbin import DeepBinaryClassifier
from skdeepbin.engine import _split
from skdeepbin.engine._split import (
    held_out,
    is_usable,
    mixed,
    n_different_rows,
    row_hashes,
    rows_between,
)
from skdeepbin.training._observer import quiet_fits


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


@pytest.mark.parametrize("shape", [(300, 1000), (3, 100_000), (40_000, 3)])
def test_few_numbers_are_mixed_at_a_time(shape, monkeypatch):
    """Those of a cache, however wide a row is, if it is no wider."""
    sizes, bits = [], _split._bits

    def counted(values):
        sizes.append(values.size)
        return bits(values)

    monkeypatch.setattr(_split, "_bits", counted)
    row_hashes(np.ones(shape), 0)
    assert sum(sizes) == shape[0] * shape[1]
    assert max(sizes) <= max(2**16, shape[1])


def test_mixing_is_that_of_splitmix64():
    """Its first numbers after the seed 1234567, as its authors' code prints them."""
    states = 1234567 + 0x9E3779B97F4A7C15 * np.arange(1, 6).astype(object)
    numbers = mixed((states % 2**64).astype(np.uint64))
    assert numbers.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert mixed(np.zeros(1, np.uint64))[0] == 0


def test_a_hash_is_the_formula(X):
    """Mixed bits times odd numbers, mixed; a zero counts for nothing."""
    random = np.random.RandomState(5)
    r = [int(n) * 2 + 1 for n in random.randint(2**63, size=4, dtype=np.uint64)]
    for row, value in zip(X[:20], row_hashes(X, 5)):
        bits = mixed(row.view(np.uint64)).tolist()
        total = sum(a * b for a, b in zip(r, bits)) % 2**64
        assert mixed(np.array([total], np.uint64))[0] == value


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_entries_in_several_parts_are_their_sum(container, X):
    """And the matrix is left as it was given."""
    whole = sparse.coo_array(X)
    twice = [np.concatenate([part, part]) for part in (whole.row, whole.col)]
    halves = np.concatenate([whole.data / 2] * 2)
    order = np.argsort(twice[0], kind="stable")
    starts = np.searchsorted(twice[0][order], np.arange(301))
    given = container((halves[order], twice[1][order], starts), shape=X.shape)
    before = given.data.copy()
    np.testing.assert_array_equal(row_hashes(given, 3), row_hashes(X, 3))
    np.testing.assert_array_equal(given.data, before)


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


def test_parts_of_a_ensemble_are_all_rows_once(X, y):
    hashes = row_hashes(X, 0)
    parts = [held_out(hashes, y, None, i / 5, (i + 1) / 5) for i in range(5)]
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)


@pytest.mark.parametrize("weighted", [False, True])
def test_several_stretches_are_found_at_once(weighted, X, y, rng):
    hashes = row_hashes(X, 0)
    w = rng.randint(0, 3, len(y)).astype(float) if weighted else None
    bounds = [(0, 0.2), (0.5, 0.5001), (0.1, 1)]
    for mask, bound in zip(rows_between(hashes, y, w, bounds), bounds):
        np.testing.assert_array_equal(mask, held_out(hashes, y, w, *bound))


def sorted_hashes(monkeypatch):
    """How many numbers are sorted, each time that hashes are."""
    sizes, unique = [], np.unique

    def counted(values, *arguments, **options):
        if values.dtype == np.uint64:
            sizes.append(len(values))
        return unique(values, *arguments, **options)

    monkeypatch.setattr(np, "unique", counted)
    return sizes


@pytest.mark.parametrize("n_networks", [1, 5])
def test_a_fit_sorts_its_rows_once(n_networks, X, y, monkeypatch):
    """Each class to split it, and all for the order in which they are trained on."""
    clf = DeepBinaryClassifier(2, n_networks=n_networks, max_iter=1, random_state=0)
    sizes = sorted_hashes(monkeypatch)
    with quiet_fits():
        clf.fit(X, y)
    assert clf.stop_reason_ == "max_iter"
    views = 1 if n_networks == 1 else 2  # of an ensemble with and without bins
    assert sorted(sizes) == sorted([y.sum(), (~y).sum(), *[len(y)] * views])


def test_a_row_is_held_out_by_where_its_middle_lies():
    """Of weights 1, 4, 1 in the order of the hashes: at 1/12, 6/12 and 11/12."""
    hashes, w = np.array([2, 1, 3], np.uint64), np.array([4.0, 1.0, 1.0])
    y = np.ones(3, bool)
    hashes, w, y = np.append(hashes, hashes), np.append(w, w), np.append(y, ~y)
    for start, stop, expected in (
        (0, 6 / 12, [0, 1, 0]),
        (0, 6.1 / 12, [1, 1, 0]),
        (6 / 12, 1, [1, 0, 1]),
        (2 / 12, 10 / 12, [1, 0, 0]),
    ):
        mask = held_out(hashes, y, w, start, stop)
        np.testing.assert_array_equal(mask, expected * 2)


def test_rows_without_weight_do_not_validate(X, y):
    w = np.where(np.arange(300) % 3 == 0, 0.0, 1.0)
    mask = held_out(row_hashes(X, 0), y, w, 0, 1)
    np.testing.assert_array_equal(mask, w > 0)


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


def test_a_split_needs_weight_of_both_classes_on_both_sides():
    mask, y = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    assert is_usable(mask, y, None)
    for row in range(4):
        others = np.arange(4) != row
        assert not is_usable(mask[others], y[others], None)
        assert not is_usable(mask, y, others.astype(float))


def test_the_class_with_fewer_different_rows_counts():
    hashes, y = np.array([1, 2, 3, 4, 5, 5], np.uint64), np.arange(6) >= 4
    assert n_different_rows(hashes, y, None) == 1
    assert n_different_rows(hashes, ~y, None) == 1
    hashes = np.arange(6, dtype=np.uint64)
    w = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    assert n_different_rows(hashes, y, w) == pytest.approx((1 + 3) ** 2 / (1 + 9))
    assert n_different_rows(hashes, y, 1e200 * w) == pytest.approx(16 / 10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 5, 19, 20, 21, 100])
def test_enough_different_rows_are_told_without_their_number(weighted, n, rng):
    hashes = mixed(np.arange(1, n + 1, dtype=np.uint64)).repeat(3)
    hashes = np.concatenate([hashes, hashes])
    y = np.arange(6 * n) < 3 * n
    w = rng.uniform(0.5, 2, len(y)) if weighted else None
    exact = n_different_rows(hashes, y, w)
    for enough in (1, 20, 50, 1000):
        told = n_different_rows(hashes, y, w, enough)
        assert told <= exact * (1 + 1e-12)
        assert (told >= enough) == (exact >= enough)
        if told < enough:
            assert told == exact
