"""What a training is made of, as plain lists, dicts and arrays, and back.

So that what is saved depends on names alone, not on where a class lies, and whoever
loads it need trust no class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skdeepbin.engine._scaling import FeatureMoments, Units
from skdeepbin.training._history import Step
from skdeepbin.training._loop import Solution
from skdeepbin.training._objective import Evaluation
from skdeepbin.training._optimizers import Epoch, Moments, Search, Steps
from skdeepbin.training._resume_state import Course, Measured, Past, Replay
from skdeepbin.training._stopping import Progress

# By their names. An entry that is renamed, or has other fields, is another format.
KINDS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        Course,
        Epoch,
        Evaluation,
        FeatureMoments,
        Measured,
        Moments,
        Past,
        Progress,
        Replay,
        Search,
        Solution,
        Step,
        Steps,
        Units,
    )
}


def plain(value: Any) -> Any:
    """The value in lists, dicts, arrays, texts and numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {"of": {str(key): plain(part) for key, part in value.items()}}
    kind = type(value).__name__ if hasattr(value, "_fields") else ""
    return {"kind": kind, "of": [plain(part) for part in value]}


def living(value: Any) -> Any:
    """What ``plain`` was made from, with tuples in the place of lists."""
    if not isinstance(value, dict):
        return value
    if "kind" not in value:
        return {key: living(part) for key, part in value["of"].items()}
    parts = tuple(living(part) for part in value["of"])
    return KINDS[value["kind"]](*parts) if value["kind"] else parts
