"""Memory of the rows of earlier calls of `partial_fit`.

Every call adds the moments of its rows to those of the calls before, and features are
scaled by the sum: a first call of one row decides nothing. The network on scaled
features stays as it is when the scaling changes, as behind a scaler that learns online.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from skdeepbin.engine._scaling import FeatureMoments, FeatureScaling, scaling_by
from skdeepbin.inputs._dataset import Dataset
from skdeepbin.network._parameters import Array


class Stream(NamedTuple):
    """The rows of the calls so far.

    moments : of the features of all of them; None where a `fit` came first, whose
        scaling then stays.
    rows : digest of the rows of the last call.
    changes : whether they are others than those of the call before it.
    """

    moments: FeatureMoments | None
    rows: str
    changes: bool


def next_call(dataset: Dataset, last: Stream | None, goes_on: bool) -> Stream:
    """The stream after one more call.

    last : the stream before it; None at the first call, or the first after a `fit`.
    goes_on : whether anything came before.
    """
    rows = blake2b(repr(dataset.contents()).encode(), digest_size=16).hexdigest()
    if goes_on and (last is None or last.moments is None):
        return Stream(None, rows, last is not None and last.rows != rows)
    ones = np.ones(dataset.network.layout.sizes[0])
    before = last.moments if last else None
    moments = dataset.moments(ones, before.origin if before else None)
    with np.errstate(over="ignore"):  # infinite ones are asked for again
        moments = moments.times(dataset.weight_unit)
    if last is None or before is None:
        return Stream(moments, rows, False)
    return Stream(before.plus(moments), rows, last.rows != rows)


def scaling_of(stream: Stream, dataset: Dataset, scaling: str) -> FeatureScaling:
    """The feature scaling of a step of the stream."""
    moments = stream.moments
    if moments is None:
        return dataset.scaling

    def moments_at(factor: Array) -> FeatureMoments:
        # Beyond the range of squares, the rows of this call alone.
        is_plain = bool((factor == 1).all())
        return moments if is_plain else dataset.moments(factor, None)

    n_features = dataset.network.layout.sizes[0]
    return scaling_by(moments_at, n_features, scaling, dataset.dtype)
