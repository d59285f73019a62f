"""Set-ups with one thing wrong, and healthy ones, for ``diagnose``."""

import warnings
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
    make_classification,
    make_moons,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier


def _kill(clf):
    """Add 80 dead units to the first layer."""
    clf.coefs_[0] = np.hstack([clf.coefs_[0], np.zeros((2, 80))])
    clf.intercepts_[0] = np.concatenate([clf.intercepts_[0], np.full(80, -1.0)])
    clf.coefs_[1] = np.vstack([clf.coefs_[1], np.ones((80, 20))])


class Setup(NamedTuple):
    """A table, an estimator that is fitted to it, and the cause that is to be found.

    codes : of the first finding; any of them, where two words fit what is wrong.
    missed : the reason why another cause is found, where that is known.
    before : ``(X, y) -> (X, y)``, what is done to the table.
    after : what is done to the fitted estimator, in place.
    """

    name: str
    codes: tuple[str, ...]
    table: str
    clf: Any
    before: Any = None
    after: Any = None
    missed: str = ""


def _standard(X, y):
    return StandardScaler().fit_transform(X), y


def _two(data, first, second):
    X, y = data
    rows = (y == first) | (y == second)
    return _standard(X[rows], (y[rows] == second).astype(int))


def _xor(n=300):
    X = np.random.RandomState(0).uniform(-1, 1, (n, 2))
    return X * 2, (X[:, 0] * X[:, 1] > 0).astype(int)


def _stripes(n=400):
    X = np.random.RandomState(0).uniform(-2, 2, (n, 2))
    return X, (np.sin(3 * X[:, 0]) > 0).astype(int)


TABLES = {
    "moons": lambda: make_moons(300, noise=0.1, random_state=0),
    "12 rows": lambda: make_moons(12, noise=0.1, random_state=0),
    "words": lambda: _words(),
    "circles": lambda: make_circles(300, noise=0.1, factor=0.4, random_state=0),
    "xor": _xor,
    "stripes": _stripes,
    "blobs": lambda: make_blobs(200, centers=2, n_features=5, random_state=3),
    "cancer": lambda: _standard(*load_breast_cancer(return_X_y=True)),
    "raw cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: _two(load_wine(return_X_y=True), 0, 1),
    "raw wine": lambda: (load_wine().data[:130], load_wine().target[:130]),
    "iris": lambda: _two(load_iris(return_X_y=True), 1, 2),
    "setosa": lambda: _two(load_iris(return_X_y=True), 0, 1),
    "digits": lambda: _two(load_digits(return_X_y=True), 3, 8),
    "raw digits": lambda: _raw_two(load_digits(return_X_y=True), 1, 7),
    "diabetes": lambda: _diabetes(),
    "informative": lambda: make_classification(
        400, 20, n_informative=8, class_sep=1.5, random_state=1
    ),
    "hard": lambda: make_classification(
        500, 15, n_informative=5, class_sep=0.6, random_state=2
    ),
    "rare": lambda: make_classification(
        500, 8, n_informative=4, weights=[0.95], class_sep=0.4, random_state=4
    ),
    "rare and clear": lambda: make_classification(
        500, 8, n_informative=5, weights=[0.9], class_sep=2.5, flip_y=0, random_state=5
    ),
    "wide": lambda: make_classification(
        80, 60, n_informative=6, n_redundant=0, class_sep=0.7, random_state=3
    ),
    "large": lambda: make_classification(1500, 20, n_informative=10, random_state=7),
}


def _raw_two(data, first, second):
    X, y = data
    rows = (y == first) | (y == second)
    return X[rows], (y[rows] == second).astype(int)


def _words(n=300, n_words=100):
    """Rare words, some of which are more frequent in one of the classes."""
    rng = np.random.RandomState(0)
    y = np.arange(n) % 2
    subject = np.arange(n_words) % 4
    share = np.where(subject == y[:, np.newaxis], 0.06, 0.02)
    return (rng.uniform(size=(n, n_words)) < share).astype(float), y


def _diabetes():
    data = load_diabetes()
    return _standard(data.data, (data.target > np.median(data.target)).astype(int))


def ours(*layers, **parameters):
    """Our classifier."""
    layers = {"hidden_layer_sizes": layers} if layers else {}
    return DeepBinaryClassifier(**layers, random_state=0).set_params(**parameters)


def mlp(*layers, **parameters):
    """scikit-learn's."""
    layers = {"hidden_layer_sizes": layers} if layers else {}
    return MLPClassifier(**layers, random_state=0).set_params(**parameters)


def times(factor):
    return lambda X, y: (X * factor, y)


def shuffled(X, y):
    return X, np.random.RandomState(1).permutation(y)


def flipped(share):
    def flip(X, y):
        rng = np.random.RandomState(2)
        return X, np.where(rng.uniform(size=len(y)) < share, 1 - y, y)

    return flip


def with_columns(make):
    def add(X, y):
        rng = np.random.RandomState(3)
        return np.column_stack([X, make(X, y, rng)]), y

    return add


def one_column(factor):
    def scale(X, y):
        X = X.copy()
        X[:, 0] *= factor
        return X, y

    return scale


def outliers(X, y):
    X = X.copy()
    X[:3] = 1e9
    return X, y


def weights(function, train=0):
    """Change weights by hand, and train on from there."""

    def change(clf, X, y):
        clf.coefs_ = [function(W) for W in clf.coefs_]
        clf.intercepts_ = [0 * b for b in clf.intercepts_]
        vars(clf).pop("_optimizer", None)  # it remembers the weights before
        for _ in range(train):
            clf.partial_fit(X, y)

    return change


def bias(layer, value):
    def change(clf, X, y):
        clf.intercepts_[layer] = clf.intercepts_[layer] * 0 + value

    return change


GD = {"solver": "gd", "learning_rate": 0.3, "max_iter": 300}
START = {"solver": "gd", "max_iter": 200}
FREE = {"early_stopping": False, "alpha": 0.0, "tol": 0.0, "max_iter": 400}
BORN_DEAD = {"activation": "relu", "max_iter": 60}

SICK = [
    # Features
    Setup("x 1e4", ("unscaled_features",), "moons", mlp(), times(1e4)),
    Setup("raw wine", ("unscaled_features",), "raw wine", mlp(50)),
    Setup(
        "a column x 1e5",
        ("unscaled_features",),
        "informative",
        mlp(30, max_iter=100),
        one_column(1e5),
    ),
    Setup("outliers", ("unscaled_features",), "moons", ours(), outliers),
    # Steps
    Setup(
        "gd 30",
        ("learning_rate_too_high",),
        "moons",
        ours(30, 30, solver="gd", learning_rate=100.0, activation="tanh"),
    ),
    Setup(
        "mlp adam 1",
        ("learning_rate_too_high",),
        "circles",
        mlp(30, 30, learning_rate_init=3.0),
    ),
    Setup(
        "mlp sgd 5",
        ("learning_rate_too_high", "diverged"),
        "digits",
        mlp(30, 30, solver="sgd", learning_rate_init=5.0),
    ),
    Setup(
        "mlp tanh adam 2",
        ("learning_rate_too_high",),
        "moons",
        mlp(30, 30, activation="tanh", learning_rate_init=2.0),
    ),
    Setup(
        "rprop 3",
        ("learning_rate_too_high",),
        "informative",
        ours(30, 30, learning_rate=3.0, max_iter=100),
    ),
    Setup(
        "gd 1e-5",
        ("learning_rate_too_low",),
        "moons",
        ours(30, 30, solver="gd", learning_rate=1e-5, max_iter=200),
    ),
    Setup(
        "adam 1e-6",
        ("learning_rate_too_low",),
        "cancer",
        ours(30, 30, solver="adam", learning_rate=1e-6, max_iter=200),
    ),
    Setup(
        "mlp sgd 1e-5",
        ("learning_rate_too_low",),
        "moons",
        mlp(30, 30, solver="sgd", learning_rate_init=1e-5, max_iter=100),
    ),
    Setup(
        "momentum 1e-5 tanh",
        ("learning_rate_too_low",),
        "xor",
        ours(30, 30, activation="tanh", solver="momentum", learning_rate=1e-5),
    ),
    Setup(
        "gd 1e6", ("diverged",), "moons", ours(30, 30, solver="gd", learning_rate=1e6)
    ),
    Setup(
        "momentum 1e7",
        ("diverged", "learning_rate_too_high"),
        "cancer",
        ours(30, 30, solver="momentum", learning_rate=1e7),
    ),
    Setup(
        "nan weights",
        ("diverged",),
        "moons",
        mlp(20),
        after=weights(lambda W: W * np.nan),
    ),
    # Starts
    Setup(
        "tanh x 4, 0.01",
        ("init_too_small",),
        "moons",
        ours(20, 20, 20, 20, activation="tanh", init=0.01, **GD),
    ),
    Setup(
        "tanh x 6, 0.03",
        ("init_too_small",),
        "wine",
        ours(*[16] * 6, activation="tanh", init=0.03, **GD),
    ),
    Setup(
        "relu x 5, 0.02 adam",
        ("init_too_small",),
        "circles",
        ours(*[16] * 5, init=0.001, solver="momentum", max_iter=100),
    ),
    Setup(
        "tanh 10",
        ("init_too_large", "saturated_tanh"),
        "moons",
        ours(30, 30, activation="tanh", init=10.0, **START),
    ),
    Setup(
        "relu 3",
        ("init_too_large", "exploding_gradient"),
        "cancer",
        ours(30, 30, 30, init=3.0, solver="adam", max_iter=100),
    ),
    Setup(
        "relu 5",
        ("init_too_large", "exploding_gradient"),
        "circles",
        ours(*[20] * 5, init=5.0, **START),
    ),
    Setup(
        "mlp zeros",
        ("zero_init",),
        "moons",
        mlp(20, 20, max_iter=1),
        after=weights(lambda W: 0 * W, 50),
    ),
    Setup("1e-30", ("zero_init",), "moons", ours(20, 20, init=1e-30, **GD)),
    # What happens in layers
    Setup(
        "logistic x 6",
        ("vanishing_gradient", "forward_collapse"),
        "moons",
        mlp(*[16] * 6, activation="logistic", batch_size=300),
    ),
    Setup(
        "logistic x 10",
        ("vanishing_gradient", "forward_collapse"),
        "cancer",
        mlp(*[16] * 10, activation="logistic", max_iter=60),
    ),
    Setup(
        "our logistic x 6",
        ("vanishing_gradient", "forward_collapse"),
        "circles",
        ours(*[16] * 6, activation="logistic", init="xavier", alpha=0.05, **GD),
    ),
    Setup(
        "mlp relu x 10",
        ("forward_collapse", "dead_relu"),
        "moons",
        mlp(*[16] * 10, solver="sgd", batch_size=300),
    ),
    Setup(
        "relu xavier x 20",
        ("forward_collapse",),
        "circles",
        ours(*[16] * 20, init="xavier", **GD),
    ),
    Setup("born dead", ("dead_relu",), "moons", mlp(*[2] * 12, **BORN_DEAD)),
    Setup(
        "biases of -100", ("dead_relu",), "cancer", mlp(30, 30), after=bias(1, -100.0)
    ),
    Setup(
        "our biases of -100", ("dead_relu",), "circles", ours(), after=bias(0, -100.0)
    ),
    Setup(
        "tanh weights x 100",
        ("saturated_tanh", "init_too_large"),
        "moons",
        mlp(30, 30, activation="tanh", max_iter=1),
        after=weights(lambda W: 100 * W),
    ),
    Setup(
        "tanh biases of 20",
        ("saturated_tanh",),
        "cancer",
        mlp(30, 30, activation="tanh"),
        after=bias(0, 20.0),
    ),
    Setup(
        "relu weights x 8",
        ("exploding_gradient", "init_too_large"),
        "moons",
        mlp(*[16] * 5, max_iter=1),
        after=weights(lambda W: 8 * W),
    ),
    Setup(
        "identity weights x 8",
        ("exploding_gradient", "init_too_large"),
        "cancer",
        mlp(*[16] * 5, activation="identity", max_iter=1),
        after=weights(lambda W: 8 * W),
    ),
    # Too short, too small, too strict
    Setup(
        "tanh, alpha 5",
        ("over_regularized",),
        "moons",
        ours(20, 20, activation="tanh", alpha=5.0),
    ),
    Setup("relu, alpha 30", ("over_regularized",), "circles", ours(20, 20, alpha=30.0)),
    Setup(
        "a feature x 0.01",
        ("unscaled_features",),
        "circles",
        mlp(20, 20),
        lambda X, y: (X * [0.01, 1], y),
    ),
    Setup(
        "8 iterations",
        ("too_few_iterations",),
        "moons",
        ours(max_iter=8),
        missed="the trial of a lower learning rate makes more iterations as well",
    ),
    Setup("5 epochs", ("too_few_iterations",), "circles", mlp(max_iter=5)),
    Setup("1 unit", ("too_few_units",), "circles", ours(1)),
    Setup("bottleneck", ("too_few_units",), "xor", ours(1, 50)),
    Setup("identity", ("underfitting",), "circles", ours(activation="identity")),
    Setup(
        "no layer",
        ("underfitting", "too_few_units"),
        "xor",
        ours(hidden_layer_sizes=()),
    ),
    Setup("alpha 1e5", ("over_regularized",), "cancer", ours(alpha=1e5)),
    Setup("alpha 1e4", ("over_regularized",), "moons", ours(alpha=1e4)),
    Setup(
        "tanh, alpha 20",
        ("over_regularized",),
        "circles",
        ours(8, 8, activation="tanh", alpha=20.0, early_stopping=False),
    ),
    Setup(
        "dropout 0.9",
        ("over_regularized",),
        "circles",
        ours(8, 8, dropout=0.9, solver="adam", early_stopping=False),
    ),
    Setup("mlp alpha 1e3", ("over_regularized",), "wine", mlp(50, alpha=1e3)),
    Setup("alpha 5, 12 rows", ("over_regularized",), "12 rows", ours(alpha=5.0)),
    Setup(
        "words in small units",
        ("unscaled_features",),
        "words",
        ours(20, feature_scaling="none"),
        times(1e-3),
    ),
    Setup("wide, free", ("overfitting",), "wide", ours(100, 100, **FREE)),
    Setup(
        "mlp wide, free",
        ("overfitting",),
        "wide",
        mlp(200, 200, alpha=0.0, max_iter=300),
    ),
    # Labels and columns
    Setup("random y", ("labels_unlearnable",), "cancer", ours(), shuffled),
    Setup("random y, mlp", ("labels_unlearnable",), "moons", mlp(50), shuffled),
    Setup(
        "random y, memorised",
        ("labels_unlearnable",),
        "informative",
        mlp(100, 100, alpha=0),
        shuffled,
    ),
    Setup("a quarter flipped", ("label_noise",), "cancer", ours(), flipped(0.25)),
    Setup("a fifth flipped", ("label_noise",), "moons", ours(), flipped(0.2)),
    Setup(
        "a fifth flipped, mlp",
        ("label_noise", "overfitting"),
        "digits",
        mlp(50),
        flipped(0.2),
    ),
    Setup(
        "a third flipped",
        ("label_noise",),
        "blobs",
        ours(),
        flipped(0.3),
        missed="in 200 rows so many wrong labels may be chance",
    ),
    Setup("one in twenty", ("class_imbalance",), "rare", ours()),
    Setup("one in twenty, mlp", ("class_imbalance",), "rare", mlp(10, max_iter=200)),
    Setup(
        "constant",
        ("constant_features",),
        "moons",
        ours(),
        with_columns(lambda X, y, rng: np.ones(len(y))),
    ),
    Setup("all constant", ("constant_features",), "moons", mlp(10), times(0)),
    Setup(
        "a copy of y",
        ("leaking_feature",),
        "cancer",
        ours(),
        with_columns(lambda X, y, rng: y),
    ),
    Setup(
        "y with noise",
        ("leaking_feature",),
        "hard",
        mlp(50),
        with_columns(lambda X, y, rng: y + 0.1 * rng.standard_normal(len(y))),
    ),
    Setup(
        "most of y",
        ("leaking_feature",),
        "diabetes",
        ours(),
        with_columns(
            lambda X, y, rng: np.where(rng.uniform(size=len(y)) < 0.003, 1 - y, y)
        ),
    ),
]

_HEALTHY_TABLES = [
    "moons",
    "circles",
    "xor",
    "blobs",
    "cancer",
    "raw cancer",
    "wine",
    "raw wine",
    "iris",
    "setosa",
    "digits",
    "raw digits",
    "diabetes",
    "informative",
    "hard",
    "rare and clear",
    "large",
]
HEALTHY = [
    Setup("12 rows", (), "12 rows", ours()),
    Setup("words", (), "words", ours(20), times(1e-3)),
    *(Setup(f"ours on {t}", (), t, ours()) for t in _HEALTHY_TABLES),
    *(
        Setup(
            f"mlp on {t}",
            (),
            t,
            mlp(learning_rate_init=0.01, max_iter=300, early_stopping=t == "diabetes"),
        )
        for t in ("moons", "xor", "blobs", "cancer", "diabetes", "informative")
    ),
    Setup("mlp default", (), "cancer", mlp()),
    Setup("mlp default digits", (), "digits", mlp()),
    Setup("mlp lbfgs", (), "moons", mlp(20, solver="lbfgs", alpha=0.1)),
    Setup(
        "mlp tanh",
        (),
        "moons",
        mlp(
            30,
            30,
            activation="tanh",
            solver="adam",
            max_iter=500,
            learning_rate_init=0.01,
        ),
    ),
    Setup(
        "mlp in a pipeline",
        (),
        "raw wine",
        make_pipeline(StandardScaler(), mlp(30, max_iter=400)),
    ),
    Setup(
        "ours in a pipeline",
        (),
        "raw cancer",
        make_pipeline(StandardScaler(), ours(20)),
    ),
    Setup("ensemble", (), "moons", ours(n_networks=3)),
    Setup("gd", (), "moons", ours(solver="gd")),
    Setup("lbfgs", (), "circles", ours(solver="lbfgs", max_iter=200)),
    Setup("adam", (), "cancer", ours(solver="adam")),
    Setup("nesterov", (), "digits", ours(solver="nesterov")),
    Setup("tanh", (), "xor", ours(activation="tanh", alpha=0.5)),
    Setup("logistic", (), "cancer", ours(activation="logistic")),
    Setup("deep relu", (), "moons", ours(30, depth=6, hidden_layer_sizes=30)),
    Setup(
        "deep tanh",
        (),
        "cancer",
        ours(depth=5, hidden_layer_sizes=20, activation="tanh"),
    ),
    Setup("mini-batches", (), "informative", ours(solver="adam", batch_size=50)),
    Setup("dropout", (), "cancer", ours(dropout=0.2)),
    Setup("logistic regression", (), "cancer", ours(hidden_layer_sizes=())),
    Setup("balanced", (), "rare and clear", ours(class_weight="balanced")),
    Setup("x 1e4", (), "moons", ours(), times(1e4)),
    Setup("strings", (), "blobs", ours(), lambda X, y: (X, np.where(y, "yes", "no"))),
    Setup("no early stopping", (), "moons", ours(early_stopping=False)),
    Setup("still falling", (), "informative", mlp(30, max_iter=60)),
    Setup("raw cancer", (), "raw cancer", ours()),
    Setup(
        "dead but learnt", (), "moons", ours(20, 20), after=lambda clf, X, y: _kill(clf)
    ),
]


@cache
def table(name):
    """A table, made once."""
    return TABLES[name]()


def fit_quietly(clf, X, y):
    """Fit, whatever the estimator has to say about it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return clf.fit(X, y)


def fitted(setup):
    """Return an estimator, fitted and spoilt, with its rows; each is fitted once."""
    clf, X, y = _fitted(setup)
    return deepcopy(clf), X, y


@cache
def _fitted(setup):
    X, y = table(setup.table)
    if setup.before is not None:
        X, y = setup.before(X, y)
    clf = fit_quietly(clone(setup.clf), X, y)
    if setup.after is not None:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            setup.after(clf, X, y)
    return clf, X, y
