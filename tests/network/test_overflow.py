from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Network, few_logits
from skdeepbin.network._overflow import FAR, mark_overflow, wide_logits
from skdeepbin.network._parameters import Layout, Parameters
from tests.network.test_activations import formula

END = 2**40  # from where on a function is a constant or a straight line


def exactly(name, z):
    """The activation of a fraction, to the last bits of a float."""
    if abs(z) < END:
        return Fraction(float(formula(name)(float(z))))
    end = float(formula(name)(float(END if z > 0 else -END)))
    is_line = abs(end) > 2**20
    return Fraction(end) * (abs(z) / END if is_line else 1)


def exact_logit(parameters, name, x):
    """The logit of one row as a fraction."""
    z = [Fraction(float(number)) for number in x]
    for layer, (W, b) in enumerate(zip(*parameters)):
        a = [exactly(name, number) for number in z] if layer else z
        z = [
            sum(
                (Fraction(float(w)) * one for w, one in zip(column, a) if w),
                Fraction(float(bias)),
            )
            for column, bias in zip(W.T, b)
        ]
    return z[0]


def nearest(exact, dtype=np.float64):
    """The finite number of a precision that is nearest."""
    limit = Fraction(float(np.finfo(dtype).max))
    return float(max(min(exact, limit), -limit))


def network(name, hidden, rng, n_features=3):
    """A network, and a point with biases."""
    it = Network(Layout((n_features, *hidden, 1)), ACTIVATIONS[name])
    parameters = it.layout.views(initialize(it.layout, xavier, rng))
    for b in parameters.biases:
        b[:] = rng.normal(size=b.size)
    return it, parameters


def of_any_size(rng, shape, low=-1074, high=1024):
    """Numbers of all exponents between two."""
    signs = rng.choice([-1, 1], size=shape)
    numbers = np.ldexp(rng.uniform(0.5, 1, size=shape), rng.randint(low, high, shape))
    return signs * numbers


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 5), (3,) * 10])
@pytest.mark.parametrize("container", [np.array, np.asfortranarray, sparse.csr_array])
def test_in_range_both_ways_agree(name, hidden, container, rng):
    it, parameters = network(name, hidden, rng)
    X = rng.normal(size=(20, 3))
    X[X < -0.5] = 0
    X = container(X)
    plain = few_logits(parameters, it.activations, X, np.zeros(20, bool))
    wide = wide_logits([parameters], it.activations, [X], np.float64)
    np.testing.assert_allclose(wide, plain, rtol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 5), (3,) * 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_of_range_it_is_the_exact_network(name, hidden, dtype, rng):
    it, parameters = network(name, hidden, rng)
    X = of_any_size(rng, (50, 3))
    wide = wide_logits([parameters], it.activations, [X], dtype)
    exact = [nearest(exact_logit(parameters, name, x), dtype) for x in X]
    assert wide.dtype == dtype
    np.testing.assert_allclose(wide, exact, rtol=1e-6 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 5)])
def test_parameters_of_any_size(name, hidden, rng):
    it, parameters = network(name, hidden, rng)
    for part in [*parameters.weights, *parameters.biases]:
        part[:] = of_any_size(rng, part.shape)
    X = of_any_size(rng, (50, 3))
    wide = wide_logits([parameters], it.activations, [X], np.float64)
    exact = [nearest(exact_logit(parameters, name, x)) for x in X]
    np.testing.assert_allclose(wide, exact, rtol=1e-9)


def test_the_mean_is_taken_before_the_logits_are_cut_off(rng):
    it, parameters = network("relu", (4,), rng)
    (W, w), biases = parameters
    of_two = [parameters, Parameters([W, -w / 2], biases)]
    X = np.full((1, 3), 1e300)
    z = wide_logits([parameters], it.activations, [X], np.float32)
    both = wide_logits(of_two, it.activations, [X, X], np.float32)
    np.testing.assert_array_equal(np.sign(both), np.sign(z))
    assert abs(z) == abs(both) == np.finfo(np.float32).max


@pytest.mark.parametrize("container", [np.array, np.asfortranarray, sparse.csr_array])
def test_rows_alone_have_the_same_bits(container, rng):
    it, parameters = network("tanh", (4, 5), rng, n_features=40)
    X = of_any_size(rng, (30, 40), low=900)
    together = wide_logits([parameters], it.activations, [container(X)], np.float64)
    for x, z in zip(X, together):
        alone = wide_logits([parameters], it.activations, [x[np.newaxis]], np.float64)
        assert alone == z


@pytest.mark.parametrize(
    "to", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.int64, bool]
)
def test_every_numeric_type(to, rng):
    it, parameters = network("tanh", (4,), rng)
    X = rng.randint(2, size=(20, 3))
    wide = wide_logits([parameters], it.activations, [X.astype(to)], np.float64)
    expected = wide_logits([parameters], it.activations, [X.astype(float)], np.float64)
    np.testing.assert_array_equal(wide, expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_far_from_zero_an_activation_is_constant_or_a_line(name, sign):
    A = np.ldexp(sign * np.array([0.5, 0.75, 0.5, 0.75]), [FAR, FAR, 1000, 1000])
    ACTIVATIONS[name].forward(A)
    line = np.ldexp(A[:2], 1000 - FAR)
    is_line = np.frexp(A[:2])[1] > FAR // 2
    np.testing.assert_array_equal(A[2:], np.where(is_line, line, A[:2]))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_columns_that_are_not_finite_are_marked(bad):
    Z = np.full((3, 4), 3e38, np.float32)  # finite, though the sum is not
    overflowed = np.array([True, False, False, False])
    with np.errstate(over="ignore", invalid="ignore"):
        mark_overflow(Z, overflowed)
        assert overflowed.tolist() == [True, False, False, False]
        Z[1, 2] = bad
        mark_overflow(Z, overflowed)
    assert overflowed.tolist() == [True, False, True, False]
