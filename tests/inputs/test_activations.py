"""The parameter `activation`: names and objects, checked and one a hidden layer."""

import numpy as np
import pytest

from skdeepbin.inputs import _activations
from skdeepbin.inputs._activations import each_layer, hidden_activations, words_of_own
from skdeepbin.inputs._validation import InvalidParameterError
from skdeepbin.network._activations import ACTIVATIONS
from tests.own import RIGHT, WRONG, Hard, Softplus


class Row:
    """A row of the table as an object of a user's."""

    def __init__(self, row):
        self.row = row

    def forward(self, Z):
        A = Z.copy()
        self.row.forward(A)
        return A

    def derivative(self, Z):
        F = Z.copy() if self.row.from_input else self.forward(Z)
        self.row.derivative(F, np.empty_like(F))
        return F


@pytest.mark.parametrize("given", ["tanh", RIGHT[0]])
def test_one_is_that_of_each_layer(given):
    assert each_layer(given, 3) == [given] * 3
    assert each_layer([given, "relu"], 2) == each_layer((given, "relu"), 2)
    assert each_layer(["relu", given], 2) == ["relu", given]


@pytest.mark.parametrize("given", [["relu"], ("relu", "tanh", "relu"), []])
def test_a_list_has_one_for_each(given):
    match = rf"or a list of 2, one for each; got {len(given)}: \["
    with pytest.raises(InvalidParameterError, match=match):
        each_layer(given, 2)


@pytest.mark.parametrize(("given", "name"), [([], "identity"), ("tanh", "tanh")])
def test_without_hidden_layers_one_says_what_suits_the_output(given, name):
    assert hidden_activations(given, 0) == (ACTIVATIONS[name],)


@pytest.mark.parametrize("given", [*RIGHT, *map(Row, ACTIVATIONS.values())])
def test_objects_that_are_right(given):
    rows = hidden_activations([given, "relu"], 2)
    Z = np.linspace(-3, 3, 12).reshape(3, 4)
    A = Z.copy()
    rows[0].forward(A)
    np.testing.assert_array_equal(A, given.forward(Z))
    assert rows[1] is ACTIVATIONS["relu"]


@pytest.mark.parametrize(("given", "match"), WRONG)
def test_objects_that_are_wrong(given, match):
    grid = _activations.Z.copy()
    with pytest.raises(InvalidParameterError, match=match):
        hidden_activations(["relu", given], 2)
    np.testing.assert_array_equal(_activations.Z, grid)


def test_an_object_is_tried_out_once(monkeypatch):
    seen = []
    monkeypatch.setattr(_activations, "_check_own", seen.append)
    one, other = Softplus(), Softplus()
    hidden_activations([one, "relu", one, other], 4)
    assert seen == [one, other]


def test_words_are_those_of_the_values():
    assert words_of_own(Hard()) == words_of_own(Hard(1.0)) != words_of_own(Hard(2.0))
    assert words_of_own(Hard()).startswith("tests.own.Hard of float64")
