"""Evidence: measurements, made once, of a network and a sample of its rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import xlogy
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import validate_data

from skdeepbin.diagnosis.training._baselines import Baselines, baselines
from skdeepbin.diagnosis.training._budget import Budget, work_of_pass
from skdeepbin.diagnosis.training._columns import Columns, columns
from skdeepbin.diagnosis.training._layers import Layers, measure
from skdeepbin.diagnosis.training._model import (
    DiagnosedModel,
    diagnosed_models,
    restricted_to,
)
from skdeepbin.engine._scaling import FeatureScaling, scaling_of
from skdeepbin.inputs._validation import check_columns, check_features, check_not_masked
from skdeepbin.inputs._weights import (
    check_both_classes_weigh,
    check_weights,
    class_totals,
)
from skdeepbin.network._activations import activation_of
from skdeepbin.network._initializers import initialize
from skdeepbin.network._loss import log_loss
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Array, Layout, Parameters
from skdeepbin.training._penalty import auto_penalty

# Rows and entries of X that are looked at, and rows even where there are many features.
ROWS, ENTRIES, FEWEST = 2000, 10**6, 200
# Units of work for each entry of the sample: to copy it, to measure layers and features
# by it; and of the simple models, for each entry, for each pair of rows in each of the
# features, and for all of them. As measured for training/_budget.py.
COPY, LAYERS, COLUMNS = 10.0, 50.0, 200.0
MODEL, NEIGHBOUR, MODELS = 100.0, 1 / 8, 7e7


class Penalty(NamedTuple):
    """Penalty that suits the rows.

    auto : the strongest that `alpha="auto"` is.
    weight : of all rows together, in the user's unit.
    n_weights : how many rows have a weight above zero.
    """

    auto: float
    weight: float
    n_weights: int


@dataclass(frozen=True)
class Evidence:
    """A network and a sample of the rows, in the units of its training.

    X : the rows as the network reads them.
    y : whether a row is of the second class.
    w : weights of the rows, those by `class_weight` included; they sum to one.
    sample_weight : without those, as trials are given them; None for all one.
    n_rows : of the whole table.
    is_sparse : whether the network reads sparse rows.
    trials : those that were made, by what was changed.
    features : which of the features of the table these are; None for all.
    budget : what may be measured and tried out yet.
    known_penalty : where it is known of all rows and not of the sample alone.
    """

    model: DiagnosedModel
    X: Array
    y: NDArray[np.bool_]
    w: Array
    n_rows: int
    sample_weight: Array | None = None
    is_sparse: bool = False
    trials: dict[Any, Any] = field(default_factory=dict)
    features: NDArray[np.intp] | None = None
    budget: Budget = field(default_factory=Budget)
    known_penalty: Penalty | None = None

    def number_of(self, feature: int) -> int:
        """Return the number that a feature has in the table."""
        return feature if self.features is None else int(self.features[feature])

    @cached_property
    def entropy(self) -> float:
        """The loss of the class-prior baseline."""
        share = float(self.w @ self.y)
        return -float(xlogy(share, share) + xlogy(1 - share, 1 - share))

    @cached_property
    def network(self) -> tuple[Network, Array, Array]:
        """The network, its parameters and the rows, in the units of training."""
        model = self.model
        X = model.input(self.X)
        layout = Layout((X.shape[1], *model.hidden, 1))
        activation = activation_of(model.activation)
        network = Network(layout, (activation,) * max(len(model.hidden), 1))
        theta = layout.pack(Parameters(model.weights, model.biases))
        if not model.scales_itself:
            return network, theta, X
        scaling = self.scaling
        X = (X - scaling.shift) / scaling.scale
        return network, scaling.from_user(theta, layout), X

    @cached_property
    def scaling(self) -> FeatureScaling:
        """The units of the features in training, as far as the sample tells."""
        scaling = self.model.parameters.get("feature_scaling", "auto")
        X = self.model.input(self.X)
        return scaling_of(X, lambda rows: np.ones(len(X))[rows], scaling)

    @cached_property
    def penalty(self) -> Penalty:
        """The penalty that suits the rows, of our classifier."""
        if self.known_penalty is not None:
            return self.known_penalty
        factor = self.n_rows / len(self.y)
        given = self.sample_weight
        given = np.ones(len(self.y)) if given is None else given
        by_class = compute_class_weight(
            self.model.parameters.get("class_weight"),
            classes=self.model.classes,
            y=self.model.classes[self.y.astype(int)],
            sample_weight=given,
        )
        w = given * by_class[self.y.astype(int)]
        totals = factor * np.array([w[~self.y].sum(), w[self.y].sum()])
        rows = max(1.0, float(1 / np.sqrt(np.mean(w[w > 0] ** 2))))
        row = activation_of(self.model.activation)
        auto = auto_penalty(row, totals, rows, self.scaling.power)
        return Penalty(auto, float(totals.sum()), round(factor * np.count_nonzero(w)))

    @cached_property
    def logits(self) -> Array:
        """The logit of each row."""
        return self.layers.logits

    @cached_property
    def loss(self) -> float:
        """The mean log loss of the network, without its penalty."""
        return self.loss_of(self.logits, slice(None))

    def loss_of(self, z: Array, rows: Any) -> float:
        """Return the mean log loss of logits for some of the rows."""
        w = self.w[rows]
        losses, _ = log_loss(z, self.y[rows].astype(float))
        with np.errstate(invalid="ignore", over="ignore"):
            value = float(w @ losses / w.sum())
        return value if np.isfinite(value) else np.inf

    @cached_property
    def layers(self) -> Layers:
        """Measurements of each layer."""
        self._spend_on_layers()
        network, theta, X = self.network
        return measure(network, self.model.activation, theta, X, self.y, self.w)

    @cached_property
    def start(self) -> Layers:
        """Measurements of each layer at a start like the one of the network."""
        self._spend_on_layers()
        network, _, X = self.network
        rng = np.random.RandomState(0)
        theta = initialize(network.layout, self.model.start, rng)
        return measure(network, self.model.activation, theta, X, self.y, self.w)

    def _spend_on_layers(self) -> None:
        n, n_inputs = len(self.X), len(self.model.weights[0])
        work = work_of_pass(n * n_inputs, n, (n_inputs, *self.model.hidden, 1))
        self.budget.spend(LAYERS * n * n_inputs + work)

    @cached_property
    def scale(self) -> Array:
        """The size of the weights of each layer over that of a usual start."""
        sizes = self.network[0].layout.sizes
        usual = [self.model.usual_start(*shape) for shape in pairwise(sizes)]
        return self.layers.size / usual

    @cached_property
    def start_scale(self) -> float:
        """The size of the starting weights of hidden layers over the usual one.

        Of an estimator whose start is not a parameter, that of the weights as they are.
        """
        model = self.model
        sizes = self.model.n_inputs, *self.model.hidden
        if len(sizes) < 2 or (model.scales_itself and model.init is None):
            return 1.0
        if model.init is None:
            factors = self.scale[:-1]
        else:
            shapes = pairwise(sizes)
            factors = np.array([model.init / model.usual_start(*s) for s in shapes])
        with np.errstate(divide="ignore"):
            return float(np.exp(np.mean(np.log(factors))))

    @cached_property
    def baselines(self) -> Baselines:
        """Results of simple models on the sample."""
        self.budget.spend(MODELS + (MODEL + NEIGHBOUR * len(self.X)) * self.X.size)
        return baselines(self.X, self.y, self.w)

    @cached_property
    def columns(self) -> Columns:
        """Statistics of single features."""
        self.budget.spend(COLUMNS * self.X.size)
        return columns(self.X, self.y)

    @property
    def reachable(self) -> float:
        """A loss that another model has, on rows that it was not fitted to."""
        return min(self.baselines.best_loss, self.entropy)

    def gain(self, loss: float) -> float:
        """Return the gain over the class priors, as a share of that of other models."""
        return (self.entropy - loss) / max(self.entropy - self.reachable, 1e-3)


def rows_of(network: DiagnosedModel, X: Any) -> Any:
    """Return X as the network reads it, behind its pipeline: checked, dense or CSR."""
    for transform in network.prefix:
        X = transform.transform(X)
    fitted = network.estimator
    if hasattr(X, "columns") and hasattr(fitted, "feature_names_in_"):
        validate_data(fitted, X, reset=False, skip_check_array=True)
    check_not_masked(X=X)
    check_columns(X)
    with np.errstate(over="ignore", invalid="ignore"):  # it adds X up
        X = check_array(X, accept_sparse="csr", dtype="numeric", input_name="X")
    X = check_features(X)
    n_features = network.n_features
    if X.shape[1] != n_features:
        raise ValueError(
            f"X must have the {n_features} features that the classifier was fitted on; "
            f"got {X.shape[1]}."
        )
    return X


def most_rows(X: Any) -> int:
    """Return how many rows of X are looked at, at most."""
    return min(ROWS, max(ENTRIES // X.shape[1], FEWEST))


def gather(
    clf: Any, X: Any, y: Any, sample_weight: Any = None, budget: Budget | None = None
) -> list[Evidence]:
    """Return the evidence about each network of a fitted estimator.

    budget : what may be measured and tried out; None is all. With one, features that
        are zero in all of the sample are left out, unless networks read bins of them.
    """
    networks = diagnosed_models(clf)
    first = networks[0]
    X = rows_of(first, X)
    check_not_masked(y=y)
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"`y` must be of shape (n_samples,); got shape {y.shape}.")
    check_consistent_length(X, y)
    unknown = np.setdiff1d(y, first.classes)
    if unknown.size:
        raise ValueError(
            f"`y` must hold the classes of `clf`, {first.classes.tolist()}; got "
            f"{unknown.tolist()[0]!r}."
        )
    second = y == first.classes[1]
    if second.all() or not second.any():
        raise ValueError(
            "`y` must hold both classes, as nothing can be learnt from one; got only "
            f"{y[:1].tolist()[0]!r}."
        )
    factors = compute_class_weight(
        first.parameters.get("class_weight"), classes=first.classes, y=y
    )
    chosen = sample(second, most_rows(X))
    X, n_rows, is_sparse, features = X[chosen], len(y), issparse(X), None
    reads_bins = any(network.bins is not None for network in networks)
    if budget is not None and is_sparse and not reads_bins:
        X, features = without_zeros(X)
        networks = [restricted_to(network, features) for network in networks]
    X = np.asarray(X.toarray() if issparse(X) else X, dtype=float)
    w, given = factors[second[chosen].astype(int)], check_weights(sample_weight, n_rows)
    if given is not None:
        check_both_classes_weigh(first.classes, class_totals(second, given))
        given = given[chosen]
        w = w * given
    y, w = second[chosen], w / w.sum()
    budget = budget or Budget()
    return [
        Evidence(s, X, y, w, n_rows, given, is_sparse, features=features, budget=budget)
        for s in networks
    ]


def without_zeros(X: Any) -> tuple[Any, NDArray[np.intp]]:
    """Return sparse rows without the features that are zero in all, and those left.

    Of a few rows of many features these are most, and no logit depends on them.
    """
    features = np.unique(X.indices)
    features = features if len(features) else np.arange(1)
    return X[:, features], features


# The loss may be so many times that at the end of the fit, or nearer to it than this
# share of the entropy: of a sample it is not the same.
OTHER_ROWS, NEAR = 2.0, 0.5


def warn_of_other_rows(networks: Sequence[Evidence]) -> None:
    """Warn where the rows are hardly those that the network was fitted on."""
    ended = float(networks[0].model.estimator.loss_)
    worst = max(evidence.loss for evidence in networks)
    limit = OTHER_ROWS * ended + NEAR * networks[0].entropy
    if ended < networks[0].entropy and limit < worst < np.inf:
        warnings.warn(
            f"X and y are hardly the rows that `clf` was fitted on: their loss is "
            f"{worst:.3g}, and that of the fit was {ended:.3g}. Give the same rows, "
            "transformed as they were, with features in the same order.",
            UserWarning,
            stacklevel=3,
        )


def sample(
    second: NDArray[np.bool_], n: int, seed: int = 0, least: int = 20
) -> NDArray[np.intp]:
    """Return about n rows, of either class the same share, and `least` if there are."""
    if len(second) <= n:
        return np.arange(len(second))
    rng = np.random.RandomState(seed)
    parts = []
    for rows in (np.flatnonzero(second), np.flatnonzero(~second)):
        k = max(round(n * len(rows) / len(second)), min(least, len(rows)))
        parts.append(rng.permutation(rows)[:k])
    return np.sort(np.concatenate(parts))
