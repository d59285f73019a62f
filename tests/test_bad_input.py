"""Each bad input gives an error that says what is wrong and what to do."""

from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
)

from skdeepbin import DeepBinaryClassifier
from skdeepbin.inputs._validation import RULES, enough_memory
from skdeepbin.training._observer import Observer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).normal(size=(20, 3))
Y = np.arange(20) % 2
NAN = X.copy()
NAN[3, 1] = np.nan
INF = np.where(np.isnan(NAN), np.inf, X)
ONE_NAN = np.ones(20)
ONE_NAN[5] = np.nan

PARAMETERS = [
    (
        {"activation": "rleu"},
        "`activation` must be one of .*'rleu'. Did you mean 'relu'?",
    ),
    ({"activation": "sigmoid"}, "`activation` must be one of 'elu', 'gelu'"),
    ({"activation": None}, "`activation` must be .* got None"),
    ({"init": "hee"}, "`init` must be .*'hee'. Did you mean 'he'?"),
    ({"init": 0}, "`init` must be .* or a positive real number; got 0"),
    ({"init": -0.1}, "`init` must be"),
    ({"init": np.nan}, "`init` must be"),
    ({"solver": "sgd"}, "`solver` must be one of .* got 'sgd'. .* 'gd' here"),
    ({"solver": "GD"}, "Did you mean 'gd'?"),
    ({"batch_size": 0}, "`batch_size` must be a positive int or None .* got 0"),
    ({"batch_size": "auto"}, "got 'auto'. scikit-learn's 'auto' is 200 rows"),
    (
        {"solver": "rprop", "batch_size": 32},
        "None with solver='rprop'; got 32. It halves .* 'adam'",
    ),
    ({"solver": "lbfgs", "batch_size": 32}, "None with solver='lbfgs'; .* 'adam'"),
    ({"dropout": 1}, "`dropout` must be a real number from 0 to less than 1; got 1"),
    ({"solver": "lbfgs", "dropout": 0.1}, "0 with solver='lbfgs'; got 0.1. .* 'gd'"),
    ({"learning_rate": "constant"}, "`learning_rate=0.01`"),
    ({"learning_rate": "aut"}, "Did you mean 'auto'?"),
    ({"learning_rate": 0.0}, "`learning_rate` must be"),
    ({"learning_rate": np.inf}, "`learning_rate` must be"),
    ({"hidden_layer_sizes": 0}, "`hidden_layer_sizes` must be a positive int"),
    ({"hidden_layer_sizes": -5}, "`hidden_layer_sizes` must be .* got -5"),
    ({"hidden_layer_sizes": 10.0}, "`hidden_layer_sizes` must be .* got 10.0"),
    ({"hidden_layer_sizes": True}, "`hidden_layer_sizes` must be"),
    ({"hidden_layer_sizes": "64"}, "`hidden_layer_sizes` must be"),
    ({"hidden_layer_sizes": None}, "`hidden_layer_sizes` must be"),
    ({"hidden_layer_sizes": (10, 0)}, "`hidden_layer_sizes` must be"),
    ({"hidden_layer_sizes": (10, 2.5)}, "`hidden_layer_sizes` must be"),
    ({"hidden_layer_sizes": np.ones((2, 2), int)}, "`hidden_layer_sizes` must be"),
    ({"depth": 0}, r"`depth` must be .* `hidden_layer_sizes=\(\)`\); got 0"),
    ({"depth": -2}, "`depth` must be a positive int or None .* got -2"),
    ({"depth": 1.5}, "`depth` must be"),
    ({"depth": 3, "hidden_layer_sizes": (8, 8)}, "`depth` must be None or 2.* got 3"),
    ({"alpha": -1e-4}, "`alpha` must be .* a non-negative real number; got -0.0001"),
    ({"alpha": np.inf}, "`alpha` must be"),
    ({"alpha": "1"}, "`alpha` must be .* got '1'"),
    ({"alpha": "aut"}, "Did you mean 'auto'?"),
    ({"feature_scaling": "std"}, "`feature_scaling` must be one of 'auto', 'standard'"),
    ({"feature_scaling": None}, "`feature_scaling` must be .* got None"),
    ({"momentum": 1.0}, "`momentum` must be a real number from 0 to less than 1"),
    ({"momentum": -0.1}, "`momentum` must be"),
    ({"early_stopping": "yes"}, "`early_stopping` must be 'auto' or a bool"),
    ({"validation_fraction": 0.0}, "`validation_fraction` must be .* got 0.0"),
    ({"validation_fraction": 1}, "`validation_fraction` must be"),
    ({"scoring": "los"}, "`scoring` must be .* Did you mean 'loss'?"),
    ({"n_networks": 0}, "`n_networks` must be a positive int; got 0"),
    ({"n_bins": 1}, "`n_bins` must be .auto. or 0 .none. or an int of .* 2; got 1"),
    ({"n_bins": "8"}, "`n_bins` must be"),
    ({"max_iter": 0}, "`max_iter` must be a positive int; got 0"),
    ({"max_iter": 10.0}, "`max_iter` must be"),
    ({"tol": -1}, "`tol` must be"),
    ({"n_iter_no_change": 0}, "`n_iter_no_change` must be"),
    ({"class_weight": "balance"}, "Did you mean 'balanced'?"),
    ({"class_weight": {0: -1}}, "`class_weight` must be"),
    ({"class_weight": [1, 2]}, "`class_weight` must be"),
    ({"warm_start": "yes"}, "`warm_start` must be a bool"),
    ({"random_state": -1}, "`random_state` must be"),
    ({"random_state": 0.5}, "`random_state` must be"),
    (
        {"random_state": np.random.default_rng(0)},
        "`random_state` must be .* RandomState",
    ),
    ({"verbose": -1}, "`verbose` must be"),
    ({"n_jobs": 0}, "`n_jobs` must be None or an int that is not 0 .* got 0"),
    ({"n_jobs": 1.5}, "`n_jobs` must be"),
    ({"checkpoint": 3}, "`checkpoint` must be None or the path of a file; got 3"),
    ({"checkpoint": ""}, "`checkpoint` must be"),
    ({"checkpoint": b"fit.npz"}, "`checkpoint` must be"),
    ({"checkpoint_interval": -1}, "`checkpoint_interval` must be a non-negative real"),
    ({"checkpoint_interval": "30"}, "`checkpoint_interval` must be"),
    ({"dtype": "float23"}, "`dtype` must be .* Did you mean 'float32'?"),
    ({"dtype": np.float32}, "`dtype` must be one of 'auto', 'float32', 'float64'"),
]

ARRAYS = [
    ((NAN, Y), "Input X contains NaN"),
    ((INF, Y), "Input X contains infinity"),
    ((X, np.where(Y, np.nan, 1.0)), "y contains NaN"),
    ((X, np.zeros(20)), r"`y` must hold 2 classes.* got 1 class: .*0\.0"),
    ((X, np.arange(20) % 3), "Only binary .* got 3.*OneVsRestClassifier"),
    ((X, np.linspace(0, 1, 20)), "Unknown label type: continuous"),
    ((X, np.eye(2)[Y]), "y should be a 1d array"),
    ((X, Y[:-1]), "inconsistent numbers of samples"),
    ((X[:0], Y[:0]), r"0 sample\(s\)"),
    ((X[:, :0], Y), r"0 feature\(s\)"),
    ((X[:1], Y[:1]), "got 1 class"),
    ((X[:, 0], Y), "Expected 2D array"),
    ((X + 1j, Y), "Complex data not supported"),
    ((X.astype(str).astype(object) + "a", Y), "could not convert"),
    ((X, None), "requires y"),
    ((X, Y, ONE_NAN), "sample_weight contains NaN"),
    ((X, Y, np.full(20, np.inf)), "sample_weight contains infinity"),
    (
        (X, Y, np.where(Y, -1.0, 1.0)),
        r"`sample_weight` must be non-negative; got -1 at",
    ),
    ((X, Y, np.zeros(20)), "`sample_weight` must .* above zero; got only zeros"),
    ((X, Y, Y), "class .*0.* has none"),
    ((X, Y, np.ones(19)), r"`sample_weight` must .* shape \(20,\); got shape \(19,\)"),
    ((X, Y, np.ones((20, 1))), r"`sample_weight` must .* got shape \(20, 1\)"),
    ((X.astype("datetime64[s]"), Y), "X must hold real numbers; got .* datetime64"),
    ((X.astype(str), Y), "Convert your data to numeric values"),
]


@pytest.mark.parametrize(
    ("parameters", "message"), PARAMETERS, ids=lambda p: str(p)[:50]
)
@pytest.mark.parametrize("before", ["unfitted", "fitted"])
def test_bad_parameter(parameters, message, before):
    assert_refused(parameters, (X, Y), (ValueError, TypeError), message, before)


@pytest.mark.parametrize(("arrays", "message"), ARRAYS, ids=[m for _, m in ARRAYS])
@pytest.mark.parametrize("before", ["unfitted", "fitted"])
def test_bad_array(arrays, message, before):
    assert_refused({}, arrays, ValueError, message, before)


@pytest.mark.parametrize("before", ["unfitted", "fitted"])
def test_values_beyond_the_precision(before):
    huge = (1e300 * X, Y)
    message = "The loss is not finite .* Scale X"
    assert_refused({"dtype": "float32"}, huge, ValueError, message, before)


@pytest.mark.parametrize("n_networks", [1, 2])
def test_values_whose_squares_are_infinite_can_stay_unscaled(n_networks):
    model = DeepBinaryClassifier(
        4, feature_scaling="none", n_networks=n_networks, max_iter=3
    )
    huge = 1e160 * X
    model.fit(huge, Y)
    assert np.isfinite(model.decision_function(huge)).all()


def assert_refused(parameters, arrays, error, message, before):
    """The error is raised by fit, and the estimator is afterwards as it was."""
    model = DeepBinaryClassifier(4, max_iter=3, random_state=0)
    if before == "fitted":
        model.fit(np.ones((4, 2)), ["a", "b", "a", "b"])
    model.set_params(**parameters)
    attributes = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(*arrays)
    assert vars(model) == attributes
    if before == "unfitted":
        with pytest.raises(NotFittedError):
            model.predict(X)
    else:
        assert set(model.predict(np.ones((4, 2)))) <= {"a", "b"}


def test_every_parameter_has_a_rule_and_a_bad_case():
    names = set(DeepBinaryClassifier().get_params())
    assert set(RULES) == names
    assert {name for bad, _ in PARAMETERS for name in bad} == names


def test_nothing_is_checked_before_fit():
    model = DeepBinaryClassifier()
    check_do_not_raise_errors_in_init_or_set_params("DeepBinaryClassifier", model)


@pytest.mark.parametrize(
    ("change", "arrays", "message"),
    [
        ({}, (X[:, :2], Y), "X has 2 features"),
        ({}, (X, Y + 1), r"classes of the last fit, \[0, 1\]; got \[1, 2\]"),
        ({"hidden_layer_sizes": 5}, (X, Y), r"last fit, \(4, 4\); got \(5, 5\)"),
        ({"depth": 3}, (X, Y), r"last fit, \(4, 4\); got \(4, 4, 4\)"),
    ],
)
def test_warm_start_meets_another_problem(change, arrays, message):
    model = DeepBinaryClassifier(4, max_iter=3, warm_start=True).fit(X, Y)
    model.set_params(**change)
    attributes = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(*arrays)
    assert vars(model) == attributes
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (NAN, "contains NaN"),
        (INF, "contains infinity"),
        (X[:, :2], "X has 2 features, but DeepBinaryClassifier is expecting 3"),
        (np.c_[X, X], "X has 6 features"),
        (X[:0], r"0 sample\(s\)"),
        (X[0], "Expected 2D array"),
    ],
)
def test_bad_array_at_prediction(method, bad, message):
    model = DeepBinaryClassifier(4, max_iter=3).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(bad)


@pytest.mark.parametrize("sizes", [(10**9, 10**9), 10**7, (10**10,)])
@pytest.mark.parametrize("before", ["unfitted", "fitted"])
def test_a_network_beyond_memory_is_refused_before_work(sizes, before, monkeypatch):
    def read(*args):
        raise AssertionError("X was read")

    message = r"needs [\d,]{14,} bytes .* Lower `hidden_layer_sizes` or `depth`"
    bad = {"hidden_layer_sizes": sizes}
    if before == "unfitted":
        monkeypatch.setattr("skdeepbin.inputs._dataset.scaling_of", read)
        monkeypatch.setattr("skdeepbin.inputs._dataset.row_hashes", read)
    assert_refused(bad, (X, Y), MemoryError, message, before)


def test_memory_that_is_not_to_be_had_says_so(monkeypatch):
    """Also where the machine has it, but this process does not get it."""

    def refuse(*args):
        raise MemoryError

    monkeypatch.setattr("skdeepbin.engine._engine.Engine.__init__", refuse)
    message = r"needs [\d,]+ bytes .* Lower `hidden_layer_sizes` or `depth`"
    assert_refused({}, (X, Y), MemoryError, message, "unfitted")


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_a_system_that_does_not_tell_its_memory_is_believed(error, monkeypatch):
    def untold(name):
        raise error(name)

    monkeypatch.setattr("os.sysconf", untold)
    with enough_memory(2**80):
        pass


def test_a_system_that_tells_its_memory_is_held_to_it(monkeypatch):
    told = {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", told.__getitem__)
    with enough_memory(10 * 4096):
        pass
    with pytest.raises(MemoryError, match="40,961 bytes"), enough_memory(40_961):
        pass


def test_a_memory_map_that_is_cut_short_during_fit(tmp_path, monkeypatch):
    monkeypatch.setattr("skdeepbin.engine._blocks.KEPT_BYTES", 0)
    path = tmp_path / "X"
    np.random.RandomState(0).normal(size=(20_000, 30)).tofile(path)
    data = np.memmap(path, mode="r").view(float).reshape(-1, 30)

    class Cut(Observer):
        def on_step(self, network, step):
            with open(path, "r+b") as file:
                file.truncate(4096)

    model = DeepBinaryClassifier(4, max_iter=3)
    monkeypatch.setattr("skdeepbin._classifier.observed", lambda *_: nullcontext(Cut()))
    before = dict(vars(model))
    with pytest.raises(OSError, match="has become 4096"):
        model.fit(data, np.arange(20_000) % 2)
    assert vars(model) == before


def test_a_step_that_is_not_finite_is_refused():
    """The largest numbers there are: a fit scales them, a gradient overflows."""
    largest = np.linspace(-1, 1, 240) * np.finfo(float).max
    X = np.column_stack([largest, np.random.RandomState(0).normal(size=240)])
    y = X[:, 1] > 0
    model = DeepBinaryClassifier(random_state=0).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="weights are not finite after the step"):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
