import numpy as np
import pytest
from scipy import sparse

from skdeepbin import _fingerprint
from skdeepbin._fingerprint import differences, digest, fingerprint

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
    monkeypatch.setattr(_fingerprint, "ROWS", rows)
    assert digest(A) == digest(np.asfortranarray(A)) == expected


EQUAL = [
    (np.float64(0.5), 0.5),
    (np.int64(3), 3),
    ([8, 8], (8, 8)),
    (np.array([8, 8]), (8, 8)),
    ({0: 1, 1: 2}, {1: 2, 0: 1}),
    (np.random.RandomState(3), np.random.RandomState(3)),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_parameters_that_mean_the_same_have_the_same_words(one, other):
    assert fingerprint({"p": one}, {}) == fingerprint({"p": other}, {})
    assert fingerprint({"p": one}, {}) != fingerprint({"p": None}, {})


class Scorer:
    def __call__(self, *args):
        return 0.0


def test_a_callable_is_known_by_its_name():
    words = [fingerprint({"p": p}, {})["`p`"] for p in (Scorer(), Scorer(), digest)]
    assert words[0] == words[1] == f"{__name__}.Scorer"
    assert words[2] == "skdeepbin._fingerprint.digest"


def test_differences_are_said_in_words_and_not_at_length():
    before = {"a": "1", "b": "x" * 200, "c": "same"}
    now = {"b": "y" * 80, "c": "same", "d": "2"}
    assert differences(before, now) == [
        "a was 1 and is missing",
        f"b was {'x' * 77}... and is {'y' * 80}",
        "d was missing and is 2",
    ]
