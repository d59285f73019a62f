"""Mistakes are found by their numbers, and right code is never accused."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn.preprocessing import scale

from skdeepbin.diagnosis import debug_backprop
from skdeepbin.diagnosis.backprop.catalogue._output import OUTPUTS, at_once
from skdeepbin.network._activations import ACTIVATIONS
from tests.diagnosis.sabotage import entries, random_network, sabotaged

NAMES = [*ACTIVATIONS]
DTYPES = (np.float64, np.float32)
SIZES = ((4, 6, 1), (4, 5, 5, 5, 1), (7, 8, 6, 5, 4, 1))


def examined(network, gradients, columns=False, dtype=np.float64, **options):
    """The report on gradients, in either convention."""
    dW, db = gradients
    arrays = [[*network.weights], [*network.biases], network.X, network.y, dW, db]
    if columns:
        arrays = [
            [array.T for array in part] if isinstance(part, list) else part.T
            for part in arrays
        ]
        arrays[1] = [b[:, np.newaxis] for b in arrays[1]]
        arrays[5] = [b[:, np.newaxis] for b in arrays[5]]
    W, b, X, y, dW, db = (
        [a.astype(dtype) for a in p] if isinstance(p, list) else p.astype(dtype)
        for p in arrays
    )
    common = {
        "activation": list(network.activations),
        "samples": "columns" if columns else "rows",
        "reduction": "sum" if network.divisor == 1 else "mean",
        "alpha": network.alpha,
    }
    return debug_backprop(W, b, X, y, dW, db, **(common | options))


def named(report):
    """All that the report says the mistake may be."""
    return [
        text
        for mistake in report.mistakes
        for text in (mistake.name, *mistake.same_numbers)
    ]


def is_named(report, entry):
    names = [entry.message.name] + ([entry.also.message.name] if entry.also else [])
    return all(any(name in text for text in named(report)) for name in names)


# The error at the output is the same for all: few suffice.
EACH = [(name, "output") for name in ("tanh", "relu", "logistic")]
EACH += product(ACTIVATIONS, ["down", "derivative", "weights", "biases"])


@pytest.mark.parametrize(("activation", "kind"), EACH)
def test_every_entry_of_the_catalogue_is_found(activation, kind, cancer):
    real = scale(cancer[0])
    missed, n_found = [], 0
    those = [entry for of_kind, entry in entries(activation) if of_kind == kind]
    for number, entry in enumerate(those):
        columns, dtype = number % 2 == 1, DTYPES[number % 3 == 2]
        sizes = SIZES[number % 3]
        X = real if number % 5 == 0 else None
        network = random_network(sizes, activation, seed=number, dtype=dtype, X=X)
        with np.errstate(over="ignore", invalid="ignore"):
            gradients = sabotaged(network, (kind, None, entry))
        if gradients is None:
            continue
        report = examined(network, gradients, columns, dtype)
        n_found += 1
        if not (report.ok or is_named(report, entry)):
            missed.append((entry.message.name, entry.message.wrong, named(report)[:3]))
    assert not missed
    assert n_found > len(those) / 3


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_mistake_in_one_layer_is_placed_there(activation):
    network = random_network(SIZES[2], activation)
    kinds = {"down": (1, 2, 3), "derivative": (1, 3), "weights": (2, 5), "biases": (3,)}
    for kind, entry in entries(activation)[::7]:
        for layer in kinds.get(kind, ()):
            gradients = sabotaged(network, (kind, layer, entry))
            if gradients is None:
                continue
            report = examined(network, gradients)
            if report.ok:
                continue
            places = {mistake.layer for mistake in report.mistakes}
            place = network.depth - layer
            assert places == {place}, (entry.message.wrong, layer, named(report))
            assert report.first_wrong_layer == place


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_mistakes_in_different_layers_are_both_named(activation):
    rng = np.random.RandomState(0)
    network = random_network(SIZES[2], activation)
    kinds = {"output": [5], "down": [1, 2], "derivative": [1, 2, 3], "weights": [1, 4]}
    usable = [(kind, entry) for kind, entry in entries(activation) if kind in kinds]
    n_tried, n_named = 0, 0
    while n_tried < 40:
        pair = [usable[rng.randint(len(usable))] for _ in range(2)]
        places = [rng.choice(kinds[kind]) for kind, _ in pair]
        if places[0] == places[1]:
            continue
        wrong = [
            (kind, place, p) for (kind, p), place in zip(pair, places, strict=True)
        ]
        with np.errstate(over="ignore", invalid="ignore"):
            alone = [sabotaged(network, one) for one in wrong]
            gradients = sabotaged(network, *wrong)
            hidden = gradients is None or any(
                one is None or examined(network, one).ok for one in alone
            )
            same = not hidden and any(
                all(np.array_equal(a, b) for a, b in zip(gradients[0], one[0]))
                for one in alone
            )
        if hidden or same:  # one of the two leaves no trace
            continue
        n_tried += 1
        report = examined(network, gradients)
        n_named += all(is_named(report, entry) for _, entry in pair)
    assert n_named >= 0.9 * n_tried


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_right_gradients_are_never_accused(columns, dtype, reduction, alpha):
    rng = np.random.RandomState(0)
    for seed in range(65):
        widths = rng.randint(1, 12, rng.randint(1, 6))
        activation = NAMES[seed % len(NAMES)]
        sizes = (rng.randint(1, 9), *widths, 1)
        network = random_network(
            sizes, activation, seed, rng.randint(2, 90), alpha, reduction, dtype
        )
        gradients = network.gradient
        if dtype == np.float32:  # as they are computed in it
            rounded = rng.uniform(-1, 1, 2) * 2.0**-22
            gradients = [
                [g * (1 + noise) for g in part]
                for part, noise in zip(gradients, rounded, strict=True)
            ]
        report = examined(network, gradients, columns, dtype)
        assert report.ok, str(report)
        assert report.mistakes == ()
        assert all("is zero here" in note for note in report.notes)
        assert report.first_wrong_layer is None


@pytest.mark.parametrize("rate", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("columns", [False, True])
def test_weights_updated_before_the_error_goes_through_them(rate, columns):
    network = random_network(SIZES[1], "tanh")
    dW, db = [None] * 4, [None] * 4
    delta = network.p - network.y
    for layer in range(4, 0, -1):
        dW[layer - 1] = network.A[layer - 1].T @ delta / network.n
        db[layer - 1] = delta.mean(axis=0)
        if layer > 1:
            W = network.weights[layer - 1] - rate * dW[layer - 1]
            delta = delta @ W.T * network.derivative(layer - 1)
    report = examined(network, (dW, db), columns)
    (mistake,) = report.mistakes
    assert "updated before" in mistake.name
    assert f"{rate:g} * dW" in mistake.wrong
    assert mistake.layer is None


FACTORS = {
    "not divided by n": lambda n: n,
    "divided by n twice": lambda n: 1 / n,
    "doubled": lambda n: 2,
    "a constant factor, 3.7": lambda n: 3.7,
}


@pytest.mark.parametrize("name", FACTORS)
def test_a_constant_factor_has_its_name(name):
    network = random_network(SIZES[1], "tanh", n=57)
    factor = FACTORS[name](network.n)
    gradients = [[factor * g for g in part] for part in network.gradient]
    (mistake,) = examined(network, gradients).mistakes
    assert any(name in text for text in (mistake.name, *mistake.same_numbers))
    assert mistake.layer in (None, 0)


PENALTIES = {
    "missing": 0,
    "has the wrong sign": -1,
    "not divided by n": 60,
    "doubled": 2,
    "off by a factor, 3.5": 3.5,
}


@pytest.mark.parametrize("name", PENALTIES)
def test_a_wrong_penalty_has_its_name(name):
    network = random_network(SIZES[1], "tanh", alpha=0.7)
    dW, db = network.gradient
    excess = (PENALTIES[name] - 1) * 0.7 / 60
    wrong = [g + excess * W for g, W in zip(dW, network.weights, strict=True)]
    (mistake,) = examined(network, (wrong, db)).mistakes
    assert name in mistake.name
    assert mistake.layer is None


@pytest.mark.parametrize(
    ("basis", "name"),
    [
        (lambda W: W, "a penalty that was not asked for"),
        (np.sign, "the penalty is of another kind"),
        (np.square, "the penalty is of another kind"),
    ],
)
def test_a_penalty_that_was_not_asked_for_has_its_name(basis, name):
    network = random_network(SIZES[1], "tanh")
    dW, db = network.gradient
    wrong = [g + 0.3 * basis(W) for g, W in zip(dW, network.weights, strict=True)]
    (mistake,) = examined(network, (wrong, db)).mistakes
    assert name in mistake.name
    assert "0.3 * " in mistake.wrong


@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_a_penalty_on_biases_has_its_name(alpha):
    network = random_network(SIZES[1], "tanh", alpha=alpha)
    dW, db = network.gradient
    strength = alpha / 60 or 0.3
    wrong = [g + strength * b for g, b in zip(db, network.biases, strict=True)]
    report = examined(network, (dW, wrong))
    assert any("the biases are penalised too" in text for text in named(report))
    assert all(mistake.name.startswith("the biases") for mistake in report.mistakes)


# Which gradients differ and by what, and where to look then: noise alone, or added to
# what is right, or larger from layer to layer.
PATTERNS = [
    ("b2", "alone", "Only gradients of biases differ"),
    ("W2", "alone", "db2 is right, and so is dZ2: .* gives dW2, and at the penalty"),
    ("W3 W1", "alone", "db3 is right and dW3 is not: .* in the same order"),
    ("W3 W2 W1 b3 b2 b1", "added", "Every layer differs from the output on"),
    ("W2 W1 b2 b1", "alone", "It is wrong from layer 2 down: look at dZ2"),
    ("W2 W1 b2 b1", "added", "The direction is about right from layer 2 down: look"),
    ("W2 W1 b2 b1", "growing", "wrong from layer 2 down and the norms grow layer by"),
    ("W1 b1", "growing", "It is wrong from layer 1 down: look at dZ1"),
    ("W2 b2", "alone", "^Layers below 2 are right, .* the product that gives dW2"),
    ("W3 W1 b3", "added", "^Some layers below 3 are right, .* that gives dW3"),
]


@pytest.mark.parametrize(("places", "kind", "sentence"), PATTERNS)
def test_what_no_mistake_explains_is_narrowed_down(places, kind, sentence):
    network = random_network((4, 6, 5, 1), "tanh", seed=3)
    rng = np.random.RandomState(1)
    gradients = dict(zip("Wb", ([g.copy() for g in part] for part in network.gradient)))
    for place in places.split():
        layer = int(place[1]) - 1
        right = gradients[place[0]][layer]
        noise = rng.normal(size=right.shape)
        noise *= np.linalg.norm(right) / np.linalg.norm(noise)
        growing = 10.0 ** (3 - layer) * noise
        changed = {"alone": noise, "added": right + 0.3 * noise, "growing": growing}
        gradients[place[0]][layer] = changed[kind]
    report = examined(network, tuple(gradients.values()))
    assert not report.mistakes
    assert re.search(sentence, report.notes[-1])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def question(weights, biases, X, Y):
    """The backward pass of the question that this project began with, as written."""
    A, Z = [X], [None]
    for W, b in zip(weights, biases, strict=True):
        Z.append(W @ A[-1] + b)
        A.append(np.tanh(Z[-1]) if len(A) < len(weights) else sigmoid(Z[-1]))
    dA = -(Y / A[-1] + (1 - Y) / (1 - A[-1]))
    dW, db = [], []
    for layer in range(len(weights), 0, -1):
        dZ = dA * (1 - Z[layer] ** 2)
        dW.insert(0, dZ @ A[layer - 1].T / Y.shape[1])
        db.insert(0, dZ.sum(axis=1, keepdims=True) / Y.shape[1])
        dA = weights[layer - 1].T @ dZ
    return dW, db


def in_columns(network):
    W, b = [w.T for w in network.weights], [b[:, np.newaxis] for b in network.biases]
    return W, b, network.X.T, network.y.T


@pytest.mark.parametrize("by_function", [False, True])
def test_the_mistakes_of_the_question_are_named(by_function):
    arrays = in_columns(random_network((6, 8, 7, 5, 1), "tanh"))
    if by_function:
        report = debug_backprop(*arrays, grad_fn=question)
    else:
        report = debug_backprop(*arrays, *question(*arrays))
    lines = [(mistake.layer, mistake.wrong) for mistake in report.mistakes]
    assert lines == [
        (0, "dA4 = -(y / p + (1 - y) / (1 - p))"),
        (0, "dZ4 = dA4 * (1 - z4**2)"),
        (None, "dZ_l = dA_l * (1 - z_l**2)"),
    ]
    assert "sign slip" in str(report)


def test_a_function_is_asked_where_a_mistake_shows():
    """Near zero the derivative at the activation is that at the pre-activation."""

    def gradients(weights, biases, X, y):
        (W1, W2), (b1, b2) = weights, biases
        a1 = np.tanh(X @ W1 + b1)
        dz2 = sigmoid(a1 @ W2 + b2) - y[:, np.newaxis]
        dz1 = dz2 @ W2.T * (1 - np.tanh(a1) ** 2)
        n = len(y)
        return [X.T @ dz1 / n, a1.T @ dz2 / n], [dz1.mean(0), dz2.mean(0)]

    network = random_network((4, 6, 1), "tanh")
    W, b = [1e-3 * w for w in network.weights], [0 * b for b in network.biases]
    arrays = W, b, network.X, network.y.ravel()
    assert debug_backprop(*arrays, *gradients(*arrays)).ok
    report = debug_backprop(*arrays, grad_fn=gradients)
    assert not report.ok
    assert report.mistakes[0].wrong == "dZ1 = dA1 * (1 - tanh(a1)**2)"


def test_an_unknown_mistake_is_not_named_as_if_it_were_known(rng):
    network = random_network(SIZES[1], "tanh")
    dW, db = map(list, network.gradient)
    dW[1] = dW[1] + 0.1 * rng.normal(size=dW[1].shape)
    report = examined(network, (dW, db))
    assert report.mistakes == ()
    assert report.first_wrong_layer == 2
    assert "No known mistake" in report.notes[0]
    assert "look at the product that gives dW2" in report.notes[-1]
    db[0] = db[0] ** 2
    report = examined(network, (network.gradient[0], db))
    assert "Only gradients of biases differ" in report.notes[-1]


SHAPES = {
    "not summed over the samples": lambda network: network.A[2] - network.A[2].mean(),
    "summed over the units": lambda network: network.A[2].sum(axis=1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_a_bias_gradient_is_a_finding(name):
    network = random_network((3, 4, 5, 1), "tanh", n=20)
    dW, db = map(list, network.gradient)
    db[1] = SHAPES[name](network)
    (mistake,) = examined(network, (dW, db)).mistakes
    assert name in mistake.name
    assert mistake.layer == 1


def test_labels_that_are_broadcast_are_a_finding():
    network = random_network((3, 4, 1), "tanh", n=20)
    dW, db = map(list, network.gradient)
    dW[1] = network.A[1].T @ (network.p - network.y.ravel()) / 20
    report = examined(network, (dW, db))
    assert "broadcast" in report.mistakes[0].name


def test_nan_is_said_and_the_rest_is_examined():
    network = random_network(SIZES[1], "tanh")
    dW, db = map(list, network.gradient)
    dW[1], dW[0] = np.nan * dW[1], np.nan * dW[0]
    db[2] = 2 * db[2]
    report = examined(network, (dW, db))
    assert report.notes[0].startswith("dW2 holds nan or inf. Going backwards")
    assert any("db doubled" in text for text in named(report))
    assert not report.ok


def test_the_report_in_its_forms():
    network = random_network(SIZES[0], "relu")
    entry = OUTPUTS[1]
    report = examined(network, sabotaged(network, ("output", None, entry)))
    as_dict = report.to_dict()
    assert as_dict["mistakes"][0]["name"] == entry.message.name
    assert [layer["number"] for layer in as_dict["layers"]] == [2, 1]
    assert entry.message.name in str(report)
    html = report._repr_html_()
    assert "<script" not in html
    assert "sigmoid&#x27;" in html
    assert report.numeric_error < 1e-7


def test_a_gradient_of_zero_up_to_rounding_is_right():
    """Its terms cancel: another order of them gives another rounding."""
    X = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]) - 0.5, (25, 1)) / 10
    y = (X[:, 0] * X[:, 1] < 0).astype(float)
    network = random_network((2, 4, 4, 1), "tanh")
    zeros = [0 * b for b in network.biases]
    network = replace(network, X=X, y=y[:, np.newaxis], biases=zeros, divisor=100.0)
    order = np.random.RandomState(0).permutation(100)
    other = replace(network, X=X[order], y=y[order, np.newaxis])
    assert examined(network, other.gradient).ok


def test_the_gradients_of_another_activation_are_said_to_be_that():
    network = random_network(SIZES[1], "tanh")
    report = examined(network, network.gradient, activation="logistic")
    assert "right for hidden layers of tanh" in report.notes[-1]


@pytest.mark.parametrize("missing", [None, 0, 1, 3])
def test_a_forward_pass_without_biases_is_said_to_be_that(missing):
    network = random_network(SIZES[1], "tanh")
    biases = [
        0 * b if missing in (None, i) else b for i, b in enumerate(network.biases)
    ]
    report = examined(network, replace(network, biases=biases).gradient)
    which = "biases" if missing is None else f"b{missing + 1}"
    assert report.notes[-1] == f"They are right for a forward pass without {which}."


@pytest.mark.parametrize("row", [0, -1])
@pytest.mark.parametrize("divided", [False, True])
def test_gradients_that_a_loop_overwrites_in_place_of_adding(row, divided):
    network = random_network(SIZES[1], "tanh")
    size = network.n if divided else 1
    inputs, errors = network.A, network.errors
    dW = [np.outer(inputs[k - 1][row], errors[k][row]) / size for k in range(1, 5)]
    db = [errors[k][row] / size for k in range(1, 5)]
    report = examined(network, (dW, db))
    (mistake,) = report.mistakes
    assert mistake.name == "only one row counts"
    assert ("[:1]" if row == 0 else "[-1:]") in mistake.wrong
    assert not report.notes


@pytest.mark.parametrize("m", [32, -32, 59, -59])
@pytest.mark.parametrize("divided", [False, True])
def test_rows_that_do_not_count_are_told(m, divided):
    """A batch that is summed over alone, or that is dropped."""
    network = random_network(SIZES[1], "tanh")
    rows = slice(m) if m > 0 else slice(m, None)
    part = replace(network, X=network.X[rows], y=network.y[rows])
    if divided:
        part = replace(part, divisor=float(abs(m)))
    (mistake,) = examined(network, part.gradient).mistakes
    assert "part of the rows" in mistake.name
    assert f"[:{m}]" in mistake.wrong or f"[{m}:]" in mistake.wrong
    assert ("* n /" in mistake.wrong) == divided


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5, 1e-7])
def test_a_guard_of_the_logarithm_is_called_harmless(epsilon):
    network = random_network((6, 8, 1), "tanh")
    far = replace(network, weights=[5 * W for W in network.weights])
    p, y = far.p, far.y
    delta = -(y / (p + epsilon) - (1 - y) / (1 - p + epsilon)) * p * (1 - p)
    entry = at_once("", "", "", "", lambda z, p, y: delta)
    report = examined(far, sabotaged(far, ("output", None, entry)))
    assert report.mistakes[0].why.startswith("Harmless")
    assert f"{epsilon:g}" in report.mistakes[0].wrong


def test_zero_is_called_zero():
    network = random_network(SIZES[1], "tanh")
    zeros = [[0 * array for array in part] for part in network.gradient]
    (mistake,) = examined(network, zeros).mistakes
    assert mistake.name == "the error is zero"
    dW, db = map(list, network.gradient)
    dW[1] = 0 * dW[1]
    (mistake,) = examined(network, (dW, db)).mistakes
    assert mistake.wrong == "dW2 = 0"
    assert not mistake.same_numbers


def test_many_mistakes_of_the_same_numbers_are_not_all_printed():
    network = random_network(SIZES[1], "tanh")
    below = replace(network, weights=[W - 9 for W in network.weights])
    report = examined(below, sabotaged(below, ("output", None, OUTPUTS[0])))
    assert len(report.mistakes[0].same_numbers) > 4
    assert str(report).count("    or  ") == 5
    assert "more, in `same_numbers`" in str(report)


def test_formulas_are_in_the_convention_of_the_user():
    network = random_network(SIZES[1], "tanh")
    dW, db = map(list, network.gradient)
    db[1] = network.errors[2][-1]
    lines = [examined(network, (dW, db), columns).mistakes[0] for columns in (0, 1)]
    assert [line.wrong for line in lines] == ["db2 = dZ2[-1]", "db2 = dZ2[:, -1]"]


def test_a_gradient_of_zero_tests_nothing():
    network = random_network((3, 4, 4, 1), "tanh")
    far = replace(network, weights=[1e4 * W for W in network.weights])
    report = examined(far, far.gradient)
    assert report.ok
    assert any("true dW1 is zero here: it tests nothing" in n for n in report.notes)
