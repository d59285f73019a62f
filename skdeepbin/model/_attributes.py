"""The fitted attributes of a classifier, from what training has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skdeepbin.inputs._activations import each_layer
from skdeepbin.inputs._dataset import Dataset
from skdeepbin.inputs._stream import Stream
from skdeepbin.model._fitted import reads_bins
from skdeepbin.model._resume import NetworkState, ResumeState, parameters_digest
from skdeepbin.training._history import History, Step, joined, mean, together
from skdeepbin.training._session import RunResult
from skdeepbin.training._stopping import CALLBACK, INTERRUPTED, STOP_REASONS


class FitResult(NamedTuple):
    """The end of a fit.

    runs : of each network.
    datasets : the training data, with and without bins.
    activation : the parameter: of all hidden layers, or of each.
    alpha : the penalty that `runs` give multiples of.
    scores_by_loss : whether points are validated by the loss.
    way : the solver, and whether its steps are on all rows.
    split_seed : of the hashes that decide which rows validate.
    resumed : where the training stood before, if it was gone on with.
    ahead : steps that were taken since the last evaluation.
    stream : of `partial_fit`; None after a `fit`.
    """

    runs: Sequence[RunResult]
    datasets: Sequence[Dataset]
    activation: Any
    alpha: float
    scores_by_loss: bool
    way: tuple[str, bool]
    split_seed: int
    resumed: ResumeState | None = None
    ahead: int = 0
    stream: Stream | None = None

    @property
    def is_interrupted(self) -> bool:
        """True if it ended at Ctrl-C."""
        return self.runs[-1].stop_reason == INTERRUPTED

    def attributes(self, before: History | None) -> dict[str, Any]:
        """Return the fitted attributes.

        before : the history of the training that was gone on with.
        """
        dataset, runs = self.datasets[0], self.runs
        layout = self.datasets[-1].network.layout
        best = [run.best for run in runs if run.best is not None]
        thetas = np.empty((len(best), layout.n_parameters), dataset.dtype)
        for number, step in enumerate(best):
            view = self.datasets[view_of(number, len(self.datasets))]
            theta = view.scaling.to_user(step.theta, view.network.layout)
            thetas[number] = view.network.layout.widened(theta, layout)
        parameters = layout.views(thetas[0] if len(thetas) == 1 else thetas)
        coefs, intercepts = map(list, parameters)
        history = together([run.history for run in runs])
        if self.resumed is not None and before is not None:
            history = joined(before, history, common=1 - self.resumed.ahead)
        losses = history["loss"] if history["loss"].ndim == 1 else mean(history["loss"])
        alphas = np.array([run.alpha for run in runs]) * self.alpha
        scores = -history["validation_loss"]
        if not self.scores_by_loss:
            scores = history["validation_score"]
        reasons = {run.stop_reason for run in runs}
        # Training that had not come to its end goes on; else from the best point.
        points = [
            NetworkState(run.theta, run.state, run.stage)
            if run.stop_reason in ("max_iter", CALLBACK, INTERRUPTED)
            else NetworkState(step.theta, None, run.best_stage)
            for run, step in zip(runs, best)
        ]
        return {
            "classes_": dataset.classes,
            "bin_edges_": self.datasets[-1].bin_edges,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "history_": history,
            "loss_curve_": losses[1:].tolist(),
            "n_iter_": len(losses) - 1 + self.ahead,
            "loss_": float(np.mean([step.loss for step in best])),
            "alpha_": float(alphas[0]) if len(alphas) == 1 else alphas,
            "best_loss_": float(np.fmin.reduce(losses)),
            "validation_scores_": None if np.isnan(scores).all() else scores,
            "n_layers_": len(layout.sizes),
            "out_activation_": "logistic",
            "stop_reason_": next(word for word in STOP_REASONS if word in reasons),
            "n_starts_": max(run.n_starts for run in runs),
            "activations_": each_layer(self.activation, len(layout.sizes) - 2),
            "_resume": ResumeState(
                tuple(points),
                dataset.scaling,
                self.datasets[1].scaling if len(self.datasets) > 1 else None,
                self.way,
                self.split_seed,
                self.ahead,
                self.stream,
                parameters_digest([*coefs, *intercepts]),
            ),
        }


def attributes_at(
    step: Step, datasets: Sequence[Dataset], activation: Any
) -> dict[str, Any]:
    """Return the fitted attributes of one network that stands at a step."""
    dataset = next(
        p
        for p in datasets
        if p.scaling.layout(p.network.layout).n_parameters == len(step.theta)
    )
    layout = dataset.network.layout
    theta = dataset.scaling.to_user(step.theta, layout).astype(dataset.dtype)
    coefs, intercepts = map(list, layout.views(theta))
    return {
        "classes_": dataset.classes,
        "coefs_": coefs,
        "intercepts_": intercepts,
        "n_iter_": step.iteration,
        "loss_": step.loss,
        "bin_edges_": datasets[-1].bin_edges,
        "n_layers_": len(layout.sizes),
        "out_activation_": "logistic",
        "activations_": each_layer(activation, len(layout.sizes) - 2),
    }


def view_of(number: int, n_views: int) -> int:
    """Return which view of the data a network of an ensemble reads."""
    return n_views - 1 if reads_bins(number) else 0
