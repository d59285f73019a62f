"""A fitted classifier, or a pipeline with one in it, as an ONNX model.

Every layer is a ``Gemm`` and an activation; the logits of an ensemble are added up, and
divided by their number::

    z = X W_1 + b_1 ..,    probabilities = [sigmoid(-z), sigmoid(z)]
    label = classes[z > 0]

Around other estimators the graph is skl2onnx's, and this has its converters, of the
classifier and of a PiecewiseLinearEncoder before it.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.utils.validation import check_is_fitted

from skdeepbin._classifier import DeepBinaryClassifier
from skdeepbin._encoder import PiecewiseLinearEncoder
from skdeepbin._extras import extra
from skdeepbin._version import __version__
from skdeepbin.engine._bins import bins_of
from skdeepbin.export._networks import exportable
from skdeepbin.network._activations import Activation
from skdeepbin.network._parameters import Parameters

# Old enough for the runtimes of 2022; every operator here is in it.
OPSET, IR_VERSION = 17, 8

FLOAT32, INT64, FLOAT64 = 1, 7, 11  # of onnx.TensorProto
LARGEST_LABEL = np.iinfo(np.int64).max
# Rows of `X_sample` on which a model of skl2onnx is compared with its estimator, and by
# how much their probabilities may differ.
ROWS = 1000
TOLERANCE = {"float32": 1e-4, "float64": 1e-6}


class Node(NamedTuple):
    """An operator of a graph with the names of its inputs and of its output."""

    operator: str
    inputs: Sequence[str]
    output: str
    attributes: dict[str, Any]


class Graph:
    """Nodes and constants, in the order in which they are computed.

    unique : a name that nothing has yet, like the one given.
    dtype : the precision to compute in.
    """

    def __init__(self, unique: Callable[[str], str], dtype: np.dtype) -> None:
        self._unique, self.dtype = unique, dtype
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """The name of a constant."""
        name = self._unique(name)
        self.constants[name] = value
        return name

    def number(self, value: float) -> str:
        """The name of a constant in the precision of the graph."""
        return self.constant("number", np.array(value, self.dtype))

    def node(
        self, operator: str, *inputs: str, output: str | None = None, **attributes: Any
    ) -> str:
        """The name of an operator's output."""
        output = output or self._unique(operator.lower())
        self.nodes.append(Node(operator, inputs, output, attributes))
        return output


def to_onnx(estimator: Any, X_sample: Any = None) -> Any:
    """A fitted classifier as an ONNX model, for any runtime and without Python.

    Its outputs are those that skl2onnx names: "label" of shape (n_samples,), and
    "probabilities" of shape (n_samples, 2), in the order of `classes_`. Its input is
    "X" of shape (n_samples, n_features), for any number of rows.

    Parameters
    ----------
    estimator : DeepBinaryClassifier, or a classifier with one in it
        Fitted. A DeepBinaryClassifier needs onnx alone, an ensemble too. Whatever lies
        around it, a Pipeline, a search, a CalibratedClassifierCV, is converted by
        skl2onnx; a PiecewiseLinearEncoder in it too.

    X_sample : array-like or data frame of shape (n_samples, n_features), default=None
        Some rows as the model will read them. It computes in float32 where they are
        float32 and else in float64; without rows, in the precision of the fit. Features
        that are far from zero, compared with their spread, need float64.

        Needed where `estimator` is not a DeepBinaryClassifier: the model is then run on
        the first 1000 rows, and must give the same probabilities and labels. With a
        :class:`~sklearn.compose.ColumnTransformer` that knows its columns by name, it
        is a data frame, and the model has an input for each column, of its name and
        shape (n_samples, 1): numbers, all of one precision, or strings. onnxruntime
        has some operators, such as that of SimpleImputer, in float32 alone.

    Returns
    -------
    model : onnx.ModelProto
        Checked, of operator set 17. ``model.SerializeToString()`` is what a file
        should hold. Labels are strings or int64; False and True are 0 and 1.

    Raises
    ------
    TypeError
        If `estimator` is not a classifier.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If a step cannot be converted, or is converted to something else, or labels or
        weights do not fit the types of ONNX, or an activation is an object of your own,
        or `X_sample` has other columns than those of the fit or is missing.
    ModuleNotFoundError
        If onnx or skl2onnx is missing: ``pip install 'skdeepbin[onnx]'``.

    See Also
    --------
    to_torch : To go on training elsewhere.

    Examples
    --------
    >>> from onnx.reference import ReferenceEvaluator
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.export import to_onnx
    >>> X, y = make_moons(noise=0.1, random_state=0)
    >>> clf = DeepBinaryClassifier(8, random_state=0).fit(X, y)
    >>> model = to_onnx(clf)
    >>> label, p = ReferenceEvaluator(model).run(None, {"X": X})
    >>> bool((label == clf.predict(X)).all())
    True
    >>> float(abs(p - clf.predict_proba(X)).max()) < 1e-12
    True
    """
    if not (isinstance(estimator, BaseEstimator) and is_classifier(estimator)):
        got = f"a {type(estimator).__name__}"
        if isinstance(estimator, type):
            got = f"the class {estimator.__name__}"
        raise TypeError(
            "`estimator` must be a fitted DeepBinaryClassifier, or a pipeline or "
            f"another classifier with one in it; got {got}."
        )
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        kind = type(estimator).__name__
        raise TypeError(f"`estimator` must have `predict_proba`; this {kind} has not.")
    onnx = extra("onnx", "onnx")
    if X_sample is not None:
        X_sample = _check_rows(estimator, X_sample)
    if isinstance(estimator, DeepBinaryClassifier):
        model = _model(onnx, estimator, _precision(estimator, X_sample))
        onnx.checker.check_model(model, full_check=True)
    else:
        model = _by_skl2onnx(onnx, estimator, X_sample)
    model.producer_name, model.producer_version = "skdeepbin", __version__
    return model


def _check_rows(estimator: Any, X_sample: Any) -> Any:
    """Some rows as an array or a data frame; raise if they have other columns."""
    if not hasattr(X_sample, "shape"):
        X_sample = np.asarray(X_sample)
    n_features = getattr(estimator, "n_features_in_", None)
    shape = tuple(X_sample.shape)
    if len(shape) != 2 or not shape[0] or shape[1] != (n_features or shape[1]):
        raise ValueError(
            "`X_sample` must be rows with the features of the fit, of shape "
            f"(n_samples, {n_features or 'n_features'}); got the shape {shape}."
        )
    return X_sample.tocsr()[:ROWS].toarray() if issparse(X_sample) else X_sample[:ROWS]


def _precision(clf: DeepBinaryClassifier, X_sample: Any) -> np.dtype:
    """Return the precision to compute in."""
    if X_sample is None:
        return clf.coefs_[0].dtype
    return _float_of(_types(X_sample))


def _types(X_sample: Any) -> list[np.dtype]:
    """The type of each column of a data frame, or that of an array."""
    if hasattr(X_sample, "columns"):
        return [np.asarray(X_sample[name]).dtype for name in X_sample.columns]
    return [X_sample.dtype]


def _float_of(types: Sequence[np.dtype]) -> np.dtype:
    """float32 if all that are floats are, else float64."""
    sizes = {dtype.itemsize for dtype in types if dtype.kind == "f"}
    return np.dtype(np.float32 if sizes == {4} else np.float64)


def _model(onnx: Any, clf: DeepBinaryClassifier, dtype: np.dtype) -> Any:
    """The model of a classifier alone."""
    numbers: Counter[str] = Counter()

    def unique(name: str) -> str:
        numbers[name] += 1
        return f"{name}_{numbers[name]}"

    graph = Graph(unique, dtype)
    _add_network(graph, clf, "X", ("label", "probabilities"))
    value, number = onnx.helper.make_tensor_value_info, _code(onnx, dtype)
    label = _code(onnx, _labels(clf.classes_).dtype)
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            [
                onnx.helper.make_node(operator, inputs, [output], output, **attributes)
                for operator, inputs, output, attributes in graph.nodes
            ],
            "DeepBinaryClassifier",
            [value("X", number, ["n_samples", clf.n_features_in_])],
            [
                value("label", label, ["n_samples"]),
                value("probabilities", number, ["n_samples", 2]),
            ],
            [
                onnx.numpy_helper.from_array(constant, name)
                for name, constant in graph.constants.items()
            ],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _code(onnx: Any, dtype: np.dtype) -> int:
    """The number of a type in ONNX."""
    if dtype.kind in "UO":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(dtype))


def _add_network(
    graph: Graph,
    clf: DeepBinaryClassifier,
    X: str,
    outputs: Sequence[str],
    raw_scores: bool = False,
) -> None:
    """Add the operators from a matrix to the labels and the probabilities.

    raw_scores : whether the second output is ``[-z, z]``.
    """
    activations = exportable(clf, "onnx", "ONNX")
    networks = clf.model_.networks
    inputs, logits = {clf.n_features_in_: X}, []
    for parameters in networks:
        width = len(parameters.weights[0])
        if width not in inputs:
            inputs[width] = _add_bins(graph, clf.bin_edges_ or [], X)
        logits.append(_add_layers(graph, parameters, activations, inputs[width]))
    z = logits[0]
    if len(networks) > 1:
        total = graph.node("Sum", *logits)
        z = graph.node("Div", total, graph.number(len(networks)))
    label, scores = outputs
    opposite = graph.node("Neg", z)
    pair = graph.node(
        "Concat", opposite, z, axis=1, output=scores if raw_scores else None
    )
    if not raw_scores:
        graph.node("Sigmoid", pair, output=scores)
    is_second = graph.node("Greater", z, graph.number(0))
    number = graph.node("Cast", is_second, to=INT64)
    flat = graph.node(
        "Reshape", number, graph.constant("shape", np.array([-1], np.int64))
    )
    classes = graph.constant("classes", _labels(clf.classes_))
    graph.node("Gather", classes, flat, output=label)


def _add_layers(
    graph: Graph, parameters: Parameters, activations: Sequence[Activation], A: str
) -> str:
    """Add the layers of one network; the name of its logit."""
    Z, dtype = "", graph.dtype
    for layer, (W, b) in enumerate(zip(*parameters)):
        if layer:
            to_onnx = activations[layer - 1].onnx
            assert to_onnx is not None  # `exportable` has seen to it
            A = to_onnx(graph, Z)
        weights = graph.constant("weights", _rounded(W, dtype))
        Z = graph.node("Gemm", A, weights, graph.constant("biases", _rounded(b, dtype)))
    return Z


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The weights in this precision."""
    with np.errstate(over="ignore"):
        rounded = np.ascontiguousarray(values, dtype)
    if not np.isfinite(rounded).all():
        raise ValueError(
            f"The weights of the network do not fit {dtype}: the largest is "
            f"{np.abs(values).max():g}. Give `X_sample` in float64."
        )
    return rounded


def _add_bins(
    graph: Graph,
    edges: Sequence[np.ndarray],
    X: str,
    output: str | None = None,
) -> str:
    """Add the operators from a matrix to its columns and their bins; the name of these.

    In float64 inside, as the encoder does: edges that are close stay apart.
    """
    bins = bins_of(edges)
    if not bins.n:
        return graph.node("Identity", X, output=output)
    scale, number = bins.scale, graph.constant
    low = number("low", bins.lower * scale)
    width = number("width", bins.upper * scale - bins.lower * scale)
    x = graph.node("Gather", X, number("columns", bins.columns), axis=1)
    x = graph.node("Cast", x, to=FLOAT64)
    x = graph.node("Max", x, number("lower", bins.lower))
    x = graph.node("Min", x, number("upper", bins.upper))
    if (scale != 1).any():
        x = graph.node("Mul", x, number("scale", scale))
    x = graph.node("Div", graph.node("Sub", x, low), width)
    if graph.dtype == np.float32:
        x = graph.node("Cast", x, to=FLOAT32)
    return graph.node("Concat", X, x, axis=1, output=output)


def _labels(classes: np.ndarray) -> np.ndarray:
    """The classes in a type of ONNX: text or int64."""
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(object)
    if (
        classes.dtype.kind in "biuf"
        and abs(classes.astype(float)).max() < LARGEST_LABEL
    ):
        return classes.astype(np.int64)
    raise ValueError(
        "The classes must be text, bool or numbers that fit int64 for ONNX; got "
        f"{classes.tolist()}. Fit on other labels."
    )


def _by_skl2onnx(onnx: Any, estimator: Any, X_sample: Any) -> Any:
    """The model of a classifier with others around it."""
    skl2onnx = extra("skl2onnx", "onnx")
    if X_sample is None:
        raise ValueError(
            "`X_sample` must be given for an `estimator` that is not a "
            f"DeepBinaryClassifier; this is a {type(estimator).__name__}. Give some "
            "rows of X: they tell the types of the inputs, and the model is tried on "
            "them."
        )
    _register(skl2onnx)
    rows = _inputs(estimator, X_sample)
    try:
        model = skl2onnx.to_onnx(
            estimator,
            name=type(estimator).__name__,
            initial_types=[(name, _type(column)) for name, column in rows.items()],
            target_opset={"": OPSET, "ai.onnx.ml": 3},
            options={"zipmap": False},
        )
        onnx.checker.check_model(model, full_check=True)
        label, probabilities = _outputs(model, rows)
    except Exception as error:  # of any kind, as every converter has its own
        raise ValueError(_what_failed(estimator, error)) from error
    _compare(estimator, X_sample, label, probabilities)
    return model


def _outputs(model: Any, rows: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Labels and probabilities of a model."""
    run = extra("onnx.reference", "onnx").ReferenceEvaluator(model).run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operators of skl2onnx that divide by zero
        return run(["label", "probabilities"], rows)


def _what_failed(estimator: Any, error: Exception) -> str:
    """Which step could not be converted, if the error names its type."""
    sentence = str(error).strip().partition("\n")[0]
    sentence = sentence.partition(". You may raise")[0].rstrip(".")
    for path, step in _parts(estimator):
        if re.search(rf"\b{type(step).__name__}\b", sentence):
            where = f"Step {path!r} of `estimator`" if path else "`estimator`"
            return (
                f"{where} is a {type(step).__name__}, which skl2onnx cannot convert: "
                f"{sentence}. Do before the model what it does, and leave it out; or "
                "register a converter by skl2onnx.update_registered_converter."
            )
    kind = type(estimator).__name__
    return (
        f"skl2onnx cannot convert `estimator`, a {kind}: {sentence}. Some of its "
        "converters know float32 alone: give `X_sample` in float32, or make "
        "`estimator` simpler."
    )


def _compare(
    estimator: Any, X_sample: Any, label: np.ndarray, probabilities: np.ndarray
) -> None:
    """Raise a ValueError if the model gives other probabilities or labels.

    skl2onnx leaves out some of what meta-estimators do, without a word.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # X_sample without the names of the fit
        expected = estimator.predict_proba(X_sample)
        labels = estimator.predict(X_sample)
    tolerance = TOLERANCE[probabilities.dtype.name]
    differ = float(np.abs(probabilities - expected).max())
    second, first = np.sort(expected)[:, -2:].T
    other = (label != labels) & (first - second > 2 * tolerance)  # not by rounding
    if differ <= tolerance and not other.any():
        return
    kind, hint = type(estimator).__name__, "Export a part of it, or make it simpler."
    if any(isinstance(part, CalibratedClassifierCV) for _, part in _parts(estimator)):
        hint = (
            "A CalibratedClassifierCV must not be isotonic nor around a pipeline; make "
            "it the last step of one."
        )
    raise ValueError(
        f"skl2onnx makes another model of `estimator`, a {kind}: on `X_sample` its "
        f"probabilities differ by up to {differ:.2g}, and {np.count_nonzero(other)} of "
        f"{len(other)} labels. {hint}"
    )


def _parts(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The estimator and all within it, the innermost first, with their paths."""
    inside = estimator.get_params(deep=True).items()
    for path, value in sorted(inside, key=lambda item: -item[0].count("__")):
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield path, value
    yield "", estimator


def _inputs(estimator: Any, X_sample: Any) -> dict[str, np.ndarray]:
    """The inputs of the model by their names, as numbers of one precision and text."""
    dtype = _float_of(_types(X_sample))
    by_column = any(
        isinstance(part, ColumnTransformer) for _, part in _parts(estimator)
    )
    if by_column and hasattr(X_sample, "columns"):
        columns = {str(name): np.asarray(X_sample[name]) for name in X_sample.columns}
        return {
            name: _known(values[:, np.newaxis], dtype)
            for name, values in columns.items()
        }
    return {"X": _known(np.asarray(X_sample), dtype)}


def _known(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array of this type, or of text."""
    if values.dtype.kind in "biuf":
        return values.astype(dtype)
    return values.astype(object)


def _type(column: np.ndarray) -> Any:
    """The type of a matrix of any number of rows, in the words of skl2onnx."""
    types = extra("skl2onnx.common.data_types", "onnx")
    kinds = {
        "float32": types.FloatTensorType,
        "float64": types.DoubleTensorType,
        "object": types.StringTensorType,
    }
    return kinds[column.dtype.name]([None, column.shape[1]])


def _register(skl2onnx: Any) -> None:
    """Tell skl2onnx how to convert what is of this package."""
    skl2onnx.update_registered_converter(
        DeepBinaryClassifier,
        "SkDeepBinDeepBinaryClassifier",
        _infer_types,
        _convert,
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
            "raw_scores": [True, False],
        },
    )
    skl2onnx.update_registered_converter(
        PiecewiseLinearEncoder,
        "SkDeepBinPiecewiseLinearEncoder",
        _infer_encoding,
        _convert_encoder,
    )


def _infer_types(operator: Any) -> None:
    """Set the types of the outputs."""
    shapes = extra("skl2onnx.common.shape_calculator", "onnx")
    shapes.calculate_linear_classifier_output_shapes(operator)
    # By itself skl2onnx takes that of the pipeline's input.
    example = np.empty((0, 2), _precision_of(operator))
    operator.outputs[1].set_type(_type(example))


def _precision_of(operator: Any) -> np.dtype:
    """Return the precision that a network inside of a model computes in."""
    types = extra("skl2onnx.common.data_types", "onnx")
    double = isinstance(operator.inputs[0].type, types.DoubleTensorType)
    return np.dtype(np.float64 if double else np.float32)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the network to a model that skl2onnx makes."""
    onnx = extra("onnx", "onnx")
    clf, dtype = operator.raw_operator, _precision_of(operator)
    graph = Graph(scope.get_unique_variable_name, dtype)
    features = graph.node("Cast", operator.inputs[0].full_name, to=_code(onnx, dtype))
    outputs = [variable.full_name for variable in operator.outputs]
    raw = bool(scope.get_options(clf, {"raw_scores": False})["raw_scores"])
    _add_network(graph, clf, features, outputs, raw)
    _give(onnx, graph, scope, container)


def _infer_encoding(operator: Any) -> None:
    """Set the type and the shape of an encoder's output."""
    encoder = operator.raw_operator
    width = encoder.n_features_in_ + int(encoder.n_bins_.sum())
    operator.outputs[0].type = _type(np.empty((0, width), _precision_of(operator)))


def _convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Add the encoder to a model that skl2onnx makes."""
    onnx = extra("onnx", "onnx")
    dtype = _precision_of(operator)
    graph = Graph(scope.get_unique_variable_name, dtype)
    features = graph.node("Cast", operator.inputs[0].full_name, to=_code(onnx, dtype))
    output = operator.outputs[0].full_name
    _add_bins(graph, operator.raw_operator.bin_edges_, features, output)
    _give(onnx, graph, scope, container)


def _give(onnx: Any, graph: Graph, scope: Any, container: Any) -> None:
    """Put a graph into the model that skl2onnx makes."""
    for name, value in graph.constants.items():
        container.add_initializer(
            name, _code(onnx, value.dtype), value.shape, value.ravel()
        )
    for kind, inputs, output, attributes in graph.nodes:
        name = scope.get_unique_operator_name(kind)
        container.add_node(kind, list(inputs), output, name=name, **attributes)
