"""Trials: where evidence allows two causes, a short fit with a change decides.

A clone of the estimator with one parameter changed is trained for a few iterations on
a part of the sample; what it reaches there and on the rest is compared with the network
as it is, or with a clone without the change.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skdeepbin.diagnosis._findings import shown
from skdeepbin.diagnosis.training._budget import OutOfBudget, work_of_pass
from skdeepbin.diagnosis.training._evidence import Evidence, sample
from skdeepbin.diagnosis.training._model import RARELY_TOO_HIGH
from skdeepbin.network._parameters import Array
from skdeepbin.training._observer import quiet_fits

# Multiplications that a trial may take, about half a second, and the iterations.
WORK, LONG_WORK = 1.2e9, 3e9
FEWEST, MOST, MOST_IF_LONG = 20, 120, 300
# Units of work for each entry of the sample, to prepare a trial and to judge it.
PREPARE = 150.0
# Rows that a trial trains on; the rest of the sample validates.
SHARE = 0.7
# A trial moves the loss if it closes this share of the distance to the loss of another
# model, and that is this share of the entropy of the classes.
CLOSES, OF_ENTROPY = 0.25, 0.02
# From no higher than so many entropies: to come down from there is to begin.
HIGHEST = 1.05
# A network that knows no more than the frequencies of the classes has been at rest or
# still is after all its iterations: for it, a start is enough. The share of the entropy
# is that of the calibration in `stuck`.
STUCK, OF_ENTROPY_IF_STUCK = 0.98, 0.05
# Where a fit without the change moves as well, the change must reach this share of it.
HALF = 0.5
# Standard deviation of a feature over what its quartiles suggest, from which a few
# entries hide the others.
TAIL = 30.0
# Then the farthest of so many rows is trained on in any case.
FAR_OUT = 100
# Features of that spread have squares, and so a variance, that overflow.
HUGE = 1e150
# The learning rate of "adam" that is fast on most tables, and by how much a longer step
# than usual is below those that are rarely too high.
FAST_ADAM, BELOW_TOO_HIGH = 0.01, 3.0


class Trial(NamedTuple):
    """Result of a trial.

    loss, held_out : mean log loss of the rows it was trained on, and of the others.
    """

    change: Mapping[str, Any]
    loss: float
    held_out: float
    steps: int


@dataclass(frozen=True)
class TrialRunner:
    """Runner of trials of changes to one network, each made once."""

    evidence: Evidence

    def run(
        self, change: Mapping[str, Any], steps: int | None = None, scaler: Any = None
    ) -> Trial:
        """Train a clone with a change.

        scaler : a transformer, fitted here, that X goes through first.
        """
        steps = steps or self._steps(change)
        key = sorted(change.items()).__repr__(), steps, type(scaler).__name__
        if key not in self.evidence.trials:
            self.evidence.budget.spend(self._work(change, steps, scaler is not None))
            self.evidence.trials[key] = self._run(change, steps, scaler)
        return self.evidence.trials[key]

    def _work(self, change: Mapping[str, Any], steps: int, scales: bool) -> float:
        """Return the work of a trial, as `_budget` counts it."""
        model, X = self.evidence.model, self.evidence.X
        n, n_inputs = len(self.train), len(model.weights[0])
        sizes = change.get("hidden_layer_sizes", model.hidden)
        sizes = n_inputs, *np.atleast_1d(sizes).astype(int).tolist(), 1
        batch = change.get("batch_size", model.parameters.get("batch_size"))
        n_batches = n / batch if isinstance(batch, (int, np.integer)) else 1.0
        of_one = work_of_pass(n * n_inputs, n, sizes, max(n_batches, 1.0))
        return steps * of_one + PREPARE * (1 + scales) * X.size

    def has_tried(self, change: Mapping[str, Any]) -> bool:
        """Return whether a change was tried out, for however long."""
        key = sorted(change.items()).__repr__()
        return any(tried == key for tried, *_ in self.evidence.trials)

    def _run(self, change: Mapping[str, Any], steps: int, scaler: Any) -> Trial:
        evidence = self.evidence
        X = evidence.X if scaler is None else scaler.fit_transform(evidence.X)
        train = self.train
        change = dict(change)
        rest = np.setdiff1d(np.arange(len(X)), train)
        model = self._clone(change, steps)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                with quiet_fits():
                    model.fit(X[train], self.labels[train], **self._weights(train))
                p = model.predict_proba(X)[:, 1]
                p = np.clip(p, 1e-15, 1 - 1e-15)
                z = np.log(p / (1 - p))
        except ValueError:  # the weights became infinite
            return Trial(change, np.inf, np.inf, steps)
        losses = [evidence.loss_of(z[rows], rows) for rows in (train, rest)]
        return Trial(change, losses[0], losses[1], steps)

    def _weights(self, rows: NDArray[np.intp]) -> dict[str, Array]:
        """Return the weights of some rows as an argument of `fit`, if there are any."""
        w = self.evidence.sample_weight
        return {} if w is None else {"sample_weight": w[rows]}

    def long_steps(self, hidden: Any) -> int:
        """Return the iterations of a long trial with hidden layers of these widths."""
        n, n_features = len(self.train), self.evidence.X.shape[1]
        return n_steps(n, n_features, hidden, LONG_WORK, MOST_IF_LONG)

    def _steps(self, change: Mapping[str, Any]) -> int:
        sizes = change.get("hidden_layer_sizes", self.evidence.model.hidden)
        n_inputs = len(self.evidence.model.weights[0])
        return n_steps(len(self.train), n_inputs, sizes, WORK)

    @property
    def labels(self) -> np.ndarray:
        """The labels of the sample, as the user writes them."""
        return self.evidence.model.classes[self.evidence.y.astype(int)]

    @property
    def train(self) -> NDArray[np.intp]:
        """The rows of the sample that trials train on.

        Where a few entries hide the others, their rows are among them.
        """
        y, columns = self.evidence.y, self.evidence.columns
        rows = sample(y, max(round(SHARE * len(y)), 2), seed=1, least=1)
        if columns.tail < TAIL:
            return rows
        scale = np.where(columns.spread > 0, columns.spread, 1)
        far = (abs(self.evidence.X - columns.mean) / scale).max(axis=1)
        return np.union1d(rows, np.argsort(-far)[: max(len(y) // FAR_OUT, 1)])

    def _clone(self, change: Mapping[str, Any], steps: int) -> Any:
        """Return the estimator with the change, to make so many iterations."""
        model = self.evidence.model
        seed = model.parameters.get("random_state")
        settings: dict[str, Any] = {
            "max_iter": steps,
            "tol": 0.0,
            "n_iter_no_change": steps + 1,
            "early_stopping": False,
            "warm_start": False,
            "verbose": False,
            "random_state": seed if isinstance(seed, (int, np.integer)) else 0,
        }
        if model.scales_itself:
            n_bins = model.parameters["n_bins"]
            settings |= {"n_networks": 1, "n_bins": n_bins, "scoring": "loss"}
        if "checkpoint" in model.parameters:
            settings["checkpoint"] = None
        if "depth" in model.parameters and "hidden_layer_sizes" in change:
            settings["depth"] = None
        settings |= change
        alpha = settings.get("alpha", model.parameters["alpha"])
        if model.scales_itself and alpha != "auto":
            # it is divided by the number of rows
            alpha = alpha * len(self.train) / self.evidence.n_rows
        fresh = clone(model.estimator)
        if not model.scales_itself:  # one that is derived may start otherwise
            names = MLPClassifier().get_params()
            known = {k: v for k, v in fresh.get_params().items() if k in names}
            fresh = MLPClassifier(**known)
        return fresh.set_params(**(settings | {"alpha": alpha}))

    def moves(self, trial: Trial, before: float | None = None) -> bool:
        """Return whether the loss is lower than it was, by what is worth a remedy."""
        evidence = self.evidence
        before = evidence.loss if before is None else before
        before = min(before, HIGHEST * evidence.entropy)
        missing = max(before - evidence.reachable, 0)
        fall = before - trial.loss
        if before >= STUCK * evidence.entropy:
            return fall > OF_ENTROPY_IF_STUCK * evidence.entropy
        return fall > max(CLOSES * missing, OF_ENTROPY * evidence.entropy)

    def explains(self, trial: Trial) -> bool:
        """Return whether the loss moves for the change, and not for a fit as it was.

        Where that cannot be afforded as well, whether it moves.
        """
        if not self.moves(trial):
            return False
        try:
            control = self.run({}, trial.steps)
        except OutOfBudget:
            return True
        if not self.moves(control):
            return True
        return trial.loss < HALF * control.loss

    def first_that_explains(
        self, *changes: Mapping[str, Any], steps: int | None = None
    ) -> Trial | None:
        """Return the first of some changes that makes the loss move.

        Where none does by itself, the first that does with the help of a fast solver,
        which alone does not: then it is necessary, if not enough.
        """
        for change in changes:
            trial = self.run(change, steps)
            if self.explains(trial):
                return trial
        if self._moves_alone:
            return None
        for faster in self.faster_settings:
            for change in changes:
                if set(change) & set(faster):
                    continue
                trial = self.run(faster | dict(change), steps)
                control = self.run(faster, trial.steps)
                if self.moves(trial) and not self.moves(control):
                    return trial
        return None

    @property
    def _moves_alone(self) -> bool:
        """True if the loss moves without a change."""
        return self.moves(self.run({}))

    @property
    def faster_settings(self) -> list[dict[str, Any]]:
        """Changes to longer steps, and to a solver that is fast on most tables."""
        model = self.evidence.model
        name, solver = model.rate_name, model.parameters["solver"]
        settings: list[dict[str, Any]] = [{"solver": "adam", name: FAST_ADAM}]
        if solver in RARELY_TOO_HIGH and solver != "adam":
            longer = RARELY_TOO_HIGH[solver] / BELOW_TOO_HIGH
            settings.insert(0, {name: float(f"{longer:.1g}")})
        return settings

    def fit_anew(self) -> Trial | None:
        """Return a fit as it was, if it moves the loss: then no setting is to blame."""
        trial = self.run({})
        return trial if self.moves(trial) else None

    def scaled(self, change: Mapping[str, Any]) -> tuple[str, Trial] | None:
        """Return a scaler that makes the loss move where it would not without."""
        quantiles = QuantileTransformer(
            n_quantiles=min(100, len(self.evidence.y)), output_distribution="normal"
        )
        scalers = {"StandardScaler": StandardScaler(), "QuantileTransformer": quantiles}
        if self.evidence.model.scales_itself:
            scalers.pop("StandardScaler")
        columns = self.evidence.columns
        if columns.tail < TAIL and columns.spread.max() < HUGE:
            scalers.pop("QuantileTransformer")
        for name, scaler in scalers.items():
            trial = self.run(change, scaler=scaler)
            if self.moves(trial) and self._needed(scaler, change):
                return name, trial
        return None

    def _needed(self, scaler: Any, change: Mapping[str, Any]) -> bool:
        """Return whether without the scaler it takes longer, or for ever."""
        soon = min(max(self.evidence.model.n_iter, FEWEST), MOST)
        for steps in (soon, self._steps(change)):
            control = self.run(change, steps)
            trial = self.run(change, steps, scaler)
            if self.moves(trial) and not self.moves(control):
                return True
            if trial.loss < HALF * control.loss:
                return True
        return False


def n_steps(
    n_rows: int, n_features: int, hidden: Any, work: float, most: int = MOST
) -> int:
    """Return as many iterations on so many rows as are about so much work."""
    sizes = n_features, *np.atleast_1d(hidden).astype(int).tolist(), 1
    weights = sum(a * b for a, b in pairwise(sizes))
    return int(np.clip(work / (3 * n_rows * weights), FEWEST, most))


def effect_of(trial: Trial, before: float) -> str:
    """Describe the effect of a trial, for the end of a remedy."""
    return (
        f"with it the loss falls from {shown(before)} to {shown(trial.loss)} in "
        f"{trial.steps} steps"
    )
