import numpy as np
import pytest
from scipy import sparse

from skdeepbin.training._blocks import BLOCK_ROWS, row_blocks, row_slices


@pytest.mark.parametrize(
    "n_rows", [0, 1, BLOCK_ROWS, BLOCK_ROWS + 1, 5 * BLOCK_ROWS - 1]
)
def test_slices_cover_every_row_once_in_order(n_rows):
    rows = [row for s in row_slices(n_rows) for row in range(s.start, s.stop)]
    assert rows == list(range(n_rows))


def test_dense_blocks_are_views():
    X = np.zeros((3 * BLOCK_ROWS, 2))
    assert all(np.shares_memory(block, X) for (block,) in row_blocks(X))


def test_sparse_and_dense_are_cut_alike(rng):
    X = rng.randint(0, 2, (2 * BLOCK_ROWS + 7, 3)).astype(float)
    y = np.arange(len(X))
    for (A, b), (S, c) in zip(
        row_blocks(X, y), row_blocks(sparse.csr_array(X), y), strict=True
    ):
        np.testing.assert_array_equal(A, S.toarray())
        np.testing.assert_array_equal(b, c)
