"""Classifier with the rows on a Dask cluster, and lazy predictions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from math import inf
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._extras import extra
from skdeepbin.dask._dataset import distributed_dataset
from skdeepbin.dask._lazy_prediction import predict_lazily, predict_partition
from skdeepbin.dask._partition import Description, PartitionError, describe
from skdeepbin.dask._partitioning import is_dask, partition_input
from skdeepbin.dask._placement import Placement
from skdeepbin.dask._worker_pool import WorkerPool
from skdeepbin.inputs._dataset import Dataset
from skdeepbin.inputs._validation import (
    InvalidParameterError,
    check_parameters,
    check_same_problem,
    check_solver,
)
from skdeepbin.model._resume import ResumeState

# X is held by the workers up to this share of their memory. A larger X is read again at
# every gradient.
MAX_HELD_SHARE = 0.5
# Persisted X is copied up to this share of their memory, to bring neighbours together
# on one worker. A larger X stays in place, and more sums go over the network.
MAX_COPIED_SHARE = 0.25


class DaskDeepBinaryClassifier(DeepBinaryClassifier):
    """A :class:`~skdeepbin.DeepBinaryClassifier` whose rows are on a Dask cluster.

    The gradient is a sum over rows, so every worker sums over the rows that it holds,
    and the result is that of a fit in memory in the same precision (`dtype`): to the
    last bit where partitions begin at its blocks, else up to rounding. It does not
    depend on the number of workers. A worker that dies is replaced by the others, one
    that joins takes some of the rows.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=50
        The width of each hidden layer. This and all that follow, where nothing else is
        said, are described more fully in :class:`~skdeepbin.DeepBinaryClassifier`.

    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "silu", "tanh"}, object or list, default="relu"
        The function of the hidden layers; a list has one for each. An object of your
        own is sent to the workers.

    depth : int or None, default=None
        The number of hidden layers where `hidden_layer_sizes` is an int; None is 2.

    init : {"auto", "he", "lecun", "orthogonal", "xavier"} or float, default="auto"
        The rule or the standard deviation that the weights are drawn by.

    solver : {"auto", "gd", "momentum", "nesterov", "adam", "rprop", "lbfgs"}, \
            default="auto"
        How the exact gradient over all rows becomes a step.

    learning_rate : "auto" or float, default="auto"
        The multiple of the gradient that one step moves by.

    momentum : float, default=0.9
        The share of the last step that "momentum" and "nesterov" add to the next.

    alpha : "auto" or float, default="auto"
        Strength of the L2 penalty on the weights.

    feature_scaling : {"auto", "standard", "none"}, default="auto"
        The units of the features in training. In `partial_fit` of Dask data too, those
        of all rows so far.

    dropout : float, default=0.0
        The share of the hidden units that every row leaves out in training.

    batch_size : None
        All rows at every step. For steps on fewer call `partial_fit` on one partition
        after the other.

    max_iter : int, default=1000
        The most iterations, each one gradient over all rows.

    tol : float, default=1e-4
        What the watched loss must fall by over `n_iter_no_change` iterations.

    n_iter_no_change : int, default=20
        See `tol`.

    early_stopping : bool or "auto", default="auto"
        Whether some rows are held out to tell when to stop.

    validation_fraction : float, default=0.2
        The share of either class, by weight, that is held out.

    scoring : "loss"
        What early stopping watches: the loss of the held-out rows.

    class_weight : dict, "balanced" or None, default=None
        Factors on the sample weights by class.

    n_networks : int, default=1
        The number of networks, an ensemble whose logits are averaged.

    n_bins : "auto" or int, default="auto"
        The bins of each feature that every other network of an ensemble reads.

    warm_start : bool, default=False
        Whether `fit` goes on from where the last fit ended.

    n_jobs : int or None, default=None
        The number of threads of each worker that share its rows. None is as many as the
        worker has.

    random_state : int, RandomState or None, default=None
        The source of the starting weights and of the hash by which rows are held out.

    verbose : bool or int, default=False
        Print what is measured.

    dtype : {"auto", "float32", "float64"}, default="auto"
        The precision of the computation. "auto" is float32 where all partitions of X
        are, else float64, for the kernels too: a fit in memory has the same result with
        ``dtype="float64"``.

    checkpoint : str, path-like or None, default=None
        The file, of the client, that the state of training is kept in. A fit goes on
        from there only with the same partitions, but on any workers.

    checkpoint_interval : float, default=30
        The seconds between two writes, at least.

    client : distributed.Client or None, default=None
        The connection to the cluster; None is the current one.

    Attributes
    ----------
    client_ : distributed.Client
        The connection that was used. It is not pickled.

    classes_ : ndarray of shape (2,)
        The two labels, sorted. Like this one, all other attributes are those of
        :class:`~skdeepbin.DeepBinaryClassifier`.

    See Also
    --------
    skdeepbin.DeepBinaryClassifier : The same in memory, or from a memory map.

    Notes
    -----
    Where X is lazy and larger than half of the memory of all workers, it is not held
    there but read again at every gradient, a partition at a time.

    Examples
    --------
    >>> import dask.array as da
    >>> from dask.distributed import Client
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin.dask import DaskDeepBinaryClassifier
    >>> X, y = make_moons(400, noise=0.1, random_state=0)
    >>> X, y = da.from_array(X, chunks=(100, 2)), da.from_array(y, chunks=100)
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     clf = DaskDeepBinaryClassifier(8, random_state=0).fit(X, y)
    ...     accuracy = (clf.predict(X) == y).mean().compute()
    >>> print(f"{accuracy:.1f}")
    1.0
    """

    __module__ = "skdeepbin.dask"
    _stacklevel = 4

    def __init__(
        self,
        hidden_layer_sizes=50,
        activation="relu",
        *,
        depth=None,
        init="auto",
        solver="auto",
        learning_rate="auto",
        momentum=0.9,
        alpha="auto",
        feature_scaling="auto",
        dropout=0.0,
        batch_size=None,
        max_iter=1000,
        tol=1e-4,
        n_iter_no_change=20,
        early_stopping="auto",
        validation_fraction=0.2,
        scoring="loss",
        class_weight=None,
        n_networks=1,
        n_bins="auto",
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=False,
        dtype="auto",
        checkpoint=None,
        checkpoint_interval=30,
        client=None,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation,
            depth=depth,
            init=init,
            solver=solver,
            learning_rate=learning_rate,
            momentum=momentum,
            alpha=alpha,
            feature_scaling=feature_scaling,
            dropout=dropout,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            scoring=scoring,
            class_weight=class_weight,
            n_networks=n_networks,
            n_bins=n_bins,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            dtype=dtype,
            checkpoint=checkpoint,
            checkpoint_interval=checkpoint_interval,
        )
        self.client = client

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("client_", None)
        return {**state, "client": None}

    def _parameters(self):
        """Return the parameters that a fit depends on."""
        parameters = super()._parameters()
        parameters.pop("client")
        return parameters

    def to_local(self):
        """Convert to a classifier in memory, without a connection to a cluster.

        Returns
        -------
        clf : DeepBinaryClassifier
            With the same parameters and, once fitted, the same attributes.
        """
        clf = DeepBinaryClassifier(**self._parameters())
        state = dict(vars(self))
        for name in ("client", "client_"):
            state.pop(name, None)
        vars(clf).update(state)
        return clf

    def __sklearn_clone__(self):
        bare = copy(self)
        bare.client = None  # a connection cannot be copied
        clf = super(DaskDeepBinaryClassifier, bare).__sklearn_clone__()
        clf.client = self.client
        return clf

    def fit(self, X, y, sample_weight=None):
        """Train the network on the rows of X, where they are.

        Parameters
        ----------
        X : Dask array or data frame of shape (n_samples, n_features), or list
            The features, partitioned along rows; or a list of delayed blocks, which may
            be sparse.

        y : Dask array or series of shape (n_samples,), or list
            The labels, of two kinds, partitioned as X.

        sample_weight : Dask array or series of shape (n_samples,), or list, \
                default=None
            Non-negative weights, partitioned as X.

        Returns
        -------
        self : DaskDeepBinaryClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or an array is not as described; with the number of the
            partition, if it is one.
        RuntimeError
            If no worker is left, or a partition cannot be loaded.
        MemoryError
            If the workers have too little memory.

            After any of these the classifier is as it was before, and a checkpoint is
            kept.
        KeyboardInterrupt
            At Ctrl-C, as of :class:`~skdeepbin.DeepBinaryClassifier`.
        """
        return super().fit(X, y, sample_weight)

    def _dataset(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        resumed: ResumeState | None,
        classes: np.ndarray | None = None,
    ) -> Dataset:
        """Return the training data, checked; for `partial_fit` also in memory."""
        if classes is not None and not is_dask(X):
            return super()._dataset(X, y, sample_weight, resumed, classes)
        check_parameters(self._parameters())
        check_solver(self.solver, self.batch_size, self.dropout)
        self._check_supported()
        data = partition_input(X, y, sample_weight)
        client = _connected_client(self.client)
        self.client_ = client
        memory, n_bytes = _total_memory(client), data.n_bytes or 0
        reads_again = n_bytes > MAX_HELD_SHARE * memory and not data.is_persisted
        placement = Placement(client, data.partitions, data.sizes, reads_again)
        if data.is_persisted and n_bytes > MAX_COPIED_SHARE * memory:
            placement.keep_in_place()
        pool = WorkerPool(placement)
        descriptions = pool.map(describe)
        validate_data(
            self, _template(descriptions), reset=resumed is None, skip_check_array=True
        )
        network = self._network(self.n_features_in_)
        scaling = None if resumed is None else resumed.scaling
        dataset = distributed_dataset(
            pool, self, descriptions, network, scaling, classes
        )
        if resumed is not None:
            sizes = network.layout.sizes
            check_same_problem(self, dataset.classes, sizes, self.n_networks)
        return dataset

    def _check_supported(self) -> None:
        """Raise for parameters that need rows in one place."""
        if self.batch_size is not None:
            raise InvalidParameterError(
                f"`batch_size` must be None on a cluster; got {self.batch_size}: "
                "steps on few rows would leave workers idle. Leave it out, or call "
                "`partial_fit` on one partition after the other."
            )
        if self.scoring != "loss":
            raise InvalidParameterError(
                f"`scoring` must be 'loss' on a cluster; got {self.scoring!r}, which "
                "needs all held-out rows in one place. Leave it out, and score the "
                "fitted classifier on rows of its own."
            )

    def decision_function(self, X):
        """Compute the logit of each row: ``log(P(classes_[1]) / P(classes_[0]))``.

        Parameters
        ----------
        X : Dask array or data frame, list of delayed blocks, or array-like
            The features.

        Returns
        -------
        z : Dask array or series, list of delayed blocks, or ndarray
            Of shape (n_samples,), lazy where X is. Above zero where `predict` gives
            ``classes_[1]``.
        """
        if not is_dask(X):
            return super().decision_function(X)
        return self._predict_lazily("decision_function", X)

    def predict(self, X):
        """Predict the more probable label of each row.

        Parameters
        ----------
        X : Dask array or data frame, list of delayed blocks, or array-like
            The features.

        Returns
        -------
        y : Dask array or series, list of delayed blocks, or ndarray
            Labels, as in `classes_`; lazy where X is.
        """
        if not is_dask(X):
            return super().predict(X)
        return self._predict_lazily("predict", X)

    def predict_proba(self, X):
        """Compute the probabilities: ``1 / (1 + e^z)`` and ``1 / (1 + e^-z)``.

        Parameters
        ----------
        X : Dask array or data frame, list of delayed blocks, or array-like
            The features.

        Returns
        -------
        p : Dask array or data frame, list of delayed blocks, or ndarray
            Of shape (n_samples, 2), with columns in the order of `classes_`; lazy where
            X is.
        """
        if not is_dask(X):
            return super().predict_proba(X)
        return self._predict_lazily("predict_proba", X)

    def predict_log_proba(self, X):
        """Compute the log of `predict_proba`, exact where that is rounded to zero.

        Parameters
        ----------
        X : Dask array or data frame, list of delayed blocks, or array-like
            The features.

        Returns
        -------
        log_p : Dask array or data frame, list of delayed blocks, or ndarray
            Of shape (n_samples, 2), with columns in the order of `classes_`; lazy where
            X is.
        """
        if not is_dask(X):
            return super().predict_log_proba(X)
        return self._predict_lazily("predict_log_proba", X)

    def score(self, X, y, sample_weight=None):
        """Compute the share of the rows, by weight, whose label is predicted.

        Parameters
        ----------
        X : Dask array or data frame, list of delayed blocks, or array-like
            The features.

        y : Dask array or series, list of delayed blocks, or array-like
            Their labels.

        sample_weight : as `y`, default=None
            Their weights.

        Returns
        -------
        accuracy : float
            From 0 to 1, computed.
        """
        if not is_dask(X):
            return super().score(X, y, sample_weight)
        check_is_fitted(self)
        delayed = extra("dask", "dask").delayed
        model = delayed(self.to_local(), pure=True)
        weights = delayed(_correct_weight)
        sums = [
            weights(model, partition.X, partition.y, partition.w)
            for partition in partition_input(X, y, sample_weight).partitions
        ]
        correct, total = np.sum(
            _connected_client(self.client).compute(delayed(sums)).result(), axis=0
        )
        return float(correct / total)

    def _predict_lazily(self, method, X):
        check_is_fitted(self)
        return predict_lazily(self.to_local(), method, X)

    def _alone(self):
        return self.to_local()


def _correct_weight(model: Any, X: Any, y: Any, w: Any) -> tuple[float, float]:
    """Return the weight of the rows whose label is predicted, and of all rows."""
    y = np.asarray(y).reshape(-1)
    w = np.ones(len(y)) if w is None else np.asarray(w, float).reshape(-1)
    return float(w @ (predict_partition(X, model, "predict") == y)), float(w.sum())


def _connected_client(client: Any) -> Any:
    """Return the client or the current one; raise unless it is connected."""
    if client is None:
        try:
            client = extra("distributed", "dask").get_client()
        except ValueError:
            raise ValueError(
                "There is no Dask cluster to fit on: `client` is None, and none is "
                "connected. Start one on this machine by\n"
                "    from dask.distributed import Client, LocalCluster\n"
                "    client = Client(LocalCluster())"
            ) from None
    if client.status != "running":
        raise ValueError(
            f"`client` must be connected to a cluster; it is {client.status}. Connect "
            "one, and set `client` to it or to None."
        )
    return client


def _total_memory(client: Any) -> float:
    """Return the bytes that the workers may use together; infinite without a limit."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [worker["memory_limit"] or inf for worker in workers]
    return sum(limits) or inf


def _template(descriptions: Sequence[Description]) -> Any:
    """Return an array or frame with the columns of X; raise if partitions differ."""
    filled = [(n, d) for n, d in enumerate(descriptions) if d.shape[0]]
    if not filled:
        raise ValueError(
            f"X must have rows; got {len(descriptions)} partitions without any."
        )
    _, first = filled[0]
    for number, other in filled[1:]:
        if other.shape[1] != first.shape[1]:
            raise PartitionError(
                f"Partition {number} (from 0): X has {other.shape[1]} features, and "
                f"{first.shape[1]} in partition {filled[0][0]}."
            )
        if other.is_sparse != first.is_sparse:
            raise PartitionError(
                f"Partition {number} (from 0): X must be sparse in all partitions or "
                "none. Convert it by `.toarray()` or `scipy.sparse.csr_matrix`."
            )
        if not np.array_equal(other.names, first.names):
            raise PartitionError(
                f"Partition {number} (from 0): X has columns {list(other.names)}, and "
                f"{list(first.names)} in partition {filled[0][0]}."
            )
    if first.names is None:
        return np.empty((1, first.shape[1]))
    return extra("pandas", None).DataFrame(columns=first.names)
