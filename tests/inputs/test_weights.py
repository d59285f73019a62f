"""Sums of weights, exact in any order."""

from fractions import Fraction

import numpy as np

from skdeepbin.inputs._weights import (
    added,
    as_floats,
    class_totals,
    unit,
    whole_class_totals,
)


def test_class_totals_do_not_depend_on_the_order_or_on_parts(rng):
    w, second = 10.0 ** rng.uniform(-290, 300, 200_001), rng.rand(200_001) < 0.3
    total = class_totals(second, w)
    order = rng.permutation(len(w))
    assert np.array_equal(class_totals(second[order], w[order]), total)
    parts = [
        whole_class_totals(second[rows], w[rows], unit(w))
        for rows in (slice(0, 7), slice(7, 70_000), slice(70_000, None))
    ]
    whole = added(added(parts[2], parts[0]), parts[1])
    assert np.array_equal(as_floats(whole), total)


def test_class_totals_are_the_sums(rng):
    w, second = rng.gamma(0.01, size=1000), rng.rand(1000) < 0.5
    w[second] *= 1e-200
    exact = [sum(map(Fraction, w[second == c])) / Fraction(unit(w)) for c in (0, 1)]
    assert class_totals(second, w).tolist() == [float(total) for total in exact]
    assert class_totals(second, None).tolist() == np.bincount(second).tolist()


def test_a_class_may_weigh_nearly_nothing():
    w, second = np.array([1.0, 1.0, 1e-200, 3e-200]), np.array([0, 0, 1, 1], bool)
    assert class_totals(second, w).tolist() == [2.0, 4e-200]
    w[2:] = 5e-324  # the least number that is not zero
    assert class_totals(second, w).tolist() == [2.0, 1e-323]
