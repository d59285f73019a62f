"""A fit: from parameters and checked data to the networks that are trained.

`TrainingConfig` resolves the words of the parameters to objects, once. `plan` splits
the rows, draws the starts and sets the penalties of each network; `train_ensemble` of
`training/` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from math import inf, log
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring

from skdeepbin.checkpoint._fingerprint import identity
from skdeepbin.inputs._activations import each_layer
from skdeepbin.inputs._bin_edges import LEAST_BINS, affordable_bins, column_edges
from skdeepbin.inputs._dataset import Baseline, Dataset, ValidationRows
from skdeepbin.inputs._stream import Stream
from skdeepbin.inputs._validation import InvalidParameterError, hidden_sizes
from skdeepbin.model._attributes import FitResult, view_of
from skdeepbin.model._resume import NetworkState, ResumeState
from skdeepbin.model._validator import ModelValidator
from skdeepbin.network._initializers import (
    INITIALIZERS,
    StandardDeviation,
    constant,
    initialize,
    step_scales,
    suited,
    suited_rules,
)
from skdeepbin.network._network import Losses
from skdeepbin.network._parameters import Array
from skdeepbin.training._ensemble import Member, View
from skdeepbin.training._loop import NO_SESSION
from skdeepbin.training._objective import Validator
from skdeepbin.training._observer import NO_OBSERVER, Observer
from skdeepbin.training._penalty import (
    balanced_weight,
    in_stream,
    with_validation,
    without_validation,
)
from skdeepbin.training._restarts import Training
from skdeepbin.training._session import RunResult, Session
from skdeepbin.training._solvers import SOLVERS, SolverRow, SolverSpec
from skdeepbin.training._stopping import (
    Monitor,
    Stopping,
    training_loss,
    validation_error,
    validation_loss,
)

# With n_bins="auto", the bins of each feature of an ensemble, and the most columns that
# they and the features make up. The edges are quantiles of so many different rows.
BINS, MOST_FEATURES = 8, 1000
ROWS_FOR_EDGES = 2**14

# Different rows that each class must have, in effect, for early_stopping="auto" to hold
# some out: on fewer the validation is worse than none, and there is little to overfit.
ROWS_TO_HOLD_OUT = 20

# Rows for each combination of the values of the features from which on
# early_stopping="auto" holds none out.
REPEATED = 4
# Of more, weights tell nothing: those of a survey may sum to a nation.
MOST_COMBINATIONS = 2.0**16


@dataclass(frozen=True)
class TrainingConfig:
    """The parameters of a fit, with objects in the place of words.

    learning_rate, alpha, n_bins : None where the data or the solver tell.
    initializer : None is the one that suits the activation, with all that suits it.
    early_stopping : None where the data tell.
    """

    solver_name: str
    solver: SolverRow
    learning_rate: float | None
    momentum: float
    alpha: float | None
    initializer: StandardDeviation | None
    feature_scaling: str
    dropout: float
    batch_size: int | None
    max_iter: int
    tol: float
    n_iter_no_change: int
    early_stopping: bool | None
    validation_fraction: float
    monitor: Monitor
    n_networks: int
    n_bins: int | None
    n_jobs: int | None

    @staticmethod
    def from_params(
        params: Mapping[str, Any], is_stream: bool = False
    ) -> TrainingConfig:
        """Resolve the parameters of the estimator, which were checked."""

        def unless_auto(name: str, of: Callable[[Any], Any]) -> Any:
            return None if params[name] == "auto" else of(params[name])

        def initializer(value: Any) -> StandardDeviation:
            if isinstance(value, str):
                return INITIALIZERS[value]
            return constant(float(value))

        name = params["solver"]
        if name == "auto":
            is_whole = params["batch_size"] is None and not is_stream
            name = "rprop" if is_whole else "adam"
        by_loss = params["scoring"] == "loss"
        return TrainingConfig(
            solver_name=name,
            solver=SOLVERS[name],
            learning_rate=unless_auto("learning_rate", float),
            momentum=params["momentum"],
            alpha=unless_auto("alpha", float),
            initializer=unless_auto("init", initializer),
            feature_scaling=params["feature_scaling"],
            dropout=params["dropout"],
            batch_size=params["batch_size"],
            max_iter=params["max_iter"],
            tol=params["tol"],
            n_iter_no_change=params["n_iter_no_change"],
            early_stopping=unless_auto("early_stopping", bool),
            validation_fraction=params["validation_fraction"],
            monitor=validation_loss if by_loss else validation_error,
            n_networks=params["n_networks"],
            n_bins=unless_auto("n_bins", int),
            n_jobs=params["n_jobs"],
        )

    @property
    def way(self) -> tuple[str, bool]:
        """Solver, and whether its steps are on all rows: the kind of its state."""
        return self.solver_name, self.batch_size is None

    @property
    def in_float32(self) -> bool:
        """True if the kernels can be float32 where X is float64."""
        row = self.solver
        return row.in_float32 if self.batch_size is None else row.batch_in_float32

    def splits(self, given: ValidationRows | None) -> bool:
        """Tell if rows are to be held out, where the user gave these or none."""
        return self.early_stopping is not False and given is None


class ValidationSet(NamedTuple):
    """Validation of points beyond the loss of held-out rows.

    given : the rows that the user gave; None if rows are held out.
    validator : of a dataset and the rows that validate, what validates; None if
        nothing more is asked.
    """

    given: ValidationRows | None
    validator: Callable[[Dataset, ValidationRows], Validator] | None


class Plan(NamedTuple):
    """The networks to train, and what their losses are compared with.

    networks : of each the data as it reads them, where it starts and how to train it.
    """

    networks: Sequence[tuple[View, Member, Training]]
    baseline: Baseline


def split_rows(config: TrainingConfig, dataset: Dataset) -> list[Any]:
    """Return for each network the rows that validate it; None if too few differ."""
    k = config.n_networks
    auto, enough = config.early_stopping is None, ROWS_TO_HOLD_OUT
    if auto and (dataset.n_different_rows(enough) < enough or _repeats_itself(dataset)):
        return [None] * k
    bounds = [(0.0, config.validation_fraction)]
    if k > 1:
        bounds = [(number / k, (number + 1) / k) for number in range(k)]
    splits = dataset.splits(bounds)
    if all(map(dataset.is_usable, splits)):
        return splits
    if auto:
        return [None] * k
    raise ValueError(
        "`early_stopping=True` needs more different rows of each class in X, to "
        "train on and to hold out `validation_fraction` or one of `n_networks` "
        "parts. Set `early_stopping=False`, or give `X_val` and `y_val`."
    )


def _repeats_itself(dataset: Dataset) -> bool:
    """Tell tables in which each possible row stands several times.

    Held-out rows are others than those that are trained on, and here there are no
    others to come.
    """
    weight = float(sum(dataset.totals(None)[0])) * dataset.weight_unit
    most = min(weight * dataset.rows_a_weight / REPEATED, MOST_COMBINATIONS)
    return dataset.n_combinations(most) <= most


def views(
    config: TrainingConfig,
    dataset: Dataset,
    is_split: bool,
    seed: int,
    resumed: ResumeState | None,
    edges: Any = None,
) -> list[Dataset]:
    """Return the dataset and, if any network reads bins, the one with bins beside it.

    is_split : whether rows are to be held out.
    seed : of the hashes that decide by the content of rows.
    edges : of the bins of the last fit, if it is resumed.
    """
    n_bins = most_bins(config, dataset) if resumed is None else 0
    reads_hashes = is_split or n_bins or config.batch_size or config.dropout
    if reads_hashes or dataset.is_small:
        dataset = dataset.with_hashes(seed)
    if resumed is None:
        edges = None
        if n_bins:
            edges = column_edges(*dataset.some_rows(ROWS_FOR_EDGES), n_bins)
    if edges is None or not any(map(len, edges)):
        return [dataset]
    scaling = None if resumed is None else resumed.bin_scaling
    return [*dataset.with_bins(edges, config.feature_scaling, scaling)]


def most_bins(config: TrainingConfig, dataset: Dataset) -> int:
    """Return the most bins that `n_bins` means for each feature."""
    if config.n_bins is not None:
        if config.n_bins and dataset.is_sparse:
            raise InvalidParameterError(
                f"`n_bins` must be 'auto' or 0 where X is sparse; got "
                f"{config.n_bins}: bins would fill it. Leave it out, or give "
                "`X.toarray()`."
            )
        return config.n_bins
    if config.n_networks == 1 or dataset.is_sparse:
        return 0
    n_features = dataset.network.layout.sizes[0]
    most = affordable_bins(BINS, n_features, MOST_FEATURES)
    return most if most >= LEAST_BINS else 0


def solver_of(
    config: TrainingConfig, dataset: Dataset, stream_changes: bool | None = None
) -> SolverSpec:
    """Return the solver for the parameters of a dataset.

    stream_changes : in a stream, whether its rows are others than those of the step
        before; None for a fit.
    """
    rate = config.learning_rate
    if rate is None and stream_changes:
        rate = config.solver.stream_rate(dataset.scaling.power)
    layout = dataset.scaling.layout(dataset.network.layout)
    return SolverSpec(
        config.solver,
        rate,
        config.momentum,
        config.dropout > 0,
        layout.slices,
        step_scales(dataset.network, layout),
    )


def penalties(
    config: TrainingConfig,
    dataset: Dataset,
    totals: Array,
    validates: bool,
    is_stream: bool,
) -> tuple[tuple[float, ...], float]:
    """Return the penalties to train with, and that of the last steps on all rows.

    As multiples of that of the dataset.

    totals : of each class the weight that is trained on.
    """
    if config.alpha is not None:
        return (1.0,), 1.0
    activation, rows = dataset.network.recipe, dataset.rows_a_weight
    weight = rows * dataset.weight_unit
    weight *= balanced_weight(totals) if totals.all() else float(totals.sum())
    power = dataset.scaling.power
    if config.feature_scaling == "none":  # it says nothing of the features then
        power = float(dataset.network.layout.sizes[0])
    if is_stream:
        return (in_stream(activation.alpha, weight, power) / rows,), 1.0
    one = without_validation(activation.alpha, weight, power) / rows
    if not validates:
        return (one,), one
    alphas = with_validation(activation.alphas, weight, power / activation.stretch)
    return tuple(alpha / rows for alpha in alphas), max(one, alphas[-1] / rows)


class RandomStart:
    """Other random weights at each call, with the logit of the class frequencies.

    With a small output layer only at the first: it can be too near to no network at
    all, which a strong penalty does not let it leave. Constant features have no weight,
    but in a stream: there they may vary later.
    """

    def __init__(
        self,
        config: TrainingConfig,
        dataset: Dataset,
        totals: Array,
        random: np.random.RandomState,
        is_stream: bool,
    ) -> None:
        self._dataset, self._random, self._is_stream = dataset, random, is_stream
        network = dataset.network
        self._logit = log(totals[1] / totals[0]) if totals.all() else 0.0
        self._is_auto = config.initializer is None
        self._rules = config.initializer or suited_rules(network)
        first = network.activations[-1].output_scale if self._is_auto else 1.0
        self._scales = chain([first], repeat(1.0))

    def __call__(self) -> Array:
        network, layout = self._dataset.network, self._dataset.network.layout
        scale = next(self._scales)
        theta = initialize(layout, self._rules, self._random, self._logit, scale)
        if self._is_auto:
            suited(theta, network, self._random)
        return theta if self._is_stream else self._dataset.scaling.start(theta, layout)


@dataclass(frozen=True)
class KnownStart:
    """The point where an earlier training of a network stands."""

    theta: Array

    def __call__(self) -> Array:
        return self.theta


@contextmanager
def plan(
    config: TrainingConfig,
    datasets: Sequence[Dataset],
    validation: ValidationSet,
    random: np.random.RandomState,
    resumed: Sequence[NetworkState] | None = None,
    observer: Observer = NO_OBSERVER,
    session: Session = NO_SESSION,
    stream_changes: bool | None = None,
) -> Iterator[Plan]:
    """Split the rows, draw the starts and set the penalties of all networks.

    The data can be trained on while it lasts.

    datasets : with and without bins, if networks read them.
    resumed : where an earlier training of each network stands.
    stream_changes : in a stream, whether its rows are others than those of the step
        before; None for a fit.
    """
    dataset, is_stream = datasets[0], stream_changes is not None
    k, given = config.n_networks, validation.given
    splits: list[Any] = [None] * k
    if config.splits(given) and not is_stream:
        splits = split_rows(config, dataset)
    validates = config.early_stopping is not False and not is_stream
    validates = validates and (given is not None or splits[0] is not None)
    patience = config.n_iter_no_change
    patience *= dataset.network.recipe.patience if validates else 1
    monitor = config.monitor if validates else training_loss
    stopping = Stopping(config.max_iter, config.tol, patience, monitor)
    baseline, known = Baseline(inf, inf, inf, inf), Losses(inf, inf)
    if is_stream:
        stopping = Stopping(max_iter=0, tol=0, n_iter_no_change=1)
    else:
        baseline = dataset.baseline_losses(given, splits[0])
        known = Losses(baseline.trained, baseline.held_out)
    trainings = [
        Training(solver_of(config, p, stream_changes), stopping, known, observer)
        for p in datasets
    ]
    rows_of: dict[int, ValidationRows] = {}
    members = []
    for number, split in enumerate(splits):
        view = view_of(number, len(datasets))
        trained, held_out = datasets[view].totals(split)
        sums = Losses(float(trained.sum()), float(held_out.sum()))
        if not sums.trained:
            raise ValueError(
                "Some rows must have a weight above zero; got none. Check "
                "`sample_weight` and `class_weight`."
            )
        start: Callable[[], Array] = RandomStart(
            config, datasets[view], trained, random, is_stream
        )
        state, stage = None, 0
        if resumed is not None:
            theta, state, stage = resumed[number]
            start = KnownStart(theta)
        alphas, finish = penalties(
            config, datasets[view], trained, validates, is_stream
        )
        validator = None
        if validation.validator is not None and (given or split is not None):
            if id(split) not in rows_of:
                rows_of[id(split)] = given or dataset.rows(split)
            validator = validation.validator(datasets[view], rows_of[id(split)])
        stage = min(stage, len(alphas) - 1)
        member = Member(start, split, sums, validator, state, alphas, stage, finish)
        members.append(member)
    with (
        ExitStack() as stack,
        np.errstate(over="ignore", invalid="ignore"),  # `stopping` looks for them
    ):
        views = []
        for p in datasets:
            data = stack.enter_context(p.data(config.n_jobs, config.batch_size))
            views.append(View(p.network, data, dataset.alpha))
        networks = []
        for number, member in enumerate(members):
            view = view_of(number, len(datasets))
            training = replace(trainings[view], network=number, session=session)
            networks.append((views[view], member, training))
        yield Plan(networks, baseline)


def identity_of(
    clf: Any,
    dataset: Dataset,
    given: ValidationRows | None,
    resumed: ResumeState | None,
) -> dict[str, str]:
    """Return what tells a fit from others; nothing if no checkpoint is kept."""
    if clf.checkpoint is None:
        return {}
    points, seed = None, None
    if resumed is not None:
        points = [network.theta for network in resumed.networks]
        seed = resumed.split_seed
    parameters = clf.get_params(deep=False)
    parameters.pop("client", None)  # of a cluster: it changes nothing
    return identity(parameters, dataset.contents(), given, points, seed)


def validation_of(clf: Any, given: ValidationRows | None) -> ValidationSet:
    """Return how points are validated beyond the loss of held-out rows."""
    if given is None and clf.scoring == "loss":
        return ValidationSet(None, None)
    scorer = None if clf.scoring == "loss" else check_scoring(clf, clf.scoring)
    snapshot = copy(clf)
    hidden = hidden_sizes(clf.hidden_layer_sizes, clf.depth)
    snapshot.activations_ = each_layer(clf.activation, len(hidden))
    return ValidationSet(
        given, partial(ModelValidator, snapshot, scorer, given is not None)
    )


def attributes_of(
    clf: Any,
    config: TrainingConfig,
    runs: Sequence[RunResult],
    datasets: Sequence[Dataset],
    seed: int,
    resumed: ResumeState | None,
    ahead: int = 0,
    stream: Stream | None = None,
) -> dict[str, Any]:
    """Return the fitted attributes of an estimator, from the results of all networks.

    ahead : steps that were taken since the last evaluation.
    """
    result = FitResult(
        runs,
        datasets,
        clf.activation,
        1.0 if config.alpha is None else config.alpha,
        clf.scoring == "loss",
        config.way,
        seed,
        resumed,
        ahead,
        stream,
    )
    return result.attributes(getattr(clf, "history_", None))
