"""The defaults learn outside of dense tables of some hundred rows, beside peers.

A kind of data has a test, on several tables, draws or sizes.
"""

import itertools
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_moons
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, scale

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.training._penalty import (
    balanced_weight,
    in_stream,
    with_validation,
    without_validation,
)

CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
NOT_LINEAR = sorted({*ACTIVATIONS} - {"identity"})


def net(**parameters):
    return DeepBinaryClassifier(random_state=0, **parameters)


def prior_loss(y):
    """The log loss of the class frequencies alone."""
    return log_loss(y, np.full(len(y), np.mean(y)))


@pytest.fixture(scope="module")
def shuffled():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(y))
    return scale(X)[order], y[order]


# Few rows


@pytest.mark.parametrize("y", [[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]])
@pytest.mark.parametrize("activation", NOT_LINEAR)
def test_functions_of_two_bits_are_learnt(y, activation):
    model = net(activation=activation).fit(CORNERS, y)
    assert model.score(CORNERS, y) == 1


@pytest.mark.parametrize("seed", range(4))
def test_two_rows_are_told_apart(seed):
    X = np.random.RandomState(seed).normal(size=(2, 3))
    assert net().fit(X, ["a", "b"]).predict(X).tolist() == ["a", "b"]


@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize("n_rows", [6, 10, 16])
def test_few_rows_as_logistic_regression(load, n_rows):
    X, y = load(return_X_y=True)
    X, y = scale(X[y < 2]), y[y < 2]
    scores = np.empty((5, 2))
    for seed in range(5):
        rng = np.random.RandomState(seed)
        both = [rng.permutation(np.flatnonzero(y == c))[: n_rows // 2] for c in (0, 1)]
        rows = np.concatenate(both)
        for column, model in enumerate((net(), LogisticRegression())):
            scores[seed, column] = model.fit(X[rows], y[rows]).score(X, y)
    ours, theirs = scores.mean(axis=0)
    assert ours > theirs - 0.04


@pytest.mark.parametrize("n_positives", [2, 5])
def test_few_positives_are_ranked(n_positives):
    ours, theirs = [], []
    for seed in range(4):
        rng = np.random.RandomState(seed)
        X = rng.normal(size=(2000, 4))
        z = X[:, 0] + 0.5 * X[:, 1] + 0.3 * rng.normal(size=2000)
        y = z > np.quantile(z, 0.97)
        known = np.r_[np.flatnonzero(y)[:n_positives], np.flatnonzero(~y)[:150]]
        for found, model in ((ours, net()), (theirs, LogisticRegression())):
            model.fit(X[known], y[known])
            found.append(roc_auc_score(y, model.decision_function(X)))
    assert np.mean(ours) > np.mean(theirs) - 0.04


@pytest.mark.parametrize(("n_bits", "copies"), [(6, 20), (7, 8)])
def test_a_table_of_all_rows_that_there_are_is_learnt(n_bits, copies):
    X = np.array([*itertools.product([0.0, 1], repeat=n_bits)])
    y = X.sum(axis=1) % 2
    repeated = net(max_iter=4000).fit(X.repeat(copies, 0), y.repeat(copies))
    assert repeated.validation_scores_ is None
    assert repeated.score(X, y) == 1
    weighted = net(max_iter=4000).fit(X, y, np.full(len(y), float(copies)))
    assert weighted.alpha_ == repeated.alpha_
    assert weighted.score(X, y) == 1


# Weights


@pytest.mark.parametrize("weight", [1 / 569, 1e-6, 1e-30, 1e3])
def test_weights_of_any_size_train(weight, shuffled):
    X, y = shuffled
    model = net().fit(X, y, np.full(len(y), weight))
    assert model.score(X, y) > net().fit(X, y).score(X, y) - 0.02


def test_normalised_weights_count_as_rows(shuffled):
    X, y = shuffled
    plain = net().fit(X, y)
    small = net().fit(X, y, np.full(len(y), 2.0**-12))
    np.testing.assert_allclose(small.alpha_ * 2**12, plain.alpha_)
    np.testing.assert_allclose(
        small.predict_proba(X), plain.predict_proba(X), atol=1e-8
    )


def test_uneven_weights_that_are_normalised(shuffled, rng):
    """As good as scikit-learn's, and the same for each unit of the weights."""
    X, y = shuffled
    ours, theirs = [], []
    for _ in range(3):
        w = rng.lognormal(sigma=1.5, size=len(y))
        w /= w.sum()
        model = net().fit(X[::2], y[::2], w[::2])
        ours.append(model.score(X[1::2], y[1::2]))
        mlp = MLPClassifier(max_iter=300, random_state=0)
        mlp.fit(X[::2], y[::2], sample_weight=w[::2])
        theirs.append(mlp.score(X[1::2], y[1::2]))
    assert np.mean(ours) > np.mean(theirs) - 0.02
    in_thousandths = net().fit(X[::2], y[::2], w[::2] / 1024)
    np.testing.assert_allclose(
        in_thousandths.decision_function(X), model.decision_function(X), rtol=1e-6
    )


def test_boosting_over_it(shuffled):
    X, y = shuffled
    boosted = AdaBoostClassifier(net(), n_estimators=4, random_state=0)
    alone = net().fit(X[::2], y[::2]).score(X[1::2], y[1::2])
    with warnings.catch_warnings():  # what is left to a late network may be noise
        warnings.simplefilter("ignore", LearningWarning)
        boosted.fit(X[::2], y[::2])
    assert boosted.score(X[1::2], y[1::2]) > alone - 0.03


# Streams


@pytest.mark.parametrize("solver", ["auto", "adam", "gd", "nesterov"])
@pytest.mark.parametrize(("size", "passes"), [(1, 2), (5, 5), (40, 15)])
def test_streams_of_few_rows_at_a_time(solver, size, passes, shuffled):
    X, y = shuffled
    models = net(solver=solver), MLPClassifier(random_state=0)
    for _, start in itertools.product(range(passes), range(0, 400, size)):
        rows = slice(start, min(start + size, 400))
        for model in models:
            model.partial_fit(X[rows], y[rows], classes=[0, 1])
    ours, theirs = (model.score(X[400:], y[400:]) for model in models)
    assert ours > theirs - 0.04


def test_a_stream_needs_no_scaler_and_no_typical_first_row():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(1).permutation(len(y))
    X, y = X[order], y[order]
    X[0] *= 5
    model = net()
    for row in range(400):
        model.partial_fit(X[[row]], y[[row]], classes=[0, 1])
    assert model.score(X[400:], y[400:]) > 0.85
    np.testing.assert_array_less(model._resume.scaling.scale, 4 * X[:400].std(axis=0))


def test_signs_of_other_rows_each_time_warn_once(shuffled):
    X, y = shuffled
    model = net(solver="rprop").partial_fit(X[:9], y[:9], classes=[0, 1])
    model.partial_fit(X[:9], y[:9])  # the same rows are no stream
    with pytest.warns(LearningWarning, match="solver='auto', which is 'adam' here"):
        model.partial_fit(X[9:18], y[9:18])
    model.partial_fit(X[18:27], y[18:27])


# Rare and many features


def words(n_rows, n_words, seed):
    """Bags of words whose frequencies follow Zipf's law, and labels."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, n_words + 1)
    chosen = rng.choice(n_words, n_rows * 30, p=frequency / frequency.sum())
    entries = np.ones(len(chosen)), (np.repeat(np.arange(n_rows), 30), chosen)
    X = sparse.csr_matrix(entries, (n_rows, n_words))
    z = X @ rng.normal(size=n_words)
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(z.mean() - z))).astype(int)


def kinds(n_rows, n_kinds, seed):
    """One-hot columns of two categories of many kinds, and labels."""
    rng = np.random.default_rng(seed)
    C = rng.geometric(5 / n_kinds, size=(n_rows, 2)) % n_kinds
    effects = rng.normal(size=(2, n_kinds))
    z = 1.5 * (effects[0][C[:, 0]] + effects[1][C[:, 1]])
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-z))).astype(int)
    return OneHotEncoder(handle_unknown="ignore").fit_transform(C).tocsr(), y


@pytest.mark.parametrize("make", [words, kinds])
@pytest.mark.parametrize("seed", [0, 1])
def test_rare_features_as_logistic_regression(make, seed):
    X, y = make(1500, 400, seed)
    losses = [
        log_loss(y[1000:], model.fit(X[:1000], y[:1000]).predict_proba(X[1000:]))
        for model in (net(), LogisticRegression(max_iter=1000))
    ]
    assert losses[0] < min(losses[1], prior_loss(y[1000:])) + 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearningWarning)
        standard = net(feature_scaling="standard").fit(X[:1000], y[:1000])
    assert losses[0] < log_loss(y[1000:], standard.predict_proba(X[1000:]))


@pytest.mark.parametrize("make", [words, kinds])
def test_dense_and_sparse_are_the_same_model(make):
    X, y = make(300, 150, 2)
    one, other = net().fit(X, y), net().fit(X.toarray(), y)
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], atol=1e-6)


@pytest.mark.parametrize(("n", "p"), [(80, 400), (200, 200)])
def test_more_features_than_rows_tell(n, p):
    """What is handed over is not far from the best of what validation chose."""
    excess = []
    for seed in range(4):
        rng = np.random.RandomState(seed)
        X = rng.normal(size=(n + 800, p))
        z = X[:, :15] @ rng.normal(size=15) * 0.7
        y = (rng.uniform(size=len(z)) < 1 / (1 + np.exp(-z))).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearningWarning)
            model = net().fit(X[:n], y[:n])
        loss = log_loss(y[n:], model.predict_proba(X[n:]))
        excess.append(loss - prior_loss(y[n:]))
    assert np.mean(excess) < 0.02


# Activations and values


@pytest.mark.parametrize("activation", NOT_LINEAR)
@pytest.mark.parametrize("depth", [1, 2])
def test_activations_learn_moons(activation, depth):
    X, y = make_moons(2000, noise=0.2, random_state=3)
    model = net(activation=activation, depth=depth).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.94


@pytest.mark.parametrize("size", [1e-30, 1e-38])
def test_float32_of_any_size(size, shuffled):
    """In float64 where the weights for X as it is would be beyond float32."""
    X, y = shuffled
    known = net().fit(X[::2].astype("f"), y[::2]).score(X[1::2], y[1::2])
    small = (X * size).astype("f")
    model = net().fit(small[::2], y[::2])
    assert model.coefs_[0].dtype == ("f4" if size > 1e-33 else "f8")
    assert model.score(small[1::2], y[1::2]) > known - 0.02
    assert net(dtype="float32").fit(small, y).coefs_[0].dtype == "f4"


@pytest.mark.parametrize("value", [1.0, -7e12, 1e25, 1e150, -1e300])
def test_constant_features_have_no_weight(value, shuffled):
    X, y = shuffled
    more = np.c_[np.full(len(y), value), X]
    model = net().fit(more, y)
    assert not model.coefs_[0][0].any()
    assert model.score(more, y) > net().fit(X, y).score(X, y) - 0.02


@pytest.mark.parametrize(
    ("factor", "dtype"), [(1e-200, "f8"), (1e-300, "f8"), (1e200, "f8"), (1e-33, "f4")]
)
def test_tables_of_any_scale(factor, dtype, shuffled):
    X, y = shuffled
    scaled = (X * factor).astype(dtype)
    model = net().fit(scaled, y)
    assert model.score(scaled, y) > net().fit(X, y).score(X, y) - 0.02


# The rules


def test_without_scaling_the_penalty_is_on_the_weights_as_they_are(shuffled):
    X, y = shuffled
    X = 3 * X[:, :5] + 1
    model = DeepBinaryClassifier(
        (),
        solver="lbfgs",
        alpha=2.0,
        feature_scaling="none",
        early_stopping=False,
        tol=1e-12,
    ).fit(X, y)
    peer = LogisticRegression(C=1 / 2.0, tol=1e-8, max_iter=2000).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], peer.coef_[0], atol=2e-3)


def test_the_penalty_does_not_follow_the_units_of_features(shuffled):
    X, y = shuffled
    fits = [net(feature_scaling="none").fit(X * factor, y) for factor in (1, 1000.0)]
    known = with_validation(ACTIVATIONS["relu"].alphas, 1e4, X.shape[1])
    assert {clf.alpha_ for clf in fits} <= {*known}


def test_scalings_are_the_same_where_no_feature_is_rare(shuffled):
    X, y = shuffled
    auto, standard = (net(feature_scaling=s).fit(X, y) for s in ("auto", "standard"))
    np.testing.assert_array_equal(auto.coefs_[0], standard.coefs_[0])


def test_a_rare_class_weighs_as_four_of_its_rows():
    assert balanced_weight(np.array([50.0, 50])) == pytest.approx(100)
    assert balanced_weight(np.array([2.0, 1e9])) == pytest.approx(8)


@pytest.mark.parametrize("alphas", [(10.0, 1.0), (0.3,)])
def test_penalties_are_a_share_of_little_weight(alphas):
    small, smaller = (with_validation(alphas, w, 20) for w in (1e-3, 1e-6))
    np.testing.assert_allclose(small, np.array(smaller) * 1e3)
    assert with_validation(alphas, 1e6, 1) == alphas
    assert min(with_validation(alphas, 1e6, 1000)) == 125
    for rule in without_validation, in_stream:
        assert rule(5, 1e-3, 4) == pytest.approx(1e3 * rule(5, 1e-6, 4))
        assert rule(5, 1e9, 1e4) == 5


def test_the_penalty_that_was_chosen_is_kept(shuffled):
    X, y = shuffled
    chosen = net().fit(X, y)
    known = with_validation(
        ACTIVATIONS["relu"].alphas, 1e4, chosen._resume.scaling.power
    )
    assert chosen.alpha_ in known
    assert net(alpha=0.25).fit(X, y).alpha_ == 0.25
    assert net(n_networks=3).fit(X, y).alpha_.shape == (3,)
