import numpy as np
import pytest

from skdeepbin.network._parameters import Layout

SIZES = [(3, 1), (5, 4, 1), (2, 3, 4, 1)]


@pytest.mark.parametrize("sizes", SIZES)
def test_views_cover_theta_once(sizes):
    layout = Layout(sizes)
    theta = np.zeros(layout.n_parameters)
    for part in [*layout.views(theta).weights, *layout.views(theta).biases]:
        part += 1
    np.testing.assert_array_equal(theta, 1)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_layer_is_its_weights_over_its_biases(sizes, rng):
    layout = Layout(sizes)
    theta = rng.normal(size=layout.n_parameters)
    for V, W, b in zip(layout.layers(theta), *layout.views(theta), strict=True):
        np.testing.assert_array_equal(V, np.vstack([W, b]))
        assert np.shares_memory(V, theta)


@pytest.mark.parametrize("sizes", SIZES)
def test_weights_are_told_from_biases(sizes):
    layout = Layout(sizes)
    theta, is_bias = np.zeros((2, layout.n_parameters))
    for b in layout.views(theta).biases:
        b[:] = 1
    for where in layout.biases:
        is_bias[where] = 1
    np.testing.assert_array_equal(theta, is_bias)


@pytest.mark.parametrize("sizes", SIZES)
def test_features_are_put_in_and_taken_out(sizes, rng):
    """Those that are put in weigh nothing, so the same rows have the same logits."""
    layout = Layout(sizes)
    wide = layout.with_features(sizes[0] + 3)
    features = np.sort(rng.permutation(sizes[0] + 3)[: sizes[0]])
    theta = rng.normal(size=layout.n_parameters)
    wider = layout.widened(theta, wide, features)
    W, b = wide.layers(wider)[0][:-1], wide.layers(wider)[0][-1]
    X = rng.normal(size=(5, sizes[0] + 3))
    V = layout.layers(theta)[0]
    np.testing.assert_allclose(X @ W + b, X[:, features] @ V[:-1] + V[-1], rtol=1e-12)
    np.testing.assert_array_equal(wide.narrowed(wider, features), theta)
    first = layout.widened(theta, wide)
    np.testing.assert_array_equal(wide.narrowed(first, np.arange(sizes[0])), theta)


@pytest.mark.parametrize("sizes", SIZES)
def test_pack_is_the_inverse_of_views(sizes, rng):
    layout = Layout(sizes)
    theta = rng.normal(size=layout.n_parameters)
    np.testing.assert_array_equal(layout.pack(layout.views(theta)), theta)


def test_a_layout_is_what_it_says():
    layout = Layout((2, 3, 1))
    assert layout.shapes == [(2 + 1, 3), (3 + 1, 1)]
    assert layout.n_parameters == 3 * 3 + 4 * 1
    assert layout.slices == [slice(0, 9), slice(9, 13)]


@pytest.mark.parametrize("sizes", SIZES)
def test_several_networks_have_an_axis_in_front(sizes, rng):
    layout = Layout(sizes)
    thetas = rng.normal(size=(3, layout.n_parameters))
    for one, theta in enumerate(thetas):
        for ours, theirs in zip(layout.views(thetas), layout.views(theta), strict=True):
            for many, single in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(many[one], single)
