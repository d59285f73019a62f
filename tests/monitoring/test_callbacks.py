"""The callbacks of scikit-learn 1.9 and later, alone and in meta-estimators."""

import copy
import pickle
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from skdeepbin.engine._threads import blas_threads
from skdeepbin.training._solvers import IN_STEPS, SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(200, noise=0.2, random_state=0)
HAS_CALLBACKS = hasattr(LogisticRegression, "set_callbacks")
needs_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="scikit-learn has no callbacks before 1.9"
)


def make(**settings):
    common = {"hidden_layer_sizes": 8, "max_iter": 12, "random_state": 0}
    return DeepBinaryClassifier(**common | settings)


class Recorder:
    """Keeps what it is told, and asks to stop where `stops` says so."""

    def __init__(self, stops=lambda context: False):
        self.told, self.stops = [], stops

    def setup(self, estimator, context):
        self.told.append(("setup", context.task_name, context.task_id, None))

    def teardown(self, estimator, context):
        self.told.append(("teardown", context.task_name, context.task_id, None))

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, context.task_id, None))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        fitted = copy.deepcopy((X, y, metadata, fitted_estimator.predict_proba(X)))
        self.told.append(("end", context.task_name, context.task_id, fitted))
        return self.stops(context)

    def of(self, event, task):
        """The numbers of the tasks that were told of."""
        return [n for e, name, n, _ in self.told if (e, name) == (event, task)]


def told(clf, recorder=None, **more):
    recorder = recorder or Recorder()
    clf.set_callbacks(recorder).fit(X, Y, **more)
    return recorder


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_iteration_is_a_task(solver):
    clf = make(solver=solver, early_stopping=False)
    recorder = told(clf)
    expected = list(range(clf.n_iter_))
    for event in "begin", "end":
        assert recorder.of(event, "iteration") == expected
        assert recorder.of(event, "fit") == [0]
    events = [event for event, *_ in recorder.told]
    assert events[:2] == ["setup", "begin"]
    assert events[-2:] == ["end", "teardown"]


@needs_callbacks
def test_what_is_told_is_what_fit_was_given_and_has_found():
    weights = np.linspace(1, 2, len(Y))
    clf = make(early_stopping=False)
    recorder = told(clf, sample_weight=weights)
    ends = [what for event, *_, what in recorder.told if event == "end"]
    for seen_X, seen_y, metadata, _ in ends:
        np.testing.assert_array_equal(seen_X, X)
        np.testing.assert_array_equal(seen_y, Y)
        np.testing.assert_array_equal(metadata["sample_weight"], weights)
    for k in 1, 7:
        shorter = make(early_stopping=False, max_iter=k)
        shorter.fit(X, Y, sample_weight=weights)
        if shorter.loss_ == shorter.loss_curve_[-1]:  # the best is the last
            np.testing.assert_array_equal(ends[k - 1][3], shorter.predict_proba(X))
    np.testing.assert_array_equal(ends[-1][3], clf.predict_proba(X))


@needs_callbacks
@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"n_networks": 3}])
def test_callbacks_change_nothing(settings):
    with_them = make(**settings)
    told(with_them)
    without = make(**settings).fit(X, Y)
    np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_truthy_return_stops(solver):
    clf = make(solver=solver, early_stopping=False)
    told(clf, Recorder(lambda context: context.task_id == 4))
    assert (clf.n_iter_, clf.stop_reason_) == (5, "callback")


@needs_callbacks
@pytest.mark.parametrize("solver", IN_STEPS)
def test_a_stopped_fit_goes_on_by_a_warm_start(solver):
    clf = make(solver=solver, early_stopping=False, warm_start=True)
    told(clf, Recorder(lambda context: context.task_id == 4))
    clf.set_callbacks().set_params(max_iter=7).fit(X, Y)
    whole = make(solver=solver, early_stopping=False).fit(X, Y)
    np.testing.assert_array_equal(clf.loss_curve_, whole.loss_curve_)


@needs_callbacks
def test_the_networks_of_a_ensemble_are_tasks():
    clf = make(n_networks=3)
    recorder = told(clf)
    assert recorder.of("begin", "network") == recorder.of("end", "network") == [0, 1, 2]
    lengths = (~np.isnan(clf.history_["loss"])).sum(axis=1) - 1
    numbers = [n for length in lengths for n in range(length)]
    assert recorder.of("end", "iteration") == numbers


@needs_callbacks
def test_a_ensemble_is_stopped_network_by_network_or_as_a_whole():
    clf = make(n_networks=3)
    told(clf, Recorder(lambda context: context.task_name == "iteration"))
    assert clf.history_["loss"].shape == (3, 2)
    told(clf, Recorder(lambda context: context.task_name == "network"))
    assert clf.history_["loss"].ndim == 1
    assert clf.predict(X).shape == Y.shape


@needs_callbacks
def test_a_second_start_has_tasks_too():
    """It may have more than `max_iter` iterations, together with the first."""
    useless = np.random.RandomState(0).normal(size=(80, 1))
    clf = make(alpha=1e4, max_iter=400).set_callbacks(recorder := Recorder())
    clf.fit(useless, np.arange(80) % 2)
    assert clf.n_starts_ == 2
    assert len(recorder.of("end", "iteration")) > clf.n_iter_


@needs_callbacks
@pytest.mark.parametrize("where", ["setup", "on_fit_task_begin", "on_fit_task_end"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_a_callback_leaves_nothing_behind(where, error):
    class Broken(Recorder):
        pass

    def fails(self, estimator, context, *, X=None):
        if where == "setup" or context.task_id == 3:
            raise error("broken")

    setattr(Broken, where, fails)
    many, of_many = (np.tile(part.T, 100).T for part in (X, Y))  # for two threads
    clf = make(early_stopping=False, n_jobs=2, hidden_layer_sizes=64)
    keys = set(vars(clf))
    before = threading.active_count(), blas_threads()
    with pytest.raises(error):
        clf.set_callbacks(broken := Broken()).fit(many, of_many)
    assert (threading.active_count(), blas_threads()) == before
    assert broken.told[-1][0] == "teardown"
    assert not [name for name in vars(clf) if name.startswith("_callback_fit")]
    if error is RuntimeError or where == "setup":
        assert set(vars(clf)) == keys | {"_skl_callbacks"}
    else:
        assert clf.stop_reason_ == "interrupted"


@needs_callbacks
@pytest.mark.parametrize("settings", [{"max_iter": -1}, {"n_networks": "three"}])
def test_wrong_parameters_are_refused_before_a_callback_is_told(settings):
    clf, recorder = make(**settings), Recorder()
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` must"):
        told(clf, recorder)
    assert recorder.told == []


@needs_callbacks
def test_in_a_pipeline_in_a_search():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_log_loss")
    clf = make(early_stopping=False).set_callbacks(monitor)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), clf),
        {"deepbinaryclassifier__depth": [1, 2]},
        cv=2,
        error_score="raise",
    )
    search.fit(X, Y)
    logs = [
        log
        for log in monitor.get_logs(select="all")
        if len(log.data) > 1  # the iterations, not the end alone
    ]
    n_iterations = sum(
        row["task_name"] == "iteration" for log in logs for row in log.data
    )
    assert n_iterations == (2 * 2 + 1) * 12
    assert all(np.isfinite(row["neg_log_loss"]) for log in logs for row in log.data)


@needs_callbacks
def test_progress_over_grid_folds_and_iterations(capsys):
    pytest.importorskip("rich", reason="scikit-learn's ProgressBar needs rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(make(), {"depth": [1, 2]}, cv=2, error_score="raise")
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    output = capsys.readouterr().out
    assert "GridSearchCV" in output
    assert "DeepBinaryClassifier" in output


@needs_callbacks
def test_the_clones_of_a_diagnosis_tell_nobody():
    clf = make(solver="gd", learning_rate=1e-6, early_stopping=False)
    recorder = told(clf)
    before = len(recorder.told)
    diagnose(clf, X, Y)
    assert len(recorder.told) == before


@needs_callbacks
def test_with_callbacks_it_is_cloned_and_pickled():
    clf = make().set_callbacks(recorder := Recorder())
    assert clone(clf)._skl_callbacks == [recorder]
    loaded = pickle.loads(pickle.dumps(make().set_callbacks(Silent()).fit(X, Y)))
    np.testing.assert_array_equal(loaded.predict(X), make().fit(X, Y).predict(X))


class Silent:
    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...


def test_without_callbacks_no_task_is_made(monkeypatch):
    def fails(*args, **kwargs):
        raise AssertionError("a context was made")

    monkeypatch.setattr(
        DeepBinaryClassifier, "_init_callback_context", fails, raising=False
    )
    assert cross_val_score(make(), X, Y, cv=2, error_score="raise").shape == (2,)


@pytest.mark.skipif(HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_before_callbacks_came_there_are_none():
    assert not hasattr(DeepBinaryClassifier, "set_callbacks")
