"""The state of a training as plain lists, dicts and arrays, and back.

So that what is saved depends on names alone, not on where a class lies, and whoever
loads it need trust no class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skdeepbin.engine._scaling import FeatureMoments, FeatureScaling
from skdeepbin.training._history import Step
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import Epoch, Moments, Search, Steps
from skdeepbin.training._session import (
    Evaluations,
    FitState,
    Point,
    RunResult,
    RunState,
)
from skdeepbin.training._stopping import Progress

# By their names. An entry that is renamed, or has other fields, is another format.
KINDS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        Epoch,
        Evaluation,
        Evaluations,
        FeatureMoments,
        FitState,
        Moments,
        Point,
        Progress,
        RunResult,
        RunState,
        Search,
        Step,
        Steps,
        FeatureScaling,
    )
}


def serialize(value: Any) -> Any:
    """Return the value in lists, dicts, arrays, texts and numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {"of": {str(key): serialize(part) for key, part in value.items()}}
    kind = type(value).__name__ if hasattr(value, "_fields") else ""
    return {"kind": kind, "of": [serialize(part) for part in value]}


def deserialize(value: Any, kinds: Mapping[str, Callable[..., Any]] = KINDS) -> Any:
    """Return the value that was serialised, with tuples in the place of lists."""
    if not isinstance(value, dict):
        return value
    if "kind" not in value:
        return {key: deserialize(part, kinds) for key, part in value["of"].items()}
    parts = tuple(deserialize(part, kinds) for part in value["of"])
    return kinds[value["kind"]](*parts) if value["kind"] else parts
