import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import scale

from skdeepbin.engine import _scaling
from skdeepbin.engine._scaling import FeatureScaling, scaling_of
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Layout

LAYOUT = Layout((4, 3, 1))


def ones(rows):
    return np.ones(rows.stop - rows.start)


def converted_total(scaling, total, layout):
    """A sum over the rows as a function of the parameters on scaled features."""
    conversion = scaling.conversion(layout)

    def on_scaled(theta):
        losses, gradient = total(conversion.to_rows(theta))
        return losses, conversion.gradient(gradient)

    return on_scaled


@pytest.fixture
def X(rng):
    return rng.normal(size=(200, 4)) * [1, 1e-6, 30, 1e5] + [0, 1, -7e4, 1e5]


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize("rows", [2**14, 7])
def test_features_have_about_mean_0_and_deviation_1(container, rows, X, monkeypatch):
    monkeypatch.setattr(_scaling, "ROWS", rows)
    if container is sparse.csr_array:  # far from zero for its spread: nothing sparse is
        X[:, 1:3] = 0
    scaling = scaling_of(container(X), ones)
    converted = (X - scaling.shift) / scaling.scale
    assert abs(converted.mean(axis=0)).max() < 0.2
    varies = X.std(axis=0) > 0
    assert (abs(np.log2(converted.std(axis=0)[varies])) < 0.6).all()
    np.testing.assert_array_equal(np.frexp(scaling.scale)[0], 0.5)  # powers of two


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_rows", [2, 3, 50])
@pytest.mark.parametrize("weighted", [True, False])
def test_units_are_the_nearest_to_mean_and_deviation(container, n_rows, weighted, rng):
    """Powers of two, and multiples of a quarter of them."""
    X = rng.normal(size=(n_rows, 40)) * np.exp(rng.normal(size=40)) + 1
    w = rng.uniform(size=n_rows) if weighted else np.ones(n_rows)
    scaling = scaling_of(container(X), lambda rows: w[rows])
    mean = np.average(X, 0, w)
    deviation = np.sqrt(np.average((X - mean) ** 2, 0, w))
    assert (abs(np.log2(scaling.scale / deviation)) <= 0.5 + 1e-9).all()
    assert (abs(scaling.shift - mean) <= scaling.scale / 8 + 1e-9).all()
    assert (4 * scaling.shift / scaling.scale % 1 == 0).all()


@pytest.mark.parametrize("rows", [2**14, 7])
def test_rows_without_weight_do_not_count(rows, X, rng, monkeypatch):
    monkeypatch.setattr(_scaling, "ROWS", rows)
    w = (rng.uniform(size=len(X)) < 0.5).astype(float)
    w[:20] = 0  # more than are looked at at a time
    X[w == 0] = 1e300
    scaling = scaling_of(X, lambda part: w[part])
    expected = scaling_of(X[w > 0], ones)
    np.testing.assert_array_equal(scaling.scale, expected.scale)
    np.testing.assert_array_equal(scaling.shift, expected.shift)


def test_units_are_the_users_only_without_shift_and_scale():
    one, zero = np.ones(2), np.zeros(2)
    assert FeatureScaling(zero, one).is_identity
    assert not FeatureScaling(np.array([0, 0.25]), one).is_identity
    assert not FeatureScaling(zero, np.array([1, 2.0])).is_identity
    conversion, vector = (
        FeatureScaling(zero, one).conversion(Layout((2, 1))),
        np.ones(3),
    )
    assert conversion.to_rows(vector) is conversion.gradient(vector) is vector
    np.testing.assert_array_equal(vector, 1)


def test_the_units_of_one_row_are_shifts_alone(X, monkeypatch):
    scaling = scaling_of(X[:1], ones)
    np.testing.assert_array_equal(scaling.scale, 1)
    assert (abs(X[0] - scaling.shift) <= 1 / 8).all()
    monkeypatch.setattr(_scaling, "ROWS", 1)  # nor are more needed at a time
    assert abs(scaling_of(X, ones).shift - X.mean(axis=0))[0] < 0.2


def test_a_feature_far_from_zero_keeps_its_digits(X):
    """Its spread is a millionth of what it is away from zero."""
    X[:, 2] = 1e9 + np.cos(np.arange(len(X)))
    scaling = scaling_of(X, ones)
    assert scaling.scale[2] in (0.5, 1.0)
    assert abs(X[:, 2].mean() - scaling.shift[2]) <= scaling.scale[2] / 4


@pytest.mark.parametrize(("relative", "varies"), [(1e-9, True), (1e-11, False)])
def test_what_varies_by_rounding_is_constant(relative, varies, X):
    X[:, 1] = 1e6 * (1 + relative * (np.arange(len(X)) % 2 * 2 - 1))
    assert (scaling_of(X, ones).scale[1] != 1) == varies


def test_standardised_features_stay_as_they_are(X):
    assert scaling_of(scale(X), ones).is_identity


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("size", [1e-150, 1e170, 1e307])
def test_features_of_any_size(container, size, X):
    X[:, 1] = size * np.cos(np.arange(len(X)))
    X[:, 2] = 0
    scaling = scaling_of(container(X), ones)
    converted = (X[:, 1] - scaling.shift[1]) / scaling.scale[1]
    assert 0.6 < converted.std() < 1.6
    assert abs(converted.mean()) < 0.2
    np.testing.assert_array_equal(np.frexp(scaling.scale)[0], 0.5)
    assert scaling.scale[2] == 1
    for other in (0, 3):  # those of common size are as they were
        alone = scaling_of(container(X[:, [other]]), ones)
        assert (scaling.shift[other], scaling.scale[other]) == (
            *alone.shift,
            *alone.scale,
        )


@pytest.mark.parametrize("value", [0.0, 0.37, 1e9, 1e300])
def test_a_constant_feature_is_shifted_to_about_zero(value, X):
    X[:, 1] = value
    scaling = scaling_of(X, ones)
    assert scaling.scale[1] == 1
    assert abs(value - scaling.shift[1]) < 0.2


def test_a_weight_of_k_is_a_row_k_times(X, rng):
    k = rng.randint(0, 4, len(X))
    weighted = scaling_of(X, lambda rows: k[rows].astype(float))
    repeated = scaling_of(X.repeat(k, 0), ones)
    np.testing.assert_array_equal(weighted.scale, repeated.scale)
    np.testing.assert_array_equal(weighted.shift, repeated.shift)


def test_conversion_there_and_back(rng):
    scaling = FeatureScaling(np.array([0, 1.5, -3, 1e3]), np.array([1, 0.25, 2, 1024]))
    theta = rng.normal(size=LAYOUT.n_parameters)
    X, (V, _) = rng.normal(size=(5, 4)), LAYOUT.layers(theta)
    converted = (X - scaling.shift) / scaling.scale
    user = scaling.to_user(theta, LAYOUT)
    W, b = LAYOUT.layers(user)[0][:-1], LAYOUT.layers(user)[0][-1]
    np.testing.assert_allclose(X @ W + b, converted @ V[:-1] + V[-1], rtol=1e-8)
    np.testing.assert_allclose(scaling.from_user(user, LAYOUT), theta, rtol=1e-10)


def test_the_gradient_is_converted_by_the_chain_rule(rng):
    scaling = FeatureScaling(np.array([0, 1.5, -3, 10]), np.array([1, 0.25, 2, 16]))
    H = rng.normal(size=(LAYOUT.n_parameters,) * 2)

    def total(theta):
        return Losses(float(theta @ H @ theta), 0.0), (H + H.T) @ theta

    converted = converted_total(scaling, total, LAYOUT)
    theta, h = rng.normal(size=LAYOUT.n_parameters), 1e-5
    for i, step in enumerate(h * np.eye(theta.size)):
        up, down = (converted(theta + s)[0].trained for s in (step, -step))
        assert converted(theta)[1][i] == pytest.approx((up - down) / (2 * h), rel=1e-5)


UNITS = {
    "the rows'": FeatureScaling(np.zeros(4), np.ones(4)),
    "shifted": FeatureScaling(np.array([0, 1.5, -3, 0]), np.ones(4)),
    "scaled": FeatureScaling(np.zeros(4), np.array([1, 0.25, 2, 16])),
    "both": FeatureScaling(np.array([0, 1.5, -3, 10]), np.array([1, 0.25, 2, 16])),
    "one constant": FeatureScaling(np.array([0, 1.5, 7, 0]), np.ones(4), np.array([2])),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_conversion_is_to_the_users_parameters(name, rng):
    """And leaves those that it is given as they are; the gradient it writes in."""
    scaling = UNITS[name]
    conversion = scaling.conversion(LAYOUT)
    theta = rng.normal(size=LAYOUT.n_parameters)
    before = theta.copy()
    converted = conversion.to_rows(theta)
    np.testing.assert_array_equal(converted, scaling.to_user(theta, LAYOUT))
    np.testing.assert_array_equal(theta, before)
    assert (converted is theta) == scaling.is_identity == (name == "the rows'")
    gradient = rng.normal(size=LAYOUT.n_parameters)
    whole = gradient.copy()
    assert conversion.gradient(gradient) is gradient
    # A change of the parameters is the same change of the loss on either side.
    change = rng.normal(size=LAYOUT.n_parameters)
    LAYOUT.layers(change)[0][scaling.constant] = 0
    moved = scaling.to_user(change, LAYOUT)
    assert gradient @ change == pytest.approx(whole @ moved)
    assert not LAYOUT.layers(gradient)[0][scaling.constant].any()
    assert conversion.layout == LAYOUT


@pytest.fixture
def read():
    """Of six features two are constant, and training has no parameters for them."""
    return FeatureScaling(
        np.array([0, 0, 1.5, 7, -3, 0]),
        np.array([1, 0.25, 2, 1, 16, 0.5]),
        np.array([0, 3]),
    ).without_constant()


WIDE = LAYOUT.with_features(6)


def test_what_is_read_is_what_varies(read):
    np.testing.assert_array_equal(read.read, [1, 2, 4, 5])
    assert read.layout(WIDE) == LAYOUT
    for constant in ([], range(6)):  # nothing to leave out, and nothing left
        scaling = read._replace(constant=np.array(constant, np.intp)).without_constant()
        assert scaling.read is None
        assert scaling.layout(WIDE) is WIDE


def test_parameters_without_constant_features_there_and_back(read, rng):
    theta = rng.normal(size=LAYOUT.n_parameters)
    user = read.to_user(theta, WIDE)
    V = WIDE.layers(user)[0]
    assert not V[[0, 3]].any()
    np.testing.assert_allclose(read.from_user(user, WIDE), theta, rtol=1e-12)
    X = rng.normal(size=(5, 6))
    rows = (X[:, read.read] - read.shift[read.read]) / read.scale[read.read]
    converted = LAYOUT.layers(theta)[0]
    np.testing.assert_allclose(
        X @ V[:-1] + V[-1], rows @ converted[:-1] + converted[-1]
    )


def test_what_constant_features_add_goes_to_the_bias(read, rng):
    """Whether training has parameters for them or not."""
    theta, X = rng.normal(size=WIDE.n_parameters), rng.normal(size=(5, 6))
    X[:, [0, 3]] = read.shift[[0, 3]]
    V = WIDE.layers(theta)[0]
    expected = X @ V[:-1] + V[-1]
    for scaling in (read, read._replace(read=None)):
        again = scaling.to_user(scaling.from_user(theta, WIDE), WIDE)
        V = WIDE.layers(again)[0]
        assert not V[[0, 3]].any()
        np.testing.assert_allclose(X @ V[:-1] + V[-1], expected)


def test_sums_over_rows_as_they_are_read_are_those_of_all_features(read, rng):
    """The rows in units of the scale; the vector that is given stays as it is."""
    X, v = rng.normal(size=(20, 6)), rng.normal(size=20)

    def total(X, layout):
        def total(theta):
            V = layout.layers(theta)[0]
            gradient = np.zeros(layout.n_parameters)
            Z = np.tanh(X @ V[:-1] + V[-1])
            D = v[:, np.newaxis] * (1 - Z**2)
            G = layout.layers(gradient)[0]
            G[:-1], G[-1] = X.T @ D, D.sum(axis=0)
            return Losses(float(v @ Z.sum(axis=1)), 0.0), gradient

        return total

    columns, divisor = read.reading
    of_read = converted_total(read, total(X[:, columns] / divisor, LAYOUT), WIDE)
    of_all = converted_total(read._replace(read=None), total(X, WIDE), WIDE)
    theta = rng.normal(size=LAYOUT.n_parameters)
    before = theta.copy()
    losses, gradient = of_read(theta)
    np.testing.assert_array_equal(theta, before)
    expected, whole = of_all(LAYOUT.widened(theta, WIDE, columns))
    assert losses.trained == pytest.approx(expected.trained)
    np.testing.assert_allclose(gradient, WIDE.narrowed(whole, columns), atol=1e-12)


def test_an_interrupted_sum_leaves_the_parameters_as_they_were(read, rng):
    def total(theta):
        raise KeyboardInterrupt

    theta = rng.normal(size=LAYOUT.n_parameters)
    before = theta.copy()
    with pytest.raises(KeyboardInterrupt):
        converted_total(read, total, WIDE)(theta)
    np.testing.assert_array_equal(theta, before)
