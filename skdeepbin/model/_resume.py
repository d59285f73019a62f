"""The state from which a warm start or `partial_fit` resumes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.inputs._stream import Stream
from skdeepbin.network._parameters import Array


class NetworkState(NamedTuple):
    """Where the training of a network stands.

    theta : for scaled features.
    state : of the optimiser; None for a new one.
    stage : number of the penalty.
    """

    theta: Array
    state: Any = None
    stage: int = 0


class ResumeState(NamedTuple):
    """Where the training of a classifier stands.

    networks : of each.
    scaling, bin_scaling : of the features, and with bins beside them if there are any.
    way : solver, and whether its steps are on all rows.
    split_seed : of the hashes that decide which rows validate.
    ahead : steps that were taken since the last evaluation.
    stream : of `partial_fit`; None after a `fit`.
    digest : of the fitted parameters.
    """

    networks: tuple[NetworkState, ...]
    scaling: FeatureScaling
    bin_scaling: FeatureScaling | None
    way: tuple[str, bool]
    split_seed: int
    ahead: int
    stream: Stream | None
    digest: str

    def at(self, way: tuple[str, bool]) -> tuple[NetworkState, ...]:
        """Return the networks, without what an optimiser of another kind knew."""
        if way == self.way:
            return self.networks
        return tuple(network._replace(state=None) for network in self.networks)


def parameters_digest(arrays: Sequence[np.ndarray]) -> str:
    """Return a digest by which replaced or changed parameters are noticed."""
    content = blake2b(digest_size=16)
    for array in arrays:
        content.update(np.ascontiguousarray(array).view(np.uint8).data)
    return content.hexdigest()
