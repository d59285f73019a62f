"""The table of activations: each row is its formula, and can be used everywhere."""

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erfc

from skdeepbin import DeepBinaryClassifier
from skdeepbin.dask import DaskDeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS, activation_of, recipe_of
from skdeepbin.network._initializers import INITIALIZERS

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "shape.md"
NAMES = {"exp": np.exp, "expm1": np.expm1, "tanh": np.tanh, "erfc": erfc}
NAMES |= {"max": np.maximum, "min": np.minimum, "sqrt": np.sqrt}


def formula(name):
    """The function of a row as the documentation has it."""

    def f(z):
        with np.errstate(over="ignore"):
            return eval(ACTIVATIONS[name].formula, NAMES, {"z": z}) + 0 * z

    return f


def slope(name, z):
    """What a row gives as its derivative at pre-activations."""
    row, F = ACTIVATIONS[name], z.copy()
    if not row.from_input:
        row.forward(F)
    row.derivative(F, np.empty_like(F))
    return F


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_is_the_formula(name, dtype):
    z = np.linspace(-5, 5, 101).astype(dtype)
    a = z.copy()
    ACTIVATIONS[name].forward(a)
    assert a.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(a, formula(name)(z.astype(float)), atol=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivative_is_that_of_the_formula(name, dtype):
    z = np.linspace(-5, 5, 100)  # without 0, where some have no derivative
    h, f = 1e-6, formula(name)
    found = slope(name, z.astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, (f(z + h) - f(z - h)) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_pre_activations_have_a_value_and_a_slope(name, dtype):
    """Of any size: a constant or a straight line far from zero, and no warning."""
    large = np.finfo(dtype).max
    z = np.array([-large, -1e30, -1e4, -100, -0.0, 0, 100, 1e4, 1e30, large], dtype)
    a = z.copy()
    ACTIVATIONS[name].forward(a)
    assert np.isfinite(a).all()
    found = slope(name, z)
    assert np.isfinite(found).all()
    for end in (a[:3] - found[:3] * z[:3], a[-3:] - found[-3:] * z[-3:]):
        np.testing.assert_allclose(end, end[0], atol=1e-5 * abs(z[2]))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_row_says_what_it_is(name):
    row = ACTIVATIONS[name]
    assert row.name == name
    assert row.init in INITIALIZERS
    assert row.center == formula(name)(np.zeros(1))[0]
    assert row.alphas[0] >= row.alphas[-1] > 0
    assert not (row.dies and row.saturates)
    assert pickle.loads(pickle.dumps(row)) == row


@pytest.mark.parametrize("name", [n for n, r in ACTIVATIONS.items() if r.saturates])
def test_a_row_saturates_where_its_slope_is_small(name):
    z = np.linspace(-30, 30, 10001)
    a, (low, high) = formula(name)(z), ACTIVATIONS[name].saturates
    is_flat = (a < low) | (a > high)
    assert is_flat.any()
    largest = slope(name, z).max()
    assert slope(name, z)[is_flat].max() <= 0.04 * largest
    assert slope(name, z)[~is_flat].min() >= 0.019 * largest


def test_relu_is_flat_at_zero():
    assert slope("relu", np.zeros(1))[0] == 0


def test_of_several_the_one_that_bears_least_gives_the_recipe():
    relu, tanh, logistic = (ACTIVATIONS[n] for n in ("relu", "tanh", "logistic"))
    assert recipe_of([relu]) == recipe_of([relu, relu]) == relu
    recipe = recipe_of([relu, logistic, tanh])
    assert recipe.alphas == logistic.alphas
    assert recipe.alpha == logistic.alpha
    assert recipe.stretch == logistic.stretch
    assert recipe_of([relu, tanh]).alphas == tanh.alphas
    assert recipe_of([relu, tanh]).patience == tanh.patience


def test_an_object_is_a_row():
    class Square:
        def forward(self, Z):
            return Z**2 + 3

        def derivative(self, Z):
            return 2 * Z

    row, Z = activation_of(Square()), np.array([[1.0, -2.0]])
    assert (row.name, row.center) == ("Square", 3)
    A, F = Z.copy(), Z.copy()
    row.forward(A)
    row.derivative(F, np.empty_like(F))
    assert row.from_input
    assert A.tolist() == [[4, 7]]
    assert F.tolist() == [[2, -4]]
    assert row.onnx is row.torch is row.mlp is row.measure is None


def test_the_guide_has_the_table():
    rows = re.findall(r"^\| \"(\w+)\" \| `([^`]+)` \|", GUIDE.read_text(), re.M)
    assert sorted(rows) == sorted((r.name, r.formula) for r in ACTIVATIONS.values())


def words(name, kind):
    """Those that the docstring of a classifier lists for a parameter."""
    (listed,) = re.findall(rf"^{name} : \{{(.*?)\}}", inspect.getdoc(kind), re.M | re.S)
    return re.findall(r"\"(\w+)\"", listed)


@pytest.mark.parametrize("kind", [DeepBinaryClassifier, DaskDeepBinaryClassifier])
def test_the_docstrings_list_the_tables(kind):
    assert words("activation", kind) == sorted(ACTIVATIONS)
    assert words("init", kind) == ["auto", *sorted(INITIALIZERS)]
