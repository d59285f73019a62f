"""What the estimator promises, beyond scikit-learn's own checks."""

import inspect
import io
import pickle
import re
import subprocess
import sys
from contextlib import redirect_stdout
from itertools import pairwise

import joblib
import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS
from skdeepbin.training._stopping import STOP_REASONS

FEW = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def penalised_loss(model, X, y, w=None):
    """The objective of the class docstring, from the fitted attributes."""
    w = np.ones(len(y)) if w is None else w
    squares = sum((W.astype(float) ** 2).sum() for W in model.coefs_)
    mean = log_loss(y, model.predict_proba(X), sample_weight=w)
    return mean + model.alpha_ / 2 * squares / w.sum()


# Learning


@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {"identity"}))
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_learns_what_no_linear_model_can(activation, depth, moons):
    # Logistic layers first learn the linear part, and rest there for a while.
    model = DeepBinaryClassifier(
        32,
        activation,
        depth=depth,
        alpha=0.01,
        max_iter=2000,
        early_stopping=activation != "logistic",
        random_state=0,
    )
    assert model.fit(*moons).score(*moons) > 0.98
    assert LogisticRegression().fit(*moons).score(*moons) < 0.9


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_hidden_layer_is_logistic_regression(C, weighted, cancer, rng):
    X, y = cancer
    w = rng.uniform(0, 2, len(y)) if weighted else None
    model = DeepBinaryClassifier(
        (),
        solver="lbfgs",
        alpha=1 / C,
        tol=0,
        max_iter=5000,
        early_stopping=False,
        random_state=0,
    ).fit(X, y, w)
    peer = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(X, y, w)
    np.testing.assert_allclose(model.coefs_[0].T, peer.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.intercepts_[0], peer.intercept_, rtol=1e-4)


def test_identity_layers_are_logistic_regression_without_penalty(cancer):
    """Deep linear networks reach the predictions of a linear model."""
    X, y = cancer[0][:, :3], cancer[1]
    model = DeepBinaryClassifier(
        4,
        "identity",
        depth=2,
        solver="gd",
        early_stopping=False,
        alpha=0,
        tol=0,
        n_iter_no_change=50,
        max_iter=5000,
        random_state=0,
    ).fit(X, y)
    # Before 1.9 only a deprecated parameter turns it off; a C this large will do.
    peer = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), peer.predict_proba(X), rtol=1e-3, atol=1e-4
    )


@FEW
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_plain_gradient_descent_is_the_formula(activation, cancer):
    """scikit-learn's network takes the same steps from the same start."""
    X, y = cancer
    start = DeepBinaryClassifier(
        (8, 8),
        activation,
        solver="gd",
        early_stopping=False,
        alpha=0.1,
        learning_rate=1e-12,
        max_iter=1,
        random_state=0,
    ).fit(X, y)
    model = clone(start).set_params(learning_rate=0.05, max_iter=5).fit(X, y)
    peer = MLPClassifier(
        (8, 8),
        activation,
        solver="sgd",
        alpha=0.1,
        batch_size=len(y),
        learning_rate_init=0.05,
        momentum=0,
        max_iter=1,
        warm_start=True,
    ).fit(X, y)
    peer.coefs_ = [W.copy() for W in start.coefs_]
    peer.intercepts_ = [b.copy() for b in start.intercepts_]
    peer._optimizer.params = peer.coefs_ + peer.intercepts_
    for _ in range(5):
        peer.partial_fit(X, y)
    # The start is a step of 1e-12 away, which is much at a kink of relu.
    tolerance = 1e-3 if activation == "relu" else 1e-8
    for ours, theirs in zip(model.coefs_, peer.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@FEW
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_automatic_step_beats_a_fixed_one(rate, activation, cancer):
    """In the same number of gradients, without a rate to tune."""
    automatic = DeepBinaryClassifier(
        32,
        activation,
        solver="gd",
        early_stopping=False,
        max_iter=100,
        random_state=0,
    )
    fixed = clone(automatic).set_params(learning_rate=rate)
    assert automatic.fit(*cancer).loss_ < fixed.fit(*cancer).loss_


# Weights


@FEW
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2, 1: 0.5}])
def test_a_weight_of_k_is_a_row_k_times(
    activation, learning_rate, class_weight, cancer, rng
):
    X, y = cancer[0][:150], cancer[1][:150]
    k = rng.randint(0, 4, len(y))
    model = DeepBinaryClassifier(
        16,
        activation,
        learning_rate=learning_rate,
        class_weight=class_weight,
        max_iter=50,
        random_state=0,
    )
    weighted = model.fit(X, y, k).decision_function(X)
    repeated = clone(model).fit(X.repeat(k, 0), y.repeat(k)).decision_function(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6, atol=1e-8)


@FEW
@pytest.mark.parametrize("scale", [1e-200, 1e-3, 7.0, 1e200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_the_ratio_of_weights_matters_without_penalty(scale, dtype, cancer, rng):
    X, y = cancer[0].astype(dtype), cancer[1]
    w = rng.uniform(size=len(y))
    model = DeepBinaryClassifier(8, alpha=0, max_iter=20, random_state=0)
    expected = model.fit(X, y, w).predict_proba(X)
    scaled = clone(model).fit(X, y, scale * w).predict_proba(X)
    np.testing.assert_allclose(scaled, expected, rtol=1e-2, atol=1e-3)


@FEW
def test_class_weight_is_sample_weight(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, max_iter=20, random_state=0)
    by_row = clone(model).fit(X, y, np.where(y == 1, 3.0, 0.5))
    by_class = clone(model).set_params(class_weight={1: 3.0, 0: 0.5}).fit(X, y)
    np.testing.assert_array_equal(by_row.coefs_[0], by_class.coefs_[0])


def test_balanced_finds_the_rare_class(cancer):
    X, y = cancer
    rare = np.flatnonzero(y == 0)[:12]
    rows = np.concatenate([rare, np.flatnonzero(y == 1)])
    X, y = X[rows, :2], y[rows]
    plain = DeepBinaryClassifier(8, random_state=0).fit(X, y)
    balanced = DeepBinaryClassifier(8, class_weight="balanced", random_state=0).fit(
        X, y
    )
    assert (balanced.predict(X)[:12] == 0).mean() > (plain.predict(X)[:12] == 0).mean()


# Input and output


LABELS = {
    "int": [0, 1],
    "sign": [-1, 1],
    "bool": [False, True],
    "float": [0.0, 1.0],
    "str": ["benign", "malignant"],
    "object": np.array(["no", "yes"], dtype=object),
}


@FEW
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind(kind, cancer):
    X, y = cancer
    labels = np.asarray(LABELS[kind])
    model = DeepBinaryClassifier(8, max_iter=20, random_state=0)
    numbers = clone(model).fit(X, y)
    model.fit(X, labels[y])
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(model.predict(X), labels[numbers.predict(X)])
    assert model.score(X, labels[y]) == numbers.score(X, y)


@FEW
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "container",
    [np.asfortranarray, sparse.csr_array, sparse.csc_array, sparse.csc_matrix],
)
def test_precision_is_kept_and_the_container_does_not_matter(container, dtype, cancer):
    X, y = cancer[0].astype(dtype), cancer[1]
    X[abs(X) < 0.5] = 0
    model = DeepBinaryClassifier(8, max_iter=15, random_state=0)
    dense = clone(model).fit(X, y).predict_proba(X)
    other = model.fit(container(X), y).predict_proba(container(X))
    arrays = [
        dense,
        other,
        model.decision_function(X),
        *model.coefs_,
        *model.intercepts_,
    ]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    tolerance = 1e-2 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(other, dense, atol=tolerance)


@FEW
@pytest.mark.parametrize("fitted", [np.float32, np.float64])
def test_prediction_is_in_the_precision_of_the_fit(fitted, cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, max_iter=5).fit(X.astype(fitted), y)
    for given in (np.float32, np.float64):
        assert model.predict_proba(X.astype(given)).dtype == fitted


@FEW
def test_data_frames(cancer):
    pd = pytest.importorskip("pandas")
    X, y = cancer
    frame = pd.DataFrame(X, columns=[f"feature {i}" for i in range(X.shape[1])])
    model = DeepBinaryClassifier(8, max_iter=20, random_state=0)
    plain = clone(model).fit(X, y)
    model.fit(frame, pd.Series(y).map({0: "bad", 1: "good"}))
    assert list(model.feature_names_in_) == list(frame.columns)
    assert list(model.classes_) == ["bad", "good"]
    np.testing.assert_allclose(
        model.predict_proba(frame), plain.predict_proba(X), rtol=1e-6
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"feature 3": "other"}))


@FEW
def test_the_outputs_agree(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, max_iter=20).fit(X, y)
    z, p = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(p[:, 1], expit(z))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))


def test_log_probabilities_stay_finite():
    X = np.array([[-1.0], [1.0]])
    model = DeepBinaryClassifier((), alpha=1e-4, random_state=0).fit(X, [0, 1])
    model.coefs_[0][:] = 1e4
    assert model.predict_proba(X)[0, 1] == 0
    np.testing.assert_allclose(model.predict_log_proba(X)[0, 1], -1e4, rtol=1e-3)


# Rows: any number, on any number of threads, from anywhere


@FEW
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", ["C", "Fortran", "memory map"])
@pytest.mark.parametrize("kept", [True, False])
def test_fits_are_the_same_to_the_last_bit(
    given, dtype, kept, rng, tmp_path, monkeypatch
):
    """For every `n_jobs`, every memory order, in memory and on disk."""
    monkeypatch.setattr("skdeepbin.engine._blocks.KEPT_BYTES", 2**30 if kept else 0)
    X = rng.normal(size=(9000, 20))
    y = X[:, 0] * X[:, 1] > 0
    model = DeepBinaryClassifier(
        32, "tanh", max_iter=12, dtype=dtype, n_jobs=1, random_state=0
    )
    first = clone(model).fit(X, y)
    expected, few = first.decision_function(X), first.decision_function(X[:20])
    if given == "Fortran":
        X = np.asfortranarray(X)
    elif given == "memory map":
        X.tofile(tmp_path / "X")
        X = np.memmap(tmp_path / "X", mode="r").view(float).reshape(-1, 20)
    for n_jobs in (None, 1, 2, 3, -1):
        other = clone(model).set_params(n_jobs=n_jobs).fit(X, y)
        for ours, theirs in zip(first.coefs_, other.coefs_, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(first.loss_curve_, other.loss_curve_)
        np.testing.assert_array_equal(expected, other.decision_function(X))
        np.testing.assert_array_equal(few, other.decision_function(X[:20]))


@FEW
@pytest.mark.parametrize("given", [np.int8, np.float32, np.float64, bool])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", np.float32), ("float64", np.float64), ("auto", None)],
)
def test_dtype(given, dtype, expected, rng):
    X = rng.randint(0, 2, (60, 4)).astype(given)
    expected = expected or (np.float32 if given is np.float32 else np.float64)
    model = DeepBinaryClassifier(8, dtype=dtype, max_iter=5).fit(X, X[:, 0] > 0)
    arrays = [*model.coefs_, *model.intercepts_, model.predict_proba(X)]
    assert {array.dtype for array in arrays} == {np.dtype(expected)}


FIT_WITHIN = """
import resource, sys
import numpy as np
from skdeepbin import DeepBinaryClassifier

path, n_rows, extra = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
X = np.memmap(path, mode="r", dtype=sys.argv[4], shape=(n_rows, 50))
y = np.arange(n_rows) % 2
model = DeepBinaryClassifier(
    (64, 64), dtype="float32", learning_rate=0.1, max_iter=1, n_jobs=2
)
rows = np.random.RandomState(0).normal(size=(50_000, 50))
model.fit(rows, y[:50_000])  # BLAS takes memory of its own, once and for all
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used * 1024 + extra, -1))
model.fit(X, y)
assert model.predict(X).shape == (n_rows,)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
@pytest.mark.parametrize("dtype", ["float64", "int8"])
def test_a_memory_map_is_not_copied(dtype, tmp_path):
    """A fit and a prediction within less memory than X alone would take as float32."""
    n_rows = 600_000
    size = np.dtype("float32").itemsize * n_rows * 50
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=dtype, shape=(n_rows, 50)
    )
    X[::1000] = 1
    X.tofile(tmp_path / "X")
    arguments = [tmp_path / "X", n_rows, 64 * 2**20, dtype]
    command = [sys.executable, "-W", "ignore", "-c", FIT_WITHIN, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert size > 64 * 2**20


# Fitted attributes


@FEW
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("w", [None, "random"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("auto", 1e-5)])
def test_loss_is_that_of_the_fitted_weights(
    activation, w, dtype, tolerance, cancer, rng
):
    X, y = cancer
    w = w and rng.uniform(size=len(y))
    model = DeepBinaryClassifier(
        8, activation, max_iter=30, early_stopping=False, dtype=dtype, random_state=0
    ).fit(X, y, w)
    loss = pytest.approx(penalised_loss(model, X, y, w), rel=tolerance)
    assert model.loss_ == loss
    assert model.loss_ == model.best_loss_ == min(model.history_["loss"])
    assert model.loss_curve_ == model.history_["loss"][1:].tolist()
    assert model.n_iter_ == len(model.loss_curve_)


@FEW
@pytest.mark.parametrize(
    ("parameters", "hidden"),
    [
        ({"hidden_layer_sizes": 6}, (6, 6)),
        ({"hidden_layer_sizes": 6, "depth": 3}, (6, 6, 6)),
        ({"hidden_layer_sizes": np.int64(5), "depth": np.int64(1)}, (5,)),
        ({"hidden_layer_sizes": [7, 4]}, (7, 4)),
        ({"hidden_layer_sizes": np.array([7, 4]), "depth": 2}, (7, 4)),
        ({"hidden_layer_sizes": ()}, ()),
    ],
)
def test_layers(parameters, hidden, cancer):
    model = DeepBinaryClassifier(max_iter=2, **parameters).fit(*cancer)
    sizes = (30, *hidden, 1)
    assert [W.shape for W in model.coefs_] == list(pairwise(sizes))
    assert [b.shape for b in model.intercepts_] == [(size,) for size in sizes[1:]]
    assert model.n_layers_ == len(sizes)


@FEW
@pytest.mark.parametrize("init", ["auto", *INITIALIZERS, 0.02])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_init(init, activation, cancer):
    model = DeepBinaryClassifier(
        200,
        activation,
        init=init,
        solver="gd",
        learning_rate=1e-12,
        max_iter=1,
        early_stopping=False,
        random_state=0,
    ).fit(*cancer)
    name = ACTIVATIONS[activation].init if init == "auto" else init
    expected = INITIALIZERS[name](200, 200) if isinstance(name, str) else name
    if init == "auto":  # between two hidden layers
        expected *= ACTIVATIONS[activation].stretch ** 2
    assert model.coefs_[1].std() == pytest.approx(expected, rel=0.02)


@FEW
def test_attributes_are_documented_and_documented_ones_are_there(cancer):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(cancer[0]).rename(columns=str)
    model = DeepBinaryClassifier(max_iter=2).fit(X, cancer[1])
    doc = inspect.getdoc(DeepBinaryClassifier)
    section = doc.split("Attributes\n")[1].split("See Also\n")[0]
    documented = set(re.findall(r"^(\w+_) : ", section, re.MULTILINE))
    assert documented == {name for name in vars(model) if re.match(r"[a-z].*_$", name)}


def test_parameters_are_documented_with_their_defaults():
    section = inspect.getdoc(DeepBinaryClassifier).split("Attributes\n")[0]
    documented = dict(re.findall(r"^(\w+) : .*default=(.*)$", section, re.MULTILINE))
    defaults = DeepBinaryClassifier().get_params()
    assert {n: eval(value) for n, value in documented.items()} == defaults


@FEW
def test_predictions_follow_the_fit_not_later_parameters(cancer):
    X, y = cancer
    model = DeepBinaryClassifier(8, "tanh", max_iter=5).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(activation="relu", hidden_layer_sizes=3)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@FEW
@pytest.mark.parametrize("save", ["pickle", "joblib"])
def test_persistence(save, cancer, tmp_path):
    X, y = cancer
    model = DeepBinaryClassifier(8, max_iter=5).fit(X, y)
    if save == "pickle":
        loaded = pickle.loads(pickle.dumps(model))
    else:
        joblib.dump(model, tmp_path / "model.joblib")
        loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert b"_classifier" not in pickle.dumps(model)  # only the public path


# The course of a fit


@FEW
def test_an_int_makes_a_fit_repeatable_and_leaves_numpy_alone(cancer):
    np.random.seed(1)
    expected = np.random.rand()
    np.random.seed(1)
    first, second = (
        DeepBinaryClassifier(8, max_iter=5, random_state=3).fit(*cancer)
        for _ in range(2)
    )
    assert np.random.rand() == expected
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])
    other = DeepBinaryClassifier(8, max_iter=5, random_state=4).fit(*cancer)
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])


@FEW
@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
def test_warm_start_goes_on(learning_rate, cancer):
    model = DeepBinaryClassifier(
        8, warm_start=True, max_iter=10, learning_rate=learning_rate, random_state=0
    ).fit(*cancer)
    first = model.history_
    model.fit(*cancer)
    assert model.n_iter_ == 20
    np.testing.assert_array_equal(model.history_["loss"][:11], first["loss"])
    assert model.loss_ < first["loss"].min()


@FEW
def test_warm_start_with_a_fixed_rate_is_one_long_fit(cancer):
    model = DeepBinaryClassifier(
        8, "tanh", learning_rate=0.01, max_iter=10, random_state=0, warm_start=True
    )
    twice = clone(model).fit(*cancer).fit(*cancer)
    once = model.set_params(max_iter=20).fit(*cancer)
    np.testing.assert_allclose(twice.coefs_[0], once.coefs_[0], rtol=1e-10)


def test_converged_fits_do_not_warn(cancer):
    model = DeepBinaryClassifier(random_state=0).fit(*cancer)
    assert model.stop_reason_ == "early_stopping"
    model.set_params(early_stopping=False, max_iter=2000).fit(*cancer)
    assert model.stop_reason_ == "converged"
    assert model.n_iter_ < 2000


def test_too_few_iterations_warn_with_numbers(cancer):
    with pytest.warns(ConvergenceWarning, match=r"after 3 iterations.*max_iter"):
        model = DeepBinaryClassifier(max_iter=3).fit(*cancer)
    assert model.stop_reason_ == "max_iter"


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_divergence_keeps_the_best_weights_and_warns(activation, cancer):
    model = DeepBinaryClassifier(
        8, activation, depth=6, solver="gd", learning_rate=1e9, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="learning_rate"):
        model.fit(*cancer)
    assert model.stop_reason_ == "diverged"
    assert np.isfinite(model.predict_proba(cancer[0])).all()
    assert np.isfinite(model.loss_)


def test_a_descent_that_runs_away_goes_on_with_shorter_steps(cancer):
    """To where a tenth of its steps leads from the start."""
    X, y = cancer
    small = DeepBinaryClassifier(
        8,
        depth=3,
        solver="gd",
        learning_rate=3,
        alpha=1,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    large = clone(small).set_params(learning_rate=30).fit(X, y)
    assert max(large.history_["loss"]) > 100
    assert large.stop_reason_ == small.stop_reason_
    assert large.loss_ == pytest.approx(small.loss_, rel=1e-6)


def test_divergence_on_several_threads_warns_once(rng):
    """Their overflows are no news: one warning says what happened."""
    X = rng.normal(size=(20_000, 30))
    model = DeepBinaryClassifier(
        64, depth=4, solver="gd", learning_rate=1e9, n_jobs=2, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="learning_rate") as caught:
        model.fit(X, X[:, 0] > 0)
    assert len(caught) == 1
    assert model.stop_reason_ == "diverged"


@pytest.mark.parametrize("verbose", [False, True, 1, 2])
def test_verbose(verbose, cancer):
    output = io.StringIO()
    with redirect_stdout(output):
        model = DeepBinaryClassifier(
            8, verbose=verbose, tol=0.01, early_stopping=False
        ).fit(*cancer)
    lines = output.getvalue().splitlines()
    every = {False: 0, True: model.n_iter_ // 10 + 2, 2: model.n_iter_ + 2}
    assert len(lines) == every[verbose]
    if verbose:
        assert STOP_REASONS["converged"] in lines[-1]


def test_nothing_is_predicted_before_fit(cancer):
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        with pytest.raises(NotFittedError, match="DeepBinaryClassifier"):
            getattr(DeepBinaryClassifier(), method)(cancer[0])
