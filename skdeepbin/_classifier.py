"""The estimator: from what the user gives to a trained network, and back to labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import Parameter, signature
from typing import Any

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from skdeepbin._fit import (
    TrainingConfig,
    ValidationSet,
    attributes_of,
    identity_of,
    plan,
    validation_of,
    views,
)
from skdeepbin.checkpoint._session import opened
from skdeepbin.inputs._activations import hidden_activations
from skdeepbin.inputs._checked import (
    checked_features,
    training_rows,
    validation_rows,
)
from skdeepbin.inputs._dataset import Dataset, local_dataset
from skdeepbin.inputs._stream import next_call, scaling_of
from skdeepbin.inputs._validation import (
    InvalidParameterError,
    check_classes,
    check_parameters,
    check_same_problem,
    check_solver,
    hidden_sizes,
)
from skdeepbin.model._attributes import attributes_at
from skdeepbin.model._fitted import FittedModel, networks_of, standing_at
from skdeepbin.model._resume import ResumeState, parameters_digest
from skdeepbin.model._saving import loaded, saved
from skdeepbin.monitoring._callbacks import (
    CallbackSupportMixin,
    callbacks_of,
    with_callbacks,
)
from skdeepbin.monitoring._failure import warn_of_failure, warn_of_signs
from skdeepbin.monitoring._observers import observed
from skdeepbin.monitoring._progress import say
from skdeepbin.network._activations import activation_of
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout
from skdeepbin.reporting._notebook import summary
from skdeepbin.training._ensemble import train_ensemble
from skdeepbin.training._history import History
from skdeepbin.training._observer import Observer, is_quiet
from skdeepbin.training._session import RunResult, one_step_on
from skdeepbin.training._solvers import IN_STEPS
from skdeepbin.training._stopping import INTERRUPTED


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

    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "silu", "tanh"}, object or list, default="relu"
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

    init : {"auto", "he", "lecun", "orthogonal", "xavier"} or float, default="auto"
        The standard deviation of the normal distribution that the weights are drawn
        from: "he" is ``sqrt(2 / fan_in)`` [1]_, "lecun" is ``sqrt(1 / fan_in)`` [12]_,
        "xavier" is ``sqrt(2 / (fan_in + fan_out))`` [2]_, a float is itself, for scaled
        features. "orthogonal" [13]_ is as large as "lecun", with columns, or rows if
        these are fewer, that are at right angles.
        Biases start at zero, that of the output at the logit of the class frequencies.
        "auto" is for each layer "he", or "xavier" for identity, logistic, tanh and your
        own (for the output that of the last hidden layer), and what suits them beyond
        that: a tenth of it in the output layer (not in a second start, nor for
        logistic), random biases in the first layer, weights that are larger by a factor
        on either side of a layer (3 for logistic, 2 for elu, 1.6 for silu, 1.5 for
        gelu), and from 30 features on a first layer that is smaller by
        ``(30 / n_features)^2``.

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
        turn. Its loss is the mean of those that its mini-batches had, each before its
        step; the rows that validate are measured at its end. Which rows come together
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
        The number of networks, an ensemble whose logits are averaged. Each starts from
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
        1e-37, that the weights for them are beyond float32; else float64. There the
        rows are computed with in float32, in half the time, by "rprop", which takes
        nothing but signs from a gradient, and by "adam" on mini-batches: parameters,
        sums over rows, what is fitted and predicted stay float64. Not so where a
        feature is far from zero for its spread. "float64" computes all in float64. X is
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
        The penalised mean log loss of the fitted weights, on the rows of training; on
        all of them at once also with `batch_size`.

    bin_edges_ : list of ndarray or None
        Of each feature the edges of its bins, in float64, ascending; empty for one that
        has no bins. None where no network reads any.

    alpha_ : float or ndarray of shape (`n_networks`,)
        The `alpha` of the fitted weights, of an ensemble one for each network.

    best_loss_ : float
        The least that the loss was at any iteration.

    loss_curve_ : list of float
        The loss after each iteration; of an ensemble, the mean.

    history_ : dict of ndarray of shape (`n_iter_` + 1,)
        What was measured at the start and after each iteration: "loss",
        "penalty" (the part of the loss that is the penalty), "validation_loss" and
        "validation_score" (nan where there is none), "gradient_norm", "step_size" and
        "seconds" since the start; and, with one axis more for the layers,
        "gradient_norms" and "update_ratios": of each layer the norm of its gradient,
        and of the next step relative to the norm of its parameters, all for scaled
        features. With `batch_size`, loss, penalty and gradient are means over the
        mini-batches of the epoch that ends there; those at the start are of all rows.

    n_starts_ : int
        Starting points that it took: 2 where a network learnt nothing from the first
        and was started once more, from other weights.

    stop_reason_ : {"converged", "early_stopping", "callback", "max_iter", \
            "diverged", "interrupted"}
        Why training ended; of an ensemble, the worst.

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
    .. [12] LeCun, Bottou, Orr, Mueller (1998), Efficient BackProp,
       https://doi.org/10.1007/3-540-49430-8_2.
    .. [13] Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics
       of learning in deep linear neural networks, https://arxiv.org/abs/1312.6120.

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
            The features. `dtype` says in which precision they are computed with.

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
            any were found, and `stop_reason_` is "interrupted"; of an ensemble, with
            the networks that were begun.

        Warns
        -----
        LearningWarning
            If the loss was still falling at `max_iter`, became infinite, or stayed what
            it is for the frequencies of the classes alone, from a second start too. It
            says why, as :func:`skdeepbin.diagnosis.diagnose` does, and
            what to set; it is a ConvergenceWarning of scikit-learn.
        """
        callbacks = callbacks_of(self, X, y, sample_weight)
        with _unchanged_on_error(self):
            resumed = self._where_it_stands() if self.warm_start else None
            dataset = self._dataset(X, y, sample_weight, resumed)
            val = X_val, y_val, sample_weight_val
            given = validation_rows(self, *val, dataset.classes)
            config = TrainingConfig.from_params(self._parameters())
            with opened(
                self.checkpoint,
                self.checkpoint_interval,
                identity_of(self, dataset, given, resumed),
                check_random_state(self.random_state),
            ) as (session, random):
                seed = _split_seed(random, resumed)
                edges = getattr(self, "bin_edges_", None)
                is_split = config.splits(given)
                datasets = views(config, dataset, is_split, seed, resumed, edges)
                points = None if resumed is None else resumed.at(config.way)
                validation = validation_of(self, given)
                at = partial(
                    attributes_at, datasets=datasets, activation=self.activation
                )
                with (
                    observed(self, callbacks, at) as observer,
                    plan(
                        config, datasets, validation, random, points, observer, session
                    ) as (networks, baseline),
                ):
                    runs = train_ensemble(networks, observer)
                    _check_finite(runs, dataset)
                    found = attributes_of(self, config, runs, datasets, seed, resumed)
                    self.__dict__.update(found)
                if self.stop_reason_ != INTERRUPTED:
                    session.finish()
            if not (self.stop_reason_ == INTERRUPTED or is_quiet()):
                warn_of_failure(
                    self._alone(), runs, dataset, baseline, self._stacklevel
                )
        if self.stop_reason_ == INTERRUPTED:
            raise KeyboardInterrupt(
                "The best weights so far are kept in the classifier."
            )
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one gradient step on the rows of X, from where the last one ended.

        Nothing is held out. Features are scaled by all rows so far, or as in a `fit`
        that came before, whose bins networks read then too; else they read none. The
        first call may be one row. What was measured, `loss_` too, is of the weights
        before the step, on all rows of the call. With `batch_size` the step is an
        epoch. Without early stopping and bins, and where `solver` and `alpha` are not
        "auto", k calls with the same rows take the first k iterations of `fit`.

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
        with _unchanged_on_error(self):
            resumed = self._where_it_stands()
            classes = check_classes(classes, getattr(self, "classes_", None))
            if self.solver == "lbfgs":
                raise InvalidParameterError(
                    "`partial_fit` takes single gradient steps, and solver='lbfgs' has "
                    f"none. Set `solver` to one of {', '.join(map(repr, IN_STEPS))}."
                )
            dataset = self._dataset(X, y, sample_weight, resumed, classes)
            config = TrainingConfig.from_params(self._parameters(), is_stream=True)
            last = None if resumed is None else resumed.stream
            stream = next_call(dataset, last, resumed is not None)
            scaling = scaling_of(stream, dataset, config.feature_scaling)
            dataset = dataset.with_scaling(scaling)
            random = check_random_state(self.random_state)
            seed = _split_seed(random, resumed)
            edges = self.bin_edges_ if resumed is not None else None
            no_bins = replace(config, n_bins=0)
            datasets = views(no_bins, dataset, False, seed, resumed, edges)
            points = None if resumed is None else resumed.at(config.way)
            nothing = ValidationSet(None, None)
            with plan(
                config, datasets, nothing, random, points, stream_changes=stream.changes
            ) as (networks, _):
                runs = train_ensemble(networks, Observer())
            _check_finite(runs, dataset)
            runs = [one_step_on(run) for run in runs]
            if not all(np.isfinite(run.theta).all() for run in runs):
                raise _too_large("weights are", "after the step", dataset)
            found = attributes_of(
                self, config, runs, datasets, seed, resumed, 1, stream
            )
            self.__dict__.update(found)
        signs = config.solver_name == "rprop" and stream.changes
        if signs and not (last and last.changes):
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
        model = self.model_
        X = checked_features(self, X)
        return model.logits(X, self.n_jobs)

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

    def _dataset(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        resumed: ResumeState | None,
        classes: np.ndarray | None = None,
    ) -> Dataset:
        """Return the training data, checked.

        resumed : where an earlier training stands, if it is gone on with.
        classes : both, where `y` may hold only one of them.
        """
        check_parameters(self._parameters())
        check_solver(self.solver, self.batch_size, self.dropout)
        rows = training_rows(self, X, y, sample_weight, resumed is None, classes)
        network = self._network(rows.X.shape[1])
        if resumed is not None:
            sizes = network.layout.sizes
            check_same_problem(self, rows.classes, sizes, self.n_networks)
        return local_dataset(
            *rows,
            network,
            self.dtype,
            self.feature_scaling,
            None if resumed is None else resumed.scaling,
            TrainingConfig.from_params(self._parameters()).in_float32,
        )

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

    def _where_it_stands(self) -> ResumeState | None:
        """Return where the training stands; None before the first fit.

        If the fitted parameters were replaced or changed, it stands at these.
        """
        if not hasattr(self, "coefs_"):
            return None
        found = parameters_digest([*self.coefs_, *self.intercepts_])
        state: ResumeState | None = getattr(self, "_resume", None)
        if state is not None and state.digest == found:
            return state
        return standing_at(self.model_, state, found)

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    classes_: np.ndarray
    bin_edges_: list[np.ndarray] | None
    history_: History
    n_iter_: int
    loss_: float
    stop_reason_: str
    activations_: list[Any]
    _resume: ResumeState

    @property
    def model_(self) -> FittedModel:
        """The fitted model: what predictions, exports and pictures read."""
        check_is_fitted(self)
        return FittedModel(
            self.classes_,
            self.n_features_in_,
            tuple(map(activation_of, self.activations_)),
            networks_of(self.coefs_, self.intercepts_, self.n_features_in_),
            self.bin_edges_,
            getattr(self, "_resume", None),
        )


def _split_seed(random: np.random.RandomState, resumed: ResumeState | None) -> int:
    """Draw, as the first number, the seed that decides which rows validate."""
    seed = int(random.randint(2**31))
    return seed if resumed is None else resumed.split_seed


def _check_finite(results: Sequence[RunResult], dataset: Dataset) -> None:
    """Raise a ValueError if a loss was not finite even at the start."""
    if any(result.best is None for result in results):
        raise _too_large("loss is", "at the starting weights", dataset)


def _too_large(what: str, where: str, dataset: Dataset) -> ValueError:
    """Return the error that says which numbers overflowed."""
    least, greatest = dataset.extremes()
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
