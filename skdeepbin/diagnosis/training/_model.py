"""Diagnosed model: one fitted network, whichever estimator it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neural_network import MLPClassifier

from skdeepbin.diagnosis._activations import traits_of
from skdeepbin.diagnosis._fitted import (
    fitted_activation,
    fitted_alpha,
    fitted_networks,
    fitted_solver,
)
from skdeepbin.engine._bins import Bins
from skdeepbin.network._activations import activation_of
from skdeepbin.network._initializers import INITIALIZERS, xavier
from skdeepbin.network._parameters import Array
from skdeepbin.training._solvers import IN_STEPS, SOLVERS

EXPECTED = (
    "a fitted DeepBinaryClassifier, a fitted MLPClassifier of scikit-learn for two "
    "classes, or a fitted pipeline that ends in one"
)

# What MLPClassifier's own defaults are, by solver: steps and penalty.
MLP_RATES = {"sgd": 0.001, "adam": 0.001}
# Rates that are rarely too high, whichever the table.
RARELY_TOO_HIGH = {
    "gd": 3.0,
    "momentum": 1.0,
    "nesterov": 1.0,
    "sgd": 0.3,
    "adam": 0.03,
    "rprop": 0.05,
}
MLP_ALPHA = 1e-4
# Parameters of a network that learns most tables: those of MLPClassifier, whose default
# is slow, and the names of ours, which are the defaults.
MLP_SETTINGS: Mapping[str, Any] = {
    "hidden_layer_sizes": (50, 50),
    "activation": "relu",
    "solver": "adam",
    "learning_rate_init": 0.01,
    "alpha": MLP_ALPHA,
}
SETTINGS = (
    "hidden_layer_sizes",
    "activation",
    "depth",
    "init",
    "solver",
    "learning_rate",
    "alpha",
    "dropout",
    "batch_size",
)
# What is said of training that went step by step.
PARTIAL = "partial_fit"
# The learning rate of "gd" and of plain steps that suits most networks in units of the
# features' spread; where a line search is the default, there is none to compare with.
PLAIN_RATE = 0.3


@dataclass(frozen=True)
class DiagnosedModel:
    """One network of a fitted estimator, and how it was trained.

    scales_itself : whether training is in units of the features' spread.
    loss, validation : what was recorded at each iteration; the second may be empty.
    gradient_norms, update_ratios : the same for each layer; None if not recorded.
    ended_at_max_iter : whether more iterations were not allowed.
    number, n_networks : which network of an ensemble it is, from 1.
    n_left_out : of how many features it has lost the weights.
    bins : that it reads beside the features; None for none.
    """

    estimator: Any
    parameters: Mapping[str, Any]
    weights: list[Array]
    biases: list[Array]
    classes: np.ndarray
    activation: str
    scales_itself: bool
    loss: Array
    validation: Array
    gradient_norms: Array | None
    update_ratios: Array | None
    ended_at_max_iter: bool
    stop_reason: str
    number: int = 1
    n_networks: int = 1
    prefix: tuple[Any, ...] = field(default=())
    n_left_out: int = 0
    bins: Bins | None = None

    @property
    def rate_name(self) -> str:
        """The parameter that is the learning rate."""
        return "learning_rate" if self.scales_itself else "learning_rate_init"

    @property
    def usual_rate(self) -> float | None:
        """The learning rate that suits the solver; None if it has none."""
        solver = self.parameters["solver"]
        if not self.scales_itself:
            return MLP_RATES.get(solver)
        if solver not in IN_STEPS:
            return None
        return SOLVERS[solver].rate or PLAIN_RATE

    @property
    def rate(self) -> float | None:
        """The learning rate that was used; None where it was found by itself."""
        value = self.parameters[self.rate_name]
        if self.usual_rate is None:
            return None
        if isinstance(value, str):
            return SOLVERS[self.parameters["solver"]].rate
        return float(value)

    @property
    def is_fast(self) -> bool:
        """True if the learning rate is too high for most tables."""
        most = RARELY_TOO_HIGH.get(self.parameters["solver"], np.inf)
        return self.rate is not None and self.rate > most

    @property
    def usual_alpha(self) -> float:
        """The penalty that suits many rows."""
        if not self.scales_itself:
            return MLP_ALPHA
        return activation_of(self.activation).alpha

    @property
    def usual_settings(self) -> Mapping[str, Any]:
        """The parameters of a network that learns most tables."""
        if not self.scales_itself:
            return MLP_SETTINGS
        default = type(self.estimator)()
        return {name: getattr(default, name) for name in SETTINGS}

    @property
    def init(self) -> float | None:
        """The standard deviation of the starting weights where that was a number."""
        value = self.parameters.get("init", "auto")
        return None if isinstance(value, str) else float(value)

    def usual_start(self, fan_in: int, fan_out: int) -> float:
        """Return the standard deviation of the weights of a layer in a usual start."""
        if self.scales_itself:
            return INITIALIZERS[activation_of(self.activation).init](fan_in, fan_out)
        return traits_of(self.activation).mlp_start * xavier(fan_in, fan_out)

    def start(self, fan_in: int, fan_out: int) -> float:
        """Return the standard deviation of the weights of a layer in its start."""
        rule = self.parameters.get("init", "auto")
        if rule in INITIALIZERS:
            return INITIALIZERS[rule](fan_in, fan_out)
        if self.init is not None:
            return self.init
        return self.usual_start(fan_in, fan_out)

    def input(self, X: Array) -> Array:
        """Return the columns that its first layer reads, of dense rows."""
        return X if self.bins is None else self.bins.beside(X)

    @property
    def n_inputs(self) -> int:
        """The columns that its first layer reads."""
        return len(self.weights[0]) + self.n_left_out

    @property
    def n_features(self) -> int:
        """The features that it was fitted on."""
        return self.n_inputs - (0 if self.bins is None else self.bins.n)

    @property
    def n_parameters(self) -> int:
        """The weights and biases that it was fitted with."""
        sizes = self.n_inputs, *self.hidden, 1
        return sum((a + 1) * b for a, b in pairwise(sizes))

    @property
    def hidden(self) -> tuple[int, ...]:
        """The width of each hidden layer."""
        return tuple(W.shape[1] for W in self.weights[:-1])

    @property
    def n_iter(self) -> int:
        """Iterations that were made; MLPClassifier counts those of its last call."""
        known = 1 if self.scales_itself else len(self.loss)
        return max(int(self.estimator.n_iter_), known)

    @property
    def is_step_by_step(self) -> bool:
        """True if it was trained by `partial_fit`."""
        return self.stop_reason == PARTIAL

    @property
    def against_overfitting(self) -> tuple[dict[str, Any], str]:
        """The change for the least loss on rows not seen, and its effect in words."""
        if not self.scales_itself and self.parameters["solver"] == "lbfgs":
            alpha = max(1.0, 10 * self.parameters["alpha"])
            return {"alpha": alpha}, "which holds the weights down"
        return {"early_stopping": True}, "which keeps the weights of the least"

    @property
    def validated(self) -> bool:
        """True if held-out rows decided when to stop."""
        if self.scales_itself:
            return self.stop_reason == "early_stopping" or (
                bool(self.parameters["early_stopping"]) and self.validation.size > 0
            )
        return bool(self.parameters["early_stopping"])

    def step_ratio(self, gradient_norm: float) -> float:
        """Return the length of a step over that of the weights, as they are now."""
        if self.update_ratios is not None:
            steps = self.update_ratios[1:].max(axis=1)
            steps = steps[np.isfinite(steps)]
            if steps.size:
                return float(np.median(steps))
        if self.rate is None:
            return np.nan
        sizes = sum(W.size for W in self.weights)
        norm = sqrt(sum(float(np.sum(W**2)) for W in self.weights)) + 1e-300
        if self.parameters["solver"] in ("adam", "rprop"):
            return self.rate * sqrt(sizes) / norm
        sums = 1 / (1 - self.parameters.get("momentum", 0.0))
        if self.parameters["solver"] == "gd":
            sums = 1.0
        return self.rate * sums * gradient_norm / norm


def restricted_to(model: DiagnosedModel, features: NDArray[np.intp]) -> DiagnosedModel:
    """Return the network without the weights of other features."""
    first, *others = model.weights
    n_left_out = len(first) - len(features)
    return replace(model, weights=[first[features], *others], n_left_out=n_left_out)


def diagnosed_models(clf: Any, name: str = "clf") -> list[DiagnosedModel]:
    """Return each network of a fitted estimator, or raise an error.

    name : what the user calls it.
    """
    steps, clf = unpacked(clf)
    ours = _is_ours(clf)
    if isinstance(clf, BaseSearchCV):
        raise NotFittedError(
            f"`{name}` must be {EXPECTED}; this {type(clf).__name__} has no best "
            "estimator yet. Call `fit` first, with `refit` on."
        )
    if not ours and not isinstance(clf, MLPClassifier):
        kind = (
            f"the class {clf.__name__}" if isinstance(clf, type) else type(clf).__name__
        )
        raise TypeError(f"`{name}` must be {EXPECTED}; got {kind}.")
    if not hasattr(clf, "coefs_"):
        raise NotFittedError(
            f"`{name}` must be {EXPECTED}; this {type(clf).__name__} is not fitted "
            "yet. Call `fit` first."
        )
    return _of_ours(clf, steps) if ours else [_of_mlp(clf, steps, name)]


def unpacked(clf: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the transformers and the estimator at the end of a pipeline.

    Of a search it is the best estimator.
    """
    prefix: tuple[Any, ...] = ()
    while not isinstance(clf, type):
        if hasattr(clf, "steps") and hasattr(clf, "named_steps"):
            prefix += (clf[:-1],) if len(clf.steps) > 1 else ()
            clf = clf.steps[-1][1]
        elif hasattr(clf, "best_estimator_"):
            clf = clf.best_estimator_
        else:
            break
    return prefix, clf


def _is_ours(clf: Any) -> bool:
    wanted = {"init", "solver", "activation", "hidden_layer_sizes", "n_networks"}
    if isinstance(clf, type):
        return False
    return hasattr(clf, "get_params") and wanted <= set(clf.get_params(deep=False))


def _of_ours(clf: Any, steps: tuple[Any, ...]) -> list[DiagnosedModel]:
    """Return the networks of a DeepBinaryClassifier."""
    networks = fitted_networks(clf)
    single, k = clf.coefs_[0].ndim == 2, len(networks)

    def column(name: str, number: int) -> Array | None:
        values = clf.history_.get(name)
        if values is None:
            return None
        values = np.asarray(values if single else values[number], dtype=float)
        known = np.isfinite(values) if values.ndim == 1 else slice(None)
        return values if name == "loss" else values[known]

    found = []
    for number, ((weights, biases), bins) in enumerate(networks):
        loss, validation = column("loss", number), column("validation_loss", number)
        assert loss is not None
        assert validation is not None
        found.append(
            DiagnosedModel(
                clf,
                _parameters_of_ours(clf, number, bins),
                [np.asarray(W, float) for W in weights],
                [np.asarray(b, float) for b in biases],
                clf.classes_,
                fitted_activation(clf),
                True,
                loss,
                validation,
                column("gradient_norms", number),
                column("update_ratios", number),
                clf.stop_reason_ in ("max_iter", "interrupted", "callback"),
                _reason_of_ours(clf),
                number + 1,
                k,
                steps,
                bins=bins,
            )
        )
    return found


def _parameters_of_ours(clf: Any, number: int, bins: Bins | None) -> dict[str, Any]:
    """Return the parameters, with what "auto" came to."""
    parameters: dict[str, Any] = clf.get_params(deep=False)
    parameters["n_bins"] = 0 if bins is None else max(bins.most, 2)
    if parameters["solver"] == "auto":
        parameters["solver"] = fitted_solver(clf)
    if parameters["alpha"] == "auto":
        parameters["alpha"] = fitted_alpha(clf, number)
    return parameters


def _reason_of_ours(clf: Any) -> str:
    cut_short = clf.stop_reason_ == "max_iter" and clf.n_iter_ < clf.max_iter
    return PARTIAL if cut_short else str(clf.stop_reason_)


def _of_mlp(clf: MLPClassifier, steps: tuple[Any, ...], name: str) -> DiagnosedModel:
    """Return the network of scikit-learn's MLPClassifier, if it has one logit."""
    n_outputs = clf.coefs_[-1].shape[1]
    binary = np.ndim(clf.classes_) == 1 and len(clf.classes_) == 2
    if clf.out_activation_ != "logistic" or n_outputs != 1 or not binary:
        raise ValueError(
            f"`{name}` must be an MLPClassifier for two classes; this one has "
            f"{n_outputs} outputs for {len(clf.classes_)} classes. Fit one on a "
            "target of two classes, or wrap it in "
            "sklearn.multiclass.OneVsRestClassifier and diagnose its `estimators_`."
        )
    parameters = clf.get_params(deep=False)
    loss = np.array(getattr(clf, "loss_curve_", [clf.loss_]), dtype=float)
    reason = _reason_of_mlp(clf, parameters, len(loss))
    return DiagnosedModel(
        clf,
        parameters,
        [np.asarray(W, float) for W in clf.coefs_],
        [np.asarray(b, float) for b in clf.intercepts_],
        clf.classes_,
        parameters["activation"],
        False,
        loss,
        np.empty(0),
        None,
        None,
        reason != "converged",
        reason,
        prefix=steps,
    )


def _reason_of_mlp(
    clf: MLPClassifier, parameters: Mapping[str, Any], n_losses: int
) -> str:
    """Return why its training ended; it tells by its counts alone."""
    if clf.n_iter_ >= parameters["max_iter"]:
        return "max_iter"
    if parameters["solver"] == "lbfgs" or parameters["warm_start"]:
        return "converged"
    # no plateau is told after one iteration, and a `fit` counts them all
    by_steps = clf.n_iter_ == 1 or clf.n_iter_ != n_losses
    return PARTIAL if by_steps else "converged"
