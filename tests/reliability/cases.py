"""Bad and odd input as data: what is given, and what is expected of it.

An outcome is one of

- SAME: it works, as with the same numbers in a plain float64 array;
- FINE: it works, with finite probabilities;
- a pair of an error's type and a pattern of its message.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

SAME, FINE = "same", "fine"

N = 60
_RNG = np.random.RandomState(0)
X = _RNG.normal(size=(N, 4)).round(2)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = ["a", "b", "c", "d"]


class Case(NamedTuple):
    """One kind of array.

    make : gives the array.
    outcome : where it is what is fitted.
    seen : the same of a prediction, and of `diagnose`; None is as in a fit.
    """

    name: str
    make: Callable[[], Any]
    outcome: Any
    seen: Any = None


def _polars():
    return pytest.importorskip("polars")


def _changed(value, dtype=float):
    changed = X.astype(dtype)
    changed[3, 1] = value
    return changed


def _frame(**columns):
    return pd.DataFrame(X, columns=NAMES).assign(**columns)


def _csr(kind=sparse.csr_matrix):
    return kind(np.where(abs(X) < 0.5, 0, X))


def _explicit_zeros():
    rows = _csr()
    rows.data[::3] = 0
    return rows


def _unsorted():
    rows = _csr()
    for i in range(N):
        part = slice(rows.indptr[i], rows.indptr[i + 1])
        rows.data[part] = rows.data[part][::-1].copy()
        rows.indices[part] = rows.indices[part][::-1].copy()
    rows.has_sorted_indices = False
    return rows


def _repeated():
    """Entries in pieces, which add up."""
    rows = sparse.coo_matrix(_csr())
    halves = np.concatenate([rows.data / 2] * 2)
    places = np.concatenate([rows.row] * 2), np.concatenate([rows.col] * 2)
    return sparse.coo_matrix((halves, places), shape=rows.shape)


def _long_indices():
    rows = _csr()
    rows.indices, rows.indptr = (
        rows.indices.astype("int64"),
        rows.indptr.astype("int64"),
    )
    return rows


def _without(rows):
    array = _csr().toarray()
    array[rows] = 0
    return sparse.csr_array(array)


def _read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def _masked(array, masked=True):
    mask = np.zeros(array.shape, bool)
    mask.flat[3] = masked
    return np.ma.MaskedArray(array, mask)


NUMBERS = r"NaN"
FEATURES = [
    # kinds of numbers
    Case("objects that are numbers", lambda: X.astype(object), SAME),
    Case("float32", lambda: X.astype(np.float32), FINE),
    Case("float16", lambda: X.astype(np.float16), SAME),
    Case("longdouble", lambda: X.astype(np.longdouble), SAME),
    Case("int8", lambda: (9 * X).astype(np.int8), SAME),
    Case("uint64", lambda: abs(9 * X).astype(np.uint64), SAME),
    Case("bool", lambda: X > 0, SAME),
    Case("another byte order", lambda: X.astype(X.dtype.newbyteorder()), SAME),
    Case("Fortran order", lambda: np.asfortranarray(X), SAME),
    Case("negative strides", lambda: X[::-1, ::-1][::-1, ::-1], SAME),
    Case("every second number", lambda: np.repeat(X, 2, axis=1)[:, ::2], SAME),
    Case("read-only", lambda: _read_only(X), SAME),
    Case("lists", lambda: X.tolist(), SAME),
    Case("nothing is masked", lambda: _masked(X, masked=False), SAME),
    # tables
    Case("pandas", lambda: _frame(), SAME),
    Case("pandas, Float64", lambda: _frame().astype("Float64"), SAME),
    Case("pandas, Int64", lambda: (9 * _frame()).astype(int).astype("Int64"), SAME),
    Case("pandas, mixed", lambda: _frame(a=X[:, 0] > 0, b=np.float32(X[:, 1])), SAME),
    Case("pandas, sparse", lambda: _frame().astype(pd.SparseDtype(float, 0.0)), SAME),
    Case("polars", lambda: _polars().DataFrame(X, schema=NAMES), SAME),
    # sparse
    Case("CSR", _csr, SAME),
    Case("CSR array", lambda: _csr(sparse.csr_array), SAME),
    Case("CSC", lambda: _csr(sparse.csc_matrix), SAME),
    Case("COO", lambda: _csr(sparse.coo_array), SAME),
    Case("explicit zeros", _explicit_zeros, SAME),
    Case("unsorted indices", _unsorted, SAME),
    Case("entries in pieces", _repeated, SAME),
    Case("int64 indices", _long_indices, SAME),
    Case("some rows of zeros", lambda: _without(slice(5)), SAME),
    Case("only zeros", lambda: _without(slice(None)), FINE),
    # values
    Case("one value of 1e300", lambda: _changed(1e300), FINE),
    Case("values of 1e200", lambda: X * 1e200, FINE),
    Case("values of 1e300", lambda: X * 1e300, FINE),
    Case("denormal values", lambda: X * 1e-310, FINE),
    Case("from 1e-12 to 1e12", lambda: X * [1e-12, 1, 1e6, 1e12], FINE),
    Case("far from zero", lambda: X + 1e9, FINE),
    Case("a constant column", lambda: _frame(c=7.0), FINE),
    Case("only constants", lambda: np.full((N, 4), 7.0), FINE),
    Case("twice the same column", lambda: X[:, [0, 0, 1, 1]], FINE),
    Case("one value of 1e39 in float32", lambda: _changed(3e38, np.float32), FINE),
    # errors
    Case("nan", lambda: _changed(np.nan), (ValueError, "X contains NaN")),
    Case("inf", lambda: _changed(np.inf), (ValueError, "X contains infinity")),
    Case("-inf", lambda: _changed(-np.inf), (ValueError, "X contains infinity")),
    Case("nan in CSR", lambda: _csr() * np.nan, (ValueError, "X contains NaN")),
    Case(
        "pd.NA", lambda: _frame(a=pd.array([pd.NA] * N, "Float64")), (ValueError, "NaN")
    ),
    Case(
        "null in polars",
        lambda: _polars().DataFrame(X, schema=NAMES).with_columns(a=None),
        (ValueError, "NaN"),
    ),
    Case(
        "inf in float32",
        lambda: _changed(np.inf, np.float32),
        (ValueError, "too large for dtype"),
    ),
    Case("text", lambda: X.astype(str), (ValueError, "[Cc]onvert")),
    Case("words", lambda: _frame(a="low"), (ValueError, "could not convert")),
    Case(
        "categories",
        lambda: _frame(a=pd.Categorical(["low", "high"] * (N // 2))),
        (ValueError, "could not convert|must hold real numbers"),
    ),
    Case("bytes", lambda: X.astype(bytes), (ValueError, "[Cc]onvert your data")),
    Case("None among objects", lambda: _changed(None, object), (ValueError, "NaN")),
    Case("dates", lambda: X.astype("datetime64[s]"), (ValueError, "real numbers")),
    Case("durations", lambda: X.astype("timedelta64[s]"), (ValueError, "real numbers")),
    Case(
        "a column of dates",
        lambda: _frame(a=pd.Timestamp("2026-01-01")),
        (ValueError, "must hold real numbers; got a column 'a'"),
    ),
    Case(
        "a column of durations",
        lambda: _frame(a=pd.Timedelta(days=3)),
        (ValueError, "must hold real numbers; got a column 'a'"),
    ),
    Case(
        "a column of dates in polars",
        lambda: _polars().DataFrame(X, schema=NAMES).with_columns(a=date(2026, 1, 1)),
        (ValueError, "must hold real numbers; got a column 'a'"),
    ),
    Case("complex", lambda: X + 1j, (ValueError, "Complex data not supported")),
    Case(
        "something masked", lambda: _masked(X), (ValueError, "`X` must not be masked")
    ),
    Case(
        "a record",
        lambda: X.view([("a", float)]),
        ((ValueError, TypeError), "[Cc]onvert your data|promote"),
    ),
    Case(
        "lists of several lengths",
        lambda: [[1.0, 2], [3]],
        (ValueError, "inhomogeneous"),
    ),
    Case(
        "a dict",
        lambda: {"a": 1},
        ((ValueError, TypeError), "Expected 2D array, got scalar"),
    ),
    Case("a text", lambda: "X", (ValueError, "Expected 2D array|convert")),
    Case("None", lambda: None, (ValueError, "Expected 2D array, got scalar")),
    Case("flat", lambda: X[:, 0], (ValueError, "Expected 2D array")),
    Case("of three axes", lambda: X[:, :, None], (ValueError, "dim 3|<= 2")),
    Case("no rows", lambda: X[:0], (ValueError, r"0 sample\(s\)")),
    Case("no columns", lambda: X[:, :0], (ValueError, r"0 feature\(s\)"), ()),
]

TARGETS = [
    Case("ints", lambda: Y, SAME),
    Case("bools", lambda: Y == 1, SAME),
    Case("-1 and 1", lambda: 2 * Y - 1, SAME),
    Case("floats", lambda: Y.astype(float), SAME),
    Case("unsigned", lambda: Y.astype(np.uint8), SAME),
    Case("texts", lambda: np.where(Y, "yes", "no"), SAME),
    Case("objects", lambda: np.where(Y, "yes", "no").astype(object), SAME),
    Case("lists", lambda: Y.tolist(), SAME),
    Case("pandas", lambda: pd.Series(Y, index=range(7, 7 + N)), SAME),
    Case("pandas, Int64", lambda: pd.Series(Y, dtype="Int64"), SAME),
    Case("pandas, boolean", lambda: pd.Series(Y == 1, dtype="boolean"), SAME),
    Case("pandas, texts", lambda: pd.Series(np.where(Y, "yes", "no")), SAME),
    Case("pandas, categories", lambda: pd.Series(Y).astype("category"), SAME),
    Case("polars", lambda: _polars().Series(Y), SAME),
    Case("dates", lambda: Y.astype("datetime64[D]"), SAME),
    Case("read-only", lambda: _read_only(Y), SAME),
    Case("another byte order", lambda: Y.astype(Y.dtype.newbyteorder()), SAME),
    Case("nothing is masked", lambda: _masked(Y, masked=False), SAME),
    # errors
    Case("one class", lambda: 0 * Y, (ValueError, "got 1 class: 0")),
    Case("three classes", lambda: np.arange(N) % 3, (ValueError, "Only binary.*got 3")),
    Case("continuous", lambda: X[:, 0], (ValueError, "Unknown label type: continuous")),
    Case("0.5 and 1.5", lambda: Y + 0.5, (ValueError, "continuous")),
    Case("nan", lambda: np.where(Y, np.nan, 1), (ValueError, "y contains NaN")),
    Case("inf", lambda: np.where(Y, np.inf, 1), (ValueError, "y contains infinity")),
    Case(
        "pd.NA",
        lambda: pd.Series([pd.NA, *Y[1:]], dtype="Int64"),
        (ValueError, "NaN|NA"),
    ),
    Case("None", lambda: None, (ValueError, "requires y")),
    Case(
        "None among texts",
        lambda: np.array([None, *np.where(Y, "yes", "no")[1:]], object),
        ((ValueError, TypeError), "labels of one kind; got NoneType and str"),
    ),
    Case(
        "numbers and texts",
        lambda: np.array(["yes", *Y[1:]], object),
        ((ValueError, TypeError), "labels of one kind; got int64 and str"),
    ),
    Case("one column a class", lambda: np.c_[Y, 1 - Y], (ValueError, "1d array")),
    Case("too few", lambda: Y[1:], (ValueError, "inconsistent numbers of samples")),
    Case("none", lambda: Y[:0], (ValueError, "inconsistent numbers")),
    Case("complex", lambda: Y + 1j, (ValueError, "Complex data not supported")),
    Case(
        "something masked", lambda: _masked(Y), (ValueError, "`y` must not be masked")
    ),
    Case("a number", lambda: 1, (ValueError, "1d array|one number")),
]

_NO_SECOND = np.where(Y, 0.0, 1.0)
WEIGHTS = [
    Case("ones", lambda: np.ones(N), SAME),
    Case("one number for all", lambda: 1.0, SAME),
    Case("ints", lambda: np.ones(N, int), SAME),
    Case("bools", lambda: np.ones(N, bool), SAME),
    Case("float32", lambda: np.ones(N, np.float32), SAME),
    Case("lists", lambda: [1] * N, SAME),
    Case("pandas", lambda: pd.Series(np.ones(N), index=range(7, 7 + N)), SAME),
    Case("read-only", lambda: _read_only(np.ones(N)), SAME),
    Case("huge", lambda: np.full(N, 1e300), FINE),
    Case("tiny", lambda: np.full(N, 1e-300), FINE),
    Case("the largest there is", lambda: np.full(N, np.finfo(float).max), FINE),
    Case("from tiny to huge", lambda: np.logspace(-300, 300, N), FINE),
    Case("mostly zero", lambda: np.r_[np.ones(20), np.zeros(N - 20)], FINE),
    # errors
    Case("negative", lambda: -np.ones(N), (ValueError, "must be non-negative; got -1")),
    Case("nan", lambda: np.full(N, np.nan), (ValueError, "weight contains NaN")),
    Case("inf", lambda: np.full(N, np.inf), (ValueError, "weight contains infinity")),
    Case("zero", lambda: np.zeros(N), (ValueError, "above zero; got only zeros")),
    Case(
        "the smallest there is",
        lambda: np.full(N, 5e-324),
        (ValueError, "at least 1e-300; the largest is 4.94e-324"),
    ),
    Case("none of a class", lambda: _NO_SECOND, (ValueError, "class .*1.* has none")),
    Case("too few", lambda: np.ones(N - 1), (ValueError, r"shape \(60,\); got .*59")),
    Case("a column", lambda: np.ones((N, 1)), (ValueError, r"got shape \(60, 1\)")),
    Case("texts", lambda: ["heavy"] * N, (ValueError, "could not convert")),
    Case(
        "complex", lambda: np.ones(N) + 1j, (ValueError, "Complex data not supported")
    ),
    Case(
        "something masked",
        lambda: _masked(np.ones(N)),
        (ValueError, "`sample_weight` must not be masked"),
    ),
]
