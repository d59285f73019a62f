"""Properties that hold for any table, any weights and any parameters.

`SKDEEPBIN_EXAMPLES=1000` tries so many of each; by default few, the same each time.
"""

import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from skdeepbin import DeepBinaryClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

any_of_them = settings(
    max_examples=int(os.environ.get("SKDEEPBIN_EXAMPLES", "40")),
    derandomize="SKDEEPBIN_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# Errors that a valid table and valid parameters may give, as they are documented.
REFUSALS = re.compile(
    "needs more different rows of each class|not finite at the starting weights"
)
SIZES = [1e-310, 1e-12, 1.0, 1e6, 1e200]


@st.composite
def tables(draw, ordinary=False):
    """Rows and labels of both classes."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    n, d = draw(st.integers(2, 30)), draw(st.integers(1, 4))
    X = rng.normal(size=(n, d)) + draw(st.sampled_from([0.0, 0.0, 1e3]))
    if not ordinary:
        X *= rng.choice(draw(st.sampled_from([SIZES[2:4], SIZES, [1.0]])), size=d)
        X[rng.uniform(size=X.shape) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = 0
    y = rng.randint(2, size=n)
    y[:2] = 0, 1
    return X, y


@st.composite
def weights(draw, y):
    """None, or weights that leave something of either class."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["none", "counts", "floats", "far apart"]))
    w = {
        "none": None,
        "counts": rng.randint(4, size=len(y)),
        "floats": rng.uniform(size=len(y)),
        "far apart": 10.0 ** rng.uniform(-200, 200, size=len(y)),
    }[kind]
    if w is not None:
        w[:2] = 1
    return w


@st.composite
def parameters(draw):
    """Valid ones."""
    solver = draw(
        st.sampled_from(["gd", "momentum", "nesterov", "adam", "rprop", "lbfgs"])
    )
    chosen = {
        "solver": solver,
        "activation": draw(st.sampled_from(["relu", "tanh", "logistic", "identity"])),
        "hidden_layer_sizes": draw(
            st.one_of(st.integers(1, 6), st.lists(st.integers(1, 6), max_size=3))
        ),
        "init": draw(st.sampled_from(["auto", "he", "xavier", 1e-6, 0.1, 100.0])),
        "learning_rate": draw(st.sampled_from(["auto", 1e-8, 0.1, 10.0, 1e8])),
        "alpha": draw(st.sampled_from([0.0, 1e-4, 5.0, 1e6])),
        "early_stopping": draw(st.sampled_from(["auto", True, False])),
        "class_weight": draw(st.sampled_from([None, "balanced", {0: 3.0}])),
        "n_networks": draw(st.integers(1, 3)),
        "dtype": draw(st.sampled_from(["auto", "float32", "float64"])),
        "max_iter": draw(st.integers(1, 15)),
        "tol": draw(st.sampled_from([0.0, 1e-4, 0.1])),
        "random_state": draw(st.integers(0, 9)),
    }
    if solver != "lbfgs":
        chosen["dropout"] = draw(st.sampled_from([0.0, 0.0, 0.5]))
    if solver not in ("lbfgs", "rprop"):
        chosen["batch_size"] = draw(st.sampled_from([None, None, 1, 7]))
    return chosen


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


def smooth(**changes):
    """A fit in which a difference in the last bit stays one."""
    return DeepBinaryClassifier(
        **{
            "hidden_layer_sizes": 4,
            "activation": "tanh",
            "solver": "gd",
            "learning_rate": 0.1,
            "max_iter": 5,
            "early_stopping": False,
            "random_state": 0,
        }
        | changes
    )


def linear():
    """A fit that comes to its one minimum."""
    return smooth(hidden_layer_sizes=(), solver="lbfgs", max_iter=500, tol=0, alpha=1.0)


@any_of_them
@given(st.data())
def test_probabilities(data):
    X, y = data.draw(tables())
    w, chosen = data.draw(weights(y)), data.draw(parameters())
    as_given = data.draw(
        st.sampled_from([np.array, np.asfortranarray, np.float32, sparse.csr_matrix])
    )
    with np.errstate(over="ignore"):
        rows = as_given(np.clip(X, -1e38, 1e38) if as_given is np.float32 else X)
    try:
        clf = DeepBinaryClassifier(**chosen).fit(rows, y, w)
    except ValueError as error:
        if not REFUSALS.search(str(error)):
            raise
        return
    p = clf.predict_proba(rows)
    assert np.isfinite(p).all()
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(clf.loss_)
    assert len(clf.history_["loss"].T) == clf.n_iter_ + 1


@any_of_them
@given(st.data())
def test_only_the_ratio_of_weights_and_penalty_matters(data):
    X, y = data.draw(tables(ordinary=True))
    w = data.draw(weights(y))
    factor = data.draw(st.floats(1e-3, 1e3))
    w = np.ones(len(y)) if w is None else w
    one = smooth(alpha=1.0).fit(X, y, w)
    other = smooth(alpha=factor).fit(X, y, factor * w)
    same(other.predict_proba(X), one.predict_proba(X))


@any_of_them
@given(st.data())
def test_a_weight_is_a_number_of_rows(data):
    X, y = data.draw(tables(ordinary=True))
    times = np.random.RandomState(data.draw(st.integers(0, 99))).randint(1, 4, len(y))
    batches = data.draw(st.sampled_from([{}, {"batch_size": 5, "solver": "momentum"}]))
    one = smooth(**batches).fit(X, y, times)
    other = smooth(**batches).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    same(other.predict_proba(X), one.predict_proba(X))


@any_of_them
@given(st.data())
def test_the_order_of_rows_does_not_matter(data):
    X, y = data.draw(tables(ordinary=True))
    order = np.random.RandomState(data.draw(st.integers(0, 99))).permutation(len(y))
    stopping = data.draw(st.sampled_from([False, "auto"]))
    one = smooth(early_stopping=stopping).fit(X, y)
    other = smooth(early_stopping=stopping).fit(X[order], y[order])
    same(other.predict_proba(X), one.predict_proba(X))


@any_of_them
@given(st.data())
def test_the_names_of_the_classes_do_not_matter(data):
    X, y = data.draw(tables(ordinary=True))
    chosen = data.draw(parameters()) | {"class_weight": None, "early_stopping": False}
    names = data.draw(st.sampled_from([["no", "yes"], [-1, 1], [False, True], [7, 9]]))
    one = DeepBinaryClassifier(**chosen).fit(X, y)
    other = DeepBinaryClassifier(**chosen).fit(X, np.array(names)[y])
    np.testing.assert_array_equal(other.predict_proba(X), one.predict_proba(X))
    assert other.classes_.tolist() == names


@any_of_them
@given(st.data())
def test_swapped_classes_swap_the_probabilities_of_a_linear_model(data):
    """Its start alone is not turned round, and it has one minimum."""
    X, y = data.draw(tables(ordinary=True))
    model = smooth(
        hidden_layer_sizes=(), solver="lbfgs", max_iter=500, tol=0, alpha=1.0
    )
    one = model.fit(X, y).predict_proba(X)
    other = model.fit(X, 1 - y).predict_proba(X)
    np.testing.assert_allclose(other[:, ::-1], one, atol=1e-4)


@any_of_them
@given(st.data())
def test_a_constant_column_does_not_hurt(data):
    X, y = data.draw(tables(ordinary=True))
    value = data.draw(st.floats(-1e6, 1e6))
    model = smooth(
        hidden_layer_sizes=(), solver="lbfgs", max_iter=500, tol=0, alpha=1.0
    )
    loss = model.fit(X, y).loss_
    with_column = model.fit(np.c_[X, np.full(len(y), value)], y).loss_
    assert with_column == pytest.approx(loss, abs=1e-4)


@any_of_them
@given(st.data())
def test_one_row_at_a_time_or_all_at_once(data):
    X, y = data.draw(tables(ordinary=True))
    chosen = data.draw(parameters()) | {"dtype": "float64", "early_stopping": False}
    clf = DeepBinaryClassifier(**chosen).fit(X, y)
    one_by_one = np.vstack([clf.predict_proba(row[np.newaxis]) for row in X])
    same(one_by_one, clf.predict_proba(X))
    same(clf.predict_proba(sparse.csr_array(X)), clf.predict_proba(X))
