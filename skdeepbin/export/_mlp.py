"""Networks to and from scikit-learn's MLPClassifier.

Both compute the same function of the same weights; what differs is training. Hence the
weights are carried over as they are, and the parameters that both have.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin.export._networks import (
    check_fitted,
    exportable,
    one_network,
    reads_bins,
)
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._parameters import Layout, Parameters
from skdeepbin.training._history import BY_LAYER, COLUMNS, History
from skdeepbin.training._solvers import SOLVERS

# Parameters of the same name and meaning.
SHARED = ("max_iter", "random_state", "tol", "verbose", "warm_start")
# What its batch_size="auto" is, on more rows than that.
MLP_BATCH = 200


def to_mlp(clf: DeepBinaryClassifier) -> MLPClassifier:
    """The network of a fitted classifier as scikit-learn's MLPClassifier.

    It gives the same labels and probabilities, for whatever reads an
    :class:`~sklearn.neural_network.MLPClassifier`, and all its methods work.

    The parameters that both have are carried over: `activation`, `alpha`, `max_iter`,
    `random_state`, `tol`, `verbose`, `warm_start`, `n_iter_no_change`,
    `validation_fraction`, `momentum`, `early_stopping` ("auto" becomes False), and
    where they are numbers `batch_size` and `learning_rate`, as `learning_rate_init`.
    The solvers "gd", "momentum" and "nesterov" become "sgd", and "rprop", which
    MLPClassifier does not have, "adam". The others are dropped.

    Parameters
    ----------
    clf : DeepBinaryClassifier
        Fitted. An ensemble becomes one network with the mean of the logits, in which
        the networks lie side by side::

            W_1 = [W_1^1 .. W_1^k],  W_l = diag(W_l^1 .. W_l^k),  W_L = [W_L^1; ..] / k

        Bins that networks read are two hidden layers more in front, of relu.

    Returns
    -------
    mlp : MLPClassifier
        Fitted. `coefs_` and `intercepts_` are copies, in the units of X. `t_`, which is
        not known, is 0.

    Raises
    ------
    TypeError
        If `clf` is something else; of a pipeline, give the last step.
    NotFittedError
        If `clf` is not fitted.
    ValueError
        If hidden layers differ in their activation, or have one that MLPClassifier has
        not, or networks read bins and have hidden layers of another than relu.

    See Also
    --------
    from_mlp : The way back.

    Notes
    -----
    Training that goes on with `partial_fit` or a warm start is MLPClassifier's, which
    does not scale features: X should be scaled, and `alpha` is a penalty on the weights
    as they are, divided by the rows of a mini-batch, not by all. It often has to be
    lower.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.export import to_mlp
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> clf = DeepBinaryClassifier(8, n_networks=3, n_bins=0, random_state=0).fit(X, y)
    >>> mlp = to_mlp(clf)
    >>> mlp.hidden_layer_sizes
    (24, 24)
    >>> float(abs(mlp.predict_proba(X) - clf.predict_proba(X)).max()) < 1e-12
    True
    """
    check_fitted(clf, DeepBinaryClassifier, "clf")
    activation = _one_activation(clf)
    parameters = one_network(clf)
    hidden = tuple(len(b) for b in parameters.biases[:-1])
    mlp = MLPClassifier(hidden, activation, **_for_mlp(clf))
    mlp._label_binarizer = LabelBinarizer().fit(clf.classes_)
    mlp.classes_ = mlp._label_binarizer.classes_
    mlp.n_features_in_ = clf.n_features_in_
    if hasattr(clf, "feature_names_in_"):
        mlp.feature_names_in_ = clf.feature_names_in_.copy()
    mlp.coefs_, mlp.intercepts_ = map(list, parameters)
    mlp.n_layers_ = len(parameters.weights) + 1
    mlp.n_outputs_ = 1
    mlp.out_activation_ = "logistic"
    mlp.n_iter_ = clf.n_iter_
    mlp.t_ = 0
    mlp.loss_ = clf.loss_
    mlp.loss_curve_ = list(clf.loss_curve_)
    # What a warm start asks for. It scores by accuracy, which `clf` need not have done.
    mlp._no_improvement_count = 0
    mlp._best_coefs = [W.copy() for W in mlp.coefs_]
    mlp._best_intercepts = [b.copy() for b in mlp.intercepts_]
    early = mlp.early_stopping
    mlp.best_loss_ = None if early else clf.best_loss_
    mlp.validation_scores_ = [] if early else None
    mlp.best_validation_score_ = -inf if early else None
    return mlp


def _one_activation(clf: DeepBinaryClassifier) -> str:
    """The activation of all hidden layers, as MLPClassifier names it."""
    names = {str(row.mlp) for row in exportable(clf, "mlp", "MLPClassifier")}
    why, hint = "which has one for all", "Fit it with one."
    if reads_bins(clf) and names | {"relu"} != {"relu"}:
        names |= {"relu"}
        why += ": the networks read bins of the features, and these are layers of relu"
        hint = "Fit it with `n_bins=0`, or with relu."
    if len(names) > 1:
        raise ValueError(
            "`clf` must have the same activation in all hidden layers to become an "
            f"MLPClassifier, {why}; got {', '.join(clf.activations_)}. {hint}"
        )
    return min(names, default="relu")


def _for_mlp(clf: DeepBinaryClassifier) -> dict[str, Any]:
    """The parameters of an MLPClassifier that mean about the same."""
    parameters = {name: getattr(clf, name) for name in SHARED}
    parameters["alpha"] = float(np.mean(clf.alpha_))
    parameters["solver"] = SOLVERS[
        "adam" if clf.solver == "auto" else clf.solver
    ].in_mlp
    parameters["n_iter_no_change"] = clf.n_iter_no_change
    parameters["validation_fraction"] = clf.validation_fraction
    parameters["early_stopping"] = clf.early_stopping not in ("auto", False)
    parameters["momentum"] = 0.0 if clf.solver == "gd" else clf.momentum
    parameters["nesterovs_momentum"] = clf.solver != "momentum"
    if clf.learning_rate != "auto":
        parameters["learning_rate_init"] = float(clf.learning_rate)
    if clf.batch_size not in (None, MLP_BATCH):  # which are "auto"
        parameters["batch_size"] = clf.batch_size
    return parameters


def from_mlp(mlp: MLPClassifier) -> DeepBinaryClassifier:
    """The network of scikit-learn's MLPClassifier as a DeepBinaryClassifier.

    It gives the same labels and probabilities, and goes on from there: by
    ``partial_fit``, by a warm start, or with :func:`skdeepbin.diagnosis.diagnose`.

    The parameters that both have are carried over, `learning_rate_init` as
    `learning_rate`. The solver "sgd" becomes "nesterov", "momentum" or, without
    momentum, "gd". ``batch_size="auto"`` is 200, and None, which is all rows, for
    "lbfgs". With `early_stopping`, `scoring` is "accuracy". `init` is "xavier". What
    has no counterpart is dropped: the schedule of the learning rate, `shuffle`,
    `power_t`, `beta_1`, `beta_2`, `epsilon` and `max_fun`.

    Parameters
    ----------
    mlp : MLPClassifier
        Fitted, for two classes.

    Returns
    -------
    clf : DeepBinaryClassifier
        Fitted. In `history_` is what MLPClassifier records, the loss and the score of
        validation; the rest is nan and `seconds` are 0. `n_iter_` counts all of
        `loss_curve_`. `coefs_` and `intercepts_` are copies.

    Raises
    ------
    TypeError
        If `mlp` is something else; of a pipeline, give the last step.
    NotFittedError
        If `mlp` is not fitted.
    ValueError
        If `mlp` is for one class, for more than two or for several labels.

    See Also
    --------
    to_mlp : The way back.

    Notes
    -----
    Training that goes on does so in the units of X, as MLPClassifier's does, with an
    optimiser that starts anew. A fit without a warm start has units of its own.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skdeepbin.export import from_mlp
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> mlp = MLPClassifier(8, solver="lbfgs", random_state=0).fit(X, y)
    >>> clf = from_mlp(mlp)
    >>> float(abs(clf.predict_proba(X) - mlp.predict_proba(X)).max()) < 1e-12
    True
    """
    check_fitted(mlp, MLPClassifier, "mlp")
    _check_binary(mlp)
    layout = Layout((mlp.n_features_in_, *(b.size for b in mlp.intercepts_)))
    theta = layout.pack(Parameters(mlp.coefs_, mlp.intercepts_))
    clf = DeepBinaryClassifier(layout.sizes[1:-1], **_for_ours(mlp))
    clf.classes_ = mlp.classes_.copy()
    clf.n_features_in_ = mlp.n_features_in_
    if hasattr(mlp, "feature_names_in_"):
        clf.feature_names_in_ = mlp.feature_names_in_.copy()
    clf.coefs_, clf.intercepts_ = map(list, layout.views(theta))
    clf.history_ = _history(mlp, n_layers=len(mlp.coefs_))
    clf.loss_curve_ = clf.history_["loss"][1:].tolist()
    clf.n_iter_ = len(clf.loss_curve_)
    clf.loss_ = float(mlp.loss_)
    clf.best_loss_ = float(np.fmin.reduce(clf.history_["loss"]))
    scores = clf.history_["validation_score"]
    clf.validation_scores_ = None if np.isnan(scores).all() else scores
    clf.n_layers_ = len(layout.sizes)
    clf.n_starts_ = 1
    clf.out_activation_ = "logistic"
    clf.stop_reason_ = _stop_reason(mlp)
    clf.activations_ = [clf.activation] * len(layout.sizes[1:-1])
    clf.bin_edges_ = None
    clf.alpha_ = float(mlp.alpha)
    return clf


def _check_binary(mlp: MLPClassifier) -> None:
    """Raise a ValueError unless there is one logit for two classes."""
    n_classes = len(mlp.classes_)
    if mlp.out_activation_ == "logistic" and mlp.n_outputs_ == 1 and n_classes == 2:
        return
    what = f"{n_classes} classes"
    if mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1:
        what = f"{mlp.n_outputs_} labels at once"
    raise ValueError(
        f"`mlp` must be an MLPClassifier for two classes; this one is for {what}. Fit "
        "one on a target of two classes, or one for each class by "
        "sklearn.multiclass.OneVsRestClassifier, and give one of its `estimators_`."
    )


def _for_ours(mlp: MLPClassifier) -> dict[str, Any]:
    """The parameters of a DeepBinaryClassifier that mean about the same."""
    parameters = {name: getattr(mlp, name) for name in SHARED}
    names = {row.mlp: row.name for row in ACTIVATIONS.values()}
    parameters["activation"], solver = names[mlp.activation], mlp.solver
    parameters["alpha"] = mlp.alpha
    if solver == "sgd":
        solver = "nesterov" if mlp.nesterovs_momentum else "momentum"
        solver = solver if mlp.momentum else "gd"
    parameters["solver"], parameters["init"] = solver, "xavier"
    if solver != "lbfgs":
        auto = mlp.batch_size == "auto"
        parameters["batch_size"] = MLP_BATCH if auto else mlp.batch_size
        parameters["learning_rate"] = mlp.learning_rate_init
    if solver != "lbfgs" and mlp.early_stopping:
        parameters["scoring"] = "accuracy"
    # "lbfgs" ignores it there.
    parameters["early_stopping"] = bool(mlp.early_stopping and solver != "lbfgs")
    # Values that only MLPClassifier allows are left at the defaults.
    if mlp.momentum < 1:
        parameters["momentum"] = mlp.momentum
    if mlp.validation_fraction > 0:
        parameters["validation_fraction"] = mlp.validation_fraction
    patience = min(mlp.n_iter_no_change, mlp.max_iter)  # infinity, in effect
    parameters["n_iter_no_change"] = int(patience)
    return parameters


def _history(mlp: MLPClassifier, n_layers: int) -> History:
    """Return what it recorded; of "lbfgs" that is the last loss alone."""
    losses = [nan] * (mlp.n_iter_ - 1) + [mlp.loss_]
    if mlp.solver != "lbfgs":
        losses = mlp.loss_curve_
    n = len(losses) + 1
    history = {name: np.full(n, nan) for name in COLUMNS}
    history |= {name: np.full((n, n_layers), nan) for name in BY_LAYER}
    history["loss"][1:] = losses
    history["seconds"][:] = 0
    scores = getattr(mlp, "validation_scores_", None) or []
    history["validation_score"][n - len(scores) :] = scores
    return history


def _stop_reason(mlp: MLPClassifier) -> str:
    """Why its training ended, by its counts; that by `partial_fit` is never at an end.

    A `fit` counts all iterations of the loss curve, and one that ended before
    `max_iter` made more than one.
    """
    if mlp.n_iter_ >= mlp.max_iter:
        return "max_iter"
    if mlp.solver == "lbfgs":
        return "converged"
    counts = len(mlp.loss_curve_)
    if not mlp.warm_start and (mlp.n_iter_ == 1 or mlp.n_iter_ != counts):
        return "max_iter"
    return "early_stopping" if mlp.early_stopping else "converged"
