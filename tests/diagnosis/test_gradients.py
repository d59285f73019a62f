import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import check_gradients
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.network._activations import ACTIVATIONS
from tests.diagnosis.sabotage import random_network


def functions(network, factor=1.0):
    """Loss and gradients of a network as functions of a list of arrays."""
    depth = network.depth

    def at(params):
        return network.at(params[:depth], params[depth:])

    def gradients(params):
        dW, db = at(params).gradient
        return [*dW, *(factor * g for g in db)]

    return (
        lambda params: at(params).loss(),
        gradients,
        [*network.weights, *network.biases],
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_true_gradient_is_right(activation, alpha, reduction):
    network = random_network((3, 5, 4, 1), activation, 0, 30, alpha, reduction)
    check = check_gradients(*functions(network))
    assert check.ok, str(check)
    assert check.n_checked == (15, 20, 4, 5, 4, 1)


def test_a_wrong_gradient_is_found_in_its_array():
    check = check_gradients(*functions(random_network((3, 5, 1), "tanh"), factor=1.1))
    assert not check.ok
    assert [error > 1e-2 for error in check.errors] == [False, False, True, True]
    assert "WRONG" in str(check)


def test_large_arrays_are_sampled():
    params = [np.ones((100, 100))]
    check = check_gradients(
        lambda p: float(p[0].sum()), lambda p: [0 * p[0] + 1], params
    )
    assert check.n_checked == (50,)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_parameters_of_any_size(scale):
    params = [scale * np.array([1.0, -2.0, 3.0])]
    check = check_gradients(
        lambda p: float((p[0] ** 2).sum()) / scale, lambda p: [2 * p[0] / scale], params
    )
    assert check.ok


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("parameters", [{}, {"activation": "tanh", "depth": 3}])
@pytest.mark.parametrize("n_networks", [1, 2])
def test_the_classifier_has_the_right_gradient(parameters, n_networks, cancer):
    X, y = cancer[0][:200, :6], cancer[1][:200]
    model = DeepBinaryClassifier(
        8, n_networks=n_networks, max_iter=20, random_state=0, **parameters
    )
    check = check_gradients(model.fit(X, y), X, y)
    assert check.ok, str(check)


def test_a_pipeline_transforms_first(cancer):
    model = make_pipeline(StandardScaler(), DeepBinaryClassifier(4, random_state=0))
    model.fit(*cancer)
    whole = check_gradients(model, *cancer)
    assert whole.ok
    parts = check_gradients(model[-1], model[:-1].transform(cancer[0]), cancer[1])
    assert whole.errors == parts.errors


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="`grads` must return arrays of the shapes"):
        check_gradients(lambda p: 0.0, lambda p: [np.ones(3)], [np.ones(2)])


def test_only_our_classifier(cancer):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(TypeError, match="got LogisticRegression"):
        check_gradients(LogisticRegression(C=1e-9).fit(*cancer), *cancer)


def test_the_passes_are_those_of_the_formulas():
    network = random_network((2, 3, 1), "tanh", n=5)
    assert isinstance(network, ReferenceNetwork)
    p = 1 / (1 + np.exp(-network.Z[-1]))
    loss = -np.mean(network.y * np.log(p) + (1 - network.y) * np.log(1 - p))
    assert network.loss() == pytest.approx(loss)


def test_small_parameters_and_a_loss_in_single_precision():
    assert check_gradients(
        lambda p: float(np.log(p[0]).sum()), lambda p: [1 / p[0]], [np.full(3, 1e-6)]
    ).ok
    single = check_gradients(
        lambda p: np.float32((p[0].astype(np.float32) ** 2).sum()),
        lambda p: [2 * p[0]],
        [np.ones(3)],
    )
    assert max(single.errors) < 1e-2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.where(y, "b", "a")), "labels, must be among"),
        (lambda X, y: (X[:9], y), "inconsistent numbers of samples"),
        (lambda X, y: (X[:, :4], y), "30 features of the classifier; got 4"),
        (lambda X, y: (X * np.nan, y), "NaN"),
    ],
)
def test_rows_of_a_classifier_are_checked(change, message, cancer):
    clf = DeepBinaryClassifier(4, random_state=0).fit(*cancer)
    with pytest.raises(ValueError, match=message):
        check_gradients(clf, *change(*cancer))
