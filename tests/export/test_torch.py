"""The network as a module of PyTorch."""

import pickle
import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdeepbin import DeepBinaryClassifier
from skdeepbin.export import to_torch
from tests.export.setups import NETWORKS, fitted, net
from tests.own import Softplus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def logits(torch, module, X):
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_logits_are_the_same(kind, torch, moons):
    X, y = moons
    clf = fitted(kind, X, y)
    module = to_torch(clf)
    z = logits(torch, module, X)
    assert z.shape == (len(y), 1)
    np.testing.assert_allclose(z[:, 0], clf.decision_function(X), rtol=0, atol=1e-13)
    assert isinstance(module, torch.nn.Sequential)
    assert not module.training


@pytest.mark.parametrize("n_bins", [0, 4])
def test_layers_of_several_activations(n_bins, torch, moons):
    X, y = moons
    given, sizes = ["relu", "identity", "logistic", "tanh"], (5, 4, 3, 2)
    clf = net(hidden_layer_sizes=sizes, activation=given, n_networks=2, n_bins=n_bins)
    module = to_torch(clf.fit(X, y).set_params(activation="relu"))
    z = logits(torch, module, X)[:, 0]
    np.testing.assert_allclose(z, clf.decision_function(X), rtol=0, atol=1e-13)


def test_an_activation_that_is_no_module_is_refused(moons):
    clf = net(activation=["relu", Softplus()], depth=2).fit(*moons)
    with pytest.raises(ValueError, match=r"torch\.nn knows, .* layer 2 is of Softplus"):
        to_torch(clf)


@pytest.mark.parametrize("k", [1, 2])
def test_float32(k, torch, moons):
    X, y = moons[0].astype("f"), moons[1]
    clf = net(n_networks=k).fit(X, y)
    module = to_torch(clf)
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    z = logits(torch, module, X)[:, 0]
    np.testing.assert_allclose(z, clf.decision_function(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k", [1, 2])
def test_it_is_saved_exported_and_trained(k, torch, moons):
    X, y = moons
    clf = net(n_networks=k).fit(X, y)
    module, other = to_torch(clf), to_torch(net(n_networks=k, random_state=1).fit(X, y))
    z = logits(torch, module, X)
    other.load_state_dict(module.state_dict())
    copies = [other, pickle.loads(pickle.dumps(module))]
    copies += [torch.export.export(module, (torch.from_numpy(X),)).module()]
    for copy in copies:
        np.testing.assert_array_equal(logits(torch, copy, X), z)
    loss = torch.nn.BCEWithLogitsLoss()
    rows, target = torch.from_numpy(X), torch.from_numpy(y.astype(float))[:, None]
    steps = torch.optim.SGD(module.parameters(), lr=0.1)
    before = loss(module(rows), target)
    before.backward()
    steps.step()
    assert loss(module(rows), target) < before
    np.testing.assert_array_equal(clf.decision_function(X), fitted_again(clf, X, y))


def fitted_again(clf, X, y):
    """The logits of a fit that nobody can have written into."""
    return DeepBinaryClassifier(**clf.get_params()).fit(X, y).decision_function(X)


def test_it_draws_no_random_numbers(torch, moons):
    clf = net().fit(*moons)
    state = torch.get_rng_state()
    to_torch(clf)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_refused():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        to_torch(net())
    with pytest.raises(TypeError, match="`clf` must be a fitted DeepBinaryClassifier"):
        to_torch("a network")


def test_a_missing_library_is_named(moons, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="`pip install torch`"):
        to_torch(net().fit(*moons))
