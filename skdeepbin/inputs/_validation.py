"""Check what the user gave: constructor parameters, labels, weights.

Every error names the parameter or the array, what it must be, what it was, and what
to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer_names
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skdeepbin.engine._blocks import row_slices
from skdeepbin.network._activations import ACTIVATIONS, is_own
from skdeepbin.network._initializers import INITIALIZERS
from skdeepbin.training._solvers import IN_BATCHES, IN_STEPS, SOLVERS


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has a value or a type that cannot be used."""


class Rule(NamedTuple):
    """Rule for a parameter: a part of a sentence, and a test.

    words : the allowed words, for a guess at what a misspelt one was meant to be.
    hints : what to do instead of a value that other libraries have.
    """

    must_be: str
    holds: Callable[[Any], bool]
    words: Iterable[str] = ()
    hints: Mapping[str, str] = {}


def _is_int(value: Any, least: int = 1) -> bool:
    is_integral = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integral and int(value) >= least


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_non_negative(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_sizes(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and all(map(_is_int, value))
    return _is_int(value) or (
        isinstance(value, (list, tuple)) and all(map(_is_int, value))
    )


def _is_class_weight(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_non_negative, value.values()))
    return value is None or (isinstance(value, str) and value == "balanced")


def _is_random_state(value: Any) -> bool:
    if isinstance(value, Integral):
        return _is_int(value, least=0) and value < 2**32
    return value is None or isinstance(value, np.random.RandomState)


def _word_among(*words: str, hints: Mapping[str, str] = {}) -> Rule:
    listed = ", ".join(map(repr, words))
    return Rule(
        f"one of {listed}" if len(words) > 1 else listed,
        lambda value: isinstance(value, str) and value in words,
        words,
        hints,
    )


def _is_activation(value: Any) -> bool:
    return is_own(value) or (isinstance(value, str) and value in ACTIVATIONS)


def _are_activations(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_activation, value))
    return _is_activation(value)


def _or_word(rule: Rule, must_be: str, holds: Callable[[Any], bool]) -> Rule:
    """The rule that a value is one of the words of ``rule``, or that it ``holds``."""
    return rule._replace(
        must_be=f"{rule.must_be} or {must_be}",
        holds=lambda value: rule.holds(value) or holds(value),
    )


_RATE_SCHEDULE = (
    "For scikit-learn's `learning_rate_init=0.01` write `learning_rate=0.01`."
)
_SOLVER_NAMES = {"sgd": "scikit-learn's 'sgd' over all rows is 'gd' here."}


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool))


RULES = {
    "hidden_layer_sizes": Rule(
        "a positive int, the width of every hidden layer, or a sequence of them",
        _is_sizes,
    ),
    "depth": Rule(
        "a positive int or None (for no hidden layer, `hidden_layer_sizes=()`)",
        lambda value: value is None or _is_int(value),
    ),
    "activation": _or_word(
        _word_among(*ACTIVATIONS),
        "an object with methods `forward` and `derivative`, or a list of these, one "
        "for each hidden layer",
        _are_activations,
    ),
    "init": _or_word(
        _word_among("auto", *INITIALIZERS), "a positive real number", _is_positive
    ),
    "solver": _word_among("auto", *SOLVERS, hints=_SOLVER_NAMES),
    "learning_rate": _or_word(
        _word_among(
            "auto",
            hints=dict.fromkeys(["constant", "adaptive", "invscaling"], _RATE_SCHEDULE),
        ),
        "a positive real number",
        _is_positive,
    ),
    "momentum": Rule(
        "a real number from 0 to less than 1",
        lambda value: _is_non_negative(value) and value < 1,
    ),
    "early_stopping": _or_word(_word_among("auto"), "a bool", _is_bool),
    "validation_fraction": Rule(
        "a real number between 0 and 1",
        lambda value: _is_positive(value) and value < 1,
    ),
    "scoring": Rule(
        "'loss', a scorer's name (see sklearn.metrics.get_scorer_names) or a scorer",
        lambda value: (
            callable(value)
            or (isinstance(value, str) and value in ("loss", *get_scorer_names()))
        ),
        words=("loss", *get_scorer_names()),
        hints={"log_loss": "The log loss is 'loss' here."},
    ),
    "alpha": _or_word(
        _word_among("auto"), "a non-negative real number", _is_non_negative
    ),
    "feature_scaling": _word_among("auto", "standard", "none"),
    "dropout": Rule(
        "a real number from 0 to less than 1",
        lambda value: _is_non_negative(value) and value < 1,
    ),
    "batch_size": Rule(
        "a positive int or None (all rows)",
        lambda value: value is None or _is_int(value),
        hints={"auto": "scikit-learn's 'auto' is 200 rows at most; None is all rows."},
    ),
    "max_iter": Rule("a positive int", _is_int),
    "tol": Rule("a non-negative real number", _is_non_negative),
    "n_iter_no_change": Rule("a positive int", _is_int),
    "dtype": _word_among("auto", "float32", "float64"),
    "n_jobs": Rule(
        "None or an int that is not 0 (-1 is all cores)",
        lambda value: value is None or (_is_int(value, least=-(2**31)) and value != 0),
    ),
    "class_weight": Rule(
        "None, 'balanced' or a dict from class labels to non-negative weights",
        _is_class_weight,
        words=["balanced"],
    ),
    "n_networks": Rule("a positive int", _is_int),
    "n_bins": _or_word(
        _word_among("auto"),
        "0 (none) or an int of at least 2",
        lambda value: _is_int(value, least=0) and value != 1,
    ),
    "warm_start": Rule("a bool", _is_bool),
    "random_state": Rule(
        "None, an int from 0 to 2**32 - 1 or a numpy RandomState", _is_random_state
    ),
    "checkpoint": Rule(
        "None or the path of a file",
        lambda value: (
            value is None
            or (isinstance(value, (str, os.PathLike)) and bool(str(value)))
        ),
    ),
    "checkpoint_interval": Rule("a non-negative real number", _is_non_negative),
    "verbose": Rule(
        "a bool or a non-negative int",
        lambda value: _is_bool(value) or _is_int(value, least=0),
    ),
}


def check_parameters(
    parameters: Mapping[str, Any], rules: Mapping[str, Rule] = RULES
) -> None:
    """Raise an InvalidParameterError for the first parameter that breaks its rule."""
    for name, value in parameters.items():
        rule = rules[name]
        if rule.holds(value):
            continue
        message = f"`{name}` must be {rule.must_be}; got {value!r}."
        if isinstance(value, str):
            close = get_close_matches(value.lower(), rule.words, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else ""
            message = f"{message} {rule.hints.get(value, hint)}".rstrip()
        raise InvalidParameterError(message)


_NOT_IN_BATCHES = {
    "rprop": (
        "It halves a step where the sign of its gradient changes; from one mini-batch "
        "to the next signs change by chance, and the steps would shrink to nothing."
    ),
    "lbfgs": (
        "Its line search compares values of the loss, and those of different "
        "mini-batches are not of the same function."
    ),
}


def check_solver(solver: str, batch_size: int | None, dropout: float) -> None:
    """Raise an InvalidParameterError if the solver cannot do without what it needs."""
    if dropout and solver == "lbfgs":
        raise InvalidParameterError(
            f"`dropout` must be 0 with solver='lbfgs'; got {dropout}. Its line search "
            "compares values of the loss, and dropout draws them anew. Set `solver` to "
            f"one of {', '.join(map(repr, IN_STEPS))}."
        )
    if batch_size is not None and solver not in ("auto", *IN_BATCHES):
        raise InvalidParameterError(
            f"`batch_size` must be None with solver={solver!r}; got {batch_size}. "
            f"{_NOT_IN_BATCHES[solver]} Set `solver` to one of "
            f"{', '.join(map(repr, IN_BATCHES))}."
        )


def hidden_sizes(hidden_layer_sizes: Any, depth: int | None) -> tuple[int, ...]:
    """The width of each hidden layer: 2 layers where an int comes without a depth."""
    if isinstance(hidden_layer_sizes, Integral):
        return (int(hidden_layer_sizes),) * int(2 if depth is None else depth)
    sizes = tuple(int(size) for size in hidden_layer_sizes)
    if depth is not None and depth != len(sizes):
        raise InvalidParameterError(
            f"`depth` must be None or {len(sizes)}, the length of `hidden_layer_sizes="
            f"{sizes}`; got {depth}. To search over `depth`, give `hidden_layer_sizes` "
            "as an int, the width of every hidden layer."
        )
    return sizes


# Labels and weights are looked at by so many rows at a time, to copy no more than that.
ROWS = 2**16


def check_features(X: Any) -> Any:
    """X itself; raise a ValueError unless its entries are real numbers."""
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"X must hold real numbers; got entries of type {X.dtype}. Convert the "
            "columns that hold something else, or leave them out."
        )
    return X


def check_columns(X: Any, name: str = "X") -> None:
    """Raise a ValueError for the first column of a data frame that holds times.

    NumPy would say of them only that it has no common type.
    """
    if not hasattr(X, "columns"):
        return
    for column, dtype in zip(X.columns, X.dtypes):
        is_time = getattr(dtype, "is_temporal", lambda: False)()  # of polars
        if is_time or getattr(dtype, "kind", "") in {"M", "m"}:
            raise ValueError(
                f"`{name}` must hold real numbers; got a column {column!r} of type "
                f"{dtype}. Convert it, for example to days since a date, or leave it "
                "out."
            )


def check_not_masked(**arrays: Any) -> None:
    """Raise a ValueError for the first array of which some entries are masked."""
    for name, array in arrays.items():
        if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
            raise ValueError(
                f"`{name}` must not be masked; got {np.ma.count_masked(array)} masked "
                "entries, whose numbers mean nothing. Fill them, for example by "
                "sklearn.impute.SimpleImputer, or leave their rows out."
            )


def check_is_local(**arrays: Any) -> None:
    """Raise a TypeError for the first array that is a collection of Dask."""
    for name, array in arrays.items():
        if hasattr(array, "__dask_graph__"):
            raise TypeError(
                f"`{name}` must be in memory; got a Dask {type(array).__name__}. Use "
                "skdeepbin.dask.DaskDeepBinaryClassifier, which fits on a cluster, or "
                f"compute it, `{name}.compute()`."
            )


def _different(labels: np.ndarray, name: str) -> np.ndarray:
    """Each of the labels once, sorted."""
    try:
        return np.unique(labels)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"`{name}` must hold labels of one kind; got {' and '.join(kinds)}. Drop "
            "the rows without a label, or write all labels as text."
        ) from None


def encode_labels(
    y: np.ndarray, known: np.ndarray | None = None, name: str = "y"
) -> tuple[np.ndarray, NDArray[np.bool_]]:
    """The two classes, sorted, and for each row whether it is of the second.

    known : the classes, where `y` need not hold both.
    """
    parts = row_slices(len(y), ROWS)
    classes = y[:0]
    for rows in parts:
        classes = _different(np.concatenate([classes, y[rows]]), name)
        if len(classes) > 2:
            break
    if known is not None:
        unknown = np.setdiff1d(classes, known)
        if unknown.size:
            raise ValueError(
                f"`{name}` must hold the classes {known.tolist()}; got "
                f"{unknown.tolist()[0]!r}."
            )
        classes = known
    kind = type_of_target(classes, input_name=name, raise_unknown=True)
    check_classification_targets(classes)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{kind}: `y` must hold 2 classes; got {len(classes)} or more, "
            f"{', '.join(map(repr, classes[:3].tolist()))} among them. For one network "
            "a class, wrap the classifier in sklearn.multiclass.OneVsRestClassifier."
        )
    if len(classes) < 2:
        raise ValueError(
            "`y` must hold 2 classes for a classifier to tell apart; got 1 class: "
            f"{classes.tolist()[0]!r}."
        )
    second = np.empty(len(y), bool)
    for rows in parts:
        second[rows] = y[rows] == classes[1]
    return classes, second


@contextmanager
def enough_memory(n_bytes: int) -> Iterator[None]:
    """Raise a MemoryError if a block needs more than there is; at once, if it will."""
    message = (
        f"The network needs {n_bytes:,} bytes of memory for its parameters and for the "
        "blocks of rows that are in work, more than there are. Lower "
        "`hidden_layer_sizes` or `depth`."
    )
    if n_bytes > _physical_memory():
        raise MemoryError(message)
    try:
        yield
    except MemoryError as error:
        raise MemoryError(message) from error


def _physical_memory() -> float:
    """Bytes of memory of this machine; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return inf


def check_both_or_none(**arguments: Any) -> None:
    """Raise if only some of the arguments were given."""
    missing = [name for name, value in arguments.items() if value is None]
    if len(missing) not in (0, len(arguments)):
        raise ValueError(
            f"{' and '.join(f'`{name}`' for name in arguments)} must be given "
            f"together; `{missing[0]}` is missing."
        )


def check_classes(classes: Any, fitted: np.ndarray | None) -> np.ndarray:
    """Both classes, sorted, as `partial_fit` is told them or knows them."""
    if classes is None:
        if fitted is None:
            raise ValueError(
                "`classes` must be given at the first call of `partial_fit`: both "
                "labels, as the first rows need not hold both."
            )
        return fitted
    classes = np.unique(classes)
    if len(classes) != 2:
        raise ValueError(
            f"`classes` must be 2 labels; got {len(classes)}: {classes.tolist()}."
        )
    if fitted is not None and not np.array_equal(classes, fitted):
        raise ValueError(
            f"`classes` must be those of the first call, {fitted.tolist()}; got "
            f"{classes.tolist()}."
        )
    return classes


def precision(dtype: str, of_features: Sequence[np.dtype]) -> np.dtype:
    """Return the precision: the one asked for, else float32 if all features are."""
    if dtype == "auto":
        is_single = all(each == np.float32 for each in of_features)
        dtype = "float32" if is_single else "float64"
    return np.dtype(dtype)


def check_same_problem(
    fitted: Any, classes: np.ndarray, sizes: tuple[int, ...], n_networks: int
) -> None:
    """Raise unless a warm start meets the classes and the layers of the last fit."""
    if not np.array_equal(fitted.classes_, classes):
        raise ValueError(
            "With `warm_start=True`, `y` must hold the classes of the last fit, "
            f"{fitted.classes_.tolist()}; got {classes.tolist()}. Set "
            "`warm_start=False` to start anew."
        )
    k = 1 if fitted.coefs_[0].ndim == 2 else len(fitted.coefs_[0])
    if n_networks != k:
        raise InvalidParameterError(
            f"With `warm_start=True`, `n_networks` must be that of the last fit, {k}; "
            f"got {n_networks}. Set `warm_start=False` to start anew."
        )
    hidden = sizes[1:-1]
    before = tuple(b.shape[-1] for b in fitted.intercepts_[:-1])
    if hidden != before:
        raise InvalidParameterError(
            "With `warm_start=True`, `hidden_layer_sizes` and `depth` must give the "
            f"hidden layers of the last fit, {before}; got {hidden}. Set "
            "`warm_start=False` to start anew."
        )
