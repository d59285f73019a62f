"""Inputs of `debug_backprop`, checked and brought into rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skdeepbin.diagnosis.backprop._explanation import UserGradients
from skdeepbin.diagnosis.backprop._reference import ReferenceNetwork
from skdeepbin.diagnosis.backprop.catalogue._entry import Mistake
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._parameters import Array

# What counts as equal, as relative error: of float64 with room for the 1e-8 that people
# add to probabilities, and of float32 with room for sums over many rows.
TOLERANCE, TOLERANCE_32 = 1e-6, 3e-4
# And of a gradient that is small only because its terms cancel, of their sizes.
UNIT, UNIT_32 = 1e-13, 1e-5


def as_list(name: str, value: Any) -> list[Any]:
    """Return the arrays of each layer, from the input to the output."""
    is_vector = isinstance(value, np.ndarray) and value.ndim < 2
    is_vector = is_vector and value.dtype != object
    if isinstance(value, (dict, str)) or not isinstance(value, Iterable) or is_vector:
        kind = f"a vector of shape {value.shape}" if is_vector else type(value).__name__
        raise ValueError(
            f"`{name}` must be a list of arrays, one for each layer from the input to "
            f"the output; got {kind}."
        )
    return list(value)


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Return an array of real numbers in float64."""
    if sparse.issparse(value):
        value = value.toarray()
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"`{name}` must be an array; got rows of different lengths."
        ) from None
    if array.dtype.kind not in "biuf":
        kind = "None" if value is None else f"entries of type {array.dtype}"
        raise ValueError(f"`{name}` must hold real numbers; got {kind}.")
    return array.astype(np.float64)


def is_single_precision(arrays: Sequence[Any]) -> bool:
    """Return whether some numbers are of single precision or less."""
    kinds = (np.asarray(a).dtype for a in arrays if hasattr(a, "__array__"))
    return any(kind.kind == "f" and kind.itemsize < 8 for kind in kinds)


class Convention(NamedTuple):
    """Convention in which the user writes arrays.

    columns : whether the rows of the data are columns of X.
    bias_axes : of each layer, the axes of length one that its biases have, before or
        after that of the units: (0, 0), (1, 0) or (0, 1).
    y_axes : the same of the labels.
    dtypes : of parameters and X, and of the labels.
    """

    columns: bool
    bias_axes: Sequence[tuple[int, int]] = ()
    y_axes: tuple[int, int] = (0, 0)
    dtypes: tuple[np.dtype, np.dtype] = (np.dtype(float), np.dtype(float))

    def turned(self, array: np.ndarray) -> np.ndarray:
        """Return a matrix of the user in rows, or one in rows as the user's."""
        return array.T if self.columns else array

    def arrays(
        self, network: ReferenceNetwork
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
        """Return weights, biases, X and y as the user would have them."""
        dtype, of_labels = self.dtypes
        W = [self.turned(w).astype(dtype) for w in network.weights]
        b = [
            _with_axes(b, axes).astype(dtype)
            for b, axes in zip(network.biases, self.bias_axes)
        ]
        y = _with_axes(network.y.ravel(), self.y_axes).astype(of_labels)
        return W, b, self.turned(network.X).astype(dtype), y

    def shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the shape in the convention, of an array of this shape in rows."""
        return (columns, rows) if self.columns else (rows, columns)


def _floating(weights: Sequence[Any], X: Any) -> np.dtype:
    """Return the type that random parameters and rows can be handed over in."""
    common = np.result_type(*(np.asarray(array).dtype for array in (*weights, X)))
    return common if common.kind == "f" else np.dtype(float)


def _axes(array: Any) -> tuple[int, int]:
    """Return the axes of length one before and after that of a vector."""
    shape = np.shape(array)
    if len(shape) < 2:
        return (0, 0)
    return (1, 0) if shape[0] == 1 else (0, 1)


def _with_axes(vector: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
    before, after = axes
    return vector.reshape((1,) * before + vector.shape + (1,) * after)


def check_network(
    weights: Sequence[Any],
    biases: Sequence[Any],
    X: Any,
    y: Any,
    activation: str | Sequence[str],
    samples: str | None,
    reduction: str,
    alpha: float,
) -> tuple[ReferenceNetwork, Convention]:
    """Return the network with samples in rows, and the convention it came in."""
    originals = biases, y
    dtypes = _floating(weights, X), np.asarray(y).dtype
    W = [as_numbers(f"weights[{i}]", w) for i, w in enumerate(weights)]
    for i, w in enumerate(W):
        if w.ndim != 2:
            raise ValueError(
                f"`weights[{i}]` must be a matrix; got an array of shape {w.shape}."
            )
    X = as_numbers("X", X)
    if X.ndim != 2:
        raise ValueError(f"`X` must be a matrix; got an array of shape {X.shape}.")
    if not X.size:
        raise ValueError(f"`X` must hold samples and features; got shape {X.shape}.")
    if not W:
        raise ValueError("`weights` must hold the weights of each layer; got none.")
    y = as_numbers("y", y)
    if y.ndim > 2 or (y.ndim == 2 and 1 not in y.shape):
        raise ValueError(
            "`y` must be flat or a single row or column of labels 0 and 1; got shape "
            f"{y.shape}."
        )
    y = y.ravel()
    convention = _convention(W, X, len(y), samples)
    W, X = [convention.turned(w) for w in W], convention.turned(X)
    _check_labels(y)
    b = _check_biases(biases, W)
    activations = _check_activations(activation, len(W) - 1)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"`reduction` must be 'mean' or 'sum'; got {reduction!r}.")
    is_number = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if not (is_number and np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"`alpha` must be a non-negative number; got {alpha!r}.")
    for name, arrays in (("weights", W), ("biases", b), ("X", [X])):
        for i, array in enumerate(arrays):
            if not np.isfinite(array).all():
                raise ValueError(
                    f"`{name}` must be finite; got nan or inf in layer {i + 1}."
                    if name != "X"
                    else "`X` must be finite; got nan or inf."
                )
    divisor = float(len(X)) if reduction == "mean" else 1.0
    network = ReferenceNetwork(
        W, b, X, y[:, np.newaxis], activations, divisor, float(alpha)
    )
    return network, convention._replace(
        bias_axes=[_axes(b) for b in originals[0]],
        y_axes=_axes(originals[1]),
        dtypes=dtypes,
    )


def _convention(
    W: Sequence[np.ndarray], X: np.ndarray, n: int, samples: str | None
) -> Convention:
    """Return the convention in which the shapes fit, or that the user says."""
    if samples not in (None, "rows", "columns"):
        raise ValueError(f"`samples` must be 'rows' or 'columns'; got {samples!r}.")
    allowed = [c for c in (False, True) if samples in (None, ("rows", "columns")[c])]
    misfits = {columns: _misfit(W, X, n, columns) for columns in allowed}
    fitting = [columns for columns, misfit in misfits.items() if misfit is None]
    if len(fitting) == 1:
        return Convention(fitting[0])
    if fitting:
        raise ValueError(
            "The shapes of `weights` and `X` fit with samples in rows and in columns. "
            "Give `samples='rows'`, for X of shape (n_samples, n_features), or "
            "`samples='columns'`."
        )
    for columns in allowed:
        if _misfit(W[::-1], X, n, columns) is None:
            raise ValueError(
                "`weights` must go from the input to the output; they fit from the "
                "last to the first. Give `weights[::-1]`, and so of the other lists."
            )
    turned = [w.T for w in W]
    for columns in allowed:
        if _misfit(turned, X, n, columns) is None:
            rows, shape = ("columns", "rows")[not columns], "(fan_in, fan_out)"
            shape = "(fan_out, fan_in)" if columns else shape
            raise ValueError(
                f"`weights` must be of shape {shape} for samples in {rows}, as X has "
                "them; they are the other way round. Give `[W.T for W in weights]` and "
                "so of the gradients, or X.T."
            )
    raise ValueError(" Or, ".join(str(misfit) for misfit in misfits.values()))


def _misfit(
    W: Sequence[np.ndarray], X: np.ndarray, n: int, columns: bool
) -> str | None:
    """Return a sentence on the shapes that do not fit in a convention, if any."""
    turned = Convention(columns).turned
    where = "columns" if columns else "rows"
    rows, width = turned(X).shape
    if rows != n:
        return (
            f"with samples in {where}, `X` has {rows} samples, its shape is {X.shape}, "
            f"but `y` has {n}."
        )
    last = "the features of X"
    for i, w in enumerate(W):
        fan_in, fan_out = turned(w).shape
        if fan_in != width:
            expected = Convention(columns).shape(width, fan_out)
            return (
                f"with samples in {where}, `weights[{i}]` must be of shape {expected}, "
                f"for {last}; got {w.shape}."
            )
        width, last = fan_out, f"the {fan_out} units of layer {i + 1}"
    if width != 1:
        return (
            f"with samples in {where}, the last of `weights` must lead to 1 unit, the "
            f"logit; got shape {W[-1].shape}."
        )
    return None


def _check_labels(y: np.ndarray) -> None:
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"`y` must hold labels 0 and 1; got {np.unique(y)[:5].tolist()}. Of two "
            "other labels give `y == the one that counts as 1`."
        )


def _check_biases(biases: Sequence[Any], W: Sequence[np.ndarray]) -> list[np.ndarray]:
    if len(biases) != len(W):
        raise ValueError(
            f"`biases` must be one array for each of the {len(W)} `weights`; got "
            f"{len(biases)}."
        )
    checked = []
    for i, (b, w) in enumerate(zip(biases, W)):
        b, k = as_numbers(f"biases[{i}]", b), w.shape[1]
        if b.shape not in ((k,), (k, 1), (1, k)) and not (k == 1 and b.size == 1):
            raise ValueError(
                f"`biases[{i}]` must be of shape ({k},), ({k}, 1) or (1, {k}), for the "
                f"units of layer {i + 1}; got {b.shape}."
            )
        checked.append(b.ravel())
    return checked


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _check_activations(activation: Any, n_hidden: int) -> list[str]:
    names = [*activation] if _is_list(activation) else [activation] * n_hidden
    names = ["logistic" if name == "sigmoid" else name for name in names]
    if len(names) == n_hidden + 1 and names[-1] == "logistic":
        names = names[:-1]  # with that of the output
    if len(names) != n_hidden or not all(name in [*ACTIVATIONS] for name in names):
        allowed = ", ".join(map(repr, (*ACTIVATIONS, "sigmoid")))
        raise ValueError(
            f"`activation` must be one of {allowed}, or one of them for each of the "
            f"{n_hidden} hidden layers; got {activation!r}."
        )
    return names


class CheckedGradients(NamedTuple):
    """The user's gradients in rows, and the mistakes that their shapes alone tell.

    notes : on arrays that could not be compared.
    """

    gradients: UserGradients
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]


def compared(
    network: ReferenceNetwork,
    convention: Convention,
    weight_grads: Sequence[Any],
    bias_grads: Sequence[Any],
    is_single: bool,
) -> CheckedGradients:
    """Return the user's gradients as far as they can be compared."""
    depth = network.depth
    for name, grads in (("weight_grads", weight_grads), ("bias_grads", bias_grads)):
        if len(grads) != depth:
            raise ValueError(
                f"`{name}` must be one array for each of the {depth} layers; got "
                f"{len(grads)}."
            )
    shapes = [convention.shape(*W.shape) for W in network.weights]
    numbers = [
        [as_numbers(f"{name}[{i}]", grad) for i, grad in enumerate(grads)]
        for name, grads in (("weight_grads", weight_grads), ("bias_grads", bias_grads))
    ]
    got = [G.shape for G in numbers[0]]
    if got != shapes and got[::-1] == shapes:
        raise ValueError(
            "`weight_grads` must go from the input to the output; they fit from the "
            "last to the first. Give `weight_grads[::-1]`, and so of `bias_grads`."
        )
    mistakes: list[Mistake] = []
    notes: list[str] = []
    dW: list[Array | None] = []
    db: list[Array | None] = []
    for layer, G, g in zip(range(1, depth + 1), *numbers):
        for value, arrays, of in ((G, dW, _weight_gradient), (g, db, _bias_gradient)):
            array, mistake = of(network, convention, layer, value)
            arrays.append(array)
            if mistake is not None:
                mistakes.append(mistake)
    for what, arrays in (("dW", dW), ("db", db)):
        for layer in range(depth, 0, -1):
            array = arrays[layer - 1]
            if array is not None and not np.isfinite(array).all():
                notes.append(f"{what}{layer} holds nan or inf.")
                arrays[layer - 1] = None
    if notes:
        notes[0] += " Going backwards it is the first: look there."
    tolerance, unit = (TOLERANCE_32, UNIT_32) if is_single else (TOLERANCE, UNIT)
    of_weights, of_biases = ([unit * size for size in part] for part in network.sizes)
    originals = UserGradients(dW, db, tolerance, (of_weights, of_biases))
    return CheckedGradients(originals, tuple(mistakes), tuple(notes))


def _weight_gradient(
    network: ReferenceNetwork, convention: Convention, layer: int, G: np.ndarray
) -> tuple[Array | None, Mistake | None]:
    """Return ``dW_l`` in rows, or the mistake that its shape tells."""
    W = network.weights[layer - 1]
    place = network.depth - layer
    if G.shape == convention.shape(*W.shape):
        return convention.turned(G), None
    if G.shape == convention.shape(*W.T.shape):
        return convention.turned(G).T, Mistake(
            "transposed",
            place,
            f"dW{layer} of shape {G.shape}",
            f"dW{layer} of shape {convention.shape(*W.shape)}, that of W{layer}",
            "It cannot be subtracted from the weights, or is broadcast against them.",
        )
    if layer == network.depth and set(G.shape) == {W.shape[0], network.n}:
        return None, Mistake(
            "labels of shape (n,) broadcast against (n, 1)",
            0,
            f"a{layer} - y is a matrix of n rows and n columns, so dW{layer} has shape "
            f"{G.shape}",
            f"a{layer} - y with y of shape {convention.shape(network.n, 1)}",
            "Every row is compared with the labels of all rows.",
        )
    raise ValueError(
        f"`weight_grads[{layer - 1}]` must be of shape "
        f"{convention.shape(*W.shape)}, that of its weights; got {G.shape}. The lists "
        "must go from the input to the output."
    )


def _bias_gradient(
    network: ReferenceNetwork, convention: Convention, layer: int, g: np.ndarray
) -> tuple[Array | None, Mistake | None]:
    """Return ``db_l``, or the mistake that its shape tells."""
    k, n, place = network.weights[layer - 1].shape[1], network.n, network.depth - layer
    if g.shape in ((k,), (k, 1), (1, k)):
        return g.ravel(), None
    if g.size == 1:
        return np.full(k, g.ravel()[0]), None
    over_n = "" if network.divisor == 1 else " / n"
    right = f"db{layer} = sum(dZ{layer} over the samples){over_n}, one for each unit"
    if g.shape in ((n, k), (k, n)):
        return None, Mistake(
            "not summed over the samples",
            place,
            f"db{layer} = dZ{layer}, of shape {g.shape}",
            right,
            "Broadcast against the biases, every sample has biases of its own.",
        )
    if g.size == n:
        return None, Mistake(
            "summed over the units, not over the samples",
            place,
            f"db{layer} = sum(dZ{layer} over units), of shape {g.shape}",
            right,
            "Broadcast against the biases, every sample has biases of its own.",
        )
    raise ValueError(
        f"`bias_grads[{layer - 1}]` must be of shape ({k},), ({k}, 1) or (1, {k}), for "
        f"the units of layer {layer}; got {g.shape}."
    )
