"""Sums of weights, exact in any order."""

from fractions import Fraction

import numpy as np
import pytest

from skdeepbin._weights import (
    POINT,
    added,
    as_floats,
    class_totals,
    unit,
    whole_class_totals,
    whole_sums,
)


def test_class_totals_do_not_depend_on_the_order_or_on_parts(rng):
    w, second = rng.lognormal(sigma=5, size=200_001), rng.rand(200_001) < 0.3
    total = class_totals(second, w)
    order = rng.permutation(len(w))
    assert np.array_equal(class_totals(second[order], w[order]), total)
    parts = [
        whole_class_totals(second[rows], w[rows], unit(w))
        for rows in (slice(0, 7), slice(7, 70_000), slice(70_000, None))
    ]
    whole = added(added(parts[2], parts[0]), parts[1])
    assert np.array_equal(as_floats(whole), total)


@pytest.mark.parametrize("spread", [0, 1, 300])
def test_class_totals_are_the_sums(spread, rng):
    """Also of weights next to which others are nothing, down to the least number."""
    w = rng.rand(1000) * 10.0 ** rng.randint(-spread, 1, size=1000)
    w[:3] = 0, 5e-324, 1
    second = rng.rand(1000) < 0.5
    exact = [sum(map(Fraction, w[second == c])) / Fraction(unit(w)) for c in (0, 1)]
    assert class_totals(second, w).tolist() == [float(total) for total in exact]
    assert class_totals(second, None).tolist() == np.bincount(second).tolist()


def test_a_class_may_weigh_nearly_nothing():
    w, second = np.array([1.0, 1.0, 1e-200, 3e-200]), np.array([0, 0, 1, 1], bool)
    assert class_totals(second, w).tolist() == [2.0, 4e-200]


def test_many_groups_are_summed_too(rng):
    group = rng.randint(500, size=1000)
    w = 10.0 ** rng.randint(-200, 1, size=1000)
    exact = [sum(map(Fraction, w[group == g])) for g in range(500)]
    assert whole_sums(group, w, 500) == [2**POINT * total for total in exact]
    assert whole_sums(group[:0], w[:0], 3) == [0, 0, 0]
