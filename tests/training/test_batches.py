import numpy as np
import pytest

from skdeepbin.training._batches import MiniBatches
from skdeepbin.training._split import row_hashes


@pytest.fixture
def hashes(rng):
    return row_hashes(rng.normal(size=(103, 2)), 0)


@pytest.mark.parametrize("size", [1, 10, 102, 103, 1000])
def test_every_row_is_in_one_mini_batch(size, hashes):
    batches = list(MiniBatches(hashes, None, size)(0))
    assert [len(rows) for rows in batches[:-1]] == [size] * (102 // size)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(103))
    assert all((np.diff(rows) > 0).all() for rows in batches)


def test_every_epoch_has_others(hashes):
    cut = MiniBatches(hashes, None, 50)
    first, again, second = (next(cut(epoch)) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 15 < len(np.intersect1d(first, second)) < 35  # half of them by chance


def test_a_weight_of_k_is_a_row_k_times(hashes, rng):
    k = rng.randint(0, 4, len(hashes))
    numbers = np.arange(len(hashes)).repeat(k)
    weighted = MiniBatches(hashes, k.astype(float), 20)
    repeated = MiniBatches(hashes.repeat(k), None, 20)
    batches = list(weighted(3))
    for ours, theirs in zip(batches, repeated(3), strict=True):
        np.testing.assert_array_equal(ours, np.unique(numbers[theirs]))
    assert all(abs(k[rows].sum() - 20) <= 3 for rows in batches[:-1])


def test_the_order_of_the_rows_does_not_matter(hashes, rng):
    order = rng.permutation(len(hashes))
    one, other = MiniBatches(hashes, None, 10), MiniBatches(hashes[order], None, 10)
    for ours, theirs in zip(one(0), other(0), strict=True):
        np.testing.assert_array_equal(ours, np.sort(order[theirs]))
