"""A fitted network for other libraries, and theirs for this one."""

from skdeepbin.export._mlp import from_mlp, to_mlp
from skdeepbin.export._onnx import to_onnx
from skdeepbin.export._torch import to_torch

__all__ = ["from_mlp", "to_mlp", "to_onnx", "to_torch"]
