import re
from functools import partial
from itertools import pairwise
from math import frexp, inf, nan, nextafter

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from skdeepbin import DeepBinaryClassifier
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import (
    FASTER,
    GROWTH,
    MEMORY,
    PART,
    RISE,
    SHRINK,
    SLOWER,
    SMALLEST_STEP,
    STEP_SIZES,
    SUFFICIENT_DECREASE,
    Adam,
    BarzilaiBorwein,
    GradientDescent,
    InMiniBatches,
    Momentum,
    Nesterov,
    Rprop,
)
from skdeepbin.training._solvers import IN_STEPS, LARGEST, SOLVERS
from tests.training.runs import InHand


def quadratic(condition, size=10, scale=1):
    """``theta' H theta / 2``, eigenvalues from ``scale`` to ``scale * condition``."""
    H = scale * np.geomspace(1, condition, size)
    return lambda theta: (float(theta @ (H * theta)) / 2, H * theta)


def rosenbrock(theta):
    return float(rosen(theta)), rosen_der(theta)


def flat_then_steep(theta):
    """Hardly any slope at the start: gradients of 1e-7, as in a net that is stuck."""
    return float(1e-7 * theta @ theta), 2e-7 * theta


def run(optimizer, objective, theta, n_iter):
    """All moves and values, one a gradient."""
    state, moves, values = optimizer.init(theta), [], []
    for _ in range(n_iter):
        value, gradient = objective(theta)
        move = optimizer.step(theta, value, gradient, state)
        theta, state = move.theta, move.state
        moves.append(move)
        values.append(value)
    return moves, values


PROBLEMS = {
    "round": (quadratic(1), np.ones(10)),
    "long valley": (quadratic(1e4), np.ones(10)),
    "huge curvature": (quadratic(100, scale=1e8), np.ones(10)),
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "flat": (flat_then_steep, np.ones(10)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_barzilai_borwein_finds_the_minimum(name):
    objective, start = PROBLEMS[name]
    _, values = run(BarzilaiBorwein(), objective, start, 300)
    assert min(values) < 1e-6 * values[0]


@pytest.mark.parametrize("name", PROBLEMS)
def test_accepted_points_satisfy_the_non_monotone_armijo_rule(name):
    objective, start = PROBLEMS[name]
    moves, values = run(BarzilaiBorwein(), objective, start, 100)
    points = [start, *(move.theta for move in moves)]
    accepted = [i for i, move in enumerate(moves) if move.accepted]
    for last, this in pairwise(accepted):
        recent = [values[i] for i in accepted if i < this][-MEMORY:]
        step = points[this] - points[last]
        promised = -step @ objective(points[last])[1]
        assert values[this] <= max(recent) - SUFFICIENT_DECREASE * promised


def test_a_rejected_trial_comes_back_towards_the_last_accepted_point():
    optimizer = BarzilaiBorwein()
    start, gradient = np.zeros(2), np.array([1.0, 0.0])
    first = optimizer.step(start, 1.0, gradient, optimizer.init(start))
    for value in (2.0, np.inf, np.nan):
        second = optimizer.step(first.theta, value, gradient, first.state)
        assert not second.accepted
        assert 0 < second.step_size < first.step_size
        np.testing.assert_allclose(second.theta, -second.step_size * gradient)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_first_step_changes_the_parameters_by_at_most_one_in_sum(scale):
    gradient = scale * np.array([3.0, -4.0])
    move = BarzilaiBorwein().step(np.zeros(2), 1.0, gradient, None)
    assert abs(move.theta).sum() == pytest.approx(min(1, 7 * scale), rel=2**-8)
    np.testing.assert_allclose(move.theta, -move.step_size * gradient, rtol=1e-14)


@pytest.mark.parametrize("name", ["long valley", "huge curvature", "rosenbrock"])
def test_steps_are_barzilai_and_borweins_two_in_turn(name):
    objective, start = PROBLEMS[name]
    moves, _ = run(BarzilaiBorwein(), objective, start, 60)
    points = [start, *(move.theta for move in moves)]
    accepted = [i for i, move in enumerate(moves) if move.accepted]
    seen = set()
    for number, (i, j) in enumerate(pairwise(accepted)):
        s = points[j] - points[i]
        v = objective(points[j])[1] - objective(points[i])[1]
        expected = s @ s / (s @ v) if number % 2 else s @ v / (v @ v)
        if s @ v > 0:
            assert moves[j].step_size == pytest.approx(expected, rel=2**-8)
            seen.add(number % 2)
    assert seen == {0, 1}


def test_where_the_curvature_is_negative_the_step_grows():
    optimizer, theta = BarzilaiBorwein(), np.array([0.01])
    move = optimizer.step(theta, -0.00005, -theta, None)  # -theta^2 / 2
    for _ in range(5):
        theta, before = move.theta, move.step_size
        value = -float(theta @ theta) / 2
        move = optimizer.step(theta, value, -theta, move.state)
        assert move.accepted
        assert move.step_size == pytest.approx(GROWTH * before, rel=2**-8)


def test_steps_have_limits():
    """On a plane, where they grow, and where the curvature is huge."""
    optimizer, (least, most) = BarzilaiBorwein(), STEP_SIZES
    gradient = np.array([1e-200])
    move = optimizer.step(np.zeros(1), 1.0, gradient, None)
    for _ in range(40):
        move = optimizer.step(move.theta, 0.0, gradient, move.state)
    assert move.step_size == pytest.approx(most, rel=2**-8)
    move = optimizer.step(np.zeros(1), 1.0, np.ones(1), None)
    move = optimizer.step(move.theta, 0.0, 1 + 1e20 * move.theta, move.state)
    assert move.step_size == pytest.approx(least, rel=2**-8)


def test_sizes_have_eight_bits():
    for objective, start in PROBLEMS.values():
        for move in run(BarzilaiBorwein(), objective, start, 50)[0]:
            assert (256 * frexp(move.step_size)[0]).is_integer()


def test_the_rule_of_acceptance_is_met_by_its_bound_and_no_more():
    optimizer, gradient = BarzilaiBorwein(), np.array([0.5, 0.25])
    first = optimizer.step(np.zeros(2), 1.0, gradient, None)
    bound = 1.0 - SUFFICIENT_DECREASE * first.step_size * float(gradient @ gradient)
    assert optimizer.step(first.theta, bound, gradient, first.state).accepted
    above = nextafter(bound, inf)
    assert not optimizer.step(first.theta, above, gradient, first.state).accepted


@pytest.mark.parametrize("n_since", [MEMORY - 1, MEMORY])
def test_the_largest_of_the_last_ten_values_is_what_to_undercut(n_since):
    optimizer, gradient = BarzilaiBorwein(), np.array([1e-3])
    move = optimizer.step(np.zeros(1), 10.0, gradient, None)
    for _ in range(n_since):
        move = optimizer.step(move.theta, 5.0, gradient, move.state)
        assert move.accepted
    move = optimizer.step(move.theta, 7.0, gradient, move.state)
    assert move.accepted == (n_since < MEMORY)


@pytest.mark.parametrize("curvature", [3.0, 4.0, 7.0])
def test_a_rejected_step_is_cut_to_the_minimum_of_the_parabola(curvature):
    optimizer, start = BarzilaiBorwein(), np.array([0.1])
    first = optimizer.step(start, curvature * 0.005, curvature * start, None)
    value = curvature * float(first.theta @ first.theta) / 2
    second = optimizer.step(first.theta, value, curvature * first.theta, first.state)
    assert not second.accepted
    assert second.step_size == pytest.approx(1 / curvature, rel=2**-8)


@pytest.mark.parametrize(("value", "factor"), [(1e9, SHRINK[0]), (1.0, SHRINK[1])])
def test_a_rejected_step_is_cut_neither_too_little_nor_too_much(value, factor):
    optimizer, gradient = BarzilaiBorwein(), np.array([0.5])
    first = optimizer.step(np.zeros(1), 1.0, gradient, None)
    second = optimizer.step(first.theta, value, gradient, first.state)
    assert second.step_size == pytest.approx(factor * first.step_size, rel=2**-8)
    third = optimizer.step(second.theta, np.nan, gradient, second.state)
    assert third.step_size == pytest.approx(SHRINK[0] * second.step_size, rel=2**-8)


def test_a_rejected_step_is_shortened_by_the_value_where_it_began():
    """Not by an earlier one, though that decides whether it is rejected."""
    optimizer, theta, gradient = BarzilaiBorwein(), np.zeros(1), np.ones(1)
    state = optimizer.step(theta, 100.0, gradient, optimizer.init(theta)).state
    state = state._replace(values=(100.0, 5.0), step_size=128.0)
    rejected = optimizer.step(theta - 128, 150.0, gradient, state)
    assert not rejected.accepted
    factor = 128 / (2 * (150 - 5 + 128))  # the minimum of the parabola
    assert SHRINK[0] < factor < SHRINK[1]
    assert rejected.step_size == pytest.approx(128 * factor, rel=2**-8)


@pytest.mark.parametrize("size", [1e160, 1e300])
def test_a_gradient_whose_square_is_no_number_makes_steps_shorter(size):
    with np.errstate(over="ignore"):
        optimizer, start = BarzilaiBorwein(), np.zeros(2)
        gradient = np.array([size, 0.0])
        first = optimizer.step(start, 1.0, gradient, optimizer.init(start))
        state = first.state._replace(step_size=1.0)
        second = optimizer.step(first.theta, 2.0, gradient, state)
    assert second.step_size == pytest.approx(SHRINK[0], rel=2**-8)
    assert not second.accepted


def test_steps_do_not_pass_on_rounding(rng):
    """The same gradients up to their last bits lead to the same step sizes."""
    objective, start = PROBLEMS["long valley"]

    def rounded_differently(theta):
        value, gradient = objective(theta)
        return value, gradient * (1 + 1e-15 * rng.normal(size=gradient.size))

    moves, _ = run(BarzilaiBorwein(), objective, start, 30)
    others, _ = run(BarzilaiBorwein(), rounded_differently, start, 30)
    assert [m.step_size for m in moves] == [m.step_size for m in others]


def test_gradient_descent_is_the_formula():
    moves, _ = run(GradientDescent(0.1), quadratic(3), np.ones(10), 5)
    theta = np.ones(10)
    for move in moves:
        theta = theta - 0.1 * quadratic(3)(theta)[1]
        np.testing.assert_array_equal(move.theta, theta)
        assert move.accepted


# A rate that suits each of the others, and the share of the fall that it then reaches.
FIXED = {
    "gd": 0.1,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adam": 0.05,
    "rprop": 0.01,
}


@pytest.mark.parametrize("name", IN_STEPS)
def test_every_optimizer_goes_down(name):
    optimizer = SOLVERS[name].make(FIXED[name], 0.9)
    _, values = run(optimizer, quadratic(10), np.ones(10), 300)
    assert min(values) < 1e-4 * values[0]


@pytest.mark.parametrize("name", IN_STEPS)
def test_a_step_leaves_its_arguments_alone(name):
    """So a state may be kept, and gone on with later."""
    optimizer, objective = SOLVERS[name].make(FIXED[name], 0.9), quadratic(10)
    theta = np.ones(10)
    state = optimizer.init(theta)
    for _ in range(5):
        value, gradient = objective(theta)
        before = theta.copy()
        first = optimizer.step(theta, value, gradient, state)
        second = optimizer.step(theta, value, gradient, state)
        np.testing.assert_array_equal(first.theta, second.theta)
        np.testing.assert_array_equal(theta, before)
        np.testing.assert_array_equal(gradient, objective(theta)[1])
        theta, state = first.theta, first.state


def test_momentum_is_the_formula():
    moves, _ = run(Momentum(0.1, 0.9), quadratic(3), np.ones(10), 5)
    theta, v = np.ones(10), np.zeros(10)
    for move in moves:
        v = 0.9 * v - 0.1 * quadratic(3)(theta)[1]
        theta = theta + v
        np.testing.assert_allclose(move.theta, theta, rtol=1e-14)


def test_nesterov_takes_the_gradient_where_the_momentum_leads():
    """Its points are ``x + momentum v`` of the textbook's ``x``."""
    moves, _ = run(Nesterov(0.1, 0.9), quadratic(3), np.ones(10), 5)
    x, v = np.ones(10), np.zeros(10)
    for move in moves:
        v_next = 0.9 * v - 0.1 * quadratic(3)(x + 0.9 * v)[1]
        x, v = x + v_next, v_next
        np.testing.assert_allclose(move.theta, x + 0.9 * v, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
def test_the_first_step_of_adam_is_the_learning_rate(scale):
    move = run(Adam(0.01, epsilon=0), quadratic(3, scale=scale), np.ones(10), 1)[0][0]
    np.testing.assert_allclose(move.theta, 1 - 0.01, rtol=1e-12)


def test_rprop_follows_signs_with_a_step_a_parameter():
    optimizer, theta = Rprop(0.1, 0.15), np.zeros(3)
    state = optimizer.init(theta)
    gradients = [[1e-7, -1, 0], [1e3, -1e-9, 0], [1, 1, 0], [1, 1, 0]]
    steps = [
        [-0.1, 0.1, 0],
        [-0.1 * FASTER, 0.1 * FASTER, 0],
        [-0.1 * FASTER**2, 0, 0],  # a sign has changed: no step, and half of it next
        [-0.15, -0.1 * FASTER * SLOWER, 0],  # not beyond the largest
    ]
    for gradient, step in zip(gradients, steps, strict=True):
        move = optimizer.step(theta, 0.0, np.array(gradient), state)
        np.testing.assert_allclose(move.theta - theta, step, rtol=1e-12)
        theta, state = move.theta, move.state


def test_many_parameters_are_as_many_problems(rng):
    """What is looked up part by part is what few parameters get."""
    theta, signs = np.zeros((2, 3 * PART // 2))
    optimizer = Rprop(0.1, 0.15)
    state = optimizer.init(theta)
    few = [0, PART - 1, PART, len(theta) - 1]
    theta_few, state_few = theta[few], optimizer.init(theta[few])
    for _ in range(5):
        signs = rng.randint(-1, 2, len(theta)).astype(float)
        move = optimizer.step(theta, 0.0, signs, state)
        alone = optimizer.step(theta_few, 0.0, signs[few], state_few)
        np.testing.assert_array_equal(move.theta[few], alone.theta)
        (theta, state), (theta_few, state_few) = move[:2], alone[:2]


@pytest.mark.parametrize("scale", [1e-150, 1e-7, 1e150])
def test_the_size_of_the_gradient_does_not_matter_to_rprop(scale):
    one, _ = run(Rprop(0.1, 1.0), quadratic(10), np.ones(10), 20)
    other, _ = run(Rprop(0.1, 1.0), quadratic(10, scale=scale), np.ones(10), 20)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.theta, b.theta)


def test_adam_divides_the_mean_gradient_by_its_root_mean_square(rng):
    """Means of all gradients so far, each weighing `beta` times the next; the
    constants are those of the paper."""
    optimizer, theta = Adam(0.01), rng.normal(size=4)
    state, gradients = optimizer.init(theta), rng.normal(size=(6, 4))
    for n, gradient in enumerate(gradients, 1):
        first, second = (beta ** np.arange(n)[::-1] for beta in (0.9, 0.999))
        mean = np.average(gradients[:n], 0, first)
        root = np.sqrt(np.average(gradients[:n] ** 2, 0, second))
        move = optimizer.step(theta, 0.0, gradient, state)
        step = 0.01 * mean / (root + 1e-8)
        np.testing.assert_allclose(move.theta, theta - step, rtol=1e-11)
        theta, state = move.theta, move.state


def test_adam_hardly_moves_where_there_is_hardly_a_gradient():
    for size, share in ((1e-8, 0.5), (3e-8, 0.75), (1e-20, 1e-12)):
        optimizer, theta = Adam(0.01), np.zeros(1)
        move = optimizer.step(theta, 0.0, np.array([size]), optimizer.init(theta))
        assert -move.theta[0] == pytest.approx(0.01 * share)


def test_a_step_of_rprop_is_never_too_small_to_recover():
    optimizer, theta = Rprop(0.1, 1.0), np.zeros(2)
    state = optimizer.init(theta)
    for number in range(200):  # one parameter turns around every other time
        gradient = np.array([1.0, (-1) ** (number // 2)])
        move = optimizer.step(theta, 0.0, gradient, state)
        theta, state = move.theta, move.state
    assert state.sizes[1] == pytest.approx(SMALLEST_STEP, rel=FASTER - 1 + 1e-9)
    assert state.sizes[1] >= SMALLEST_STEP
    assert state.sizes[0] == 1.0
    assert move.step_size == pytest.approx((state.sizes[0] + state.sizes[1]) / 2)


SHARES = (0.5, 0.3, 0.2)


def test_an_epoch_is_a_step_on_each_of_its_mini_batches():
    """By hand: the same optimiser on the same objectives, one after the other."""

    def batch(number, part, theta):
        gradient = theta - number - part / 10
        return Evaluation(float(gradient @ gradient), gradient, theta[0])

    def batches(number):
        for part, share in enumerate(SHARES):
            yield share, partial(batch, number, part)

    def validation(theta):
        return 2 * theta[0], 3 * theta[0]

    plain = Momentum(0.1, 0.9)
    optimizer = InMiniBatches(plain, InHand(batches, validation))
    theta = by_hand = np.ones(2)
    epoch, state = optimizer.init(theta), plain.init(theta)
    for number in range(3):
        epoch_before, met = epoch, []
        move = optimizer.step(theta, 0.0, theta, epoch)
        theta, epoch = move.theta, move.state
        for part in range(3):
            met.append(batch(number, part, by_hand))
            there = plain.step(by_hand, 0.0, met[-1].gradient, state)
            by_hand, state = there.theta, there.state
        np.testing.assert_array_equal(theta, by_hand)
        assert (epoch_before.number, move.step_size) == (number, 0.1)
        for found, *parts in zip(epoch.met[:3], *met, strict=False):
            mean = sum(share * part for share, part in zip(SHARES, parts))
            np.testing.assert_allclose(found, mean)
        assert epoch.met[3:] == validation(theta)


@pytest.mark.parametrize("met", [1.0, 2.0, 2.1, inf, nan])
def test_a_loss_holds_where_the_next_epoch_is_not_much_worse(met):
    def batches(number):
        return [(1.0, lambda theta: Evaluation(met, theta))]

    optimizer = InMiniBatches(Momentum(0.1, 0.9), InHand(batches))
    move = optimizer.step(np.ones(2), 1.0, np.ones(2), optimizer.init(np.ones(2)))
    assert move.holds == (met <= RISE == 2)


BY_HAND = {
    "gd": GradientDescent(0.2),
    "momentum": Momentum(0.2, 0.7),
    "nesterov": Nesterov(0.2, 0.7),
    "adam": Adam(0.2),
    "rprop": Rprop(0.2, 0.2 * LARGEST),
}


@pytest.mark.parametrize("name", IN_STEPS)
def test_the_table_makes_each_from_its_parameters(name):
    """Far along a slope, for the largest step to tell."""
    for objective, start in (
        PROBLEMS["long valley"],
        (quadratic(1), 1e3 * np.ones(10)),
    ):
        made, _ = run(SOLVERS[name].make(0.2, 0.7), objective, start, 30)
        ours, _ = run(BY_HAND[name], objective, start, 30)
        for one, other in zip(made, ours, strict=True):
            np.testing.assert_array_equal(one.theta, other.theta)


def test_plain_descent_finds_its_step_unless_it_is_given_one():
    assert SOLVERS["gd"].rate is None
    made, _ = run(SOLVERS["gd"].make(None, 0.9), *PROBLEMS["long valley"], 9)
    ours, _ = run(BarzilaiBorwein(), *PROBLEMS["long valley"], 9)
    assert [move.step_size for move in made] == [move.step_size for move in ours]


def test_rates_are_those_that_are_documented():
    words = " ".join(DeepBinaryClassifier.__doc__.split())
    whole = re.search(
        r'"auto" is (\S+) for "momentum" and "nesterov", (\S+) for "adam", '
        r'(\S+) for "rprop"; .* or with `dropout` or mini-batches (\S+), as .*'
        r'On mini-batches it is (\S+) for "momentum" and "nesterov"',
        words,
    )
    both, of_adam, of_rprop, plain, both_in_batches = map(float, whole.groups())
    assert re.search(r"may become (\d+) times as large", words)[1] == str(LARGEST)
    rates = {name: (row.rate, row.batch_rate) for name, row in SOLVERS.items()}
    assert rates == {
        "gd": (None, plain),
        "momentum": (both, both_in_batches),
        "nesterov": (both, both_in_batches),
        "adam": (of_adam, of_adam),
        "rprop": (of_rprop, None),
        "lbfgs": (None, None),
    }
