"""scikit-learn's callbacks, `sklearn.callback`, met in this file alone.

They came with scikit-learn 1.9 and are still called experimental there. Before 1.9
there is no `set_callbacks`, and nothing here does anything.

The tasks of a fit are its iterations; those of an ensemble its networks, whose tasks
are their iterations. A fit without callbacks makes no tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from skdeepbin.inputs._validation import RULES, check_parameters
from skdeepbin.training._history import Step
from skdeepbin.training._observer import Observer, is_quiet

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks."""

    def with_callbacks(method):
        """The method, wrapped as scikit-learn does: warnings count their callers."""

        @wraps(method)
        def same(*args, **kwargs):
            return method(*args, **kwargs)

        return same


class Callbacks(Observer):
    """Tells the callbacks of an estimator of its fit.

    Parameters
    ----------
    clf : estimator
        It has callbacks, and its parameters are what they must be.
    X, y : array-like
        As the user gave them.
    metadata : dict or None
        What else `fit` was given.
    """

    def __init__(self, clf: Any, X: Any, y: Any, metadata: dict | None) -> None:
        self._told = {"estimator": clf, "X": X, "y": y, "metadata": metadata}
        self._max_iter = int(clf.max_iter)
        self._is_ensemble = clf.n_networks > 1
        most = int(clf.n_networks) if self._is_ensemble else self._max_iter
        self._root = clf._init_callback_context(max_subtasks=most)
        self._network: Any = None
        self._n_iterations = 0
        self._attributes: Callable[[Step], dict[str, Any]]
        self._last: Step

    def on_fit_begin(self, attributes: Callable[[Step], dict[str, Any]]) -> None:
        """attributes : the fitted ones of an estimator that stands at a step."""
        self._attributes = attributes
        self._root.call_on_fit_task_begin(**self._told)

    def on_step(self, network: int, step: Step) -> bool:
        if self._network is None:
            self._network = self._new_network()
        self._last = step
        if step.iteration == 0:
            return False
        self._n_iterations += 1
        if self._n_iterations > self._max_iter:  # from a second start
            self._network.max_subtasks = None
        iteration = self._network.subcontext("iteration")
        iteration.call_on_fit_task_begin(**self._told)
        return self._is_ended(iteration)

    def on_network_end(self, network: int) -> bool:
        ended, self._network = self._network, None
        if not self._is_ensemble or ended is None:
            return False
        return self._is_ended(ended)

    def on_fit_end(self) -> None:
        """The estimator is fitted."""
        self._root.call_on_fit_task_end(**self._told, reconstruction_attributes={})

    def _new_network(self) -> Any:
        self._n_iterations = 0
        if not self._is_ensemble:
            return self._root
        network = self._root.subcontext("network", max_subtasks=self._max_iter)
        network.call_on_fit_task_begin(**self._told)
        return network

    def _is_ended(self, task: Any) -> bool:
        """Tell of the end of a task; whether there should be no other."""
        step = self._last
        return task.call_on_fit_task_end(
            **self._told, reconstruction_attributes=lambda: self._attributes(step)
        )


def callbacks_of(clf: Any, X: Any, y: Any, sample_weight: Any) -> Callbacks | None:
    """Return the callbacks of a fit as an observer; None if there are none."""
    if is_quiet() or not getattr(clf, "_skl_callbacks", ()):
        return None
    check_parameters(
        {k: v for k, v in clf.get_params(deep=False).items() if k in RULES}
    )
    weights = None if sample_weight is None else {"sample_weight": sample_weight}
    return Callbacks(clf, X, y, weights)
