"""That it learns: solvers, stopping, validation, ensembles, steps one by one."""

import warnings
from itertools import chain, repeat

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_circles, make_moons
from sklearn.metrics import accuracy_score, log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import cross_val_score

from skdeepbin import DeepBinaryClassifier, PiecewiseLinearEncoder
from skdeepbin.diagnosis import LearningWarning
from skdeepbin.network._initializers import initialize
from skdeepbin.training._solvers import IN_BATCHES, IN_STEPS, SOLVERS

FEW = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def xor():
    X = np.random.RandomState(0).normal(size=(500, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


PROBLEMS = {
    "moons": make_moons(300, noise=0.1, random_state=0),
    "circles": make_circles(300, noise=0.1, factor=0.4, random_state=0),
    "xor": xor(),
}


# Ways to train: every solver on all rows, and where it can, on mini-batches.
WAYS = {name: {"solver": name} for name in SOLVERS}
WAYS |= {f"{s}, batches": {"solver": s, "batch_size": 32} for s in IN_BATCHES}
# Those that step by gradients alone.
STEPS = {name: way for name, way in WAYS.items() if name != "lbfgs"}
# With dropout the loss is never the same twice: wait longer for a lower one.
NOISY = {"dropout": 0.3, "n_iter_no_change": 100}
DROPOUT = {f"{s}, dropout": {"solver": s} | NOISY for s in IN_STEPS}


@FEW
@pytest.mark.parametrize("way", WAYS | DROPOUT)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_solver_learns_what_no_linear_model_can(way, problem):
    X, y = PROBLEMS[problem]
    model = DeepBinaryClassifier(alpha=0.1, early_stopping=False, random_state=0)
    model.set_params(**(WAYS | DROPOUT)[way])
    assert model.fit(X, y).score(X, y) > 0.95


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("seed", range(3))
def test_the_default_learns_without_a_warning(problem, seed):
    X, y = PROBLEMS[problem]
    model = DeepBinaryClassifier(random_state=seed)
    assert cross_val_score(model, X, y).mean() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_a_second_start_is_farther_from_no_network_at_all(seed):
    """The penalty draws the first one, with its small output layer, to zero."""
    X, y = PROBLEMS["circles"]
    model = DeepBinaryClassifier(
        activation="tanh", early_stopping=False, random_state=seed
    )
    assert model.fit(X, y).score(X, y) > 0.95


@pytest.mark.parametrize("solver", SOLVERS)
def test_vanishing_gradients_do_not_stop_it(solver):
    """Eight logistic layers: plain descent stays at ln 2, rprop does not."""
    X, y = PROBLEMS["xor"]
    y = X[:, 0] > 0
    model = DeepBinaryClassifier(
        8, "logistic", depth=6, solver=solver, alpha=0, random_state=0, max_iter=300
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    learnt = model.score(X, y) > 0.9
    assert learnt or any("activation='tanh'" in str(w.message) for w in caught)
    assert learnt or solver != "rprop"


@FEW
@pytest.mark.filterwarnings("ignore::skdeepbin.diagnosis.LearningWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("alpha", [1e160, 1e300])
def test_a_penalty_whose_square_is_no_number(solver, alpha):
    X, y = PROBLEMS["moons"]
    model = DeepBinaryClassifier(
        solver=solver, alpha=alpha, random_state=0, max_iter=30
    )
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
    assert np.isfinite(model.loss_)


# Weights and rows


@FEW
@pytest.mark.parametrize("way", WAYS | DROPOUT)
@pytest.mark.parametrize("n_networks", [1, 3])
def test_a_weight_of_k_is_a_row_k_times_with_early_stopping(
    way, n_networks, cancer, rng
):
    X, y = cancer[0][:250], cancer[1][:250]
    k = rng.randint(0, 4, len(y))
    model = DeepBinaryClassifier(
        8, n_networks=n_networks, early_stopping=True, max_iter=30, random_state=0
    ).set_params(**(WAYS | DROPOUT)[way])
    weighted = model.fit(X, y, k)
    repeated = clone(model).fit(X.repeat(k, 0), y.repeat(k))
    assert weighted.n_iter_ == repeated.n_iter_
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), rtol=1e-5
    )


@FEW
@pytest.mark.parametrize("way", WAYS | DROPOUT)
def test_the_order_of_rows_does_not_matter(way, cancer, rng):
    X, y = cancer
    order = rng.permutation(len(y))
    model = DeepBinaryClassifier(8, max_iter=20, random_state=0)
    model.set_params(**(WAYS | DROPOUT)[way])
    one = clone(model).fit(X, y).decision_function(X)
    other = clone(model).fit(X[order], y[order]).decision_function(X)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)


@FEW
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_units_of_the_features_do_not_matter(solver, cancer):
    """Powers of two change no digit of what is computed; the split is by the digits."""
    X, y = cancer
    scale = 2.0 ** np.arange(-15, 15)
    model = DeepBinaryClassifier(
        8, solver=solver, max_iter=20, early_stopping=False, random_state=0
    )
    one = clone(model).fit(X, y)
    other = clone(model).fit(X * scale, y)
    np.testing.assert_allclose(
        other.decision_function(X * scale), one.decision_function(X), rtol=1e-9
    )
    weights = other.coefs_[0] * scale[:, np.newaxis]
    np.testing.assert_allclose(weights, one.coefs_[0], rtol=1e-9)


def test_features_far_from_zero_are_learnt(moons):
    X, y = moons
    model = DeepBinaryClassifier(random_state=0)
    assert model.fit([1e-4, 1e5] * X + [3, 1e7], y).stop_reason_ == "early_stopping"
    assert model.score([1e-4, 1e5] * X + [3, 1e7], y) > 0.9


# Validation


def test_the_best_weights_for_the_rows_held_out_are_kept(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(random_state=0)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    losses = model.history_["validation_loss"]
    loss = log_loss(y[1::2], model.predict_proba(X[1::2]))
    assert loss == pytest.approx(losses.min(), rel=1e-9)
    assert losses.argmin() == model.n_iter_ - model.n_iter_no_change
    assert model.stop_reason_ == "early_stopping"
    np.testing.assert_array_equal(model.validation_scores_, -losses)


@FEW
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("scoring", "score"), [("roc_auc", roc_auc_score), ("accuracy", accuracy_score)]
)
def test_a_scorer_decides(scoring, score, given, weighted, cancer, rng):
    X, y = cancer
    w = rng.uniform(0.5, 2, len(y)) if weighted else None
    validation = {}
    if given:
        X, X_val, y, y_val = X[::2], X[1::2], y[::2], y[1::2]
        validation = {"X_val": X_val, "y_val": y_val}
        if weighted:
            w, w_val = w[::2], w[1::2]
            validation["sample_weight_val"] = w_val
    model = DeepBinaryClassifier(8, scoring=scoring, max_iter=40, random_state=0)
    model.fit(X, y, w, **validation)
    scores = model.validation_scores_
    np.testing.assert_array_equal(scores, model.history_["validation_score"])
    assert len(scores) == model.n_iter_ + 1
    if given:
        z = model.decision_function(X_val)
        prediction = z > 0 if scoring == "accuracy" else z
        expected = score(y_val, prediction, sample_weight=w_val if weighted else None)
        assert scores.max() == pytest.approx(expected)


@FEW
@pytest.mark.parametrize("early_stopping", [False, "auto"])
def test_a_scorer_without_rows_to_score_is_not_used(early_stopping):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) > 4
    model = DeepBinaryClassifier(scoring="roc_auc", early_stopping=early_stopping)
    assert model.fit(X, y).validation_scores_ is None


def test_validation_is_off_where_rows_hardly_differ():
    """Two features of three values: to hold some out is to hide a pattern."""
    rng = np.random.RandomState(0)
    X = rng.randint(0, 3, (400, 2)).astype(float)
    y = rng.uniform(size=400) < 0.2 + 0.3 * X[:, 0]
    model = DeepBinaryClassifier(random_state=0).fit(X, y)
    assert model.validation_scores_ is None
    assert model.stop_reason_ == "converged"
    for x in np.unique(X, axis=0):
        rows = np.all(np.equal(X, x), axis=1)
        p = model.predict_proba(X[rows])[0, 1]
        assert p == pytest.approx(y[rows].mean(), abs=0.1)


@FEW
def test_without_early_stopping_validation_rows_are_only_watched(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, early_stopping=False, max_iter=60, random_state=0)
    plain = clone(model).fit(X[::2], y[::2])
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    np.testing.assert_array_equal(plain.coefs_[0], model.coefs_[0])
    assert len(model.validation_scores_) == model.n_iter_ + 1


VALIDATION_ERRORS = [
    ({"X_val": np.ones((3, 30))}, "`y_val` is missing"),
    ({"y_val": np.ones(3)}, "`X_val` is missing"),
    ({"sample_weight_val": np.ones(3)}, "`X_val` is missing"),
    ({"X_val": np.ones((3, 29)), "y_val": [0, 1, 0]}, "29 features"),
    ({"X_val": np.ones((3, 30)), "y_val": [0, 1, 7]}, "`y_val` must hold .* got 7"),
    ({"X_val": np.ones((3, 30)), "y_val": [0, 1]}, "inconsistent"),
    (
        {
            "X_val": np.ones((2, 30)),
            "y_val": [0, 1],
            "sample_weight_val": [1, -1],
        },
        "`sample_weight_val` must be non-negative",
    ),
]


@pytest.mark.parametrize(("rows", "message"), VALIDATION_ERRORS)
def test_bad_validation_rows(rows, message, cancer):
    model = DeepBinaryClassifier(8)
    with pytest.raises(ValueError, match=message):
        model.fit(*cancer, **rows)
    assert not hasattr(model, "coefs_")


def test_held_out_rows_must_differ():
    X, y = np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat([0, 1], 20)
    with pytest.raises(ValueError, match=r"`early_stopping=True` needs .* different"):
        DeepBinaryClassifier(early_stopping=True).fit(X, y)
    assert DeepBinaryClassifier(random_state=0).fit(X, y).score(X, y) == 1


@FEW
def test_a_share_too_small_to_hold_a_row_out_holds_none_out(moons):
    """Of 150 rows a class, the middle of the first lies at a three-hundredth."""
    few = {"validation_fraction": 1 / 301, "random_state": 0, "max_iter": 5}
    model = DeepBinaryClassifier(**few).fit(*moons)
    assert np.isnan(model.history_["validation_loss"]).all()
    with pytest.raises(ValueError, match=r"`early_stopping=True` needs .* different"):
        DeepBinaryClassifier(early_stopping=True, **few).fit(*moons)
    few["validation_fraction"] = 1 / 299
    model = DeepBinaryClassifier(**few).fit(*moons)
    assert not np.isnan(model.history_["validation_loss"]).any()


def test_what_cannot_be_learnt_warns(rng):
    X = np.zeros((200, 3))
    with pytest.warns(LearningWarning, match="All features are constant"):
        DeepBinaryClassifier(early_stopping=False).fit(X, np.arange(200) % 4 == 0)


def dead_at_first(monkeypatch, n_dead):
    """Let so many starts have nothing but zeros, from where relu does not come back."""
    factors = chain([0.0] * n_dead, repeat(1.0))

    def start(*args):
        return next(factors) * initialize(*args)

    monkeypatch.setattr("skdeepbin._fit.initialize", start)
    monkeypatch.setattr("skdeepbin._fit.suited", lambda theta, *args: theta)


def test_a_second_start_is_said(moons, monkeypatch, capsys):
    dead_at_first(monkeypatch, 1)
    model = DeepBinaryClassifier(verbose=1, random_state=0).fit(*moons)
    assert model.n_starts_ == 2
    assert "this is the second" in capsys.readouterr().out
    assert model.score(*moons) > 0.9
    model.partial_fit(*moons)
    assert model.n_starts_ == 1


def test_there_is_no_third_start(moons, monkeypatch):
    dead_at_first(monkeypatch, 2)
    with pytest.warns(LearningWarning, match="weights of hidden layer 1 are zero"):
        DeepBinaryClassifier(random_state=0).fit(*moons)


def test_the_warning_is_shown_at_the_call_of_fit(moons):
    with pytest.warns(LearningWarning) as caught:
        DeepBinaryClassifier(4, max_iter=5, early_stopping=False, random_state=0).fit(
            *moons
        )
    assert [warning.filename for warning in caught] == [__file__]


def test_labels_that_do_not_depend_on_x_warn(rng):
    """The rows of training can be learnt by heart, those held out cannot."""
    X, y = rng.normal(size=(1000, 30)), np.arange(1000) % 2
    with pytest.warns(LearningWarning, match="No model predicts the labels"):
        DeepBinaryClassifier(random_state=0).fit(X, y)


def test_validation_rows_with_other_frequencies_are_no_failure(moons):
    """Nine of ten rows are of one class; a constant is worse on them than on X."""
    X, y = moons
    rare = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:15]]
    rng = np.random.RandomState(0)
    noisy = y ^ (rng.uniform(size=len(y)) < 0.1)
    model = DeepBinaryClassifier(random_state=0)
    model.fit(X[rare], y[rare], X_val=X, y_val=noisy)


# Ensembles


@FEW
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_a_ensemble_averages_logits(container, cancer):
    X, y = cancer
    model = DeepBinaryClassifier(
        8, n_networks=3, max_iter=30, init="he", random_state=0
    ).fit(X, y)
    Z = PiecewiseLinearEncoder().fit_transform(X)  # of which one network reads X alone
    shapes = [(3, Z.shape[1], 8), (3, 8, 8), (3, 8, 1)]
    assert [W.shape for W in model.coefs_] == shapes
    assert [b.shape for b in model.intercepts_] == [(3, 8), (3, 8), (3, 1)]
    assert model.history_["loss"].shape == (3, model.n_iter_ + 1)
    logits = 0
    for number in range(3):
        A = Z
        for W, b in zip(model.coefs_, model.intercepts_, strict=True):
            z = A @ W[number] + b[number]
            A = np.maximum(z, 0)
        logits = logits + z[:, 0] / 3
    ours = model.decision_function(container(X))
    np.testing.assert_allclose(ours, logits, rtol=1e-9)
    starts = model.history_["loss"][:, 0]
    assert len(np.unique(starts)) == 3


def test_a_ensemble_is_better_than_its_networks_on_average(cancer):
    X, y = cancer
    one, five = (
        -cross_val_score(
            DeepBinaryClassifier(n_networks=n, random_state=0),
            X,
            y,
            scoring="neg_log_loss",
        ).mean()
        for n in (1, 5)
    )
    assert five < one


# Step by step


@FEW
@pytest.mark.parametrize("way", STEPS | DROPOUT)
@pytest.mark.parametrize("n_networks", [1, 2])
def test_k_calls_of_partial_fit_are_k_iterations(way, n_networks, cancer):
    common = {
        "n_networks": n_networks,
        "n_bins": 0,
        "early_stopping": False,
        "learning_rate": "auto" if way.startswith("gd") else 0.003,
        "random_state": 0,
    } | (STEPS | DROPOUT)[way]
    steps = DeepBinaryClassifier(8, **common)
    for _ in range(7):
        steps.partial_fit(*cancer, classes=[0, 1])
    fit = DeepBinaryClassifier(8, max_iter=7, **common).fit(*cancer)
    assert steps.n_iter_ == fit.n_iter_ == 7
    losses = fit.history_["loss"]
    if "batches" not in way:  # whose losses are those that the epoch before has met
        np.testing.assert_array_equal(steps.history_["loss"], losses[..., :7])
    if (losses.min(axis=-1) == losses[..., -1]).all():  # else fit keeps a better point
        for ours, theirs in zip(steps.coefs_, fit.coefs_, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@FEW
@pytest.mark.parametrize("way", STEPS | DROPOUT)
def test_warm_start_is_one_long_fit(way, cancer):
    model = DeepBinaryClassifier(8, max_iter=6, warm_start=True, random_state=0)
    model.set_params(**(STEPS | DROPOUT)[way])
    twice = clone(model).fit(*cancer).fit(*cancer)
    once = model.set_params(max_iter=12).fit(*cancer)
    np.testing.assert_array_equal(twice.history_["loss"], once.history_["loss"])


def test_partial_fit_with_one_class_at_a_time(moons):
    X, y = moons
    model = DeepBinaryClassifier(class_weight="balanced", random_state=0)
    for _ in range(3):
        for label in (0, 1):
            model.partial_fit(X[y == label], y[y == label], classes=[0, 1])
    assert model.n_iter_ == 6
    assert np.isfinite(model.predict_proba(X)).all()


PARTIAL_ERRORS = [
    ({}, {}, "`classes` must be given at the first call"),
    ({}, {"classes": [0]}, "`classes` must be 2 labels; got 1"),
    ({}, {"classes": [1, 2]}, "`y` must hold the classes"),
    ({"solver": "lbfgs"}, {"classes": [0, 1]}, "`partial_fit` takes single gradient"),
]


@pytest.mark.parametrize(("parameters", "arguments", "message"), PARTIAL_ERRORS)
def test_bad_partial_fit(parameters, arguments, message, moons):
    model = DeepBinaryClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*moons, **arguments)
    assert not hasattr(model, "coefs_")


@FEW
@pytest.mark.parametrize("first", SOLVERS)
@pytest.mark.parametrize("second", ["adam", "rprop", "lbfgs"])
def test_another_solver_goes_on_from_the_same_point(first, second, cancer):
    model = DeepBinaryClassifier(
        8, solver=first, max_iter=5, warm_start=True, random_state=0
    ).fit(*cancer)
    last = model.history_["loss"][-1]
    model.set_params(solver=second).fit(*cancer)
    assert model.n_iter_ == 10
    assert model.history_["loss"][5] == last


def test_a_finished_fit_goes_on_from_its_best_point(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, warm_start=True, random_state=0).fit(X, y)
    assert model.stop_reason_ == "early_stopping"
    before = log_loss(y, model.predict_proba(X))
    model.partial_fit(X, y)
    assert log_loss(y, model.predict_proba(X)) == pytest.approx(before, rel=0.1)


@FEW
def test_a_resumed_descent_may_begin_with_a_rejected_trial(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(5, solver="gd", random_state=0)
    for start in np.tile(np.arange(0, 560, 10), 4):
        rows = slice(start, start + 10)
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
    assert np.isfinite(model.predict_proba(X)).all()


@FEW
def test_rows_of_weight_zero_are_no_rows(cancer):
    X, y = cancer
    far = np.vstack([np.full((3, X.shape[1]), 1e9), X])
    w = np.r_[0, 0, 0, np.ones(len(y))]
    model = DeepBinaryClassifier(8, max_iter=20, random_state=0)
    with_them = clone(model).fit(far, np.r_[0, 1, 0, y], w).decision_function(X)
    np.testing.assert_allclose(with_them, model.fit(X, y).decision_function(X))


SCORERS = {
    "name without weights": "adjusted_rand_score",
    "function": lambda model, X, y: model.score(X, y),
    "made": make_scorer(lambda y, prediction: (y == prediction).mean()),
}


@FEW
@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_need_not_know_weights(name, cancer):
    model = DeepBinaryClassifier(8, scoring=SCORERS[name], max_iter=20, random_state=0)
    assert np.isfinite(model.fit(*cancer).validation_scores_).all()


@FEW
def test_a_frame_does_not_warn_at_every_iteration(cancer):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(cancer[0]).rename(columns=str)
    model = DeepBinaryClassifier(8, scoring="roc_auc", max_iter=20, random_state=0)
    model.fit(X, cancer[1], X_val=X, y_val=cancer[1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_score_that_cannot_be_computed_leaves_the_loss_to_decide(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(scoring="roc_auc", random_state=0)
    model.fit(X, y, X_val=X[y == 1], y_val=y[y == 1])
    assert model.loss_ == min(model.history_["loss"]) < model.history_["loss"][0]


@FEW
def test_a_warm_start_holds_out_the_same_rows(cancer):
    model = DeepBinaryClassifier(8, max_iter=5, warm_start=True).fit(*cancer)
    last = model.history_["validation_loss"][-1]
    assert model.fit(*cancer).history_["validation_loss"][5] == last


@FEW
def test_seconds_go_on(cancer):
    model = DeepBinaryClassifier(8, max_iter=5, warm_start=True).fit(*cancer)
    assert (np.diff(model.fit(*cancer).history_["seconds"]) > 0).all()


def test_the_weight_of_what_is_trained_on_is_not_zero(moons):
    X, y = moons
    model = DeepBinaryClassifier(class_weight={0: 0.0, 1: 1.0})
    with pytest.raises(ValueError, match="weight above zero"):
        model.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
