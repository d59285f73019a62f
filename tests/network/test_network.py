import numpy as np
import pytest
from scipy import sparse

from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, initialize
from skdeepbin.network._network import Network, logits
from skdeepbin.network._parameters import Layout


def problem(name, hidden, rng, n_rows=20, n_features=3):
    layout = Layout((n_features, *hidden, 1))
    activation = ACTIVATIONS[name]
    theta = initialize(layout, INITIALIZERS[activation.init], rng)
    theta[layout.n_weights :] = rng.normal(
        scale=0.1, size=theta.size - layout.n_weights
    )
    X = rng.normal(size=(n_rows, n_features))
    y = rng.randint(0, 2, n_rows).astype(float)
    return Network(layout, activation), theta, X, y, rng.uniform(size=n_rows)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_logits_are_the_formula(name, rng):
    network, theta, X, *_ = problem(name, (4, 5), rng)
    (W1, W2, W3), (b1, b2, b3) = network.layout.views(theta)
    A1 = X @ W1 + b1
    network.activation.forward(A1)
    A2 = A1 @ W2 + b2
    network.activation.forward(A2)
    z = logits(network.activation, network.layout.views(theta), X)
    np.testing.assert_array_equal(z, (A2 @ W3 + b3)[:, 0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_sparse_is_dense(name, rng):
    network, theta, X, y, w = problem(name, (4,), rng)
    X[X < 0] = 0
    loss, gradient = network.loss_and_gradient(theta, X, y, w)
    sparse_loss, sparse_gradient = network.loss_and_gradient(
        theta, sparse.csr_array(X), y, w
    )
    assert sparse_loss == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(sparse_gradient, gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept_and_input_untouched(name, dtype, rng):
    network, *arrays = problem(name, (4, 4), rng)
    arrays = [a.astype(dtype) for a in arrays]
    copies = [a.copy() for a in arrays]
    _, gradient = network.loss_and_gradient(*arrays)
    assert gradient.dtype == dtype
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)
