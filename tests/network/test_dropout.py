from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._dropout import GRID, draw, mask
from skdeepbin.network._network import Network
from tests.network.test_network import problem


def masks(rate, n_units=100, n_rows=200, theta=0.0):
    random = np.random.RandomState(0)
    h = random.randint(2**63, size=n_rows, dtype=np.uint64) * 2 + 1
    (r,) = draw(np.full(3, theta), [n_units])
    M = np.empty((n_units, n_rows))
    mask(r, h, rate, np.empty(M.shape, np.uint64), M)
    return M


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_share_of_the_units_is_left_out_and_the_mean_stays(rate):
    M = masks(rate)
    assert set(np.unique(M)) == {0, 1 / (1 - rate)}
    for axis in (0, 1):  # in every row and of every unit
        deviation = M.mean(axis).std() * np.sqrt(M.shape[axis] * (1 - rate) / rate)
        assert deviation == pytest.approx(1, abs=0.25)  # that of independent draws
    assert M.mean() == pytest.approx(1, abs=0.05)


def test_units_rows_and_draws_are_independent():
    """Pairs agree as often as by chance, and no more often than that varies."""
    draws = [masks(0.5, theta=number * GRID) - 1 for number in range(20)]
    n_units, n_rows = draws[0].shape
    off_units, off_rows = ~np.eye(n_units, dtype=bool), ~np.eye(n_rows, dtype=bool)
    of_units = [(M @ M.T)[off_units].std() for M in draws]
    of_rows = [(M.T @ M)[off_rows].std() for M in draws]
    of_draws = [(M * other).sum() for M, other in combinations(draws, 2)]
    assert np.mean(of_units) == pytest.approx(np.sqrt(n_rows), rel=0.02)
    assert np.mean(of_rows) == pytest.approx(np.sqrt(n_units), rel=0.02)
    assert np.std(of_draws) == pytest.approx(np.sqrt(n_units * n_rows), rel=0.2)


def test_a_draw_does_not_see_rounding():
    theta = np.random.RandomState(0).normal(size=1000)
    one, other = (draw(t, [7, 3]) for t in (theta, theta * (1 + 1e-15)))
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [len(r) for r in one] == [7, 3]
    draw(np.array([np.inf, -np.inf, 1e300]), [1])  # no warning


@pytest.mark.parametrize("size", [0.0, 1.0, 1e6, -1e6, 1e14, -1e14])
def test_any_other_point_has_another_draw(size):
    step = max(0.01, abs(size) * 2e-15)
    one, other = (draw(np.array([t]), [5])[0] for t in (size, size + step))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, draw(np.array([size]), [5])[0])


def test_draws_are_odd_numbers_of_64_bits():
    (r,) = draw(np.zeros(3), [1000])
    assert (r % np.uint64(2) == 1).all()
    bits = [(r >> np.uint64(bit)) & np.uint64(1) for bit in range(1, 64)]
    assert 0.4 < np.mean(bits, axis=1).min() < np.mean(bits, axis=1).max() < 0.6


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_the_mask_is_the_formula(rate):
    h = np.array([1, 3, 2**63 + 1], np.uint64)
    r = np.array([1, 2**62 + 1, 2**62 - 1, 5], np.uint64)
    M = np.empty((4, 3))
    mask(r, h, rate, np.empty(M.shape, np.uint64), M)
    for i, unit in enumerate(r.tolist()):
        for j, row in enumerate(h.tolist()):
            kept = unit * row % 2**64 >= rate * 2**64
            assert M[i, j] == kept / (1 - rate)


def test_a_product_at_the_bound_is_kept():
    M = np.empty((1, 2))
    r, h = np.array([2**62], np.uint64), np.array([1, 0], np.uint64)
    mask(r, h, 0.25, np.empty(M.shape, np.uint64), M)
    np.testing.assert_array_equal(M, [[1 / 0.75, 0]])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (5, 4), (3, 4, 5)])
def test_the_gradient_is_that_of_the_thinned_network(name, hidden, rng):
    network, theta, _, block = problem(name, hidden, rng)
    thinned = Network(network.layout, network.activations, dropout=0.4)
    h = rng.randint(2**62, size=len(block.y)).astype(np.uint64) * np.uint64(2)
    block = block._replace(h=h + np.uint64(1))
    r = draw(theta, hidden)

    def total(theta):
        gradient = np.empty_like(theta)
        losses = thinned.loss_and_gradient(
            network.layout.layers(theta),
            block,
            thinned.workspace(len(block.y), theta.dtype),
            network.layout.views(gradient),
            r,
        )
        return losses.trained, gradient

    numeric = approx_fprime(theta, lambda theta: total(theta)[0], 1e-7)
    np.testing.assert_allclose(total(theta)[1], numeric, rtol=1e-4, atol=1e-5)


def test_rows_that_are_held_out_keep_all_units(rng):
    network, theta, _, block = problem("tanh", (6, 5), rng)
    thinned = Network(network.layout, network.activations, dropout=0.5)
    h = np.arange(1, 2 * len(block.y), 2).astype(np.uint64)

    def losses(network, **changes):
        return network.loss_and_gradient(
            network.layout.layers(theta),
            block._replace(h=h, **changes),
            network.workspace(len(block.y), theta.dtype),
            network.layout.views(np.empty_like(theta)),
            draw(theta, network.hidden) if network.dropout else [],
        )

    whole = losses(network).trained
    assert losses(thinned, n_trained=0).held_out == whole
    assert losses(thinned).trained != pytest.approx(whole, rel=1e-3)
    out = np.arange(len(h)) >= 12  # some of them
    apart = losses(thinned, n_trained=12)
    assert apart.held_out == pytest.approx(losses(network, w=block.w * out).trained)
    assert apart.trained == pytest.approx(losses(thinned, w=block.w * ~out).trained)
