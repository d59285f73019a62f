import numpy as np
import pytest
from scipy import sparse

from skdeepbin.engine import _hashing
from skdeepbin.engine._hashing import digest

A = np.arange(12.0).reshape(4, 3)
SPARSE = sparse.csr_array(A)

# What is told from what, each pair by its name.
TOLD_APART = {
    "an entry": (A, A + 1e-15 * (A == 1)),
    "the shape": (A, A.reshape(3, 4)),
    "the type": (A, A.astype(np.float32)),
    "sparse": (A, SPARSE),
    "a sparse entry": (SPARSE, sparse.csr_array(A + (A == 5))),
    "a sparse place": (SPARSE, sparse.csr_array(A[:, ::-1])),
    "none": (A, None),
    "text": (np.array(["a", "b"], object), np.array(["a", "c"], object)),
}


@pytest.mark.parametrize("name", TOLD_APART)
def test_digests_differ_by(name):
    one, other = TOLD_APART[name]
    assert digest(one) != digest(other)
    assert digest(one) == digest(None if one is None else one.copy())


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_digest_does_not_depend_on_how_many_rows_are_read_at_a_time(
    rows, monkeypatch
):
    expected = digest(A)
    monkeypatch.setattr(_hashing, "ROWS", rows)
    assert digest(A) == digest(np.asfortranarray(A)) == expected
