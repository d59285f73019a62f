"""Partitions of arrays, and fits to compare."""

import warnings
from itertools import accumulate, pairwise

import numpy as np
import pytest

from skdeepbin import DeepBinaryClassifier
from skdeepbin.dask import DaskDeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning
from skdeepbin.engine._blocks import block_rows, row_slices
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout

NEEDED = "this needs `pip install 'skdeepbin[dask]'`"

# In float64: with dtype="auto" a fit in memory computes in float32 where it can.
SMALL = {"hidden_layer_sizes": (8, 8), "dtype": "float64", "random_state": 0}
SMALL["max_iter"] = 8


def lazy(array, rows):
    """A Dask array with chunks of so many rows."""
    da = pytest.importorskip("dask.array", reason=NEEDED)

    chunks = (rows, -1)[: array.ndim]
    return da.from_array(array, chunks=chunks)


def at_blocks(X, sizes=(8, 8), n_bins=0, activations=ACTIVATIONS["relu"]):
    """Rows of partitions that begin at the blocks of a fit in memory."""
    n_columns = X.shape[1] * (1 + n_bins)
    network = Network(Layout((n_columns, *sizes, 1)), activations)
    slices = row_slices(len(X), block_rows(network, len(X), X.itemsize))
    assert len(slices) > 4
    starts = [0, slices[1].start, slices[3].start, len(X)]
    return tuple(np.diff(starts).tolist())


def partitions_of(array, rows):
    """The array in partitions of so many rows."""
    ends = [0, *accumulate(rows)]
    return [array[start:stop] for start, stop in pairwise(ends)]


def fitted(clf, *args):
    """The classifier, fitted; that few iterations are too few is not said."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearningWarning)
        return clf.fit(*args)


def both(X, y, w, rows, **parameters):
    """A fit in memory, and on a cluster."""
    parameters = SMALL | parameters
    local = fitted(DeepBinaryClassifier(**parameters), X, y, w)
    given = [None if a is None else lazy(a, rows) for a in (X, y, w)]
    return local, fitted(DaskDeepBinaryClassifier(**parameters), *given)


def same_bits(one, other):
    """Whether two classifiers have the same parameters and history."""
    pairs = [*zip(one.coefs_, other.coefs_), *zip(one.intercepts_, other.intercepts_)]
    losses = one.history_["loss"], other.history_["loss"]
    watched = one.history_["validation_loss"], other.history_["validation_loss"]
    return (
        all(np.array_equal(a, b) for a, b in [*pairs, losses])
        and np.array_equal(*watched, equal_nan=True)
        and one.stop_reason_ == other.stop_reason_
    )
