"""Fingerprints of fits: with the same one a fit ends with the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy

from skdeepbin._version import __version__
from skdeepbin.engine._hashing import digest
from skdeepbin.inputs._activations import words_of_own
from skdeepbin.network._activations import is_own
from skdeepbin.network._parameters import Array

# Parameters that change nothing in what is learnt.
OF_NO_CONSEQUENCE = {"n_jobs", "verbose", "checkpoint", "checkpoint_interval"}


def fingerprint(
    parameters: Mapping[str, Any], contents: Mapping[str, str]
) -> dict[str, str]:
    """Return, by its name, a text for each library, parameter and array.

    contents : of the arrays.
    """
    return {
        "skdeepbin": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        **{
            f"`{name}`": _words(value)
            for name, value in parameters.items()
            if name not in OF_NO_CONSEQUENCE
        },
        **contents,
    }


def identity(
    parameters: Mapping[str, Any],
    contents: Mapping[str, str],
    given: Sequence[Any] | None,
    resumed: Sequence[Array] | None,
    split_seed: int | None,
) -> dict[str, str]:
    """Return what tells a fit from others.

    contents : digests of the training data.
    given : the validation set: features, labels and weights.
    resumed : the points that an earlier training stands at, and its seed.
    """
    names = "`X_val`", "`y_val`", "`sample_weight_val`"
    others = zip(names, map(digest, given or (None, None, None)))
    start = "none"
    if resumed is not None:
        start = f"{', '.join(map(digest, resumed))}, {split_seed}"
    return {
        **fingerprint(parameters, {**contents, **dict(others)}),
        "the fit before": start,
    }


def _words(value: Any) -> str:
    """A parameter as text, the same in another process."""
    if isinstance(value, np.random.RandomState):
        return f"a RandomState {value.get_state()!r}"
    if is_own(value):
        return words_of_own(value)
    if isinstance(value, (list, tuple)) and any(map(is_own, value)):
        return f"({', '.join(map(_words, value))})"
    if isinstance(value, (list, tuple, np.ndarray)):
        return repr(tuple(np.asarray(value).tolist()))
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, Mapping):
        return repr({key: value[key] for key in sorted(value, key=repr)})
    if callable(value):  # its address is another in another process
        name = getattr(value, "__qualname__", type(value).__qualname__)
        return f"{getattr(value, '__module__', '')}.{name}"
    return repr(value)


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the differences of two fingerprints, in words."""
    return [
        f"{name} was {_short(before.get(name, 'missing'))} and is "
        f"{_short(now.get(name, 'missing'))}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def _short(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
