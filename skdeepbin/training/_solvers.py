"""The solvers: one row of a table each, and a solver with its learning rate.

A row says how the optimiser is made, which learning rate "auto" is, and what the solver
is called elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from skdeepbin.network._parameters import Array
from skdeepbin.training._history import Step
from skdeepbin.training._lbfgs import lbfgs
from skdeepbin.training._loop import ALL, NO_SESSION, minimize
from skdeepbin.training._objective import ObjectiveFunction
from skdeepbin.training._optimizers import (
    Adam,
    BarzilaiBorwein,
    Batches,
    GradientDescent,
    InMiniBatches,
    Momentum,
    Nesterov,
    Optimizer,
    Rprop,
)
from skdeepbin.training._session import RunResult, Session
from skdeepbin.training._stopping import Stopping

# The largest step of rprop, in first ones.
LARGEST = 8
# The mean squared norm of a row up to which a multiple of its gradient is safe.
SAFE_POWER = 10


class Solver(Protocol):
    """A function that minimises an objective from a point on."""

    def __call__(
        self,
        objective: ObjectiveFunction,
        theta: Array,
        stopping: Stopping,
        on_step: Callable[[Step], bool],
        state: Any = None,
        *,
        session: Session = NO_SESSION,
    ) -> RunResult:
        """Return how the run ended.

        state : of the optimiser, where an earlier run is resumed.
        session : keeps the state of the run.
        """


class SolverRow(NamedTuple):
    """A solver, as all who have to do with it know it.

    make : ``(learning_rate, momentum) -> Optimizer``; None for L-BFGS, whose loop is
        SciPy's.
    rate : the learning rate that "auto" is, None where it is found by itself.
    batch_rate : the same for mini-batches, None where those cannot be used. On four
        tables three times as much was too much for one of them.
    moves_by_rate : whether a step is about the rate itself, whatever the gradient.
    in_float32 : whether gradients in float32 do as well where X is float64: those over
        all rows if it takes nothing but their signs.
    batch_in_float32 : the same for those over mini-batches, if each is divided by its
        own size.
    in_mlp : the nearest solver of scikit-learn's MLPClassifier.
    """

    make: Callable[[Any, float], Optimizer] | None
    rate: float | None
    batch_rate: float | None
    moves_by_rate: bool
    in_mlp: str
    in_float32: bool = False
    batch_in_float32: bool = False

    def stream_rate(self, power: float) -> float | None:
        """Return the rate for steps on other rows each time; None if that is "auto".

        power : the mean squared norm of a scaled row: so curved is the loss of one row.
        """
        if self.batch_rate is None or self.moves_by_rate:
            return None
        return self.batch_rate * min(1.0, SAFE_POWER / max(power, SAFE_POWER))


def _gd(rate: float | None, momentum: float) -> Optimizer:
    return BarzilaiBorwein() if rate is None else GradientDescent(rate)


def _adam(rate: Any, momentum: float) -> Optimizer:
    return Adam(rate)


def _rprop(rate: Any, momentum: float) -> Optimizer:
    return Rprop(rate, LARGEST * rate)


SOLVERS = {
    "gd": SolverRow(_gd, None, 0.3, False, "sgd"),
    "momentum": SolverRow(Momentum, 0.1, 0.03, False, "sgd"),
    "nesterov": SolverRow(Nesterov, 0.1, 0.03, False, "sgd"),
    "adam": SolverRow(_adam, 0.01, 0.01, True, "adam", batch_in_float32=True),
    "rprop": SolverRow(_rprop, 0.006, None, True, "adam", in_float32=True),
    "lbfgs": SolverRow(None, None, None, False, "lbfgs"),
}
# Solvers that can step on mini-batches, and those that can step at all.
IN_BATCHES = [name for name, row in SOLVERS.items() if row.batch_rate]
IN_STEPS = [name for name, row in SOLVERS.items() if row.make]


@dataclass(frozen=True)
class SolverSpec:
    """A solver with all that it needs to know but the objective.

    row : of the table.
    learning_rate : None is the one that suits the solver.
    dropout : whether there is any: the loss is then another function at every point.
    layers : where the parameters of each layer lie.
    scales : factors on the rate that is found by itself, one or for each parameter;
        they count where a step is a change of a parameter and not a multiple of the
        gradient.
    factor : on the learning rate.
    """

    row: SolverRow
    learning_rate: float | None = None
    momentum: float = 0.9
    dropout: bool = False
    layers: Sequence[slice] = ALL
    scales: float | Array = 1.0
    factor: float = 1.0

    def at_rate(self, factor: float) -> SolverSpec:
        """Return the solver with a learning rate so many times as large."""
        return replace(self, factor=factor * self.factor)

    def rate(self, in_batches: bool) -> Any:
        """Return the learning rate, or one for each parameter; None for a line search.

        in_batches : whether steps are on mini-batches.
        """
        rate: Any = self.learning_rate
        if rate is None:
            # Without a fixed loss there is no line search.
            is_noisy = self.dropout and self.row.rate is None
            rate = self.row.batch_rate if in_batches or is_noisy else self.row.rate
        rate = None if rate is None else self.factor * rate
        if self.learning_rate is None and self.row.moves_by_rate:
            rate = rate * self.scales
        return rate

    def solver(self, batches: Batches | None = None) -> Solver:
        """Return the solver.

        batches : number of the epoch -> the objective of each mini-batch; None for all
            rows at once.
        """
        if self.row.make is None:
            return partial(lbfgs, layers=self.layers)
        optimizer = self.row.make(self.rate(batches is not None), self.momentum)
        if batches is not None:
            optimizer = InMiniBatches(optimizer, batches)
        return partial(minimize, optimizer=optimizer, layers=self.layers)
