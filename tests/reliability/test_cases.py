"""Every case in every method: it works or says why not, and changes no input."""

import copy
import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning, NotFittedError

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from tests.reliability.cases import (
    FEATURES,
    FINE,
    NAMES,
    SAME,
    TARGETS,
    WEIGHTS,
    N,
    X,
    Y,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make(**changes):
    return DeepBinaryClassifier(
        **{"hidden_layer_sizes": 4, "max_iter": 5, "random_state": 0} | changes
    )


def fitted(X=X, y=Y):
    return make().fit(X, y)


# Methods that learn, and methods that look at what was learnt.
LEARN = {
    "fit": lambda X, y, **weights: make().fit(X, y, **weights),
    "partial_fit": lambda X, y, **weights: make().partial_fit(
        X, y, classes=np.unique(np.asarray(y)), **weights
    ),
}
LOOK = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def plain(array):
    """The same numbers in an array of float64."""
    if sparse.issparse(array):
        return array.toarray()
    if hasattr(array, "to_numpy"):
        return array.to_numpy().astype(np.float64)
    return np.asarray(array).astype(np.float64)


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def snapshot(array):
    """A copy that is compared afterwards: no input is changed."""
    if isinstance(array, pd.DataFrame | pd.Series):  # pickles of equal ones may differ
        kinds = array.dtypes.to_list() if array.ndim == 2 else array.dtype
        labels = array.axes[0].to_list(), array.axes[-1].to_list()
        return repr((array.to_numpy(dtype=object).tolist(), labels, kinds))
    return pickle.dumps(copy.deepcopy(array))


def expected_error(outcome):
    kind, message = outcome
    return pytest.raises(kind, match=message)


def ids(case):
    return case.name


@pytest.mark.parametrize("method", LEARN)
@pytest.mark.parametrize("case", FEATURES, ids=ids)
def test_features_to_learn_from(case, method):
    array = case.make()
    before = snapshot(array)
    if isinstance(case.outcome, tuple):
        with expected_error(case.outcome):
            LEARN[method](array, Y)
    else:
        p = LEARN[method](array, Y).predict_proba(array)
        assert p.shape == (N, 2)
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        if case.outcome == SAME:
            numbers = plain(array)
            same(p, LEARN[method](numbers, Y).predict_proba(numbers))
    assert snapshot(array) == before


@pytest.mark.parametrize("method", [*LOOK, "score", "diagnose"])
@pytest.mark.parametrize("case", FEATURES, ids=ids)
def test_features_to_look_at(case, method):
    array = case.make()
    before = snapshot(array)
    names = hasattr(array, "columns")
    clf = fitted(pd.DataFrame(X, columns=NAMES) if names else X)
    calls = {
        "score": lambda array: clf.score(array, Y),
        "diagnose": lambda array: len(diagnose(clf, array, Y).findings),
    }
    call = calls.get(method) or partial(getattr, clf)(method)
    if isinstance(case.outcome, tuple):
        kind, message = case.outcome
        if case.name == "no columns":
            message = r"0 feature\(s\)|expecting 4"
        with pytest.raises(kind, match=message):
            call(array)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature")
            result = call(array)
        if method != "predict":
            assert np.isfinite(result).all()
        if case.outcome == SAME and method != "diagnose":
            numbers = plain(array)
            numbers = pd.DataFrame(numbers, columns=NAMES) if names else numbers
            if method == "predict":
                np.testing.assert_array_equal(result, call(numbers))
            else:
                same(result, call(numbers))
    assert snapshot(array) == before


@pytest.mark.parametrize("method", LEARN)
@pytest.mark.parametrize("case", TARGETS, ids=ids)
def test_targets(case, method):
    target = case.make()
    before = snapshot(target)
    if isinstance(case.outcome, tuple):
        if method == "partial_fit":  # what is not a label is not one of `classes`
            learn, kind = partial(make().partial_fit, classes=[0, 1]), case.outcome[0]
            if case.name == "one class":
                assert learn(X, target).classes_.tolist() == [0, 1]
                return
            with pytest.raises(kind):
                learn(X, target)
        else:
            with expected_error(case.outcome):
                LEARN[method](X, target)
    else:
        clf = LEARN[method](X, target)
        same(clf.predict_proba(X), LEARN[method](X, Y).predict_proba(X))
        labels = np.unique(np.asarray(target)).tolist()
        assert clf.classes_.tolist() == labels
        assert set(clf.predict(X).tolist()) <= set(labels)
        assert 0 <= clf.score(X, target) <= 1
    assert snapshot(target) == before


@pytest.mark.parametrize("case", TARGETS, ids=ids)
def test_targets_of_a_diagnosis(case):
    target = case.make()
    if isinstance(case.outcome, tuple):
        with pytest.raises((ValueError, TypeError)):
            diagnose(fitted(), X, target)
    else:
        codes = [f.code for f in diagnose(fitted(X, target), X, target).findings]
        assert codes == [f.code for f in diagnose(fitted(), X, Y).findings]


@pytest.mark.parametrize("method", LEARN)
@pytest.mark.parametrize("case", WEIGHTS, ids=ids)
def test_weights(case, method):
    weights = case.make()
    before = snapshot(weights)
    if isinstance(case.outcome, tuple):
        if (case.name, method) == ("none of a class", "partial_fit"):
            assert LEARN[method](X, Y, sample_weight=weights)
            return
        with expected_error(case.outcome):
            LEARN[method](X, Y, sample_weight=weights)
    else:
        p = LEARN[method](X, Y, sample_weight=weights).predict_proba(X)
        assert np.isfinite(p).all()
        if case.outcome == SAME:
            same(p, LEARN[method](X, Y).predict_proba(X))
    assert snapshot(weights) == before


def test_a_column_of_labels_warns():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        clf = make().fit(X, Y[:, np.newaxis])
    same(clf.predict_proba(X), fitted().predict_proba(X))


FRAME = pd.DataFrame(X, columns=NAMES)
COLUMNS = {
    "renamed": (FRAME.rename(columns={"a": "z"}), "unseen at fit time:\n- z"),
    "in another order": (FRAME[["b", "a", "c", "d"]], "same order"),
    "missing": (FRAME[["a", "b", "c"]], "seen at fit time, yet now missing:\n- d"),
    "more": (FRAME.assign(e=1.0), "unseen at fit time:\n- e"),
}


@pytest.mark.parametrize("method", [*LOOK, "partial_fit"])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_those_of_the_fit(name, method):
    array, message = COLUMNS[name]
    clf = fitted(FRAME)
    call = partial(clf.partial_fit, y=Y) if method == "partial_fit" else None
    with pytest.raises(ValueError, match=message):
        (call or getattr(clf, method))(array)


@pytest.mark.parametrize("method", LOOK)
def test_names_on_one_side_only_warn(method):
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        getattr(fitted(FRAME), method)(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        getattr(fitted(X), method)(FRAME)


@pytest.mark.parametrize("method", [*LOOK, "score"])
def test_nothing_is_known_before_a_fit(method):
    arrays = (X, Y) if method == "score" else (X,)
    with pytest.raises(NotFittedError):
        getattr(make(), method)(*arrays)


SMALL = {
    "one row": (X[:1], Y[:1], (ValueError, "got 1 class")),
    "two rows": (X[:2], [0, 1], FINE),
    "one row of a class": (X, np.arange(N) == 0, FINE),
    "one feature": (X[:, :1], Y, FINE),
    "more features than rows": (np.tile(X[:5], 40), [0, 1, 0, 1, 0], FINE),
    "equal rows of both classes": (np.ones((N, 2)), Y, FINE),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_tables(name):
    array, target, outcome = SMALL[name]
    if outcome == FINE:
        clf = make().fit(array, target)
        assert np.isfinite(clf.predict_proba(array)).all()
        assert diagnose(clf, array, target).findings
    else:
        with expected_error(outcome):
            make().fit(array, target)


STEPS = {
    "no classes": ({}, {}, "`classes` must be given at the first call"),
    "one class": ({"classes": [0]}, {}, "`classes` must be 2 labels; got 1"),
    "three": ({"classes": [0, 1, 2]}, {}, "`classes` must be 2 labels; got 3"),
    "unseen label": ({"classes": [0, 1]}, {"y": Y + 1}, "must hold the classes"),
    "other classes": ({"classes": [0, 1]}, {"classes": [0, 2]}, "of the first call"),
    "other features": ({"classes": [0, 1]}, {"X": X[:, :2]}, "X has 2 features"),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps(name):
    """What is wrong at the first or at the second call leaves it as it was."""
    first, second, message = STEPS[name]
    clf = make()
    if second:
        clf.partial_fit(X, Y, **first)
    before = dict(vars(clf))
    arguments = {"X": X, "y": Y} | (second or first)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(**arguments)
    assert vars(clf) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 0.1},
        {"learning_rate": 0.01},
        {"solver": "adam"},
        {"solver": "lbfgs"},
        {"solver": "gd", "batch_size": 20},
        {"dropout": 0.2},
        {"activation": "tanh"},
        {"early_stopping": True},
        {"class_weight": "balanced"},
        {"dtype": "float32"},
        {"n_jobs": 2},
    ],
    ids=str,
)
def test_what_may_change_between_warm_starts(changes):
    clf = make(warm_start=True).fit(X, Y)
    n_iter = clf.n_iter_
    clf.set_params(**changes).fit(X, Y)
    assert clf.n_iter_ > n_iter
    assert len(clf.history_["loss"]) == clf.n_iter_ + 1
    assert np.isfinite(clf.predict_proba(X)).all()


def test_nonsense_is_no_parameter():
    with pytest.raises(ValueError, match="Invalid parameter 'hiden'"):
        make().set_params(hiden=3)


class Stubborn(np.random.RandomState):
    """Random numbers that cannot be pickled."""

    def __reduce__(self):
        raise TypeError("cannot pickle")


def test_random_numbers_that_cannot_be_pickled():
    clf = make(random_state=Stubborn(3)).fit(X, Y)
    other = make(random_state=np.random.RandomState(3)).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), other.predict_proba(X))


def test_no_reference_to_the_rows_is_kept():
    array, target = X.copy(), Y.copy()
    clf = make().fit(array, target)
    before = clf.predict_proba(X)
    array[:], target[:] = np.nan, 7
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.classes_.tolist() == [0, 1]
