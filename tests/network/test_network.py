import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime

from skdeepbin.network._activations import ACTIVATIONS, activation_of
from skdeepbin.network._dropout import draw
from skdeepbin.network._initializers import INITIALIZERS, initialize
from skdeepbin.network._network import Block, Network, few_logits
from skdeepbin.network._parameters import Layout


def problem(name, hidden, rng, n_rows=20, n_features=3, dtype=np.float64):
    """A network, a point, X, and a block of it with labels and weights."""
    layout = Layout((n_features, *hidden, 1))
    activation = ACTIVATIONS[name]
    theta = initialize(layout, INITIALIZERS[activation.init], rng).astype(dtype)
    for b in layout.views(theta).biases:
        b[:] = rng.normal(scale=0.1, size=b.size)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    X[X < -0.5] = 0
    y = rng.randint(0, 2, n_rows).astype(dtype)
    w = rng.uniform(size=n_rows).astype(dtype)
    A = np.vstack([X.T, np.ones(n_rows, dtype)])
    return Network(layout, activation), theta, X, Block(A, y, w)


def loss_and_gradient(network, theta, block):
    """Both, with memory of their own."""
    gradient = np.full_like(theta, np.nan)
    loss = network.loss_and_gradient(
        network.layout.layers(theta),
        block,
        network.workspace(len(block.y), theta.dtype),
        network.layout.views(gradient),
    )
    return loss, gradient


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_logits_are_the_formula(name, rng):
    network, theta, X, block = problem(name, (4, 5), rng)
    (W1, W2, W3), (b1, b2, b3) = network.layout.views(theta)
    A1 = X @ W1 + b1
    network.activation.forward(A1)
    A2 = A1 @ W2 + b2
    network.activation.forward(A2)
    workspace = network.workspace(len(X), theta.dtype)
    z = network.logits(network.layout.layers(theta), block.X, workspace)
    np.testing.assert_allclose(z, (A2 @ W3 + b3)[:, 0], rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 5)])
@pytest.mark.parametrize("n_rows", [1, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_few_rows_have_the_same_logits(name, hidden, n_rows, dtype, container, rng):
    network, theta, X, block = problem(name, hidden, rng, n_rows, dtype=dtype)
    workspace = network.workspace(n_rows, dtype, backward=False)
    z = network.logits(network.layout.layers(theta), block.X, workspace)
    parameters, given = network.layout.views(theta), container(X)
    overflowed = np.zeros(n_rows, bool)
    few = few_logits(parameters, network.activations, given, overflowed)
    assert not overflowed.any()
    assert type(few) is np.ndarray
    assert few.dtype == dtype
    assert few.shape == (n_rows,)
    np.testing.assert_allclose(few, z, rtol=1e-4 if dtype == np.float32 else 1e-12)
    again = few_logits(parameters, network.activations, given, overflowed)
    np.testing.assert_array_equal(again, few)  # neither X nor a parameter is changed


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 5)])
@pytest.mark.parametrize("other", ["sparse", "row by row"])
def test_the_container_does_not_matter(name, hidden, other, rng):
    network, theta, X, block = problem(name, hidden, rng)
    loss, gradient = loss_and_gradient(network, theta, block)
    A = sparse.csr_array(X) if other == "sparse" else np.asfortranarray(block.X)
    other_loss, other_gradient = loss_and_gradient(network, theta, block._replace(X=A))
    assert other_loss.trained == pytest.approx(loss.trained, rel=1e-14)
    np.testing.assert_allclose(other_gradient, gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_held_out_rows_are_watched_but_not_trained_on(name, rng):
    network, theta, X, block = problem(name, (4, 5), rng)
    held_out = np.arange(len(X)) >= 14
    losses, gradient = loss_and_gradient(network, theta, block._replace(n_trained=14))
    sparse_block = block._replace(X=sparse.csr_array(X), n_trained=14)
    again = loss_and_gradient(network, theta, sparse_block)
    assert again[0] == pytest.approx(losses)
    np.testing.assert_allclose(again[1], gradient, atol=1e-14)
    nothing = loss_and_gradient(network, theta, block._replace(n_trained=0))
    assert nothing[0].trained == 0
    np.testing.assert_array_equal(nothing[1], 0)

    def of(rows):
        A, y, w, *_ = block
        return loss_and_gradient(network, theta, Block(A[:, rows], y[rows], w[rows]))

    trained, watched = of(~held_out), of(held_out)
    np.testing.assert_allclose(gradient, trained[1], atol=1e-14)
    assert losses.trained == pytest.approx(trained[0].trained)
    assert losses.held_out == pytest.approx(watched[0].trained)
    assert trained[0].held_out == 0


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept_and_input_untouched(name, dtype, rng):
    network, theta, _, block = problem(name, (4, 4), rng, dtype=dtype)
    arrays = [theta, block.X, block.y, block.w]
    copies = [array.copy() for array in arrays]
    _, gradient = loss_and_gradient(network, theta, block)
    assert gradient.dtype == dtype
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("hidden", [(), (4,), (4, 6), (6, 4, 5), (3, 7, 5)])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("own", [False, True])
def test_a_workspace_is_as_large_as_stated(hidden, dropout, dtype, own, rng):
    network = problem("tanh", hidden, rng)[0]
    rows = (OWN,) * len(hidden) if own else network.activations
    network = Network(network.layout, rows, dropout)
    parts = network.workspace(7, dtype)
    arrays = [a for part in parts for a in (part if isinstance(part, list) else [part])]
    own = {id(a): a for a in (a if a.base is None else a.base for a in arrays)}
    taken = sum(a.nbytes for a in own.values())
    stated = network.workspace_size(7) * np.dtype(dtype).itemsize
    # One hidden layer needs one stretch for errors, and products have eight bytes.
    spare = (len(hidden) == 1) + (dropout > 0) * (dtype == np.float64)
    assert (
        stated - taken == spare * 7 * max(hidden, default=0) * np.dtype(dtype).itemsize
    )


def test_predicting_takes_activations_alone(rng):
    network = problem("tanh", (4, 6), rng)[0]
    workspace = Network(network.layout, network.activations, 0.5).workspace(
        7, np.float32, backward=False
    )
    assert [A.shape for A in workspace.A] == [(5, 7), (7, 7)]
    assert sum(part.size for part in (workspace.ones, workspace.products)) == 0
    assert not workspace.D
    assert not workspace.M


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_a_block_takes_no_memory_but_a_few_numbers_a_row(name, rng):
    n_rows = 2000
    network, theta, _, block = problem(name, (64, 64), rng, n_rows)
    V = network.layout.layers(theta)
    workspace = network.workspace(n_rows, theta.dtype)
    gradient = network.layout.views(np.empty_like(theta))
    tracemalloc.start()
    network.loss_and_gradient(V, block, workspace, gradient)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * n_rows * theta.itemsize


class Wave:
    """An activation whose derivative needs the pre-activation."""

    def forward(self, Z):
        return np.sin(Z)

    def derivative(self, Z):
        return np.cos(Z)


OWN = activation_of(Wave())
MIXED = {
    "two of the table": (ACTIVATIONS["tanh"], ACTIVATIONS["logistic"]),
    "one's own first": (OWN, ACTIVATIONS["tanh"]),
    "one's own last": (ACTIVATIONS["tanh"], OWN),
    "one's own": (OWN, OWN),
}


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_each_layer_has_a_function_of_its_own(kind, dropout, rng):
    plain, theta, X, block = problem("tanh", (4, 5), rng)
    network = Network(plain.layout, MIXED[kind], dropout)
    h = rng.randint(2**62, size=len(block.y)).astype(np.uint64) * np.uint64(2)
    block = block._replace(h=h + np.uint64(1))
    r = draw(theta, (4, 5)) if dropout else ()

    def total(theta):
        gradient = np.full_like(theta, np.nan)
        losses = network.loss_and_gradient(
            network.layout.layers(theta),
            block,
            network.workspace(len(block.y), theta.dtype),
            network.layout.views(gradient),
            r,
        )
        return losses.trained, gradient

    numeric = approx_fprime(theta, lambda theta: total(theta)[0], 1e-7)
    np.testing.assert_allclose(total(theta)[1], numeric, rtol=1e-4, atol=1e-5)
    (W1, W2, W3), (b1, b2, b3) = network.layout.views(theta)
    A1 = X @ W1 + b1
    network.activations[0].forward(A1)
    A2 = A1 @ W2 + b2
    network.activations[1].forward(A2)
    z = (A2 @ W3 + b3)[:, 0]
    few = few_logits(
        network.layout.views(theta), network.activations, X, np.zeros(20, bool)
    )
    np.testing.assert_allclose(few, z, rtol=1e-12)
    workspace = network.workspace(len(X), theta.dtype, backward=False)
    logits = network.logits(network.layout.layers(theta), block.X, workspace)
    np.testing.assert_allclose(logits, z, rtol=1e-12)


def test_only_layers_that_need_it_keep_their_pre_activations():
    layout = Layout((3, 4, 6, 1))
    sizes = {
        kind: Network(layout, rows).workspace_size(1) for kind, rows in MIXED.items()
    }
    usual = sizes["two of the table"]
    assert sizes["one's own first"] == usual + 4
    assert sizes["one's own last"] == usual + 6
    assert sizes["one's own"] == usual + 10
    for rows in MIXED.values():
        workspace = Network(layout, rows).workspace(7, float)
        for Z, A, row in zip(workspace.Z, workspace.A, rows):
            assert (Z.base is A) == (not row.from_input)


@pytest.mark.parametrize("hidden", [(), (4,), (4, 5)])
def test_one_activation_is_that_of_all_layers(hidden):
    layout, row = Layout((3, *hidden, 1)), ACTIVATIONS["tanh"]
    network = Network(layout, row)
    assert network.activations == (row,) * max(len(hidden), 1)
    assert network.recipe == row
    assert pickle.loads(pickle.dumps(network)) == network
