"""Inputs of `debug_backprop`, and how it queries a function."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import sparse

from skdeepbin.diagnosis import debug_backprop
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from tests.diagnosis.sabotage import random_network

GOOD = random_network((3, 4, 1), "tanh", n=10)
BAD = [
    ({"X": np.ones((10, 4))}, r"with samples in rows, `weights\[0\]` must .*\(4, 4\)"),
    ({"y": np.zeros(9)}, "`X` has 10 samples, .* but `y` has 9"),
    ({"y": np.full(10, 2)}, "`y` must hold labels 0 and 1; got"),
    ({"weights": [np.ones((3, 4)), np.ones((4, 2))]}, "lead to 1 unit"),
    ({"weights": [np.ones(3), np.ones((4, 1))]}, r"`weights\[0\]` must be a matrix"),
    (
        {"weights": [np.full((3, 4), np.nan), np.ones((4, 1))]},
        "`weights` must be finite",
    ),
    ({"biases": [np.ones(3), np.ones(1)]}, r"`biases\[0\]` must be of shape \(4,\)"),
    ({"biases": [np.ones(4)]}, "`biases` must be one array for each of the 2"),
    ({"weight_grads": [np.ones((3, 4))]}, "`weight_grads` must be one array for each"),
    (
        {"weight_grads": [np.ones((3, 5)), np.ones((4, 1))]},
        r"must be of shape \(3, 4\)",
    ),
    ({"bias_grads": [np.ones(7), np.ones(1)]}, r"`bias_grads\[0\]` must be of shape"),
    ({"bias_grads": None}, "must be given, or `grad_fn`"),
    ({"activation": "selu"}, "`activation` must be one of .* got 'selu'"),
    ({"activation": ["tanh", "tanh"]}, "for each of the 1 hidden"),
    ({"samples": "row"}, "`samples` must be 'rows' or 'columns'"),
    ({"reduction": "none"}, "`reduction` must be 'mean' or 'sum'"),
    ({"alpha": -1}, "`alpha` must be a non-negative number"),
    ({"X": np.full((10, 3), "a")}, "`X` must hold real numbers"),
    ({"X": np.ones((0, 3)), "y": []}, "`X` must hold samples and features"),
    ({"weight_grads": GOOD.gradient[0][::-1]}, "from the input to the output"),
    ({"weights": {"W1": GOOD.weights[0]}}, "`weights` must be a list .* got dict"),
    ({"biases": None}, "`biases` must be a list .* got NoneType"),
    ({"biases": [None, np.ones(1)]}, r"`biases\[0\]` must hold real .* got None"),
    ({"weight_grads": np.ones(16)}, r"must be a list .* a vector of shape \(16,\)"),
    ({"weight_grads": [[[1, 2], [3]], np.ones((4, 1))]}, "of different lengths"),
    ({"weights": GOOD.weights[::-1]}, r"Give `weights\[::-1\]`"),
    ({"y": np.ones((10, 2))}, r"`y` must be flat or .* got shape \(10, 2\)"),
    ({"y": np.where(GOOD.y > 0, 1, -1)}, r"got \[-1.0, 1.0\]. Of two other labels"),
    ({"activation": None}, "`activation` must be one of .* got None"),
    ({"activation": [["tanh"]]}, "`activation` must be one of"),
    ({"alpha": "1"}, "`alpha` must be a non-negative number; got '1'"),
    ({"alpha": True}, "`alpha` must be a non-negative number; got True"),
    ({"grad_fn": lambda *arrays: None}, "in place of `weight_grads`"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    dW, db = GOOD.gradient
    arguments = {
        "weights": GOOD.weights,
        "biases": GOOD.biases,
        "X": GOOD.X,
        "y": GOOD.y,
        "weight_grads": dW,
        "bias_grads": db,
    }
    with pytest.raises(ValueError, match=message):
        debug_backprop(**(arguments | change))


def test_shapes_that_fit_both_ways_ask_for_the_convention():
    one = [np.array([[1.0]])]
    arrays = one, [np.zeros(1)], one[0], [1], [np.array([[-0.26894142]])], [-0.26894142]
    with pytest.raises(ValueError, match="Give `samples='rows'`"):
        debug_backprop(*arrays)
    for samples in ("rows", "columns"):
        assert debug_backprop(*arrays, samples=samples).ok


@pytest.mark.parametrize(
    ("before", "after"), product([(0, 0), (1, 0), (0, 1)], [(0, 0), (1, 0), (0, 1)])
)
def test_a_function_gets_arrays_as_the_user_has_them(before, after):
    network = random_network((3, 4, 1), "tanh", n=10)

    def shaped(vector, axes):
        return vector.reshape((1,) * axes[0] + vector.shape + (1,) * axes[1])

    b = [shaped(b, before) for b in network.biases]
    y = shaped(network.y.ravel().astype(int), after)
    seen = []

    def gradients(weights, biases, X, y):
        seen.append((y.shape, y.dtype, [b.shape for b in biases]))
        return [0 * W for W in weights], [0 * b for b in biases]

    debug_backprop(network.weights, b, network.X, y, grad_fn=gradients)
    assert seen[0] == (y.shape, y.dtype, [array.shape for array in b])
    assert {len(shapes[0]) for shapes in seen} == {y.ndim}


def test_lists_and_integers_and_frames():
    network = random_network((3, 4, 1), "tanh", n=10)
    dW, db = network.gradient
    W, b = [w.tolist() for w in network.weights], [b.tolist() for b in network.biases]
    X, y = network.X.tolist(), network.y.ravel().astype(bool).tolist()
    assert debug_backprop(W, b, X, y, tuple(dW), tuple(db)).ok
    W = [np.round(3 * w).astype(int) for w in network.weights]
    b = [np.round(3 * v).astype(int) for v in network.biases]

    def right(weights, biases, X, y):
        there = replace(
            network, weights=weights, biases=biases, X=X, y=np.reshape(y, (-1, 1))
        )
        return replace(there, divisor=float(len(X))).gradient

    assert debug_backprop(W, b, np.round(network.X).astype(int), y, grad_fn=right).ok


def test_sparse_rows_and_generators():
    dW, db = GOOD.gradient
    lists = (iter(part) for part in (GOOD.weights, GOOD.biases))
    grads = (iter(part) for part in (dW, db))
    assert debug_backprop(*lists, sparse.csr_array(GOOD.X), GOOD.y, *grads).ok


ARRAYS = GOOD.weights, GOOD.biases, GOOD.X, GOOD.y


def gradients(W, b, X, y):
    return ReferenceNetwork(W, b, X, y, ["tanh"], len(X), 0.0).gradient


def altering(W, b, X, y):
    result = gradients(W, b, X, y)
    W[0] -= 0.1 * result[0][0]
    return result


def with_other_rows(n):
    """Divides by a number of rows from outside."""

    def function(W, b, X, y):
        dW, db = gradients(W, b, X, y)
        return [len(X) / n * G for G in dW], [len(X) / n * g for g in db]

    return function


def random(W, b, X, y):
    keep = np.random.uniform(size=(len(X), 1)) < 0.9
    return gradients(W, b, X * keep, y)


def with_own_weights(W, b, X, y):
    return gradients(GOOD.weights, b, X, y)


def with_own_rows(W, b, X, y):
    return gradients(W, b, GOOD.X, GOOD.y)


def at_home_only(W, b, X, y):
    if not np.array_equal(X, GOOD.X):
        raise KeyError("home")
    return gradients(W, b, X, y)


FUNCTIONS = [
    (3, TypeError, "`grad_fn` must be a function of .* got int"),
    (lambda *arrays: None, ValueError, "must return a pair of lists.* got NoneType"),
    (lambda *arrays: [1, 2, 3], ValueError, "pair of lists.* got list of 3"),
    (lambda *arrays: GOOD.gradient, ValueError, "with another `weights`"),
    (with_own_weights, ValueError, "with another `weights`"),
    (with_own_rows, ValueError, "with another `X`. Does it use variables from outside"),
    (lambda *arrays: 1 / 0, ZeroDivisionError, "division"),
]


@pytest.mark.parametrize(("function", "error", "message"), FUNCTIONS)
def test_a_function_that_is_none(function, error, message):
    with pytest.raises(error, match=message):
        debug_backprop(*ARRAYS, grad_fn=function)


@pytest.mark.parametrize(
    ("function", "remark"),
    [
        (with_other_rows(10), "use such a number from outside"),
        (altering, "`grad_fn` alters `weights[0]`, which it is given"),
        (at_home_only, "asked at your own parameters only, .* raised KeyError: 'home'"),
        (gradients, None),
    ],
)
def test_how_a_function_behaves_is_said(function, remark):
    before = [array.copy() for array in GOOD.weights]
    report = debug_backprop(*ARRAYS, grad_fn=function)
    assert report.ok
    assert len(report.notes) == (remark is not None)
    if remark:
        assert re.search(remark.replace("[0]", r"\[0\]"), report.notes[0])
    assert all(map(np.array_equal, before, GOOD.weights))


def test_a_random_function_is_called_that():
    report = debug_backprop(*ARRAYS, grad_fn=random)
    assert "gives other gradients when it is called again" in report.notes[-1]


def test_a_number_from_outside_does_not_hide_a_mistake():
    def function(W, b, X, y):
        dW, db = with_other_rows(10)(W, b, X, y)
        return dW, [dB.sum() + 0 * dB for dB in db]

    report = debug_backprop(*ARRAYS, grad_fn=function)
    assert "one number for all units" in report.mistakes[0].name
    assert "from outside" in report.notes[-1]


def test_weights_the_other_way_round():
    turned = [W.T for W in GOOD.weights]
    with pytest.raises(ValueError, match=r"the other way round\. Give"):
        debug_backprop(turned, GOOD.biases, GOOD.X, GOOD.y, *GOOD.gradient)


def test_reports_are_json():
    dW, db = GOOD.gradient
    report = debug_backprop(*ARRAYS, [np.nan * dW[0], dW[1]], db)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))
