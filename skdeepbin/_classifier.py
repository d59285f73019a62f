"""The estimator: from what the user gives to a trained network, and back to labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from inspect import Parameter, signature
from itertools import chain, repeat
from math import inf, log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring
from sklearn.utils import Tags, check_random_state, estimator_html_repr
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepbin.checkpoint._session import Kept, kept
from skdeepbin.engine._bins import Bins, bins_of
from skdeepbin.engine._blocks import Features, block_rows, training_work
from skdeepbin.engine._engine import logits, memory_needed, n_useful_threads
from skdeepbin.engine._scaling import Units, units_of
from skdeepbin.engine._threads import Threads, one_blas_thread
from skdeepbin.inputs._activations import each_layer, hidden_activations
from skdeepbin.inputs._bin_edges import LEAST_BINS, affordable_bins, column_edges
from skdeepbin.inputs._dataset import Constant, LocalProblem, Problem, Rows
from skdeepbin.inputs._stream import Stream, next_call, scaling_of
from skdeepbin.inputs._validation import (
    InvalidParameterError,
    check_both_or_none,
    check_classes,
    check_columns,
    check_features,
    check_is_local,
    check_not_masked,
    check_parameters,
    check_same_problem,
    check_solver,
    encode_labels,
    enough_memory,
    hidden_sizes,
    precision,
)
from skdeepbin.inputs._weights import check_weights, row_weights
from skdeepbin.model._saving import loaded, saved
from skdeepbin.monitoring._callbacks import (
    Callbacks,
    CallbackSupportMixin,
    has_callbacks,
    with_callbacks,
)
from skdeepbin.monitoring._failure import warn_of_failure, warn_of_signs
from skdeepbin.monitoring._progress import Progress, say
from skdeepbin.network._activations import Activation, activation_of, is_own
from skdeepbin.network._initializers import (
    INITIALIZERS,
    constant,
    initialize,
    step_scales,
    suited,
    suited_rules,
)
from skdeepbin.network._loss import log_loss
from skdeepbin.network._network import FEW, Losses, Network, few_logits
from skdeepbin.network._overflow import mark_overflow, rows_at_once, wide_logits
from skdeepbin.network._parameters import Array, Layout, Parameters
from skdeepbin.reporting._notebook import summary
from skdeepbin.training._ensemble import Member, Validate, View, train_committee
from skdeepbin.training._history import History, Step, joined, mean, together
from skdeepbin.training._loop import Solution, Solve, one_step_on, solver
from skdeepbin.training._observer import Watcher, Watchers
from skdeepbin.training._optimizers import OPTIMIZERS, stream_rate
from skdeepbin.training._penalty import (
    balanced_weight,
    in_stream,
    with_validation,
    without_validation,
)
from skdeepbin.training._restarts import Training
from skdeepbin.training._stopping import (
    CALLBACK,
    INTERRUPTED,
    STOP_REASONS,
    Stopping,
    training_loss,
    validation_error,
    validation_loss,
)


class DeepBinaryClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A deep network for two classes, trained by batch gradient descent.

    A fully-connected network maps a row ``a_0 = x`` through its layers to one logit
    ``z = z_L``::

        z_l = a_{l-1} W_l + b_l,    a_l = f(z_l)
        P(y = classes_[1] | x) = 1 / (1 + e^-z)

    and training minimises, over all rows at every iteration, the penalised log loss::

        (sum_i w_i (log(1 + e^z_i) - y_i z_i)  +  alpha / 2 |W'|^2) / sum_i w_i

    where W' are the weights for scaled features (see `feature_scaling`), so that
    neither the steps nor the penalty depend on the units of X. Nothing needs to be
    tuned: by default every weight has a step of its own that follows the sign of its
    gradient ("rprop"), and a part of the rows tells how strong the penalty should be
    and when to stop.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=50
        The width of each hidden layer. An int is the width of every hidden layer, with
        `depth` of them. ``()`` is no hidden layer: logistic regression.

    activation : {"elu", "identity", "leaky_relu", "logistic", "relu", "tanh"}, \
            object or list, default="relu"
        The function f of the hidden layers; a list has one for each of them. An object
        is a function of your own, with the methods ``forward(Z)`` and
        ``derivative(Z)``. Both take pre-activations and return an array of the same
        shape, with f or f' of each entry; they change nothing, Z neither, as several
        threads call them. Before the first step they are compared with each other, by
        central differences. Far from zero f should be about a constant or a straight
        line.

    depth : int or None, default=None
        The number of hidden layers where `hidden_layer_sizes` is an int; None is 2.
        Where `hidden_layer_sizes` is a sequence, `depth` must be its length or None.

    init : {"auto", "he", "xavier"} or float, default="auto"
        The standard deviation of the normal distribution that the weights are drawn
        from: "he" is ``sqrt(2 / fan_in)`` [1]_, "xavier" is
        ``sqrt(2 / (fan_in + fan_out))`` [2]_, a float is itself, for scaled features.
        Biases start at zero, that of the output at the logit of the class frequencies.
        "auto" is for each layer "he", or "xavier" for identity, logistic, tanh and your
        own (for the output that of the last hidden layer), and what suits them beyond
        that: a tenth of it in the output layer (not in a second start, nor for
        logistic), random biases in the first layer, weights that are larger by a factor
        on either side of a layer (3 for logistic, 2 for elu), and from 30 features on a
        first layer that is smaller by ``(30 / n_features)^2``.

    solver : {"auto", "gd", "momentum", "nesterov", "adam", "rprop", "lbfgs"}, \
            default="auto"
        How the exact gradient over all rows becomes a step. "auto" is "rprop" where
        each step is of all rows, and "adam" with `batch_size` and in `partial_fit`,
        where signs change from one gradient to the next. "gd" is plain gradient
        descent, "momentum" [5]_ and "nesterov" [6]_ add the steps before, "adam" [7]_
        divides by the size of recent gradients, "rprop" (iRprop-) [8]_ follows only the
        sign of each gradient with a step of its own for each weight, so that vanishing
        gradients do not slow it down, and "lbfgs" [9]_ is SciPy's, with a line search.

    learning_rate : "auto" or float, default="auto"
        The multiple of the gradient of the mean loss that one step moves by; for "adam"
        about the change of a weight in one step, for "rprop" that in the first step,
        which may become 8 times as large. "lbfgs" has none. "auto" is 0.1 for
        "momentum" and "nesterov", 0.01 for "adam", 0.006 for "rprop"; for "gd" it is
        found at every iteration, by Barzilai and Borwein's formula [3]_ and a line
        search that lets the loss rise for a while but not run away [4]_, or with
        `dropout` or mini-batches 0.3, as their losses cannot be compared. On
        mini-batches it is 0.03 for "momentum" and "nesterov". In `partial_fit`, on
        other rows at each call, these three have the rates of mini-batches times
        ``min(1, 10 / p)``, with the p of `alpha`. For "adam" and "rprop" it is as much
        larger as weights are (see `init`), and from 30 features on smaller
        by ``30 / n_features``, but at least 0.3 of it. Where the loss does run
        away, training goes on from its best point with a tenth of the rate, at most
        three times.

    momentum : float, default=0.9
        The share of the last step that "momentum" and "nesterov" add to the next.

    alpha : "auto" or float, default="auto"
        Strength of the L2 penalty on the weights, divided by the sum of the sample
        weights as in :class:`~sklearn.neural_network.MLPClassifier`; without a hidden
        layer and for standardised features it is ``1 / C`` of
        :class:`~sklearn.linear_model.LogisticRegression`. "auto" suits any amount of
        data. Where rows validate, it is 10, and then 1 from the best weights so far, of
        which the better by validation stays; for functions that a strong one would hold
        to a straight line it is 3 and 0.3 (elu), 0.3 (tanh) or 0.05 (logistic). It is
        never less than p / 8 (over the factor of `init`), where p is the mean squared
        norm of a scaled row, the number of features where all are scaled by their
        deviation. With ``w = 4 w_1 w_2 / (w_1 + w_2)``, twice the harmonic mean of the
        weights of the classes, all of them are scaled down to at most ``w / 10``.
        Where no rows validate, it is 5, 2, 0.3 or 0.05, and less on few rows or
        features: times
        ``min(1, 0.14 sqrt(p) max(1, (w / 40)^(1/4)), 0.016 sqrt(p) w)``.
        In `partial_fit` it is the same of the rows of the call, at most ``w / 50``.
        Where hidden layers have several activations, it is that of the one with the
        weakest penalty, and one of your own has that of tanh.
        Weights that are normalised, whose root mean square is less than 1, count as
        many times as makes that 1. `alpha_` is what it came to.

    feature_scaling : {"auto", "standard", "none"}, default="auto"
        The units of the features in training; the fitted weights are for X as it is.
        "standard" subtracts the mean and divides by the standard deviation, by weight
        and about: to a power of two. "auto" does that too, but divides a feature that
        is zero in 80 % of the rows or more (a word, a one-hot column of many kinds) by
        the root mean square of its other entries. "none" takes X as it is.

    dropout : float, default=0.0
        The share of the units of each hidden layer that every row leaves out in
        training, others at each gradient [10]_; none in validation and in prediction.
        The loss of training in the history is that of the thinned network. Not with
        "lbfgs".

    batch_size : int or None, default=None
        The number of rows that one step is computed from. None is all: the batch
        gradient. With an int an iteration is an epoch, a step on each mini-batch in
        turn, and one more pass measures all rows at its end. Which rows come together
        is decided anew at each epoch by what is in them: equal rows always do, and a
        row of weight k counts as k rows. Not with "rprop" and "lbfgs".

    max_iter : int, default=1000
        The most iterations, each one gradient over all rows; a few at times with
        "lbfgs". A step that a line search rejects is an iteration too. The ten steps
        after early stopping do not count.

    tol : float, default=1e-4
        Training ends where what is watched has fallen by less than `tol` over
        `n_iter_no_change` iterations: the validation loss, or with a scorer the
        negative of its score, or without validation the loss.

    n_iter_no_change : int, default=20
        See `tol`. With validation it is twice as many for elu, tanh and logistic, which
        rest for a while where they are linear, and for functions of your own.

    early_stopping : bool or "auto", default="auto"
        Whether some rows are held out of training to tell when to stop. The weights
        that do best on them are kept, and then take ten small steps on all rows. "auto"
        does so where each class has at least 20 different rows, in effect (a row that
        makes up a large part of its class counts less), and fewer than 4 rows for each
        combination of the values of the features: else rows to come are none but those
        that are known. Which rows is decided by what is
        in them: equal rows of a class are on the same side, and the order of the rows
        does not matter.

    validation_fraction : float, default=0.2
        The share of either class, by weight, that is held out.

    scoring : "loss", str or callable, default="loss"
        What early stopping watches: the loss of the held-out rows, or a scorer of
        scikit-learn.

    class_weight : dict, "balanced" or None, default=None
        Factors on the sample weights by class, as a dict ``{label: factor}``.
        "balanced" gives both classes the same sum of weights.

    n_networks : int, default=1
        The number of networks, a committee whose logits are averaged. Each starts from
        other weights, and each holds out another of `n_networks` equal parts of the
        rows (then `validation_fraction` is not used). `coefs_`, `intercepts_` and the
        columns of `history_` have one axis more, in front.

    n_bins : "auto" or int, default="auto"
        The most bins of each feature that the first, third, fifth, .. network reads
        beside the features, 0 for none. In a bin between the edges e_k and e_{k+1} a
        feature rises from 0 to 1, ``clip((x - e_k) / (e_{k+1} - e_k), 0, 1)``, which
        makes steps, counts and heavy tails easy to learn [11]_; the other networks read
        the features alone. "auto" is 8 where `n_networks` is more than 1 and X dense,
        fewer from 112 features on (columns with bins are 1,000 at most), and 0 else.
        The edges are quantiles by weight, of at most 16,384 different rows that are
        chosen by what is in them; a feature of few values has a bin from each to the
        next, one of two values none. See `bin_edges_`.

    warm_start : bool, default=False
        Whether `fit` goes on from where the last fit ended, its optimiser included,
        with the same classes, features and layer sizes. `n_iter_` and the history then
        go on too. Bins stay those of the last fit, or none, whatever `n_bins` is.

    n_jobs : int or None, default=None
        The number of threads that share the rows, in training and in prediction. None
        is as many as BLAS may use at that moment, so that nothing is oversubscribed
        inside ``GridSearchCV(n_jobs=...)``; -1 is all cores. Small data stay on one
        thread. The result is the same to the last bit for any number.

    random_state : int, RandomState or None, default=None
        The source of the starting weights and of the hash by which rows are held out.
        An int gives the same fit every time.

    verbose : bool or int, default=False
        Print what is measured, and how long it takes at most: with 1 on a line that is
        rewritten, or where that cannot be done at every tenth iteration, with 2 or more
        at every iteration. Where a logger "skdeepbin" has a handler, its own or that of
        the root, and its level is INFO, it is told instead.

    dtype : {"auto", "float32", "float64"}, default="auto"
        The precision of the computation and of what is fitted. "auto" is that of X:
        float32 where X is float32, unless its features are so small, of a spread below
        1e-37, that the weights for them are beyond float32; else float64. X is
        converted block by block.

    checkpoint : str, path-like or None, default=None
        The file that the state of training is kept in. A `fit` with the same parameters
        on the same rows goes on from there, after an interruption or a crash, and ends
        with the same bits as one that was never interrupted; on any other it is
        refused with what differs. A fit that ends removes it. Give every fit a
        file of its own. The file is an ``.npz`` without pickled objects.

    checkpoint_interval : float, default=30
        The seconds between two writes, at least. Training does not wait for them.
        "lbfgs" can go on only from its first 256 MB of gradients.

    Attributes
    ----------
    activations_ : list of str or object
        The activation of each hidden layer.

    classes_ : ndarray of shape (2,)
        The two labels, sorted; probabilities and logits are about the second.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        The weights of each layer, from the input to the logit. Where networks read
        bins, the first has a row for each of these too, below those of the features;
        they are zero for the networks that read none.

    intercepts_ : list of ndarray of shape (fan_out,)
        The biases of each layer.

    n_iter_ : int
        Number of iterations.

    loss_ : float
        The penalised mean log loss of the fitted weights, on the rows of training.

    bin_edges_ : list of ndarray or None
        Of each feature the edges of its bins, in float64, ascending; empty for one that
        has no bins. None where no network reads any.

    alpha_ : float or ndarray of shape (`n_networks`,)
        The `alpha` of the fitted weights, of a committee one for each network.

    best_loss_ : float
        The least that this loss was at any iteration.

    loss_curve_ : list of float
        The loss after each iteration; of a committee, the mean.

    history_ : dict of ndarray of shape (`n_iter_` + 1,)
        What was measured at the start and after each iteration: "loss",
        "penalty" (the part of the loss that is the penalty), "validation_loss" and
        "validation_score" (nan where there is none), "gradient_norm", "step_size" and
        "seconds" since the start; and, with one axis more for the layers,
        "gradient_norms" and "update_ratios": of each layer the norm of its gradient,
        and of the next step relative to the norm of its parameters, all for scaled
        features.

    n_starts_ : int
        Starting points that it took: 2 where a network learnt nothing from the first
        and was started once more, from other weights.

    stop_reason_ : {"converged", "early_stopping", "callback", "max_iter", \
            "diverged", "interrupted"}
        Why training ended; of a committee, the worst.

    validation_scores_ : ndarray of shape (`n_iter_` + 1,) or None
        The negative validation loss, or what `scoring` gives, at the start and after
        each iteration; None without validation.

    n_layers_ : int
        Number of layers, with input and output.

    out_activation_ : "logistic"
        The function that turns a logit into a probability.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`, where X had names that are all strings.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : The same without hidden layers.
    sklearn.neural_network.MLPClassifier : Mini-batch training, any number of classes.
    PiecewiseLinearEncoder : The features and their bins as columns, for any estimator.

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
    .. [5] Polyak (1964), Some methods of speeding up the convergence of iteration
       methods, https://doi.org/10.1016/0041-5553(64)90137-5.
    .. [6] Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization
       and momentum in deep learning, https://proceedings.mlr.press/v28/sutskever13.html.
    .. [7] Kingma, Ba (2015), Adam: a method for stochastic optimization,
       https://arxiv.org/abs/1412.6980.
    .. [8] Igel, Huesken (2003), Empirical evaluation of the improved Rprop learning
       algorithms, https://doi.org/10.1016/S0925-2312(01)00700-7.
    .. [9] Liu, Nocedal (1989), On the limited memory BFGS method for large scale
       optimization, https://doi.org/10.1007/BF01589116.
    .. [10] Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a
       simple way to prevent neural networks from overfitting,
       https://jmlr.org/papers/v15/srivastava14a.html.
    .. [11] Gorishniy, Rubachev, Babenko (2022), On embeddings for numerical features in
       tabular deep learning, https://arxiv.org/abs/2203.05556.

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
    0.98
    """

    # The public path, so that a pickle does not depend on where this file lies.
    __module__ = "skdeepbin"
    # None read bins before a fit, or in what an earlier version saved.
    _bin_units: Units | None = None
    # A fit that a diagnosis tries out warns of nothing and tells nobody.
    _is_trial = False
    # Of a warning in `fit`, to be shown where that is called.
    _stacklevel = 3

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
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.depth = depth
        self.init = init
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.alpha = alpha
        self.feature_scaling = feature_scaling
        self.dropout = dropout
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.n_networks = n_networks
        self.n_bins = n_bins
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.dtype = dtype
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = self.n_bins in ("auto", 0)
        return tags

    def _html_repr(self):
        """scikit-learn's diagram, and of a fitted classifier how training went."""
        diagram = estimator_html_repr(self)
        return diagram + summary(self) if hasattr(self, "history_") else diagram

    def __getstate__(self):
        return saved(super().__getstate__())

    def __setstate__(self, state):
        # What was saved before there was a parameter has its default.
        defaults = {
            name: parameter.default
            for name, parameter in signature(type(self).__init__).parameters.items()
            if parameter.default is not Parameter.empty
        }
        super().__setstate__(defaults | loaded(state))

    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train the network on the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features. float32 is computed in float32, all else in float64.

        y : array-like of shape (n_samples,)
            The labels, of two kinds.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A weight of k is the row k times, 0 is no row.

        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            Rows to validate on, instead of a part of X. With ``early_stopping=False``
            they are watched in `history_`, but decide nothing.

        y_val : array-like of shape (n_val,), default=None
            Their labels, of the classes of `y`.

        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

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
        KeyboardInterrupt
            At Ctrl-C. The classifier is then fitted with the best weights so far, if
            any were found, and `stop_reason_` is "interrupted"; of a committee, with
            the networks that were begun.

        Warns
        -----
        LearningWarning
            If the loss was still falling at `max_iter`, became infinite, or stayed what
            it is for the frequencies of the classes alone, from a second start too. It
            says why, as :func:`skdeepbin.diagnosis.diagnose` does, and
            what to set; it is a ConvergenceWarning of scikit-learn.
        """
        callbacks = self._callbacks(X, y, sample_weight)
        with _unchanged_on_error(self):
            goes_on = self.warm_start and hasattr(self, "coefs_")
            problem = self._problem(X, y, sample_weight, goes_on)
            given = self._given_rows(problem, X_val, y_val, sample_weight_val)
            with kept(self, problem, given, goes_on) as course:
                self._draw_split(course.random, goes_on)
                problems = self._views(problem, given, goes_on)
                with self._watched(problems, callbacks) as watcher:
                    solutions, constant = self._fit(
                        problems, given, goes_on, course, watcher
                    )
                    self._keep(solutions, problems, goes_on)
            if not (self.stop_reason_ == INTERRUPTED or self._is_trial):
                warn_of_failure(self, solutions, problem, constant, self._stacklevel)
        if self.stop_reason_ == INTERRUPTED:
            raise KeyboardInterrupt(
                "The best weights so far are kept in the classifier."
            )
        return self

    def _fit(
        self,
        problems: Sequence[Problem],
        given: Rows | None,
        goes_on: bool,
        course: Kept,
        watcher: Watcher,
    ) -> tuple[list[Solution], Constant]:
        """Train on what is given, checked.

        With the losses of one who knows only how frequent the classes are.
        """
        problem, splits = problems[0], self._splits(given)
        held_out = self._held_out(problem) if splits else [None] * self.n_networks
        watched = training_loss
        if self.early_stopping and (given is not None or held_out[0] is not None):
            watched = validation_loss if self.scoring == "loss" else validation_error
        patience = self.n_iter_no_change
        if watched is not training_loss:
            patience *= problem.network.recipe.patience
        stopping = Stopping(self.max_iter, self.tol, patience, watched)
        validate = self._validate(problems, given)
        constant = problem.constant_losses(given, held_out[0])
        known = Losses(constant.trained, constant.held_out)
        trainings = [self._training(p, stopping, known, course) for p in problems]
        solutions = self._train(
            problems, held_out, trainings, validate, goes_on, course.random, watcher
        )
        return solutions, constant

    def _splits(self, given: Rows | None) -> bool:
        """Tell whether early stopping is to hold out rows of X."""
        return bool(self.early_stopping) and given is None

    def _views(
        self, problem: Problem, given: Rows | None, goes_on: bool
    ) -> list[Problem]:
        """Return the problem, and the one with bins if any network reads them."""
        n_bins = 0 if goes_on else self._most_bins(problem)
        problem = self._with_hashes(problem, self._splits(given) or n_bins > 0)
        edges = self._fitted_edges() if goes_on else None
        if n_bins:
            edges = column_edges(*problem.some_rows(ROWS_FOR_EDGES), n_bins)
        return self._with_bins(problem, edges, self._bin_units if goes_on else None)

    def _with_bins(
        self, problem: Problem, edges: list[Array] | None, units: Units | None
    ) -> list[Problem]:
        """Return the problem, and the one with these bins if there are any."""
        if edges is None or not any(map(len, edges)):
            return [problem]
        return [*problem.with_bins(edges, self.feature_scaling, units)]

    def _fitted_edges(self) -> list[Array] | None:
        """Return the bin edges of the last fit, None if it had none."""
        return getattr(self, "bin_edges_", None)

    def _most_bins(self, problem: Problem) -> int:
        """The most bins that `n_bins` means for each feature."""
        if self.n_bins != "auto":
            if self.n_bins and problem.is_sparse:
                raise InvalidParameterError(
                    f"`n_bins` must be 'auto' or 0 where X is sparse; got "
                    f"{self.n_bins}: bins would fill it. Leave it out, or give "
                    "`X.toarray()`."
                )
            return int(self.n_bins)
        if self.n_networks == 1 or problem.is_sparse:
            return 0
        n_features = problem.network.layout.sizes[0]
        most = affordable_bins(BINS, n_features, MOST_FEATURES)
        return most if most >= LEAST_BINS else 0

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one gradient step on the rows of X, from where the last one ended.

        Nothing is held out. Features are scaled by all rows so far, or as in a `fit`
        that came before, whose bins networks read then too; else they read none. The
        first call may be one row. What was measured, `loss_` too, is of the weights
        before the step. Without early stopping and bins, and where `solver` and `alpha`
        are not "auto", k calls with the same rows are the first k iterations of `fit`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The features.

        y : array-like of shape (n_samples,)
            The labels.

        classes : array-like of shape (2,), default=None
            Both labels. Needed at the first call, as `y` need not hold both.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : DeepBinaryClassifier
            The classifier, one step on.

        Raises
        ------
        ValueError
            If a parameter or an array is not as described; the classifier is then as
            it was before.
        """
        name = self._solver(is_stream=True)
        with _unchanged_on_error(self):
            goes_on = hasattr(self, "coefs_")
            classes = check_classes(classes, getattr(self, "classes_", None))
            if self.solver == "lbfgs":
                raise InvalidParameterError(
                    "`partial_fit` takes single gradient steps, and solver='lbfgs' has "
                    f"none. Set `solver` to one of {', '.join(map(repr, OPTIMIZERS))}."
                )
            problem = self._problem(X, y, sample_weight, goes_on, classes)
            last = getattr(self, "_stream", None)
            stream = next_call(problem, last, goes_on)
            units = scaling_of(stream, problem, self.feature_scaling)
            problem = problem.with_units(units)
            rng = check_random_state(self.random_state)
            self._draw_split(rng, goes_on)
            problem = self._with_hashes(problem, is_needed=False)
            edges = self._fitted_edges() if goes_on else None
            problems = self._with_bins(problem, edges, self._bin_units)
            stopping = Stopping(max_iter=0, tol=0, n_iter_no_change=1)
            held_out = [None] * self.n_networks
            trainings = [
                self._training(
                    p, stopping, Losses(inf, inf), rows_change=stream.changes
                )
                for p in problems
            ]
            solutions = self._train(
                problems, held_out, trainings, None, goes_on, rng, Watcher(), True
            )
            solutions = [one_step_on(solution) for solution in solutions]
            if not all(np.isfinite(solution.theta).all() for solution in solutions):
                raise _too_large("weights are", "after the step", problem)
            self._keep(solutions, problems, goes_on, ahead=1)
            self._stream: Stream | None = stream
        if name == "rprop" and stream.changes and not (last and last.changes):
            warn_of_signs(self._stacklevel - 1)
        if self.verbose:
            say(f"Iteration {self.n_iter_}: loss {self.loss_:.5f} before it")
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
        check_is_local(X=X)
        check_not_masked(X=X)
        check_columns(X)
        with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
            X = check_features(validate_data(self, X, reset=False, **_ACCEPTED))
        return self._logits(X, self._fitted_networks())

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

    def _problem(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        goes_on: bool,
        classes: np.ndarray | None = None,
    ) -> Problem:
        """What is given, checked.

        classes : both, where `y` may hold only one of them.
        """
        check_parameters(self._parameters())
        check_solver(self.solver, self.batch_size, self.dropout)
        check_is_local(X=X, y=y, sample_weight=sample_weight)
        check_not_masked(X=X, y=y)
        check_columns(X)
        with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
            X, y = validate_data(self, X, y, reset=not goes_on, **_ACCEPTED)
        check_features(X)
        both = classes is None
        classes, y = encode_labels(y, classes)
        weights = row_weights(
            sample_weight, self.class_weight, self.alpha, classes, y, both
        )
        network = self._network(X.shape[1])
        if goes_on:
            sizes = network.layout.sizes
            check_same_problem(self, classes, sizes, self.n_networks)
        dtype = precision(self.dtype, [X.dtype])
        features = Features(
            X, dtype, block_rows(network, len(y), dtype.itemsize, issparse(X))
        )

        def units_in(dtype: np.dtype) -> Units:
            if goes_on:
                return self._units
            return units_of(X, partial(weights.of, y), self.feature_scaling, dtype)

        with enough_memory(memory_needed(network, features, 1)):  # else X is not read
            units = units_in(dtype)
            if self.dtype == "auto" and not units.suit(dtype):
                dtype = np.dtype(np.float64)
                units = units_in(dtype)
        if issparse(X) and not goes_on:
            units = units.without_constant()
        features = Features(
            X, dtype, block_rows(network, len(y), dtype.itemsize, issparse(X))
        )
        return LocalProblem(X, y, classes, weights, network, features, units, dtype)

    def _network(self, n_features: int) -> Network:
        """Return the network that the parameters ask for."""
        hidden = hidden_sizes(self.hidden_layer_sizes, self.depth)
        activations = hidden_activations(self.activation, len(hidden))
        return Network(Layout((n_features, *hidden, 1)), activations, self.dropout)

    def _parameters(self) -> dict[str, Any]:
        """The parameters that a fit depends on."""
        return self.get_params(deep=False)

    def _alone(self) -> DeepBinaryClassifier:
        """The classifier for a fit in memory."""
        return self

    def _draw_split(self, rng: np.random.RandomState, goes_on: bool) -> None:
        """The first number that is drawn decides which rows validate."""
        seed = int(rng.randint(2**31))
        self._split_seed: int = self._split_seed if goes_on else seed

    def _given_rows(
        self, problem: Problem, X_val: Any, y_val: Any, sample_weight_val: Any
    ) -> Rows | None:
        """The rows that the user gave to validate on, checked."""
        if X_val is None or y_val is None:
            check_both_or_none(X_val=X_val, y_val=y_val)
            if sample_weight_val is not None:
                check_both_or_none(X_val=X_val, sample_weight_val=sample_weight_val)
            return None
        check_is_local(X_val=X_val, y_val=y_val)
        check_not_masked(X_val=X_val, y_val=y_val)
        check_columns(X_val, name="X_val")
        with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
            X, y = validate_data(self, X_val, y_val, reset=False, **_ACCEPTED)
        _, second = encode_labels(y, problem.classes, name="y_val")
        weights = check_weights(sample_weight_val, len(y), name="sample_weight_val")
        return Rows(check_features(X), second, weights)

    def _with_hashes(self, problem: Problem, is_needed: bool) -> Problem:
        """The problem with what decides by the content of rows, if that is needed."""
        if not (is_needed or self.batch_size or self.dropout):
            return problem
        return problem.with_hashes(self._split_seed)

    def _held_out(self, problem: Problem) -> list[Any]:
        """For each network, which rows validate it; None if too few are different."""
        k = self.n_networks
        auto, enough = self.early_stopping == "auto", ROWS_TO_HOLD_OUT
        if auto and (
            problem.n_different_rows(enough) < enough or self._repeats_itself(problem)
        ):
            return [None] * k
        bounds = [(0, self.validation_fraction)]
        if k > 1:
            bounds = [(number / k, (number + 1) / k) for number in range(k)]
        splits = problem.splits(bounds)
        if all(map(problem.is_usable, splits)):
            return splits
        if auto:
            return [None] * k
        raise ValueError(
            "`early_stopping=True` needs more different rows of each class in X, to "
            "train on and to hold out `validation_fraction` or one of `n_networks` "
            "parts. Set `early_stopping=False`, or give `X_val` and `y_val`."
        )

    def _repeats_itself(self, problem: Problem) -> bool:
        """Tell tables in which each possible row stands several times.

        Held-out rows are others than those that are trained on, and here there are no
        others to come.
        """
        weight = float(sum(problem.totals(None)[0])) * problem.weight_unit
        most = min(weight * problem.rows_a_weight / REPEATED, MOST_COMBINATIONS)
        return problem.n_combinations(most) <= most

    def _validate(
        self, problems: Sequence[Problem], given: Rows | None
    ) -> Validate | None:
        """What validates a point beyond the loss of held-out rows; None if nothing."""
        if given is None and self.scoring == "loss":
            return None
        problem, snapshot = problems[0], copy(self)
        snapshot.__dict__.pop("feature_names_in_", None)  # it is given no names
        snapshot.classes_ = problem.classes
        n_hidden = len(problem.network.hidden)
        snapshot.activations_ = each_layer(self.activation, n_hidden)
        snapshot.bin_edges_ = _edges_of(problems)
        rows_of: dict[int, Rows | None] = {}
        scorer = None if self.scoring == "loss" else check_scoring(self, self.scoring)

        def validate(theta: Array, member: Member) -> tuple[float, float]:
            split, loss, score = member.held_out, nan, nan
            if id(split) not in rows_of:
                held_out = None if split is None else problem.rows(split)
                rows_of[id(split)] = given or held_out
            rows = rows_of[id(split)]
            if rows is None:
                return loss, score
            X, y, w = rows
            layout = problems[member.view].network.layout
            parameters = layout.views(theta.astype(problem.dtype))
            snapshot.coefs_, snapshot.intercepts_ = map(list, parameters)
            if given is not None:
                losses, _ = log_loss(snapshot.decision_function(X), y)
                loss = float(np.average(losses, weights=w))
            if scorer is not None:
                weights = {} if w is None else {"sample_weight": w}
                score = float(scorer(snapshot, X, problem.labels(y), **weights))
            return loss, score

        return validate

    def _training(
        self,
        problem: Problem,
        stopping: Stopping,
        constant: Losses,
        course: Kept | None = None,
        rows_change: bool = False,
    ) -> Training:
        """How to train.

        constant : the losses of what has learnt nothing.
        course : where the descents are kept; None for a step of a stream.
        rows_change : whether its rows are others than those of the step before.
        """
        name, rate = self._solver(is_stream=course is None), None
        if self.learning_rate != "auto":
            rate = float(self.learning_rate)
        elif course is None and rows_change:
            rate = stream_rate(OPTIMIZERS[name], problem.units.power)
        layout = problem.units.layout(problem.network.layout)
        way = partial(
            solver,
            name,
            rate,
            self.momentum,
            self.dropout > 0,
            layout.slices,
            scales=step_scales(problem.network, layout),
        )
        if course is None:
            return Training(way, stopping, constant)

        def watched(*settings: Any, **options: Any) -> Solve:
            return course.watched(way(*settings, **options))

        return Training(watched, stopping, constant)

    def _train(
        self,
        problems: Sequence[Problem],
        splits: Sequence[Any],
        trainings: Sequence[Training],
        validate: Validate | None,
        goes_on: bool,
        rng: np.random.RandomState,
        watcher: Watcher,
        is_stream: bool = False,
    ) -> list[Solution]:
        """Train every network of the committee."""
        members = []
        for number, split in enumerate(splits):
            view = _view(number, len(problems))
            problem, training = problems[view], trainings[view]
            trained, watched = problem.totals(split)
            sums = Losses(float(trained.sum()), float(watched.sum()))
            if not sums.trained:
                raise ValueError(
                    "Some rows must have a weight above zero; got none. Check "
                    "`sample_weight` and `class_weight`."
                )
            start = self._random_start(problem, trained, rng, is_stream)
            state, stage = None, 0
            if goes_on:
                start, state, stage = self._last_point(number, is_stream)
            alphas, finish = self._alphas(problem, trained, training, is_stream)
            stage = min(stage, len(alphas) - 1)
            members.append(
                Member(start, split, sums, state, alphas, stage, finish, view)
            )
        with (
            ExitStack() as stack,
            np.errstate(over="ignore", invalid="ignore"),  # `stopping` looks for them
        ):
            views = []
            for problem, training in zip(problems, trainings):
                while_it_lasts = problem.data(self.n_jobs, self.batch_size)
                data = stack.enter_context(while_it_lasts)
                views.append(View(problem.network, data, training))
            alpha = problems[0].alpha
            solutions = train_committee(views, members, alpha, validate, watcher)
        if any(solution.best is None for solution in solutions):
            raise _too_large("loss is", "at the starting weights", problems[0])
        return solutions

    def _alphas(
        self, problem: Problem, totals: Array, training: Training, is_stream: bool
    ) -> tuple[tuple[float, ...], float]:
        """The penalties to train with, and that of the last steps on all rows.

        As multiples of that of the problem.

        totals : of each class the weight that is trained on.
        """
        if self.alpha != "auto":
            return (1.0,), 1.0
        activation = problem.network.recipe
        rows = problem.rows_a_weight
        weight = rows * problem.weight_unit
        weight *= balanced_weight(totals) if totals.all() else float(totals.sum())
        power = problem.units.power
        if self.feature_scaling == "none":  # it says nothing of the features then
            power = float(problem.network.layout.sizes[0])
        if is_stream:
            return (in_stream(activation.alpha, weight, power) / rows,), 1.0
        one = without_validation(activation.alpha, weight, power) / rows
        if training.stopping.watched is training_loss:
            return (one,), one
        alphas = with_validation(activation.alphas, weight, power / activation.stretch)
        return tuple(alpha / rows for alpha in alphas), max(one, alphas[-1] / rows)

    def _random_start(
        self,
        problem: Problem,
        totals: Array,
        rng: np.random.RandomState,
        is_stream: bool,
    ) -> Callable[[], Array]:
        """Other random weights at each call; the logit of the class frequencies.

        With a small output layer only at the first: it can be too near to no network at
        all, which a strong penalty does not let it leave. Constant features have no
        weight, but in a stream: there they may vary later.
        """
        network, layout = problem.network, problem.network.layout
        logit = log(totals[1] / totals[0]) if totals.all() else 0.0
        is_auto = self.init == "auto"
        if is_auto:
            rules: Any = suited_rules(network)
        elif isinstance(self.init, str):
            rules = INITIALIZERS[self.init]
        else:
            rules = constant(float(self.init))
        last = network.activations[-1]
        scales = chain([last.output_scale if is_auto else 1.0], repeat(1.0))

        def start() -> Array:
            theta = initialize(layout, rules, rng, logit, next(scales))
            if is_auto:
                suited(theta, network, rng)
            return theta if is_stream else problem.units.start(theta, layout)

        return start

    def _last_point(
        self, number: int, is_stream: bool
    ) -> tuple[Callable[[], Array], Any, int]:
        """Where the last fit of a network ended, what its optimiser knew, the stage."""
        theta, state, *stage = self._resume[number]
        if self._way(is_stream) != self._fitted_way:
            state = None
        return lambda: theta, state, stage[0] if stage else 0

    def _solver(self, is_stream: bool) -> str:
        """The solver that `solver` means."""
        if self.solver != "auto":
            return self.solver
        return "rprop" if self.batch_size is None and not is_stream else "adam"

    def _way(self, is_stream: bool = False) -> tuple[str, bool]:
        """What kind of state the descent has."""
        return self._solver(is_stream), self.batch_size is None

    @property
    def _fitted_activation(self) -> str:
        """The name of the first hidden layer's activation, for a diagnosis."""
        first = next(iter(self.activations_), "identity")
        return type(first).__name__ if is_own(first) else first

    def _fitted_activations(self) -> tuple[Activation, ...]:
        """Return the activation of each hidden layer."""
        return tuple(map(activation_of, self.activations_))

    def _fitted_networks(self) -> list[Parameters]:
        """The parameters of each network of the committee."""
        if self.coefs_[0].ndim == 2:
            return [Parameters(self.coefs_, self.intercepts_)]
        networks: list[Parameters] = []
        for (W, *weights), biases in zip(zip(*self.coefs_), zip(*self.intercepts_)):
            reads_bins = _view(len(networks), 2)
            first = W if reads_bins else W[: self.n_features_in_]
            networks.append(Parameters([first, *weights], biases))
        return networks

    def _bins_for(self, parameters: Parameters) -> Bins | None:
        """Return the bins that a network reads beside the features, None for none."""
        if len(parameters.weights[0]) == self.n_features_in_:
            return None
        return bins_of(self.bin_edges_ or [])

    def _logits(self, X: Any, networks: Sequence[Parameters]) -> Array:
        """The mean of the networks' logits, finite for rows that are."""
        overflowed = np.zeros(X.shape[0], bool)
        with np.errstate(over="ignore", invalid="ignore"):
            z = self._logits_in_range(X, networks[0], overflowed)
            for parameters in networks[1:]:
                z += self._logits_in_range(X, parameters, overflowed)
            if len(networks) > 1:
                mark_overflow(z[np.newaxis], overflowed)
                z /= z.dtype.type(len(networks))
        if overflowed.any():
            activations = self._fitted_activations()
            rows, n = np.flatnonzero(overflowed), rows_at_once(networks[0])
            features = Features(X, z.dtype, n)
            for some in (rows[at : at + n] for at in range(0, len(rows), n)):
                of_these = features.some(some).X
                inputs = [self._input(of_these, network) for network in networks]
                z[some] = wide_logits(networks, activations, inputs, z.dtype)
        return z

    def _logits_in_range(
        self, X: Any, parameters: Parameters, overflowed: NDArray[np.bool_]
    ) -> Array:
        """The logits of one network.

        overflowed : is set, in place, for rows of which a number is not finite.
        """
        activations = self._fitted_activations()
        if X.shape[0] * sum(W.size for W in parameters.weights) < FEW:
            X = self._input(X, parameters)
            return few_logits(parameters, activations, X, overflowed)
        sizes = len(parameters.weights[0]), *map(len, parameters.biases)
        network = Network(Layout(sizes), activations)
        theta = network.layout.pack(parameters)
        size = block_rows(network, X.shape[0], theta.itemsize)
        features = Features(X, theta.dtype, size, bins=self._bins_for(parameters))
        work = training_work(network, X.shape[0], theta.itemsize) / 3  # forward only
        n = n_useful_threads(self.n_jobs, features, work)
        with one_blas_thread(), Threads(n) as threads:
            return logits(network, theta, features, threads, overflowed)

    def _input(self, X: Any, parameters: Parameters) -> Any:
        """Return the input of the first layer: X, or X with its bins in float64."""
        bins = self._bins_for(parameters)
        if bins is None:
            return X
        return bins.beside(X.toarray() if issparse(X) else X)

    def _keep(
        self,
        solutions: Sequence[Solution],
        problems: Sequence[Problem],
        goes_on: bool,
        ahead: int = 0,
    ) -> None:
        """Set the fitted attributes.

        ahead : steps that were taken since the last evaluation.
        """
        problem = problems[0]
        layout, dtype = problems[-1].network.layout, problem.dtype
        best = [solution.best for solution in solutions if solution.best is not None]
        self._stream = None
        thetas = np.empty((len(best), layout.n_parameters), dtype)
        for number, step in enumerate(best):
            view = problems[_view(number, len(problems))]
            theta = view.units.to_user(step.theta, view.network.layout)
            thetas[number] = view.network.layout.widened(theta, layout)
        self.classes_ = problem.classes
        self.bin_edges_ = _edges_of(problems)
        parameters = layout.views(thetas[0] if len(thetas) == 1 else thetas)
        self.coefs_, self.intercepts_ = map(list, parameters)
        history = together([solution.history for solution in solutions])
        if goes_on:
            history = joined(self.history_, history, common=1 - self._ahead)
        self.history_: History = history
        self._ahead: int = ahead
        losses = self.history_["loss"]
        mean_losses = losses if losses.ndim == 1 else mean(losses)
        self.loss_curve_ = mean_losses[1:].tolist()
        self.n_iter_ = len(self.loss_curve_) + ahead
        self.loss_ = float(np.mean([step.loss for step in best]))
        alphas = [solution.alpha for solution in solutions]
        of_each = np.array(alphas) * (1.0 if self.alpha == "auto" else self.alpha)
        self.alpha_ = float(of_each[0]) if len(of_each) == 1 else of_each
        self.best_loss_ = float(np.fmin.reduce(mean_losses))
        scores = -self.history_["validation_loss"]
        if self.scoring != "loss":
            scores = self.history_["validation_score"]
        self.validation_scores_ = None if np.isnan(scores).all() else scores
        self.n_layers_ = len(layout.sizes)
        self.out_activation_ = "logistic"
        reasons = {solution.stop_reason for solution in solutions}
        self.stop_reason_ = next(word for word in STOP_REASONS if word in reasons)
        self.n_starts_ = max(solution.n_starts for solution in solutions)
        n_hidden = len(layout.sizes) - 2
        self.activations_ = each_layer(self.activation, n_hidden)
        self._units = problem.units
        self._bin_units = problems[1].units if len(problems) > 1 else None
        self._fitted_way = self._way(is_stream=bool(ahead))
        # Training that had not come to its end goes on; else from the best point.
        self._resume = [
            (solution.theta, solution.state, solution.stage)
            if solution.stop_reason in ("max_iter", CALLBACK, INTERRUPTED)
            else (step.theta, None, solution.best_stage)
            for solution, step in zip(solutions, best)
        ]

    def _callbacks(self, X: Any, y: Any, sample_weight: Any) -> Callbacks | None:
        """What tells the callbacks of a fit, if there are any."""
        if self._is_trial or not has_callbacks(self):
            return None
        check_parameters(self._parameters())
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        return Callbacks(self, X, y, weights)

    @contextmanager
    def _watched(
        self, problems: Sequence[Problem], callbacks: Callbacks | None
    ) -> Iterator[Watcher]:
        """Who watches the training, from its begin to the fitted classifier."""
        progress = None
        if self.verbose:
            progress = Progress(self.n_networks, self.max_iter, self.verbose > 1)
        if callbacks is not None:
            callbacks.on_fit_begin(partial(self._attributes_at, problems))
        watchers = [w for w in (progress, callbacks) if w is not None]
        try:
            yield Watchers(watchers) if watchers else Watcher()
        finally:
            if progress is not None:
                progress.leave_line()
        if progress is not None:
            if self.n_starts_ > 1:
                say("Nothing was learnt from the first start; this is the second.")
            sentence = STOP_REASONS[self.stop_reason_]
            say(f"Stopped after {self.n_iter_} iterations: {sentence}.")
        if callbacks is not None:
            callbacks.on_fit_end()

    def _attributes_at(self, problems: Sequence[Problem], step: Step) -> dict[str, Any]:
        """The fitted attributes of one network that stands at a step."""
        problem = next(
            p
            for p in problems
            if p.units.layout(p.network.layout).n_parameters == len(step.theta)
        )
        layout = problem.network.layout
        theta = problem.units.to_user(step.theta, layout).astype(problem.dtype)
        coefs, intercepts = map(list, layout.views(theta))
        return {
            "classes_": problem.classes,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "n_iter_": step.iteration,
            "loss_": step.loss,
            "bin_edges_": _edges_of(problems),
            "n_layers_": len(layout.sizes),
            "out_activation_": "logistic",
            "activations_": each_layer(self.activation, len(layout.sizes) - 2),
        }


def _view(number: int, n_views: int) -> int:
    """Number of what a network of a committee reads: every other one reads bins."""
    return 0 if number % 2 else n_views - 1


def _edges_of(problems: Sequence[Problem]) -> list[Array] | None:
    """The edges of the bins that networks read; None if none do."""
    return problems[-1].bin_edges


# With n_bins="auto", the bins of each feature of a committee, and the most columns that
# they and the features make up. The edges are quantiles of so many different rows.
BINS, MOST_FEATURES = 8, 1000
ROWS_FOR_EDGES = 2**14

_ACCEPTED = {"accept_sparse": "csr", "dtype": "numeric"}

# Different rows that each class must have, in effect, for early_stopping="auto" to hold
# some out: on fewer the validation is worse than none, and there is little to overfit.
ROWS_TO_HOLD_OUT = 20


# Rows for each combination of the values of the features from which on
# early_stopping="auto" holds none out.
REPEATED = 4
# Of more, weights tell nothing: those of a survey may sum to a nation.
MOST_COMBINATIONS = 2.0**16


def _too_large(what: str, where: str, problem: Problem) -> ValueError:
    """Return the error that says which numbers overflowed."""
    least, greatest = problem.extremes()
    return ValueError(
        f"The {what} not finite {where}: values of X, from {least:g} to {greatest:g}, "
        "or of `init` are too large. Scale X, for example by "
        "sklearn.preprocessing.StandardScaler."
    )


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
