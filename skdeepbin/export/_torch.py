"""A fitted network as a module of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._extras import extra
from skdeepbin.export._networks import (
    LAYERS_OF_BINS,
    check_fitted,
    exportable,
    one_network,
    reads_bins,
)
from skdeepbin.network._activations import activation_of
from skdeepbin.network._parameters import Array


def to_torch(clf: DeepBinaryClassifier) -> Any:
    """The network of a fitted classifier as a ``torch.nn.Sequential``.

    It maps rows to logits, without the last sigmoid::

        net(X) = [clf.decision_function(X)]    of shape (n_samples, 1)

    as ``torch.nn.BCEWithLogitsLoss`` wants them; ``torch.sigmoid(net(X))`` are the
    probabilities of ``classes_[1]``. The modules are ``Linear`` and the activations,
    in turn. The parameters are copies, of the precision of the fit: float64 unless X
    was float32. ``net.float()`` makes them float32.

    Parameters
    ----------
    clf : DeepBinaryClassifier
        Fitted. An ensemble becomes one network with the mean of the logits, in which
        the networks lie side by side with zeros in between; training it in PyTorch
        would fill these. Bins that networks read are two layers more in front, of ReLU.
        `dropout` is for training alone and left out.

    Returns
    -------
    net : torch.nn.Sequential
        In evaluation mode, on the CPU.

    Raises
    ------
    TypeError
        If `clf` is something else; of a pipeline, give the last step.
    NotFittedError
        If `clf` is not fitted.
    ValueError
        If an activation is an object of your own.
    ModuleNotFoundError
        If PyTorch is not installed: ``pip install torch``.

    See Also
    --------
    to_onnx : For any runtime, with the labels and whole pipelines.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.export import to_torch
    >>> X, y = make_moons(random_state=0)
    >>> clf = DeepBinaryClassifier(4, random_state=0).fit(X, y)
    >>> to_torch(clf)  # doctest: +SKIP
    Sequential(
      (0): Linear(in_features=2, out_features=4, bias=True)
      (1): ReLU()
      (2): Linear(in_features=4, out_features=4, bias=True)
      (3): ReLU()
      (4): Linear(in_features=4, out_features=1, bias=True)
    )
    """
    check_fitted(clf, DeepBinaryClassifier, "clf")
    activations = exportable(clf, "torch", "torch.nn")
    if reads_bins(clf):
        activations = (activation_of("relu"),) * LAYERS_OF_BINS + activations
    torch = extra("torch", None)
    weights, biases = one_network(clf)
    parts = [_linear(torch, weights[0], biases[0])]
    for activation, W, b in zip(activations, weights[1:], biases[1:]):
        parts += [getattr(torch.nn, str(activation.torch))(), _linear(torch, W, b)]
    return torch.nn.Sequential(*parts).eval()


def _linear(torch: Any, W: Array, b: Array) -> Any:
    """A layer, made without drawing from the random numbers of PyTorch."""
    weight, bias = torch.from_numpy(np.ascontiguousarray(W.T)), torch.from_numpy(b)
    layer = torch.nn.utils.skip_init(torch.nn.Linear, *W.shape, dtype=weight.dtype)
    layer.weight, layer.bias = map(torch.nn.Parameter, (weight, bias))
    return layer
