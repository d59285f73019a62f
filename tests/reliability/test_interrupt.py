"""Ctrl-C keeps what was learnt; any other exception changes nothing."""

import signal
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from skdeepbin.engine._threads import blas_threads
from skdeepbin.training._objective import Objective
from tests.reliability.fits import COMMON, FITS, X, Y, bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def raising(monkeypatch, number, error=KeyboardInterrupt):
    """Let the evaluation of that number raise."""
    made = []
    whole = Objective.__call__

    def evaluate(self, theta):
        made.append(theta)
        if len(made) == number + 1:
            raise error
        return whole(self, theta)

    monkeypatch.setattr(Objective, "__call__", evaluate)
    return made


def make(**changes):
    return DeepBinaryClassifier(**COMMON | changes)


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_keeps_the_best_weights_so_far(name, share, monkeypatch):
    with monkeypatch.context() as patch:
        made = raising(patch, np.inf)
        whole = make(**FITS[name]).fit(X, Y)
    clf = make(**FITS[name])
    with monkeypatch.context() as patch:
        raising(patch, int(share * len(made)))
        with pytest.raises(KeyboardInterrupt, match="best weights so far are kept"):
            clf.fit(X, Y)
    assert clf.stop_reason_ == "interrupted"
    assert np.isfinite(clf.predict_proba(X)).all()
    n = min(clf.n_iter_, whole.n_iter_)
    ours, theirs = (c.history_["loss"].T[: n + 1].T for c in (clf, whole))
    if "n_networks" in FITS[name]:  # those that were begun
        ours = np.atleast_2d(ours)
        theirs = theirs[: len(ours)]
        ours, theirs = ours[0], theirs[0]
    np.testing.assert_array_equal(ours, theirs)
    if len({*map(str, clf.activations_)}) < 2:  # others are refused by name
        assert diagnose(clf, X, Y).findings


def test_before_the_first_step_nothing_is_known(monkeypatch):
    fitted = make().fit(X, Y)
    for clf in (make(), fitted):
        before = dict(vars(clf))
        with monkeypatch.context() as patch:
            raising(patch, 0)
            with pytest.raises(KeyboardInterrupt):
                clf.fit(X, Y)
        assert vars(clf) == before


@pytest.mark.parametrize("solver", ["rprop", "adam", "gd"])
def test_warm_start_goes_on_from_there(solver, monkeypatch):
    whole = make(solver=solver, early_stopping=False, tol=0).fit(X, Y)
    clf = make(solver=solver, early_stopping=False, tol=0, warm_start=True)
    with monkeypatch.context() as patch:
        raising(patch, 20)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, Y)
    assert clf.n_iter_ == 19
    clf.set_params(max_iter=60 - 19).fit(X, Y)
    assert bits(clf) == bits(whole)


def test_a_checkpoint_goes_on_from_there(tmp_path, monkeypatch):
    path = tmp_path / "fit.npz"
    clf = make(checkpoint=path)  # every 30 seconds, so only at the interruption
    with monkeypatch.context() as patch:
        raising(patch, 20)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, Y)
    assert clf.n_iter_ == 19
    with monkeypatch.context() as patch:
        made = raising(patch, np.inf)
        clf.fit(X, Y)
    whole = make().fit(X, Y)
    assert bits(clf) == bits(whole)
    # Beyond the iterations left, two points to go on from and ten steps at the end.
    assert len(made) <= whole.n_iter_ - 19 + 12
    assert not list(tmp_path.iterdir())


def test_a_ensemble_predicts_with_the_networks_that_were_begun(monkeypatch):
    whole = make(n_networks=4, tol=0).fit(X, Y)
    clf = make(n_networks=4, tol=0)
    with monkeypatch.context() as patch:
        raising(patch, 150)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, Y)
    assert len(clf.coefs_[0]) == 3
    np.testing.assert_array_equal(clf.coefs_[0][:2], whole.coefs_[0][:2])
    with pytest.raises(ValueError, match="`n_networks` must be that of the last fit"):
        clf.set_params(warm_start=True).fit(X, Y)


def test_a_search_ends(monkeypatch):
    search = GridSearchCV(make(), {"alpha": [0.1, 1.0]}, cv=3, error_score=0.0)
    raising(monkeypatch, 100)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)


def test_partial_fit_is_as_before(monkeypatch):
    clf = make().partial_fit(X, Y, classes=[0, 1])
    before = dict(vars(clf))
    raising(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, Y)
    assert vars(clf) == before


@pytest.mark.parametrize("error", [ValueError, MemoryError, SystemExit, GeneratorExit])
@pytest.mark.parametrize("name", FITS)
def test_any_other_exception_changes_nothing(name, error, monkeypatch):
    fitted = make(**FITS[name]).fit(X, Y)
    for clf in (make(**FITS[name]), fitted):
        before = dict(vars(clf))
        with monkeypatch.context() as patch:
            raising(patch, 15, error)
            with pytest.raises(error):
                clf.fit(X, Y)
        assert vars(clf) == before


class Alarm:
    """Ctrl-C after some seconds, wherever the main thread is by then."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *error):
        signal.setitimer(signal.ITIMER_REAL, 0)


MANY = np.random.RandomState(0).normal(size=(20_000, 10))
OF_MANY = MANY[:, 0] * MANY[:, 1] > 0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_wherever_it_comes_it_leaves_no_trace(n_jobs):
    """No thread, no limit on BLAS, no attribute half set."""
    rng = np.random.RandomState(n_jobs)
    threads, limit = threading.active_count(), blas_threads()
    clf = DeepBinaryClassifier(16, max_iter=40, random_state=0, n_jobs=n_jobs)
    start = time.perf_counter()
    whole = clone(clf).fit(MANY, OF_MANY)
    lasts = time.perf_counter() - start
    n_interrupted = 0
    for _ in range(25):
        clf = clone(clf)
        try:
            with Alarm(rng.uniform(1e-4, lasts)):
                clf.fit(MANY, OF_MANY)
        except KeyboardInterrupt:
            n_interrupted += 1
        patience = time.perf_counter() + 5  # they end after the block that they are at
        while threading.active_count() > threads and time.perf_counter() < patience:
            time.sleep(0.01)
        assert threading.active_count() == threads
        assert blas_threads() == limit
        if hasattr(clf, "coefs_"):
            assert np.isfinite(clf.predict_proba(MANY[:9])).all()
            assert len(clf.history_["loss"]) == clf.n_iter_ + 1
        else:
            assert set(vars(clf)) == set(clf.get_params())
    assert n_interrupted > 5
    assert bits(clone(clf).fit(MANY, OF_MANY)) == bits(whole)


def test_others_swallow_it():
    """What this library does otherwise; if it changes, the documentation may too."""
    clf = MLPClassifier(max_iter=10_000, tol=0, n_iter_no_change=10_000)
    with pytest.warns(UserWarning, match="interrupted"), Alarm(0.2):
        clf.fit(X, Y)
