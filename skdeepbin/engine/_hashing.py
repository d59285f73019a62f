"""Digests of arrays by their content."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdeepbin.engine._blocks import row_slices

ROWS = 2**14  # hashed at a time


def digest(array: Any) -> str:
    """A number that other contents do not have; of None that there are none."""
    if array is None:
        return "none"
    if issparse(array):
        parts = array.data, array.indices, array.indptr
        return f"CSR of shape {array.shape}, {', '.join(map(digest, parts))}"
    array = np.asarray(array)
    if array.dtype.hasobject:
        return digest(array.astype(str))
    content = blake2b(digest_size=16)
    for rows in row_slices(len(array), ROWS):
        part = np.ascontiguousarray(array[rows])
        content.update(part.view(np.uint8).data if part.size else b"")
    return f"{array.dtype} of shape {array.shape}, {content.hexdigest()}"
