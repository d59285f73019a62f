"""Predictions of a model for each partition of a Dask collection, lazily."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from skdeepbin._extras import extra
from skdeepbin.dask._partitioning import delayed_blocks, merge_column_chunks

# Methods that return one number per row.
ONE_COLUMN = "predict", "decision_function"


def predict_lazily(model: Any, method: str, X: Any) -> Any:
    """Return what a method of a classifier predicts, in a collection of X's kind."""
    dtype = _dtype(model, method)
    columns = None if method in ONE_COLUMN else model.classes_
    delayed = extra("dask", "dask").delayed
    model, function = delayed(model, pure=True), partial(predict_partition, name=method)
    if isinstance(X, (list, tuple)):
        lazy = delayed(function)
        return [lazy(block, model) for block in delayed_blocks(X)]
    if hasattr(X, "partitions") and hasattr(X, "divisions"):  # a data frame
        pandas = extra("pandas", None)
        meta = pandas.Series([], dtype=dtype)
        if columns is not None:
            meta = pandas.DataFrame(dict.fromkeys(columns, meta))
        return X.map_partitions(_predict_frame, function, columns, model, meta=meta)
    X = merge_column_chunks(X)
    change: dict[str, Any] = {"drop_axis": 1}
    shape: tuple[int, ...] = (0,)
    if columns is not None:
        shape = 0, len(columns)
        change = {"chunks": (X.chunks[0], (len(columns),))}
    meta = np.empty(shape, dtype)
    return X.map_blocks(function, model=model, dtype=dtype, meta=meta, **change)


def predict_partition(X: Any, model: Any, name: str) -> np.ndarray:
    """Call a method of a model for a partition, which may have no rows."""
    if not (X.shape[0] if hasattr(X, "shape") else len(X)):
        return np.empty((0,) if name in ONE_COLUMN else (0, 2), _dtype(model, name))
    return getattr(model, name)(X)


def _dtype(model: Any, method: str) -> np.dtype:
    return model.classes_.dtype if method == "predict" else model.coefs_[0].dtype


def _predict_frame(X: Any, function: Any, columns: Any, model: Any) -> Any:
    """Return predictions with the index of a data frame."""
    pandas = extra("pandas", None)
    predictions = function(X, model)
    if columns is None:
        return pandas.Series(predictions, index=X.index)
    return pandas.DataFrame(predictions, index=X.index, columns=columns)
