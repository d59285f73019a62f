import numpy as np
import pytest

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS

FORMULAS = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_is_the_formula(name, dtype):
    z = np.linspace(-5, 5, 101).astype(dtype)
    a = z.copy()
    ACTIVATIONS[name].forward(a)
    assert a.dtype == dtype
    np.testing.assert_allclose(a, FORMULAS[name](z.astype(float)), atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivative_is_that_of_the_formula(name, dtype):
    z = np.linspace(-5, 5, 100)  # without 0, where relu has no derivative
    h = 1e-6
    derivative = (FORMULAS[name](z + h) - FORMULAS[name](z - h)) / (2 * h)
    a = FORMULAS[name](z).astype(dtype)
    ACTIVATIONS[name].derivative(a, np.empty_like(a))
    assert a.dtype == dtype
    np.testing.assert_allclose(a, derivative, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_preferred_initializer_exists(name):
    assert ACTIVATIONS[name].init in INITIALIZERS


def test_relu_is_flat_at_zero():
    a = np.zeros(1)
    ACTIVATIONS["relu"].derivative(a, np.empty(1))
    assert a[0] == 0
