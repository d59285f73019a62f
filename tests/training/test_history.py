import numpy as np
import pytest

from skdeepbin.training._history import (
    BY_LAYER,
    COLUMNS,
    Step,
    columns,
    joined,
    measurements,
    rows,
    together,
)


def table(n_steps, rng):
    """What is kept of some steps of a network of two layers, seconds ascending."""
    return [
        measurements(
            Step(
                number,
                np.zeros(1),
                *rng.normal(size=4),
                seconds=number + 1.0,
                gradient_norms=tuple(rng.normal(size=2)),
                update_ratios=tuple(rng.normal(size=2)),
            )
        )
        for number in range(n_steps)
    ]


def test_rows_is_the_inverse_of_columns(rng):
    steps = table(5, rng)
    history = columns(steps)
    assert list(history) == [*COLUMNS, *BY_LAYER]
    assert all(history[name].shape == (5,) for name in COLUMNS)
    assert all(history[name].shape == (5, 2) for name in BY_LAYER)
    np.testing.assert_equal(rows(history), steps)  # nan is equal to nan


@pytest.mark.parametrize("common", [0, 1, 3])
def test_joined_leaves_out_what_is_common_and_goes_on_counting_seconds(common, rng):
    first, second = columns(table(4, rng)), columns(table(5, rng))
    both = joined(first, second, common)
    for name in (*COLUMNS, *BY_LAYER):
        expected = second[name][common:] + 4.0 * (name == "seconds")
        np.testing.assert_array_equal(both[name][:4], first[name])
        np.testing.assert_array_equal(both[name][4:], expected)
    assert second["seconds"][0] == 1.0  # as it was


def test_seconds_of_networks_go_on_one_by_one(rng):
    both = together([columns(table(n, rng)) for n in (4, 4)])
    both["seconds"] *= [[1.0], [10.0]]
    twice = joined(both, both)
    np.testing.assert_array_equal(twice["seconds"][:, 4], [4 + 2, 40 + 20])


def test_one_history_alone_is_as_it_was(rng):
    history = columns(table(3, rng))
    assert together([history]) is history


def test_the_shorter_of_histories_ends_in_nan(rng):
    parts = [columns(table(n, rng)) for n in (2, 5)]
    whole = together(parts)
    for name in (*COLUMNS, *BY_LAYER):
        for number, part in enumerate(parts):
            n = len(part[name])
            np.testing.assert_array_equal(whole[name][number, :n], part[name])
            assert np.isnan(whole[name][number, n:]).all()
        assert whole[name].shape[:2] == (2, 5)
