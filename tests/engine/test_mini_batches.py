import numpy as np
import pytest

from skdeepbin.engine._mini_batches import MiniBatches
from skdeepbin.engine._split import row_hashes


@pytest.fixture
def hashes(rng):
    return row_hashes(rng.normal(size=(103, 2)), 0)


@pytest.mark.parametrize("size", [1, 10, 102, 103, 1000])
def test_every_row_is_in_one_mini_batch(size, hashes):
    batches = list(MiniBatches(hashes, None, size)(0))
    assert [len(rows) for rows in batches[:-1]] == [size] * (102 // size)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(103))


def test_every_epoch_has_others(hashes):
    cut = MiniBatches(hashes, None, 50)
    first, again, second = (cut(epoch)[0] for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 15 < len(np.intersect1d(first, second)) < 35  # half of them by chance


def test_a_weight_of_k_is_a_row_k_times(hashes, rng):
    k = rng.randint(0, 4, len(hashes))
    numbers = np.arange(len(hashes)).repeat(k)
    weighted = MiniBatches(hashes, k.astype(float), 20)
    repeated = MiniBatches(hashes.repeat(k), None, 20)
    batches = list(weighted(3))
    for ours, theirs in zip(batches, repeated(3), strict=True):
        np.testing.assert_array_equal(np.sort(ours), np.unique(numbers[theirs]))
    assert all(abs(k[rows].sum() - 20) <= 3 for rows in batches[:-1])


def test_the_order_of_the_rows_does_not_matter(hashes, rng):
    order = rng.permutation(len(hashes))
    one, other = MiniBatches(hashes, None, 10), MiniBatches(hashes[order], None, 10)
    for ours, theirs in zip(one(0), other(0), strict=True):
        np.testing.assert_array_equal(ours, order[theirs])


def test_no_two_of_many_epochs_are_cut_the_same(hashes):
    cut = MiniBatches(hashes, None, 50)
    firsts = {tuple(cut(epoch)[0]) for epoch in range(50)}
    assert len(firsts) == 50


def test_the_first_epoch_is_not_cut_by_the_hashes_themselves(hashes):
    """By which rows are held out: each part then had one kind of rows."""
    first, *_ = MiniBatches(hashes, None, 50)(0)
    assert 15 < np.isin(first, np.argsort(hashes)[:50]).sum() < 35


def test_a_row_goes_where_its_middle_lies(hashes):
    """So a cut is off by half a row's weight at most."""
    batches = list(MiniBatches(hashes, np.full(len(hashes), 3.0), 20)(0))
    ends = 3 * np.cumsum([len(rows) for rows in batches])[:-1]
    np.testing.assert_array_less(abs(ends - 20 * np.arange(1, len(batches))), 1.51)
    assert len(batches) == 16  # of 309 in all


@pytest.mark.parametrize("size", [1, 10, 103])
def test_one_row_each_is_cut_as_by_weights(size, hashes):
    """By twice the weights and twice the size, for which there is no short way."""
    plain = MiniBatches(hashes, None, size)(1)
    weighted = MiniBatches(hashes, np.full(len(hashes), 2.0), 2 * size)(1)
    for ours, theirs in zip(plain, weighted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_epoch_does_not_depend_on_those_before(hashes):
    cut, other = MiniBatches(hashes, None, 10), MiniBatches(hashes, None, 10)
    cut(0), cut(1)
    for ours, theirs in zip(cut(7), other(7), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_row_without_weight_is_in_no_mini_batch(hashes):
    w = (np.arange(len(hashes)) % 2).astype(float)
    batches = MiniBatches(hashes, w, 10)(0)
    np.testing.assert_array_equal(
        np.sort(np.concatenate(list(batches))), np.flatnonzero(w)
    )


def test_equal_rows_are_together():
    hashes = np.array([7, 9, 7, 8, 7], np.uint64)
    for epoch in range(5):
        (batch,) = (b for b in MiniBatches(hashes, None, 1)(epoch) if 0 in b)
        assert {0, 2, 4} <= set(batch.tolist())
