"""The estimator: from what the user gives to a trained network, and back to labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepbin._validation import (
    check_both_classes_weigh,
    check_features,
    check_parameters,
    check_same_problem,
    check_weights,
    class_totals,
    encode_labels,
    enough_memory,
    hidden_sizes,
    unit,
)
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import INITIALIZERS, constant, initialize
from skdeepbin.network._network import FEW, Network, few_logits
from skdeepbin.network._parameters import Array, Layout, Parameters
from skdeepbin.training._blocks import Features, Rows, block_rows, training_work
from skdeepbin.training._engine import Engine, logits, memory_needed, n_useful_threads
from skdeepbin.training._history import History, Step, joined
from skdeepbin.training._objective import Objective
from skdeepbin.training._optimizers import barzilai_borwein, gradient_descent
from skdeepbin.training._solve import Solution, descend
from skdeepbin.training._stopping import STOP_REASONS, Stopping
from skdeepbin.training._threads import Threads, one_blas_thread


class DeepBinaryClassifier(ClassifierMixin, BaseEstimator):
    """A deep network for two classes, trained by batch gradient descent.

    A fully-connected network maps a row ``a_0 = x`` through its layers to one logit
    ``z = z_L``::

        z_l = a_{l-1} W_l + b_l,    a_l = f(z_l)
        P(y = classes_[1] | x) = 1 / (1 + e^-z)

    and training minimises, over all rows at every iteration, the penalised log loss::

        (sum_i w_i (log(1 + e^z_i) - y_i z_i)  +  alpha / 2 |W|^2) / sum_i w_i

    Without a learning rate given, the step is found by itself: a Barzilai-Borwein step,
    accepted by a non-monotone line search.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=64
        The width of each hidden layer. An int is the width of every hidden layer, with
        `depth` of them. ``()`` is no hidden layer: logistic regression.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        The function f of the hidden layers.

    depth : int or None, default=None
        The number of hidden layers where `hidden_layer_sizes` is an int; None is 2.
        Where `hidden_layer_sizes` is a sequence, `depth` must be its length or None.

    init : {"auto", "he", "xavier"} or float, default="auto"
        The standard deviation of the normal distribution that the weights are drawn
        from: "he" is ``sqrt(2 / fan_in)`` [1]_, "xavier" is
        ``sqrt(2 / (fan_in + fan_out))`` [2]_, "auto" is "he" for relu and "xavier" for
        the others, a float is itself. Biases start at zero.

    solver : {"gd"}, default="gd"
        "gd" is gradient descent over all rows: one gradient an iteration.

    learning_rate : "auto" or float, default="auto"
        The multiple of the gradient of the mean loss that one step moves by. "auto"
        finds it at every iteration, by Barzilai and Borwein's formula [3]_ and a line
        search that lets the loss rise for a while but not run away [4]_.

    alpha : float, default=3.0
        Strength of the L2 penalty on the weights, divided by the sum of the sample
        weights as in :class:`~sklearn.neural_network.MLPClassifier`; without a hidden
        layer it is ``1 / C`` of :class:`~sklearn.linear_model.LogisticRegression`.

    max_iter : int, default=500
        The most iterations, each one gradient over all rows. A step that the line
        search rejects is an iteration too.

    tol : float, default=1e-3
        Training ends where the loss has fallen by less than `tol` over
        `n_iter_no_change` iterations.

    n_iter_no_change : int, default=10
        See `tol`.

    class_weight : dict, "balanced" or None, default=None
        Factors on the sample weights by class, as a dict ``{label: factor}``.
        "balanced" gives both classes the same sum of weights.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit, with the same classes,
        features and layer sizes. `n_iter_` and the history then go on too.

    n_jobs : int or None, default=None
        The number of threads that share the rows, in training and in prediction. None
        is as many as BLAS may use at that moment, so that nothing is oversubscribed
        inside ``GridSearchCV(n_jobs=...)``; -1 is all cores. Small data stay on one
        thread. The result is the same to the last bit for any number.

    random_state : int, RandomState or None, default=None
        The source of the starting weights. An int gives the same fit every time.

    verbose : bool or int, default=False
        Print the loss at every tenth iteration; with 2 or more, at every iteration.

    dtype : {"auto", "float32", "float64"}, default="auto"
        The precision of the computation and of what is fitted. "auto" is that of X:
        float32 where X is float32, else float64. X is converted block by block.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The two labels, sorted; probabilities and logits are about the second.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        The weights of each layer, from the input to the logit.

    intercepts_ : list of ndarray of shape (fan_out,)
        The biases of each layer.

    n_iter_ : int
        Number of iterations.

    loss_ : float
        The penalised mean log loss of the fitted weights, the best that were met.

    best_loss_ : float
        The same as `loss_`.

    loss_curve_ : list of float
        The loss after each iteration.

    history_ : dict of ndarray of shape (n_iter_ + 1,)
        What was measured at the start and after each iteration: "loss",
        "gradient_norm", "step_size" and "seconds" since the start.

    stop_reason_ : {"converged", "max_iter", "diverged"}
        Why training ended.

    validation_scores_ : None
        There is no validation during training.

    n_layers_ : int
        Number of layers, with input and output.

    out_activation_ : "logistic"
        The function that turns a logit into a probability.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in `fit`, where X had names that are all strings.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : The same without hidden layers.
    sklearn.neural_network.MLPClassifier : Mini-batch training, any number of classes.

    Notes
    -----
    The fit does not depend on the order of the rows or on whether a row is repeated or
    has a weight, up to rounding. Computation is in the precision of X (float32 or
    float64), sums over blocks of rows and the steps in float64.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun (2015), Delving deep into rectifiers,
       https://doi.org/10.1109/ICCV.2015.123.
    .. [2] Glorot, Bengio (2010), Understanding the difficulty of training deep
       feedforward neural networks, https://proceedings.mlr.press/v9/glorot10a.html.
    .. [3] Barzilai, Borwein (1988), Two-point step size gradient methods,
       https://doi.org/10.1093/imanum/8.1.141.
    .. [4] Raydan (1997), The Barzilai and Borwein gradient method for the large scale
       unconstrained minimization problem, https://doi.org/10.1137/S1052623494266365.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepbin import DeepBinaryClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), DeepBinaryClassifier(random_state=0))
    >>> print(f"{cross_val_score(model, X, y).mean():.2f}")
    0.97
    """

    # The public path, so that a pickle does not depend on where this file lies.
    __module__ = "skdeepbin"

    def __init__(
        self,
        hidden_layer_sizes=64,
        activation="relu",
        *,
        depth=None,
        init="auto",
        solver="gd",
        learning_rate="auto",
        alpha=3.0,
        max_iter=500,
        tol=1e-3,
        n_iter_no_change=10,
        class_weight=None,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=False,
        dtype="auto",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.depth = depth
        self.init = init
        self.solver = solver
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.dtype = dtype

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train the network on all rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features. float32 is computed in float32, all else in float64.

        y : array-like of shape (n_samples,)
            The labels, of two kinds.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A weight of k is the row k times, 0 is no row.

        Returns
        -------
        self : DeepBinaryClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or an array is not as described.
        MemoryError
            If the network needs more memory than there is.
        OSError
            If X maps a file that has become shorter.

            After any of these the classifier is as it was before.

        Warns
        -----
        ConvergenceWarning
            If the loss was still falling at `max_iter`, or became infinite.
        """
        with _unchanged_on_error(self):
            check_parameters(self.get_params(deep=False))
            goes_on = self.warm_start and hasattr(self, "coefs_")
            X, y = validate_data(self, X, y, reset=not goes_on, **_ACCEPTED)
            check_features(X)
            classes, y = encode_labels(y)
            network = self._network(X.shape[1])
            if goes_on:
                check_same_problem(self, classes, network.layout.sizes)
            dtype = self._precision(X)
            size = block_rows(network, len(y), dtype.itemsize)
            features = Features(X, dtype, size)
            work = training_work(network, len(y), dtype.itemsize)
            n = n_useful_threads(self.n_jobs, features, work)
            weights = self._weights(classes, y, sample_weight)
            n_bytes = memory_needed(network, features, n)
            with enough_memory(n_bytes), one_blas_thread(), Threads(n) as threads:
                start = self._starting_point(network.layout, goes_on)
                solution = self._train(network, features, y, weights, start, threads)
            history = solution.history
            if goes_on:
                history = joined(self.history_, history)
            self._keep(solution, history, network, dtype)
            self.classes_ = classes
        return self

    def decision_function(self, X):
        """The logit of each row: ``log(P(classes_[1]) / P(classes_[0]))``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features.

        Returns
        -------
        z : ndarray of shape (n_samples,)
            Above zero where `predict` gives ``classes_[1]``.
        """
        check_is_fitted(self)
        X = check_features(validate_data(self, X, reset=False, **_ACCEPTED))
        parameters = Parameters(self.coefs_, self.intercepts_)
        activation = ACTIVATIONS[self._fitted_activation]
        if X.shape[0] * sum(W.size for W in parameters.weights) < FEW:
            return few_logits(parameters, activation, X)
        sizes = X.shape[1], *map(len, parameters.biases)
        network = Network(Layout(sizes), activation)
        theta = network.layout.pack(parameters)
        size = block_rows(network, X.shape[0], theta.itemsize)
        features = Features(X, theta.dtype, size)
        work = training_work(network, X.shape[0], theta.itemsize) / 3  # forward only
        n = n_useful_threads(self.n_jobs, features, work)
        with one_blas_thread(), Threads(n) as threads:
            return logits(network, theta, features, threads)

    def predict(self, X):
        """The more probable label of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels, as in `classes_`.
        """
        z = self.decision_function(X)
        return self.classes_[(z > 0).astype(int)]

    def predict_proba(self, X):
        """The probability of each class: ``1 / (1 + e^z)`` and ``1 / (1 + e^-z)``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features.

        Returns
        -------
        p : ndarray of shape (n_samples, 2)
            Columns in the order of `classes_`; rows sum to one.
        """
        z = self.decision_function(X)
        return expit(np.column_stack([-z, z]))

    def predict_log_proba(self, X):
        """The logarithm of `predict_proba`, exact where that is rounded to zero.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features.

        Returns
        -------
        log_p : ndarray of shape (n_samples, 2)
            Columns in the order of `classes_`.
        """
        z = self.decision_function(X)
        return log_expit(np.column_stack([-z, z]))

    def _weights(
        self, classes: np.ndarray, y: np.ndarray, sample_weight: Any
    ) -> Weights:
        """Sample weights and class weights."""
        w = check_weights(sample_weight, len(y))
        totals = class_totals(y, w)
        check_both_classes_weigh(classes, totals)
        factors = compute_class_weight(
            self.class_weight, classes=classes, y=classes, sample_weight=totals
        )
        check_both_classes_weigh(classes, totals * factors)
        factor_unit = unit(factors)
        factors = factors / factor_unit
        total = float(factors @ totals)
        return Weights(w, factors / unit(w), total, self.alpha / unit(w) / factor_unit)

    def _precision(self, X: Any) -> np.dtype:
        """The type to compute in."""
        if self.dtype == "auto":
            return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
        return np.dtype(self.dtype)

    def _network(self, n_features: int) -> Network:
        """The network that the parameters describe."""
        hidden = hidden_sizes(self.hidden_layer_sizes, self.depth)
        return Network(Layout((n_features, *hidden, 1)), ACTIVATIONS[self.activation])

    def _starting_point(self, layout: Layout, goes_on: bool) -> Array:
        """The weights of the last fit, or random ones by `init` and `random_state`."""
        if goes_on:
            theta = layout.pack(Parameters(self.coefs_, self.intercepts_))
            return theta.astype(np.float64)
        name = ACTIVATIONS[self.activation].init if self.init == "auto" else self.init
        rule = INITIALIZERS[name] if isinstance(name, str) else constant(float(name))
        return initialize(layout, rule, check_random_state(self.random_state))

    def _train(
        self,
        network: Network,
        features: Features,
        y: np.ndarray,
        weights: Weights,
        start: Array,
        threads: Threads,
    ) -> Solution:
        """Minimise the objective from a starting point."""
        rows = Rows(features, y, weights.sample, weights.by_class)
        penalty = weights.alpha * network.layout.is_weight
        objective = Objective(Engine(network, rows, threads), weights.total, penalty)
        if self.learning_rate == "auto":
            optimizer = barzilai_borwein()
        else:
            optimizer = gradient_descent(float(self.learning_rate))
        stopping = Stopping(self.max_iter, self.tol, self.n_iter_no_change)
        with np.errstate(over="ignore", invalid="ignore"):  # `stopping` looks for them
            solution = descend(objective, start, optimizer, stopping, self._report)
        if not isfinite(solution.loss):
            raise ValueError(
                f"The loss is {solution.loss} at the starting weights: values of X, "
                f"from {features.X.min():g} to {features.X.max():g}, or of `init` are "
                "too large. Scale X, for example by "
                "sklearn.preprocessing.StandardScaler."
            )
        return solution

    def _keep(
        self, solution: Solution, history: History, network: Network, dtype: np.dtype
    ) -> None:
        """Set the fitted attributes, and warn where training did not end well."""
        theta = solution.theta.astype(dtype)
        self.coefs_, self.intercepts_ = map(list, network.layout.views(theta))
        self.history_ = history
        self.loss_curve_ = history["loss"][1:].tolist()
        self.n_iter_ = len(self.loss_curve_)
        self.loss_ = self.best_loss_ = solution.loss
        self.validation_scores_ = None
        self.n_layers_ = len(network.layout.sizes)
        self.out_activation_ = "logistic"
        self.stop_reason_ = solution.stop_reason
        self._fitted_activation = self.activation
        sentence = STOP_REASONS[solution.stop_reason]
        if self.verbose:
            print(f"Stopped after {self.n_iter_} iterations: {sentence}.")
        if solution.stop_reason != "converged":
            warnings.warn(
                f"Training ended at loss {self.loss_:.4g} after {self.n_iter_} "
                f"iterations: {sentence}. {_REMEDIES[solution.stop_reason]}",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _report(self, step: Step) -> None:
        """Print one line on an iteration if `verbose` asks for it."""
        every = 1 if self.verbose > 1 else 10
        if self.verbose and step.iteration % every == 0:
            print(
                f"Iteration {step.iteration}: loss {step.loss:.6f}, "
                f"step {step.step_size:.3g}, {step.seconds:.1f} s"
            )


_ACCEPTED = {"accept_sparse": "csr", "dtype": "numeric"}

_REMEDIES = {
    "max_iter": "Increase `max_iter`, or `tol` if the loss is low enough.",
    "diverged": "Set `learning_rate` to 'auto' or a tenth of what it is, and scale X.",
}


class Weights(NamedTuple):
    """The weight of row i is ``sample[i] * by_class[y[i]]``.

    sample : one for each row, or None where all are one.
    by_class : for the first and the second class.
    total : the sum over all rows.
    alpha : the penalty in the same unit.
    """

    sample: Array | None
    by_class: Array
    total: float
    alpha: float


@contextmanager
def _unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give an estimator the attributes back that it had, if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
