"""Optimisers: from a point, its value and its gradient to the next point.

An optimiser has two methods. ``init(theta)`` gives its state; ``step(theta, value,
gradient, state)`` is told what was found at ``theta`` and answers with a ``Move``: the
point to evaluate next. A line search needs no more than that: where it does not accept
a point, it moves back towards the last one that it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import frexp, isfinite, ldexp, sqrt
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from skdeepbin.network._parameters import Array
from skdeepbin.training._objective import Evaluation, ObjectiveFunction


class Move(NamedTuple):
    """The answer of an optimiser to one evaluated point.

    theta : where to evaluate next.
    state : to be handed to the next call.
    step_size : distance to ``theta`` in gradients; where each parameter has a step of
        its own, the mean of them.
    accepted : whether the descent now stands at the point that was evaluated.
    holds : whether its value can be believed, by what was met on the way from it.
    """

    theta: Array
    state: Any
    step_size: float
    accepted: bool = True
    holds: bool = True


class Optimizer(Protocol):
    """Optimiser: a state, and steps from one point to the next."""

    def init(self, theta: Array) -> Any:
        """Return the state before the first step."""

    def step(self, theta: Array, value: float, gradient: Array, state: Any) -> Move:
        """Return the next point, from what was found at this one."""


@dataclass(frozen=True)
class GradientDescent:
    """``theta - learning_rate * gradient``."""

    learning_rate: float

    def init(self, theta: Array) -> None:
        """Return no state."""
        return

    def step(self, theta: Array, value: float, gradient: Array, state: None) -> Move:
        """Step down the gradient."""
        return Move(theta - self.learning_rate * gradient, None, self.learning_rate)


@dataclass(frozen=True)
class Momentum:
    """Polyak's heavy ball::

        v <- momentum v - learning_rate gradient,    theta <- theta + v

    References
    ----------
    Polyak (1964), Some methods of speeding up the convergence of iteration methods,
    https://doi.org/10.1016/0041-5553(64)90137-5.
    """

    learning_rate: float
    momentum: float

    def init(self, theta: Array) -> Array:
        """Return a velocity of zero."""
        return np.zeros_like(theta)

    def step(
        self, theta: Array, value: float, gradient: Array, velocity: Array
    ) -> Move:
        """Step by the velocity."""
        velocity = self.momentum * velocity - self.learning_rate * gradient
        return Move(theta + velocity, velocity, self.learning_rate)


@dataclass(frozen=True)
class Nesterov:
    """Momentum with the gradient taken where the momentum leads.

    In the form whose ``theta`` is that point, as in Sutskever and others::

        v <- momentum v - learning_rate gradient
        theta <- theta + momentum v - learning_rate gradient

    References
    ----------
    Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization and
    momentum in deep learning, https://proceedings.mlr.press/v28/sutskever13.html.
    """

    learning_rate: float
    momentum: float

    def init(self, theta: Array) -> Array:
        """Return a velocity of zero."""
        return np.zeros_like(theta)

    def step(
        self, theta: Array, value: float, gradient: Array, velocity: Array
    ) -> Move:
        """Step to where the momentum leads from the next point."""
        rate = self.learning_rate
        velocity = self.momentum * velocity - rate * gradient
        theta = theta + self.momentum * velocity - rate * gradient
        return Move(theta, velocity, rate)


class Moments(NamedTuple):
    """Running means of the gradient and of its square, and the number of gradients."""

    first: Array
    second: Array
    n: int


@dataclass(frozen=True)
class Adam:
    """A step per parameter, in units of the root mean square of its gradient.

    learning_rate : one, or one for each parameter.

    References
    ----------
    Kingma, Ba (2015), Adam: a method for stochastic optimization,
    https://arxiv.org/abs/1412.6980.
    """

    learning_rate: float | Array
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def init(self, theta: Array) -> Moments:
        """Return moments of zero."""
        return Moments(np.zeros_like(theta), np.zeros_like(theta), 0)

    def step(self, theta: Array, value: float, gradient: Array, state: Moments) -> Move:
        """Step by the mean gradient over its root mean square."""
        n = state.n + 1
        first = self.beta_1 * state.first
        first += (1 - self.beta_1) * gradient
        second = self.beta_2 * state.second
        change = gradient * gradient
        change *= 1 - self.beta_2
        second += change
        np.sqrt(second, out=change)  # from here on in the memory of the squares
        root = sqrt(1 - self.beta_2**n)  # of what is still missing of the moment
        change += self.epsilon * root
        np.divide(first, change, out=change)
        change *= self.learning_rate * (root / (1 - self.beta_1**n))
        theta = np.subtract(theta, change, out=change)
        return Move(theta, Moments(first, second, n), self._mean_rate)

    @cached_property
    def _mean_rate(self) -> float:
        return float(np.mean(self.learning_rate))


# Igel and Huesken's factors, as in Riedmiller and Braun (1993).
FASTER, SLOWER = 1.2, 0.5
# On the steps where signs differ, where there is none, and where they agree.
FACTORS = np.array([SLOWER, 1.0, FASTER])
PART = 2**16  # looked up at a time
SMALLEST_STEP = 1e-10


class Steps(NamedTuple):
    """The last signs of the gradient, in bytes, zero where one has just changed.

    sizes : of the steps.
    """

    signs: NDArray[np.int8]
    sizes: Array


@dataclass(frozen=True)
class Rprop:
    """iRprop-: a step per parameter that follows the sign of its gradient alone.

    A step grows by a fifth while the sign stays and is halved where it changes; after a
    change the parameter rests for one iteration. A gradient of 1e-7 moves a parameter
    as far as one of 0.1, so vanishing gradients do not slow the descent, and rounding
    in the gradient does not reach the parameters.

    first_step, largest_step : one, or one for each parameter.

    References
    ----------
    Igel, Huesken (2003), Empirical evaluation of the improved Rprop learning
    algorithms, https://doi.org/10.1016/S0925-2312(01)00700-7.
    """

    first_step: float | Array
    largest_step: float | Array

    def init(self, theta: Array) -> Steps:
        """Return the first steps, with no sign before them."""
        sizes = np.full_like(theta, self.first_step)
        return Steps(np.zeros(theta.shape, np.int8), sizes)

    def step(self, theta: Array, value: float, gradient: Array, state: Steps) -> Move:
        """Step against the sign of the gradient."""
        signs = (gradient > 0).view(np.int8)
        signs -= (gradient < 0).view(np.int8)
        row = signs * state.signs
        row += 1
        sizes = np.empty_like(state.sizes)
        for start in range(0, len(row), PART):
            part = slice(start, start + PART)  # as it takes memory eight times of row
            FACTORS.take(row[part], mode="clip", out=sizes[part])
        sizes *= state.sizes
        np.minimum(sizes, self.largest_step, out=sizes)
        np.maximum(sizes, SMALLEST_STEP, out=sizes)
        signs *= row > 0
        change = signs * sizes
        end = np.subtract(theta, change, out=change)
        return Move(end, Steps(signs, sizes), float(np.add.reduce(sizes)) / len(sizes))


# Grippo, Lampariello, Lucidi (1986): undercut the largest of so many values.
MEMORY = 10
# Armijo (1966): by at least this share of the fall that the gradient promises.
SUFFICIENT_DECREASE = 1e-4
# Birgin, Martinez, Raydan (2000): a rejected step is cut by a factor between these.
SHRINK = (0.1, 0.5)
# Where the curvature along the last step was negative, go further; on nine tables
# factors of 1 and 5 were slower than 2.
GROWTH = 2.0
STEP_SIZES = (1e-10, 1e10)


class Search(NamedTuple):
    """The last accepted point, the last values, and the step that is being tried."""

    theta: Array
    gradient: Array
    values: tuple[float, ...]
    step_size: float
    n_accepted: int


@dataclass(frozen=True)
class BarzilaiBorwein:
    """Gradient descent that finds its step by itself.

    With ``s`` the last change of ``theta`` and ``v`` that of the gradient, the next
    step is ``s's / s'v`` or ``s'v / v'v``, in turn: two estimates of the inverse
    curvature (taking always the one, always the other, or the smaller by a rule, was
    slower on 27 problems). A trial is accepted if::

        value <= max(last 10 accepted values) - 1e-4 * step_size * |gradient|^2

    so the loss may rise for a while, as these steps need, but cannot run away.

    References
    ----------
    Barzilai, Borwein (1988), Two-point step size gradient methods,
    https://doi.org/10.1093/imanum/8.1.141. Raydan (1997), The Barzilai and Borwein
    gradient method for the large scale unconstrained minimization problem,
    https://doi.org/10.1137/S1052623494266365.
    """

    def init(self, theta: Array) -> None:
        """Return no state."""
        return

    def step(
        self, theta: Array, value: float, gradient: Array, state: Search | None
    ) -> Move:
        """Accept the point and step on, or step back and try a shorter step."""
        if state is None:
            size = _first_step_size(gradient)
            state = Search(theta, gradient, (value,), size, n_accepted=1)
            return _trial(state, accepted=True)
        promised = state.step_size * float(state.gradient @ state.gradient)
        if not value <= max(state.values) - SUFFICIENT_DECREASE * promised:
            return _trial(
                state._replace(step_size=_shorter(state, value, promised)), False
            )
        size = _barzilai_borwein_step_size(theta, gradient, state)
        values = (*state.values[1 - MEMORY :], value)
        accepted = Search(theta, gradient, values, size, state.n_accepted + 1)
        return _trial(accepted, accepted=True)


def _trial(search: Search, accepted: bool) -> Move:
    """The move to the point that the search wants to try."""
    theta = search.theta - search.step_size * search.gradient
    return Move(theta, search, search.step_size, accepted)


def _first_step_size(gradient: Array) -> float:
    """At most a change of one, summed over the parameters (Schmidt 2005, minFunc)."""
    return _rounded(1 / max(1.0, float(abs(gradient).sum())))


def _barzilai_borwein_step_size(theta: Array, gradient: Array, last: Search) -> float:
    """The inverse of the curvature between the last two accepted points."""
    s, v = theta - last.theta, gradient - last.gradient
    ss, sv, vv = float(s @ s), float(s @ v), float(v @ v)
    if sv <= 0 or vv == 0:  # vv is rounded to zero before sv is
        size = GROWTH * last.step_size
    else:
        size = sv / vv if last.n_accepted % 2 else ss / sv
    return _rounded(min(max(size, STEP_SIZES[0]), STEP_SIZES[1]))


def _shorter(search: Search, value: float, promised: float) -> float:
    """The step to the minimum of the parabola through what is known, within SHRINK.

    A value that is rejected is above the line of the promise, so the parabola opens
    upwards.
    """
    least, most = SHRINK
    rise = value - search.values[-1] + promised
    if not isfinite(rise):
        return _rounded(least * search.step_size)
    factor = promised / (2 * rise)
    return _rounded(min(max(factor, least), most) * search.step_size)


def _rounded(size: float) -> float:
    """The step size to 8 significant bits.

    These steps amplify: a difference in the last bit of a sum (weights instead of
    repeated rows, another order of rows) changes the step, which changes the next
    gradient. A rounded step does not pass the difference on. It costs nothing:
    any step within a percent is as good.
    """
    mantissa, exponent = frexp(size)
    return ldexp(round(mantissa * 256) / 256, exponent)


class Batches(Protocol):
    """Mini-batches, others at each epoch."""

    def __call__(self, epoch: int) -> Iterable[tuple[float, ObjectiveFunction]]:
        """The share of the weight of each mini-batch, and its objective."""

    def validation(self, theta: Array) -> tuple[float, float]:
        """Return the loss and the score of what validates; nan for neither."""


class Epoch(NamedTuple):
    """The number of epochs so far, and the state of the optimiser of their steps.

    met : what is known of the point where the last one ended: the means over its
        mini-batches, each at the point where it was met, and the validation. None if
        the point is still to be measured.
    """

    number: int
    state: Any
    met: Evaluation | None = None


# From a point that was measured well an epoch may meet so many times its loss.
RISE = 2


@dataclass(frozen=True)
class InMiniBatches:
    """Optimiser whose one step is an epoch: a step on each mini-batch of rows.

    The mean loss of an epoch is of points before its last step, and does not know where
    that leads. So it holds for the point at the end if the next epoch, which begins
    there, is not much worse.
    """

    optimizer: Optimizer
    batches: Batches

    def init(self, theta: Array) -> Epoch:
        """Return the state before the first epoch."""
        return Epoch(0, self.optimizer.init(theta))

    def step(self, theta: Array, value: float, gradient: Array, epoch: Epoch) -> Move:
        """Step on each mini-batch of the epoch."""
        move, gradient_met = Move(theta, epoch.state, 0.0), np.zeros_like(theta)
        loss = penalty = 0.0
        for share, objective in self.batches(epoch.number):
            here = objective(move.theta)
            loss += share * here.value
            penalty += share * here.penalty
            gradient_met += share * here.gradient
            move = self.optimizer.step(
                move.theta, here.value, here.gradient, move.state
            )
        validation = self.batches.validation(move.theta)
        met = Evaluation(loss, gradient_met, penalty, *validation)
        state = Epoch(epoch.number + 1, move.state, met)
        return move._replace(state=state, holds=loss <= RISE * value)
