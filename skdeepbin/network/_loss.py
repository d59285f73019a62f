"""The log loss, from logits.

For a logit ``z`` and a label ``y`` in ``[0, 1]``::

    loss  = log(1 + e^z) - y z = max(z, 0) - y z + log(1 + e^-|z|)
    dloss/dz = sigmoid(z) - y

The second form of the loss is exact for any ``z``: nothing overflows, nothing is
clipped, and confident right answers keep their digits. From probabilities instead,
as ``-(y log p + (1 - y) log(1 - p))``, the loss is infinite from ``z = 37`` on and
its derivative needs the derivative of the sigmoid, where hand-written code goes wrong.
"""

from __future__ import annotations

import numpy as np

from skdeepbin.network._parameters import Array


def log_loss(z: Array, y: Array) -> tuple[Array, Array]:
    """For each row the loss and its derivative to ``z``."""
    decay = np.abs(z)
    np.negative(decay, out=decay)
    np.exp(decay, out=decay)  # in (0, 1]: cannot overflow
    losses = np.maximum(z, 0)
    losses -= y * z  # 0 for a right answer, before what it must not swallow
    losses += np.log1p(decay)
    d = np.maximum(decay, z >= 0)  # the sigmoid's numerator: 1 where z >= 0
    decay += 1
    d /= decay
    d -= y
    return losses, d
