"""Bins that networks of an ensemble read: agreement with the encoder, identities."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.utils import get_tags

from skdeepbin import DeepBinaryClassifier, PiecewiseLinearEncoder, _fit
from skdeepbin.diagnosis import check_gradients, diagnose
from skdeepbin.export import to_mlp

# Short fits, and one table without a pattern.
pytestmark = pytest.mark.filterwarnings("ignore::skdeepbin.diagnosis.LearningWarning")


@pytest.fixture
def table(rng):
    """Steps of heavy tails, counts, few values, two values, one."""
    n = 240
    X = np.column_stack(
        [
            rng.standard_cauchy(n),
            rng.poisson(2, n),
            rng.randint(0, 5, n) * 10,
            rng.randint(0, 2, n),
            np.full(n, 3.0),
        ]
    )
    logit = 4.0 * (X[:, 0] > 0.7) + 3.0 * (X[:, 1] == 2) - 3.0
    return X, (rng.uniform(size=n) < expit(logit)).astype(int)


def net(**settings):
    defaults = {"hidden_layer_sizes": 6, "max_iter": 25, "random_state": 0}
    return DeepBinaryClassifier(**(defaults | settings))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_every_other_network_reads_bins(k, dtype, table):
    """The logit is the mean of networks on the encoding, some without bins."""
    X, y = table[0].astype(dtype), table[1]
    model = net(n_networks=k).fit(X, y)
    encoder = PiecewiseLinearEncoder().fit(X)
    for ours, expected in zip(model.bin_edges_, encoder.bin_edges_):
        np.testing.assert_array_equal(ours, expected)
    n_features, W = X.shape[1], model.coefs_[0]
    assert W.shape == (k, n_features + encoder.n_bins_.sum(), 6)
    of_bins = W[:, n_features:].any(axis=(1, 2))
    assert of_bins.tolist() == [number % 2 == 0 for number in range(k)]
    A = encoder.transform(X)[np.newaxis]
    for layer, (V, b) in enumerate(zip(model.coefs_, model.intercepts_)):
        A = (np.maximum(A, 0) if layer else A) @ V + b[:, np.newaxis]
    np.testing.assert_allclose(
        model.decision_function(X), A[..., 0].mean(axis=0), rtol=1e-4, atol=1e-4
    )
    assert model.coefs_[0].dtype == dtype


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_single_network_is_one_behind_the_encoder(activation, table):
    X, y = table
    settings = {"activation": activation, "early_stopping": False, "alpha": 1.0}
    model = net(n_bins=8, **settings).fit(X, y)
    Z = PiecewiseLinearEncoder().fit_transform(X)
    behind = net(**settings).fit(Z, y)
    np.testing.assert_allclose(
        model.decision_function(X), behind.decision_function(Z), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        ({}, False),
        ({"n_networks": 2}, True),
        ({"n_networks": 2, "n_bins": 0}, False),
        ({"n_bins": 4}, True),
    ],
)
def test_who_reads_bins(settings, reads, table):
    X, y = table
    model = net(**settings).fit(X, y)
    assert (model.bin_edges_ is not None) == reads
    assert (model.coefs_[0].shape[-2] > X.shape[1]) == reads
    most = settings.get("n_bins", 8)
    if reads:
        assert max(len(edges) - 1 for edges in model.bin_edges_) <= most


def test_many_columns_get_fewer_bins_or_none(rng):
    y = rng.randint(0, 2, 60)
    for n_features, n_bins in [(50, 8), (200, 4), (333, 2), (334, 0)]:
        model = net(n_networks=2, max_iter=1).fit(rng.normal(size=(60, n_features)), y)
        found = 0 if model.bin_edges_ is None else len(model.bin_edges_[0]) - 1
        assert found == n_bins


def test_features_of_two_values_have_no_bins(rng):
    X, y = rng.randint(0, 2, (90, 8)), rng.randint(0, 2, 90)
    assert net(n_networks=2, max_iter=1).fit(X, y).bin_edges_ is None


def test_sparse_rows(table):
    """Without bins in a fit; a model that reads bins takes them in prediction."""
    X, y = table
    assert net(n_networks=2).fit(csr_array(X), y).bin_edges_ is None
    with pytest.raises(ValueError, match="`n_bins` must be 'auto' or 0 where X is spa"):
        net(n_bins=3).fit(csr_array(X), y)
    model = net(n_networks=2).fit(X, y)
    dense = model.decision_function(X)
    np.testing.assert_allclose(model.decision_function(csr_array(X)), dense, rtol=1e-12)
    many = np.tile(X, (200, 1))  # beyond the few rows of one product
    np.testing.assert_allclose(
        model.decision_function(csr_array(many)),
        model.decision_function(many),
        rtol=1e-12,
    )


@pytest.mark.parametrize("most", [10, 2**14])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_are_copies_and_order_does_not_matter(
    most, class_weight, table, rng, monkeypatch
):
    """The edges to the last bit, of all different rows or of some."""
    monkeypatch.setattr(_fit, "ROWS_FOR_EDGES", most)
    X, y = table
    w = rng.randint(0, 4, len(y))
    rows = rng.permutation(np.repeat(np.arange(len(y)), w))
    make = {"n_networks": 3, "class_weight": class_weight}
    weighted = net(**make).fit(X, y, w)
    copied = net(**make).fit(X[rows], y[rows])
    for one, other in zip(weighted.bin_edges_, copied.bin_edges_):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        weighted.decision_function(X), copied.decision_function(X), rtol=1e-5, atol=1e-6
    )


def test_edges_of_some_rows_are_near_those_of_all(rng, monkeypatch):
    X, y = rng.normal(size=(2000, 2)), rng.randint(0, 2, 2000)
    of_all = net(n_networks=2, max_iter=1).fit(X, y).bin_edges_
    monkeypatch.setattr(_fit, "ROWS_FOR_EDGES", 500)
    of_some = net(n_networks=2, max_iter=1).fit(X, y).bin_edges_
    for one, other in zip(of_all, of_some):
        assert not np.array_equal(one, other)
        np.testing.assert_allclose(one[1:-1], other[1:-1], atol=0.2)


def test_training_goes_on_with_the_bins_of_the_fit(table):
    X, y = table
    whole = net(n_networks=3, max_iter=20, tol=0, early_stopping=False).fit(X, y)
    model = net(n_networks=3, max_iter=8, tol=0, early_stopping=False, warm_start=True)
    edges = model.fit(X, y).bin_edges_
    model.set_params(max_iter=12).fit(X[::-1], y[::-1])
    np.testing.assert_allclose(
        model.decision_function(X), whole.decision_function(X), rtol=1e-6
    )
    before = model.decision_function(X)
    pickle.loads(pickle.dumps(model)).partial_fit(X[:50] + 1, y[:50])
    model.partial_fit(X[:50] + 1, y[:50])
    assert (model.decision_function(X) != before).any()
    for one, other in zip(edges, model.bin_edges_):
        np.testing.assert_array_equal(one, other)


def test_a_stream_has_no_bins(table):
    X, y = table
    model = net(n_networks=3).partial_fit(X[:1], y[:1], classes=[0, 1])
    assert model.partial_fit(X, y).bin_edges_ is None


@pytest.mark.parametrize("given", [False, True])
def test_what_validates_reads_bins_too(given, table):
    """A scorer and rows of the user's own are given the features as they are."""
    X, y = table
    rows = {"X_val": X[::2], "y_val": y[::2]} if given else {}
    model = net(n_networks=2, scoring="roc_auc").fit(X, y, **rows)
    assert np.nanmax(model.validation_scores_) > 0.7


def test_diagnosis_knows_bins(table):
    X, y = table
    model = net(n_networks=2, max_iter=300).fit(X, y)
    assert all(f.severity != "error" for f in diagnose(model, X, y).findings)
    assert check_gradients(model, X, y).ok
    stuck = net(
        n_networks=2, init=1e-6, activation="tanh", depth=3, solver="gd", max_iter=30
    )
    with pytest.warns(UserWarning, match="started too small"):
        stuck.fit(X, y)


@pytest.mark.parametrize("n_bins", [1, -1, 2.0, "8", True, None])
def test_what_n_bins_must_be(n_bins, table):
    with pytest.raises(ValueError, match=r"`n_bins` must be 'auto' or 0 .none. or an"):
        net(n_bins=n_bins).fit(*table)


def test_categories_as_numbers_are_learnt_better_than_without(rng):
    X = rng.randint(0, 6, (1200, 8)).astype(float)
    logit = rng.normal(scale=1.5, size=(8, 6))[np.arange(8), X.astype(int)].sum(axis=1)
    y = (logit + rng.logistic(size=1200) > np.median(logit)).astype(int)
    train, test = slice(800), slice(800, None)
    scores = [
        DeepBinaryClassifier(n_networks=3, n_bins=n_bins, random_state=0)
        .fit(X[train], y[train])
        .score(X[test], y[test])
        for n_bins in (0, "auto")
    ]
    assert scores[1] > scores[0] + 0.02


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["far from zero", "tiny", "huge"])
def test_bins_as_layers_of_relu_have_all_digits(kind, dtype, rng):
    """The difference from an edge is not rounded, nor is it or its inverse infinite."""
    limits = np.finfo(dtype)
    x = rng.randint(0, 25, (200, 1)) - 12
    far = 1 / (64 * limits.eps)
    huge = limits.max / 1e4
    X = {"far from zero": far + x, "tiny": limits.tiny * x / 16, "huge": huge * x}
    X, y = X[kind].astype(dtype), (x[:, 0] % 5 > 1).astype(int)
    model = net(n_bins=8, activation="relu", max_iter=60).fit(X, y)
    # What the feature itself adds is rounded in either.
    model.coefs_[0][0] = 0
    np.testing.assert_allclose(
        to_mlp(model).predict_proba(X), model.predict_proba(X), atol=100 * limits.eps
    )


def test_a_warm_start_on_sparse_rows_tells_why_it_fails(table):
    """Also where a feature is zero in all rows, and its bins are not."""
    X, y = table
    settings = {"init": 1e-6, "activation": "tanh", "depth": 3, "solver": "gd"}
    stuck = net(n_networks=2, max_iter=30, warm_start=True, **settings)
    with pytest.warns(UserWarning, match="started too small"):
        stuck.fit(X, y)
    X[:, 2] = 0
    with pytest.warns(UserWarning, match="started too small"):
        stuck.fit(csr_array(X), y)


@pytest.mark.parametrize(("n_bins", "takes"), [("auto", True), (0, True), (4, False)])
def test_the_tags_tell_whether_sparse_rows_are_taken(n_bins, takes):
    assert get_tags(net(n_bins=n_bins)).input_tags.sparse == takes


def test_memory_for_bins_is_about_that_for_features(rng):
    X, y = rng.normal(size=(2**14, 40)), rng.randint(0, 2, 2**14)
    tracemalloc.start()
    net(n_bins=16, max_iter=1, early_stopping=False).fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * X.nbytes


def test_the_diagram_counts_what_was_fitted(table):
    """Not the zeros of the networks that read no bins."""
    model = net(n_networks=3).fit(*table)
    n_bins = sum(max(len(edges) - 1, 0) for edges in model.bin_edges_)
    size = 3 * (5 * 6 + 6 + 6 * 6 + 6 + 6 + 1) + 2 * 6 * n_bins
    assert f"3 networks of 5 → 6 → 6 → 1, {size:,} parameters" in model._repr_html_()


def test_features_from_one_end_of_the_range_to_the_other(table):
    """Their sum is not a number, and their largest difference not finite."""
    X, y = table
    X[:, 0] = np.finfo(float).max * np.linspace(-1, 1, len(y))
    model = net(n_networks=2).fit(X, y, X_val=X, y_val=y)
    assert np.isfinite(model.decision_function(X)).all()
    assert len(model.bin_edges_[0]) == 9
    bins = PiecewiseLinearEncoder().fit_transform(X)[:, 5:]
    assert bins.min() == 0
    assert bins.max() == 1
    diagnose(model, X, y)
