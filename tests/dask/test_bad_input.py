"""Error messages for input that a fit on a cluster cannot use."""

import numpy as np
import pytest

from skdeepbin import DeepBinaryClassifier
from skdeepbin.dask import DaskDeepBinaryClassifier
from tests.dask.setups import SMALL, fitted, lazy, same_bits

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture(scope="module")
def small():
    rng = np.random.RandomState(0)
    X = rng.randn(1000, 4)
    return X, (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int), rng.rand(1000)


@pytest.fixture(scope="module")
def expected(client, small):
    X, y, _ = small
    return fitted(DaskDeepBinaryClassifier(**SMALL), lazy(X, 100), lazy(y, 100))


def refused(error, match, *args, **parameters):
    """Check that a fitted classifier refuses to fit, and stays as it was."""
    clf = DaskDeepBinaryClassifier(**SMALL | parameters)
    clf.marker_ = 1
    before = dict(vars(clf))
    with pytest.raises(error, match=match):
        clf.fit(*args)
    assert vars(clf) == before


def without_sizes(array):
    """The array with chunks of unknown length."""
    return array.map_blocks(np.array, meta=array._meta)[lazy(np.ones(1000), 100) > 0]


def test_unknown_chunk_sizes(small, expected):
    X, y, _ = small
    X, y = without_sizes(lazy(X, 100)), lazy(y, 100)
    assert np.isnan(X.shape[0])
    assert same_bits(fitted(DaskDeepBinaryClassifier(**SMALL), X, y), expected)
    y = y.rechunk(500)  # sizes are needed to align
    assert same_bits(fitted(DaskDeepBinaryClassifier(**SMALL), X, y), expected)


def test_chunks_along_columns(small, expected):
    X, y, _ = small
    given = lazy(X, 100).rechunk((100, 2)), lazy(y, 100)
    with pytest.warns(UserWarning, match="chunks along its columns, 2 of them"):
        clf = fitted(DaskDeepBinaryClassifier(**SMALL), *given)
    assert same_bits(clf, expected)


def test_other_chunks_of_y_are_aligned(small, expected):
    X, y, _ = small
    clf = fitted(DaskDeepBinaryClassifier(**SMALL), lazy(X, 100), lazy(y, 333))
    assert same_bits(clf, expected)


def test_other_numbers_of_rows(small):
    X, y, _ = small
    refused(ValueError, "`y` has 900", lazy(X, 100), lazy(y[:900], 100))


def test_blocks_with_other_numbers_of_rows(small):
    from dask import delayed

    X, y, _ = small
    X, y = [delayed(X), delayed(X)], [delayed(y), delayed(y[:7])]
    match = r"Partition 1 \(from 0\): X has 1000 rows and `y` has 7"
    refused(ValueError, match, X, y)
    refused(ValueError, "`X` has 2, `y` has 1", X, y[:1])


def test_partitions_without_rows_or_with_one_class(small, expected):
    X, y, _ = small
    order = np.argsort(y, kind="stable")
    rows = (0, 100, 0, 150, 750, 0)
    clf = fitted(
        DaskDeepBinaryClassifier(**SMALL), lazy(X[order], rows), lazy(y[order], rows)
    )
    assert np.allclose(clf.history_["loss"], expected.history_["loss"], rtol=1e-10)


def test_no_rows_at_all(small):
    from dask import delayed

    X, y, _ = small
    match = "X must have rows; got 2 partitions without any"
    refused(ValueError, match, [delayed(X[:0])] * 2, [delayed(y[:0])] * 2)


@pytest.mark.parametrize(
    ("row", "label", "match"),
    [(950, 2, "Only binary classification"), (950, 7, "0, 1, 7 among them")],
)
def test_labels_found_late(small, row, label, match):
    X, y, _ = small
    y = y.copy()
    y[row] = label
    refused(ValueError, match, lazy(X, 100), lazy(y, 100))


def test_one_class_alone(small):
    X, y, _ = small
    refused(ValueError, "got 1 class: 0", lazy(X, 100), lazy(0 * y, 100))


def test_labels_of_two_kinds(small):
    from dask import delayed

    X, y, _ = small
    X, y = [delayed(X)] * 2, [delayed(y), delayed(y.astype(str))]
    refused(ValueError, "labels of one kind; got int and str", X, y)


def test_nan_names_the_partition(small):
    X, y, _ = small
    X = X.copy()
    X[723, 1] = np.nan
    match = r"Partition 7 \(from 0\): Input X contains NaN"
    refused(ValueError, match, lazy(X, 100), lazy(y, 100))


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (-1, r"Partition 3 \(from 0\): `sample_weight` must be non-negative; got -1"),
        (np.inf, r"Partition 3 \(from 0\): Input sample_weight contains infinity"),
    ],
)
def test_bad_weights_name_the_partition(small, value, match):
    X, y, w = small
    w = w.copy()
    w[345] = value
    refused(ValueError, match, lazy(X, 100), lazy(y, 100), lazy(w, 100))


def test_only_zero_weights(small):
    X, y, w = small
    given = lazy(X, 100), lazy(y, 100), lazy(0 * w, 100)
    refused(ValueError, "at least one weight above zero", *given)


def test_features_that_differ(small):
    from dask import delayed
    from scipy.sparse import csr_matrix

    X, y, _ = small
    y = [delayed(y), delayed(y)]
    refused(ValueError, "has 3 features, and 4", [delayed(X), delayed(X[:, :3])], y)
    refused(ValueError, "sparse", [delayed(X), delayed(csr_matrix(X))], y)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"batch_size": 100, "solver": "adam"}, "`batch_size` must be None on a clust"),
        ({"scoring": "roc_auc"}, "`scoring` must be 'loss' on a cluster"),
        ({"activation": "rel"}, "Did you mean 'relu'"),
        (
            {"early_stopping": True, "validation_fraction": 1e-9},
            "needs more different rows",
        ),
    ],
)
def test_parameters(small, parameters, match):
    X, y, _ = small
    refused(ValueError, match, lazy(X, 100), lazy(y, 100), **parameters)


def test_arrays_in_memory_are_refused(small):
    X, y, _ = small
    refused(TypeError, "`X` must be a Dask array.*numpy ndarray.*from_array", X, y)
    refused(TypeError, "`y` must be a Dask array", lazy(X, 100), y)


def test_a_fit_in_memory_refuses_collections(small, expected):
    X, y, _ = small
    clf, match = DeepBinaryClassifier(), "DaskDeepBinaryClassifier, which fits on a"
    with pytest.raises(TypeError, match=f"`X` must be in memory.*{match}"):
        clf.fit(lazy(X, 100), y)
    with pytest.raises(TypeError, match="`y` must be in memory"):
        clf.fit(X, lazy(y, 100))
    with pytest.raises(TypeError, match=match):
        expected.to_local().predict(lazy(X, 100))


def test_values_that_are_too_large(small):
    X, y, _ = small
    given = lazy(X, 100), lazy(y, 100)
    match = r"not finite at the starting weights.*from -[23][.\d]+ to"
    refused(ValueError, match, *given, init=1e300)


def test_a_partition_that_cannot_be_loaded(small):
    X, y, _ = small

    def load(block, block_id=None):
        if block_id[0] == 7:
            raise OSError("the disk is gone")
        return block

    X = lazy(X, 100).map_blocks(load, meta=np.empty((0, 0)))
    match = r"Partition 7 \(from 0\) could not be loaded: OSError.*the disk is gone"
    refused(RuntimeError, match, X, lazy(y, 100))


def test_a_closed_client(client, small):
    from distributed import Client

    X, y, _ = small
    with Client(client.scheduler.address, set_as_default=False) as other:
        pass
    match = "`client` must be connected to a cluster; it is closed"
    refused(ValueError, match, lazy(X, 100), lazy(y, 100), client=other)


def test_no_client(small, monkeypatch):
    import distributed

    def get_client():
        raise ValueError("No global client found")

    monkeypatch.setattr(distributed, "get_client", get_client)
    X, y, _ = small
    match = r"import Client, LocalCluster\n    client = Client\(LocalCluster\(\)\)"
    refused(ValueError, match, lazy(X, 100), lazy(y, 100))
