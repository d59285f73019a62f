"""A failed fit is explained in about the time that it took."""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone

from skdeepbin import DeepBinaryClassifier, _classifier
from skdeepbin.diagnosis.training import _budget
from skdeepbin.diagnosis.training._budget import Budget, OutOfBudget, work_of_pass
from skdeepbin.diagnosis.training._diagnose import cause_of_failure
from skdeepbin.diagnosis.training._evidence import gather
from skdeepbin.diagnosis.training._trials import TrialRunner
from skdeepbin.network._network import Network
from tests.diagnosis.setups import SICK, fitted, table

OURS = [
    setup
    for setup in SICK
    if isinstance(setup.clf, DeepBinaryClassifier) and setup.after is None
]
OURS_IDS = [setup.name for setup in OURS]


@pytest.fixture
def wide(rng):
    """Few rows of very many features, none of which says anything."""
    X = sparse.random(1000, 10_000, density=0.002, format="csr", random_state=0)
    return X, rng.randint(2, size=1000)


@contextmanager
def counting(monkeypatch):
    """Count calls of the kernels: (part of a fit, rows, parameters) of each."""
    part, calls = ["fit"], []
    gradient, warn = Network.loss_and_gradient, _classifier.warn_of_failure

    def counted(self, V, block, *others):
        calls.append((part[0], len(block.y), self.layout.n_parameters))
        return gradient(self, V, block, *others)

    def explaining(*arguments):
        part[0] = "explanation"
        warn(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Network, "loss_and_gradient", counted)
        patched.setattr(_classifier, "warn_of_failure", explaining)
        yield calls


def products(calls, part):
    """Return the products of rows and parameters in a part of a fit."""
    return sum(n * size for of, n, size in calls if of == part)


@pytest.mark.parametrize("least", [0, 1e8])
def test_trials_cost_no_more_than_the_fit(least, wide, monkeypatch):
    """Or than what any explanation may."""
    monkeypatch.setattr(_budget, "LEAST", least, raising=False)
    clf = DeepBinaryClassifier((), random_state=0)
    with counting(monkeypatch) as calls, pytest.warns(match="nothing was learnt"):
        clf.fit(*wide)
    most = max(products(calls, "fit"), least / _budget.A_PRODUCT)
    assert products(calls, "fit") > 0
    assert products(calls, "explanation") <= most


def test_what_was_left_out_is_said(wide, monkeypatch):
    monkeypatch.setattr(_budget, "LEAST", 0)
    clf = DeepBinaryClassifier((), random_state=0)
    with pytest.warns(match="nothing was learnt.*`skdeepbin.diagnosis.diagnose` tries"):
        clf.fit(*wide)


@pytest.mark.parametrize("setup", OURS, ids=OURS_IDS)
def test_small_tables_are_explained_to_the_end(setup, monkeypatch):
    """With the words that they have without a limit."""
    X, y = table(setup.table)
    X, y = (X, y) if setup.before is None else setup.before(X, y)
    said = []
    for least in (_budget.LEAST, np.inf):
        monkeypatch.setattr(_budget, "LEAST", least)
        monkeypatch.setattr(_budget, "MOST", max(least, _budget.MOST))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clone(setup.clf).fit(X, y)
        said.append([str(warning.message) for warning in caught])
    assert said[0] == said[1]


@pytest.mark.parametrize("setup", OURS[::4], ids=OURS_IDS[::4])
def test_any_budget_ends_in_a_cause_or_none(setup):
    clf, X, y = fitted(setup)
    second = y == clf.classes_[1]
    for work in (0, 1e6, 1e7, 1e8, 3e8):
        budget = Budget(work)
        found = cause_of_failure(clf, X, second, None, budget)
        assert budget.left >= 0
        assert found is None or found.severity != "info"


NOT_TRIED_OUT = {
    "our logistic x 6": "vanishing_gradient",
    "relu xavier x 20": "forward_collapse",
    "1e-30": "zero_init",
    "gd 1e6": "diverged",
}


@pytest.mark.parametrize("name", NOT_TRIED_OUT)
def test_what_is_seen_without_a_trial_is_said(name, monkeypatch):
    """With the remedy that could not be tried out."""
    monkeypatch.setattr(TrialRunner, "_work", lambda *arguments: np.inf)
    clf, X, y = fitted(next(setup for setup in SICK if setup.name == name))
    found = cause_of_failure(clf, X, y == clf.classes_[1], None, Budget(1e9))
    assert found.code == NOT_TRIED_OUT[name]
    assert "was not tried out" in found.remedy
    clf.set_params(**found.change)


def test_a_change_that_was_tried_in_vain_is_not_proposed(monkeypatch):
    spent = []

    def work(self, change, *others):
        spent.append(change)
        return 0 if len(spent) == 1 else np.inf

    monkeypatch.setattr(TrialRunner, "_work", work)
    monkeypatch.setattr(TrialRunner, "moves", lambda *arguments: False)
    clf, X, y = fitted(next(s for s in SICK if s.name == "our logistic x 6"))
    found = cause_of_failure(clf, X, y == clf.classes_[1], None, Budget(1e9))
    assert found is None or found.change != spent[0]


def test_a_table_that_is_too_large_to_look_at_is_not_copied():
    clf = DeepBinaryClassifier(2, max_iter=1, early_stopping=False)
    X, y = np.eye(6), np.arange(6) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    budget = Budget(100)
    assert cause_of_failure(clf, X, y == 1, None, budget) is None
    assert budget.is_short


def test_features_that_no_row_has_change_no_logit(wide):
    X, y = wide
    clf = DeepBinaryClassifier(3, max_iter=5, early_stopping=False, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    some = X[:30]
    (whole,) = gather(clf, some, y[:30])
    (left,) = gather(clf, some, y[:30], budget=Budget())
    assert left.X.shape[1] == len(np.unique(some.indices)) < X.shape[1]
    assert_allclose(left.logits, whole.logits)
    assert left.model.n_parameters == whole.network[0].layout.n_parameters
    assert left.start_scale == whole.start_scale
    for feature in (0, 7):
        assert_allclose(left.X[:, feature], whole.X[:, left.number_of(feature)])


def test_rows_without_an_entry_keep_a_feature(wide):
    X, y = wide
    clf = DeepBinaryClassifier(3, max_iter=2, early_stopping=False, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    found = cause_of_failure(clf, 0 * X, y == 1, None, Budget())
    assert found.code == "constant_features"
    assert found.evidence == {"constant features": X.shape[1]}


def test_a_budget_is_spent():
    budget = Budget(3)
    budget.spend(2)
    assert not budget.is_short
    with pytest.raises(OutOfBudget):
        budget.spend(2)
    assert budget.is_short
    budget.spend(1)  # less can still be afforded


def test_the_clock_is_the_last_resort():
    with pytest.raises(OutOfBudget):
        Budget(np.inf, seconds=-1).spend(0)


def test_the_work_of_a_pass_is_the_formula():
    sizes, n = (7, 5, 3, 1), 11
    p = 8 * 5 + 6 * 3 + 4
    products = n * (7 * 5 + 5 * 3 + 3)
    expected = 7 * n + products / 10 + 2 * (2e5 + 10 * p)
    assert work_of_pass(7 * n, n, sizes, 2) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_long_fit_has_a_long_explanation_up_to_a_limit(kind):
    X, sizes = kind(np.eye(100)), (100, 50, 1)
    left = [_budget.budget_of_a_fit(n, X, sizes, None).left for n in (1, 8_000, 10**6)]
    assert left[0] == _budget.LEAST < left[1] < left[2] == _budget.MOST
    assert _budget.budget_of_a_fit(8_000, X, sizes, 50).left > left[1]
