"""A fit on a cluster is a fit in memory."""

import pickle
import warnings
from copy import copy

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skdeepbin import DeepBinaryClassifier
from skdeepbin.dask import DaskDeepBinaryClassifier
from skdeepbin.dask._lazy_partition import cull_graphs
from skdeepbin.dask._partitioning import partition_input
from skdeepbin.dask._placement import Placement
from skdeepbin.diagnosis import LearningWarning
from skdeepbin.inputs._activations import hidden_activations
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS
from skdeepbin.training._solvers import SOLVERS
from tests.dask.setups import (
    SMALL,
    at_blocks,
    both,
    fitted,
    lazy,
    partitions_of,
    same_bits,
)
from tests.own import Softplus

pytestmark = pytest.mark.usefixtures("client")


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_gives_the_same_bits_at_block_boundaries(data, solver):
    X, y, _ = data
    local, clf = both(X, y, None, at_blocks(X), solver=solver)
    assert clf.validation_scores_ is not None
    assert same_bits(local, clf)


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": False},
        {"class_weight": "balanced", "validation_fraction": 0.3},
        {"class_weight": {"yes": 2.5}, "solver": "lbfgs"},
        {"n_networks": 3},
        {"n_networks": 2, "n_bins": 0},
        {"n_bins": 8},
        {"dropout": 0.2},
        {"dtype": "float32"},
        {"hidden_layer_sizes": ()},
        {"activation": ["tanh", "relu"]},
        {"activation": ["tanh", Softplus()]},
        *({"activation": name} for name in ACTIVATIONS),
        *({"init": name} for name in INITIALIZERS),
    ],
    ids=str,
)
def test_the_same_bits_with_weights_and(data, parameters):
    X, y, w = data
    sizes = parameters.get("hidden_layer_sizes", (8, 8))
    n_bins = parameters.get("n_bins", 8 * (parameters.get("n_networks", 1) > 1))
    activations = hidden_activations(parameters.get("activation", "relu"), len(sizes))
    rows = at_blocks(X, sizes, n_bins, activations)
    local, clf = both(X, y, w, rows, **parameters)
    assert same_bits(local, clf)
    assert clf.activations_ == local.activations_
    assert (clf.bin_edges_ is not None) == (n_bins > 0)


@pytest.mark.parametrize("rows", [3000, (0, 1, 19_000, 0, 999)])
def test_elsewhere_it_is_the_same_up_to_rounding(data, rows):
    X, y, w = data
    local, clf = both(X, y, w, rows, max_iter=3)
    assert np.allclose(clf.history_["loss"], local.history_["loss"], rtol=1e-10)
    assert np.allclose(
        clf.history_["validation_loss"],
        local.history_["validation_loss"],
        rtol=1e-10,
    )
    assert np.allclose(clf.coefs_[0], local.coefs_[0], rtol=1e-8)


def test_many_workers_add_up_a_tree_of_tasks(data, monkeypatch):
    monkeypatch.setattr("skdeepbin.dask._worker_pool.FAN_IN", 1)
    X, y, _ = data
    local, clf = both(X, y, None, at_blocks(X))
    assert same_bits(local, clf)


def test_float32_partitions_are_computed_in_float32(data):
    X, y, _ = data
    X = X.astype(np.float32)
    local, clf = both(X, y, None, at_blocks(X), dtype="auto")
    assert clf.coefs_[0].dtype == np.float32
    assert same_bits(local, clf)


def test_float32_partitions_of_small_numbers_are_computed_in_float64(data):
    X, y, _ = data
    X = (1e-38 * X).astype(np.float32)
    local, clf = both(X, y, None, at_blocks(X.astype(float)), dtype="auto")
    assert clf.coefs_[0].dtype == np.float64
    assert same_bits(local, clf)


def test_all_iterations_to_the_end(data):
    X, y, w = data
    local, clf = both(X, y, w, at_blocks(X), max_iter=1000, tol=1e-2)
    assert local.stop_reason_ == clf.stop_reason_ == "early_stopping"
    assert same_bits(local, clf)


@pytest.mark.parametrize("constant", [[], [0.0, 2.0, 0.0]])
def test_sparse_partitions(data, constant):
    """Also of columns that are constant, which training leaves out."""
    import dask
    from scipy.sparse import csr_matrix

    X, y, w = data
    X = np.insert(np.where(X > 1, X, 0), np.arange(len(constant)), constant, axis=1)
    rows, X = at_blocks(X), csr_matrix(X)
    settings = SMALL | {"warm_start": True}
    local = fitted(DeepBinaryClassifier(**settings), X, y, w)
    given = [list(map(dask.delayed, partitions_of(array, rows))) for array in (X, y, w)]
    clf = fitted(DaskDeepBinaryClassifier(**settings), *given)
    assert same_bits(local, clf)
    assert same_bits(fitted(local, X, y, w), fitted(clf, *given))
    local.partial_fit(X, y, sample_weight=w)
    clf.partial_fit(*given[:2], sample_weight=given[2])
    assert same_bits(local, clf)
    labels = np.concatenate(dask.compute(*clf.predict(given[0])))
    assert np.array_equal(labels, local.predict(X))


def test_data_frames(data):
    try:
        import dask.dataframe as dd
        import pandas as pd
    except ImportError:
        pytest.skip("this needs `pip install 'dask[dataframe]'`")
    X, y, _ = data
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    X = frame[list("abcdef")]
    local = fitted(DeepBinaryClassifier(**SMALL), X, frame.y)
    given = dd.from_pandas(frame, npartitions=3)
    clf = fitted(DaskDeepBinaryClassifier(**SMALL), given[list("abcdef")], given.y)
    assert clf.feature_names_in_.tolist() == list("abcdef")
    assert np.allclose(clf.history_["loss"], local.history_["loss"], rtol=1e-8)
    labels = clf.predict(given[list("abcdef")])
    assert labels.compute().index.equals(frame.index)
    assert np.array_equal(labels, clf.to_local().predict(X))
    p = clf.predict_proba(given[list("abcdef")])
    assert list(p.columns) == ["no", "yes"]
    assert np.allclose(p.compute(), clf.to_local().predict_proba(X), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(X[list("fedcba")])


@pytest.fixture(scope="module")
def pair(client, data):
    X, y, _ = data
    return both(X, y, None, 5000)


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_log_proba", "decision_function"],
)
def test_predictions_are_lazy_and_those_of_a_fit_in_memory(data, pair, method):
    X, local = data[0], pair[1].to_local()
    expected = getattr(local, method)(X)
    result = getattr(pair[1], method)(lazy(X, 7000))
    assert result.chunks[0] == (7000, 7000, 6000)
    assert result.shape == expected.shape
    assert result.dtype == result._meta.dtype == expected.dtype
    assert np.array_equal(result.compute(), expected)
    assert np.array_equal(getattr(pair[1], method)(X), expected)


def test_predictions_for_partitions_without_rows(pair, data):
    X = lazy(data[0], 10_000)
    empty = X[X[:, 3] < 0]
    assert pair[1].predict_proba(empty).compute().shape == (0, 2)
    assert pair[1].predict(empty).compute().shape == (0,)


def test_the_model_is_in_the_graph_once(pair, data):
    graph = dict(pair[1].predict_proba(lazy(data[0], 100)).__dask_graph__())
    assert 200 < len(graph) < 1000
    assert len(pickle.dumps(graph[min(graph, key=str)])) < 1e6
    tasks = [t for k, t in graph.items() if "predict_partition" in str(k)]
    size = len(pickle.dumps(tasks))
    assert size < 1000 * 200


def test_score(pair, data):
    X, y, w = data
    given = lazy(X, 3000), lazy(y, 3000), lazy(w, 3000)
    score = pair[1].score(*given)
    assert score == pytest.approx(pair[1].to_local().score(X, y, w), rel=1e-12)


def test_to_local(pair, data):
    local = pair[1].to_local()
    assert type(local) is DeepBinaryClassifier
    assert local.get_params() == pair[0].get_params()
    assert vars(local).keys() == vars(pair[0]).keys()
    assert np.array_equal(local.predict(data[0]), pair[1].predict(data[0]))
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(DaskDeepBinaryClassifier().to_local(), msg="not fitted")


def test_a_pickle_has_no_client(pair, data, client):
    clf = copy(pair[1]).set_params(client=client)
    clf.client_ = client
    again = pickle.loads(pickle.dumps(clf))
    assert again.client is None
    assert not hasattr(again, "client_")
    assert clf.client is client
    assert np.array_equal(again.predict(data[0]), clf.predict(data[0]))


def test_clone_keeps_the_client(client):
    clf = DaskDeepBinaryClassifier(8, client=client)
    with sklearn.config_context(enable_metadata_routing=True):
        clf.set_fit_request(sample_weight=True)
        again = clone(clf)
        assert again.get_metadata_routing().fit.requests == {"sample_weight": True}
    assert again.client is client
    assert again.get_params() == clf.get_params()


def test_persisted_partitions_and_a_client_that_is_given(client, data):
    X, y, _ = data
    rows = at_blocks(X)
    local, _ = both(X, y, None, rows)
    given = client.persist([lazy(X, rows), lazy(y, rows)])
    again = fitted(DaskDeepBinaryClassifier(**SMALL, client=client), *given)
    assert same_bits(local, again)
    assert again.client_ is client


def test_warm_start_goes_on(data):
    X, y, _ = data
    rows = at_blocks(X)
    steps = {"max_iter": 3, "warm_start": True, "solver": "adam"}
    local, clf = both(X, y, None, rows, **steps)
    local = fitted(local, X, y)
    clf = fitted(clf, lazy(X, rows), lazy(y, rows))
    assert clf.n_iter_ == 6
    assert same_bits(local, clf)


@pytest.mark.parametrize("act", ["fit", "partial_fit"])
def test_it_goes_on_from_parameters_that_were_changed(data, act):
    X, y, _ = data
    rows = at_blocks(X)
    local, clf = both(X, y, None, rows, max_iter=3, warm_start=True)
    anew = pickle.loads(pickle.dumps(local))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearningWarning)
        for one in (local, clf):
            one.coefs_[0] *= 0.5
            one.intercepts_ = [2 * b for b in one.intercepts_]
            given = (X, y) if one is local else (lazy(X, rows), lazy(y, rows))
            getattr(one, act)(*given)
        getattr(anew, act)(X, y)
    assert same_bits(local, clf)
    assert not same_bits(local, anew)


def test_partial_fit_steps_on_the_cluster_and_in_memory(data):
    X, y, _ = data
    rows = at_blocks(X)
    local = DeepBinaryClassifier(**SMALL)
    clf = DaskDeepBinaryClassifier(**SMALL)
    for _ in range(2):
        local.partial_fit(X, y, ["no", "yes"])
        clf.partial_fit(lazy(X, rows), lazy(y, rows), ["no", "yes"])
    assert same_bits(local, clf)
    for some, labels in zip(partitions_of(X, rows), partitions_of(y, rows)):
        local.partial_fit(some, labels)
        clf.partial_fit(some, labels)
    assert same_bits(local, clf)


def test_partitions_are_read_again_where_they_do_not_fit(data, monkeypatch):
    monkeypatch.setattr("skdeepbin.dask._estimator.MAX_HELD_SHARE", 0.0)
    X, y, w = data
    local, clf = both(X, y, w, at_blocks(X), max_iter=2)
    assert same_bits(local, clf)


def test_a_partition_that_is_read_again_is_sent_alone(data):
    import cloudpickle

    X, y, _ = data
    partitions = partition_input(lazy(X, 100), lazy(y, 100), None).partitions
    (alone, *others) = cull_graphs(partitions)
    assert len(others) == 199
    assert len(cloudpickle.dumps(alone)) < 3 * (X[:100].nbytes + y[:100].nbytes)
    assert np.array_equal(alone.features(), X[:100])
    assert np.array_equal(others[-1].arrays()[1], y[-100:])


def test_a_checkpoint_goes_on_with_the_same_bits(data, tmp_path):
    X, y, _ = data
    given = lazy(X, 5000), lazy(y, 5000)
    whole = fitted(DaskDeepBinaryClassifier(**SMALL), *given)

    class Enough(Exception):
        pass

    def stop(observer, network, step):
        if step.iteration == 5:
            raise Enough
        return False

    path = tmp_path / "fit.npz"
    clf = DaskDeepBinaryClassifier(**SMALL, checkpoint=path, checkpoint_interval=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepbin.training._observer.Observer.on_step", stop)
        with pytest.raises(Enough):
            fitted(clf, *given)
    assert path.exists()
    assert not hasattr(clf, "coefs_")
    with pytest.raises(ValueError, match="of another fit: X was 4 partitions"):
        clf.fit(lazy(X, 2500), lazy(y, 2500))
    assert same_bits(fitted(clf, *given), whole)
    assert not path.exists()


def test_two_fits_at_a_time(data):
    from concurrent.futures import ThreadPoolExecutor

    X, y, _ = data
    alone = [both(X, y, None, 5000, random_state=s)[1] for s in (0, 1)]

    def fit(seed):
        clf = DaskDeepBinaryClassifier(**SMALL | {"random_state": seed})
        return clf.fit(lazy(X, 5000), lazy(y, 5000))

    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore", LearningWarning)
        together = [*pool.map(fit, (0, 1))]
    assert all(map(same_bits, alone, together))


def test_a_failed_fit_is_diagnosed(data):
    X, _, _ = data
    y = np.random.RandomState(1).rand(len(X)) < 0.5
    clf = DaskDeepBinaryClassifier(8, random_state=0, max_iter=50)
    with pytest.warns(LearningWarning, match="No model predicts") as warned:
        clf.fit(lazy(X, 5000), lazy(y, 5000))
    assert warned[0].filename == __file__


def test_search_on_a_cluster(client, cancer):
    import joblib
    from sklearn.model_selection import GridSearchCV

    X, y = cancer
    clf = DeepBinaryClassifier(8, random_state=0, tol=1e-2)
    grid = {"activation": ["relu", "tanh"]}
    here = GridSearchCV(clf, grid, cv=2, n_jobs=1).fit(X, y)
    with joblib.parallel_config(backend="dask"):
        there = GridSearchCV(clf, grid, cv=2).fit(X, y)
    scores = [s.cv_results_["mean_test_score"] for s in (here, there)]
    assert np.array_equal(*scores)


def test_persisted_partitions_stay_where_memory_is_short(client, data, monkeypatch):
    from distributed import wait

    X, y, w = data
    given = client.persist([lazy(a, 1000) for a in (X, y, w)])
    wait(given)
    where = client.who_has(given[0])
    seen = []
    distribute = Placement._distribute

    def noting(placement, assignment):
        seen.append(assignment)
        distribute(placement, assignment)

    monkeypatch.setattr(Placement, "_distribute", noting)
    with monkeypatch.context() as patch:
        patch.setattr("skdeepbin.dask._estimator.MAX_COPIED_SHARE", 0)
        stayed = fitted(DaskDeepBinaryClassifier(**SMALL), *given)
    assert same_bits(fitted(DaskDeepBinaryClassifier(**SMALL), *given), stayed)
    keys = [block.key for block in given[0].to_delayed().ravel()]
    moved = [seen[0][n] not in where[key] for n, key in enumerate(keys)]
    assert np.mean(moved) < 0.2  # as many as to give both the same
    ends = [*seen[1].values()]
    assert ends == sorted(ends, key=ends.index)  # in order
