import numpy as np
import pytest

from skdeepbin.checkpoint._fingerprint import differences, fingerprint
from skdeepbin.engine._hashing import digest

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
    assert words[2] == "skdeepbin.engine._hashing.digest"


def test_differences_are_said_in_words_and_not_at_length():
    before = {"a": "1", "b": "x" * 200, "c": "same"}
    now = {"b": "y" * 80, "c": "same", "d": "2"}
    assert differences(before, now) == [
        "a was 1 and is missing",
        f"b was {'x' * 77}... and is {'y' * 80}",
        "d was missing and is 2",
    ]
