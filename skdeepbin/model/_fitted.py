"""The fitted model: the one thing that predictions, exports and pictures read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdeepbin.engine._bins import Bins, bins_of
from skdeepbin.engine._blocks import Features, block_rows, training_work
from skdeepbin.engine._engine import logits, n_useful_threads
from skdeepbin.engine._scaling import FeatureScaling
from skdeepbin.engine._threads import Threads, one_blas_thread
from skdeepbin.model._resume import NetworkState, ResumeState
from skdeepbin.network._activations import Activation
from skdeepbin.network._network import FEW, Network, few_logits
from skdeepbin.network._overflow import mark_overflow, rows_at_once, wide_logits
from skdeepbin.network._parameters import Array, Layout, Parameters


@dataclass(frozen=True)
class FittedModel:
    """A fitted network, or an ensemble of them.

    classes : both labels, sorted.
    n_features : of X.
    activations : of each hidden layer.
    networks : the parameters of each, for X as it is; those that read bins have more
        rows in the first layer.
    bin_edges : of each feature; None if no network reads bins.
    resume : where the training stands; None if that is not known.
    """

    classes: np.ndarray
    n_features: int
    activations: tuple[Activation, ...]
    networks: tuple[Parameters, ...]
    bin_edges: Sequence[Array] | None = None
    resume: ResumeState | None = None

    def scaling(self, bins: Bins | None) -> FeatureScaling:
        """Return the feature scaling of training, for all columns of the first layer.

        bins : that the network reads.
        """
        if self.resume is None:
            return FeatureScaling(np.zeros(self.n_features), np.ones(self.n_features))
        scaling = self.resume.scaling if bins is None else self.resume.bin_scaling
        assert scaling is not None
        return scaling._replace(read=None)

    @property
    def hidden(self) -> tuple[int, ...]:
        """The width of each hidden layer."""
        return tuple(map(len, self.networks[0].biases[:-1]))

    @property
    def dtype(self) -> np.dtype:
        """The precision of the parameters."""
        return self.networks[0].weights[0].dtype

    @cached_property
    def bins(self) -> Bins:
        """The bins of all features."""
        return bins_of(self.bin_edges or [])

    def bins_for(self, network: Parameters) -> Bins | None:
        """Return the bins that a network reads beside the features, None for none."""
        return None if len(network.weights[0]) == self.n_features else self.bins

    @property
    def reads_bins(self) -> bool:
        """True if a network reads bins."""
        return any(map(self.bins_for, self.networks))

    def input_of(self, network: Parameters, X: Any) -> Any:
        """Return the input of the first layer: X, or X with its bins in float64."""
        bins = self.bins_for(network)
        if bins is None:
            return X
        return bins.beside(X.toarray() if issparse(X) else X)

    def logits(
        self,
        X: Any,
        n_jobs: int | None = None,
        networks: Sequence[Parameters] | None = None,
    ) -> Array:
        """Return the mean of the networks' logits, finite for rows that are.

        X : checked rows, dense or CSR.
        networks : to take the mean of; None for all.
        """
        networks = self.networks if networks is None else networks
        overflowed = np.zeros(X.shape[0], bool)
        with np.errstate(over="ignore", invalid="ignore"):
            z = self._logits_in_range(X, networks[0], overflowed, n_jobs)
            for network in networks[1:]:
                z += self._logits_in_range(X, network, overflowed, n_jobs)
            if len(networks) > 1:
                mark_overflow(z[np.newaxis], overflowed)
                z /= z.dtype.type(len(networks))
        if overflowed.any():
            rows, n = np.flatnonzero(overflowed), rows_at_once(networks[0])
            features = Features(X, z.dtype, n)
            for some in (rows[at : at + n] for at in range(0, len(rows), n)):
                of_these = features.some(some).X
                inputs = [self.input_of(network, of_these) for network in networks]
                z[some] = wide_logits(networks, self.activations, inputs, z.dtype)
        return z

    def _logits_in_range(
        self,
        X: Any,
        parameters: Parameters,
        overflowed: NDArray[np.bool_],
        n_jobs: int | None,
    ) -> Array:
        """Return the logits of one network.

        overflowed : is set, in place, for rows of which a number is not finite.
        """
        if X.shape[0] * sum(W.size for W in parameters.weights) < FEW:
            X = self.input_of(parameters, X)
            return few_logits(parameters, self.activations, X, overflowed)
        sizes = len(parameters.weights[0]), *map(len, parameters.biases)
        network = Network(Layout(sizes), self.activations)
        theta = network.layout.pack(parameters)
        size = block_rows(network, X.shape[0], theta.itemsize)
        features = Features(X, theta.dtype, size, bins=self.bins_for(parameters))
        work = training_work(network, X.shape[0], theta.itemsize) / 3  # forward only
        n = n_useful_threads(n_jobs, features, work)
        with one_blas_thread(), Threads(n) as threads:
            return logits(network, theta, features, threads, overflowed)


def reads_bins(number: int) -> bool:
    """Tell if a network of an ensemble reads bins, where there are any: every other."""
    return number % 2 == 0


def networks_of(
    coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray], n_features: int
) -> tuple[Parameters, ...]:
    """Return the parameters of each network from arrays with an axis for the network.

    Without that axis it is one. Those that read no bins are padded with zeros there.
    """
    if coefs[0].ndim == 2:
        return (Parameters(coefs, intercepts),)
    networks: list[Parameters] = []
    for (W, *weights), biases in zip(zip(*coefs), zip(*intercepts)):
        first = W if reads_bins(len(networks)) else W[:n_features]
        networks.append(Parameters([first, *weights], biases))
    return tuple(networks)


def standing_at(
    model: FittedModel, state: ResumeState | None, digest: str
) -> ResumeState:
    """Return where training stands if the parameters of the model were put in place.

    state : where it stood, for the feature scaling; None for features as they are.
    """
    if state is None:
        n = model.n_features
        scaling = FeatureScaling(np.zeros(n), np.ones(n))
        state = ResumeState((), scaling, None, ("", True), 0, 0, None, digest)
    points = []
    for network in model.networks:
        layout = Layout((len(network.weights[0]), *map(len, network.biases)))
        scaling = state.scaling
        if model.bins_for(network) is not None:
            assert state.bin_scaling is not None
            scaling = state.bin_scaling
        theta = layout.pack(network).astype(np.float64)
        points.append(NetworkState(scaling.from_user(theta, layout)))
    return state._replace(networks=tuple(points), digest=digest)
