"""Fits on a Dask cluster, with the exact gradient summed where the rows are."""

from skdeepbin.dask._estimator import DaskDeepBinaryClassifier

__all__ = ["DaskDeepBinaryClassifier"]
