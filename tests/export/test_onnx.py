"""A fitted classifier as an ONNX model, alone and with others around it."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import skdeepbin
from skdeepbin import PiecewiseLinearEncoder
from skdeepbin.export import to_onnx
from skdeepbin.export._onnx import _register
from tests.export.setups import LABELS, NETWORKS, fitted, net
from tests.own import Softplus

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# What skl2onnx can do with a network inside, by name.
AROUND = {
    "scaled": lambda: make_pipeline(StandardScaler(), net()),
    "scaled ensemble": lambda: make_pipeline(StandardScaler(), net(n_networks=2)),
    "components": lambda: make_pipeline(StandardScaler(), PCA(1), net()),
    "search": lambda: GridSearchCV(net(), {"alpha": [1, 5]}, cv=2),
    "calibrated": lambda: CalibratedClassifierCV(net(n_networks=2), cv=2),
    "scaled, calibrated": lambda: make_pipeline(
        StandardScaler(), CalibratedClassifierCV(net(), cv=2)
    ),
    "voting": lambda: VotingClassifier(
        [("net", net()), ("linear", LogisticRegression())],
        voting="soft",
        flatten_transform=False,
    ),
    "encoded": lambda: make_pipeline(PiecewiseLinearEncoder(4), net()),
    "scaled, encoded ensemble": lambda: make_pipeline(
        StandardScaler(), PiecewiseLinearEncoder(), net(n_networks=2)
    ),
    "voting of both": lambda: VotingClassifier(
        [
            ("features", net(n_networks=3)),
            ("encoding", make_pipeline(PiecewiseLinearEncoder(), net(n_networks=2))),
        ],
        voting="soft",
        flatten_transform=False,
    ),
    "stacking": lambda: StackingClassifier(
        [("net", net()), ("linear", LogisticRegression())], cv=2
    ),
    "bagging": lambda: BaggingClassifier(net(), n_estimators=2, random_state=0),
}


@pytest.fixture
def skl2onnx():
    return pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")


def run(model, X):
    """Labels and probabilities in the reference and, if it is here, in onnxruntime."""
    from onnx.reference import ReferenceEvaluator

    rows = X if isinstance(X, dict) else {"X": X}
    answers = [ReferenceEvaluator(model).run(["label", "probabilities"], rows)]
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return answers
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [*answers, session.run(["label", "probabilities"], rows)]


def assert_same(model, clf, X, rows=None, atol=1e-6):
    for label, probabilities in run(model, X if rows is None else rows):
        np.testing.assert_array_equal(label, clf.predict(X))
        expected = clf.predict_proba(X)
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("kind", NETWORKS)
def test_it_computes_the_same(kind, moons):
    X, y = moons
    clf = fitted(kind, X, y)
    assert_same(to_onnx(clf), clf, X, atol=1e-14)
    in_single = X.astype(np.float32)
    model = to_onnx(clf, in_single)
    assert_same(model, clf, in_single)


@pytest.mark.parametrize("k", [1, 3])
def test_layers_of_several_activations(k, moons):
    given = ["relu", "identity", "logistic", "tanh"]
    clf = net(hidden_layer_sizes=(5, 4, 3, 2), activation=given, n_networks=k)
    clf.fit(*moons).set_params(activation="relu")
    assert_same(to_onnx(clf), clf, moons[0], atol=1e-14)


@pytest.mark.parametrize("around", [False, True])
def test_an_activation_that_has_no_operator_is_refused(around, moons, request):
    clf = net(activation=["relu", Softplus()], depth=2)
    if around:
        request.getfixturevalue("skl2onnx")
        clf = make_pipeline(StandardScaler(), clf)
    match = "layers that ONNX knows, of .*relu.*; hidden layer 2 is of Softplus"
    with pytest.raises(ValueError, match=match):
        to_onnx(clf.fit(*moons), moons[0])


@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels, moons):
    X, y = moons
    clf = net().fit(X, LABELS[labels][y])
    model = to_onnx(clf)
    assert_same(model, clf, X)
    kind = model.graph.output[0].type.tensor_type.elem_type
    text = onnx.TensorProto.STRING, onnx.TensorProto.INT64
    assert kind == text[labels not in ("text", "object")]


def test_a_logit_of_zero_is_the_first_label(moons):
    clf = net().fit(*moons)
    for part in (*clf.coefs_, *clf.intercepts_):
        part[...] = 0
    assert_same(to_onnx(clf), clf, moons[0])


@pytest.mark.parametrize("fit", ["f", "d"])
@pytest.mark.parametrize("sample", ["f", "d", "i", None])
def test_precision(fit, sample, moons):
    X, y = moons
    clf = net().fit(X.astype(fit), y)
    model = to_onnx(clf, None if sample is None else X.astype(sample))
    expected = "f" if (sample or fit) == "f" else "d"
    (inputs,), outputs = model.graph.input, model.graph.output
    number = {"f": onnx.TensorProto.FLOAT, "d": onnx.TensorProto.DOUBLE}[expected]
    assert inputs.type.tensor_type.elem_type == number
    assert outputs[1].type.tensor_type.elem_type == number
    assert_same(model, clf, X.astype(expected))


@pytest.mark.parametrize(
    ("sample", "single"),
    [
        (pd.DataFrame, False),
        (np.ndarray.tolist, False),
        (csr_array, False),
        (coo_array, False),
        (lambda X: pd.DataFrame({"a": X[:, 0].astype("f"), "b": 1}), True),
        (lambda X: pd.DataFrame({"a": X[:, 0].astype("f"), "b": 1.5}), False),
        (lambda X: pd.DataFrame({"a": 1, "b": [True]}), False),
    ],
    ids=["frame", "list", "csr", "coo", "float32, int", "both floats", "int, bool"],
)
def test_kinds_of_samples(sample, single, moons):
    clf = net().fit(*moons)
    model = to_onnx(clf, sample(moons[0]))
    assert_same(model, clf, moons[0].astype("f" if single else "d"))


def test_what_is_written_on_it(moons):
    model = to_onnx(net().fit(*moons))
    assert model.producer_name == "skdeepbin"
    assert model.producer_version == skdeepbin.__version__
    assert model.ir_version == 8
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    assert names == ["X", "label", "probabilities"]
    shape = model.graph.input[0].type.tensor_type.shape
    assert [d.dim_value or d.dim_param for d in shape.dim] == ["n_samples", 2]


@pytest.mark.parametrize("n", [1, 7])
def test_any_number_of_rows(n, moons):
    clf = net(n_networks=2).fit(*moons)
    assert_same(to_onnx(clf), clf, moons[0][:n])


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("dtype", ["f", "d"])
def test_others_around_it(around, dtype, skl2onnx, moons):
    X, y = moons[0].astype(dtype), moons[1]
    clf = AROUND[around]().fit(X, y)
    model = to_onnx(clf, X)
    assert_same(model, clf, X)
    assert_same(model, clf, X[:1])
    assert (model.producer_name, model.ir_version) == ("skdeepbin", 8)
    assert {o.version for o in model.opset_import if not o.domain} == {17}
    assert [value.name for value in model.graph.input] == ["X"]


def encodings(encoder, X):
    """What the model of an encoder gives, in the reference and in onnxruntime."""
    from onnx.reference import ReferenceEvaluator
    from skl2onnx import to_onnx as convert

    model = convert(encoder, X[:1], target_opset=17)
    yield ReferenceEvaluator(model).run(None, {"X": X})[0]
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    yield session.run(None, {"X": X})[0]


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [2], [1]])
def test_an_encoding_to_the_last_bit(dtype, columns, skl2onnx, rng):
    """Of edges far apart, of close ones, and of columns that have none."""
    _register(skl2onnx)
    most = np.finfo(dtype).max
    X = np.column_stack(
        [
            rng.normal(size=50),
            rng.choice([-most, -1, 0, 1, most], 50),
            rng.randint(0, 2, 50),
            1 + rng.randint(0, 5, 50) * np.finfo(dtype).eps,
        ]
    )[:, columns].astype(dtype)
    encoder = PiecewiseLinearEncoder().fit(X)
    for encoding in encodings(encoder, X):
        assert encoding.dtype == dtype
        np.testing.assert_array_equal(encoding, encoder.transform(X))


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_a_pipeline(labels, skl2onnx, moons):
    X, y = moons
    clf = make_pipeline(StandardScaler(), net()).fit(X, LABELS[labels][y])
    assert_same(to_onnx(clf, X), clf, X)


def test_three_classes(skl2onnx, moons):
    X, y = moons
    clf = OneVsRestClassifier(net()).fit(X, y + (X[:, 0] > 1))
    assert_same(to_onnx(clf, X), clf, X)


@pytest.fixture
def table(rng):
    """Columns of several types, and labels."""
    n = 200
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n),
            "income": rng.lognormal(10, 1, n),
            "town": rng.choice(["a", "b", "c"], n),
            "rooms": rng.randint(1, 4, n),
            "owner": rng.rand(n) > 0.5,
        }
    )
    return X, np.where((X["income"] > 20_000) ^ (X["town"] == "a"), "yes", "no")


@pytest.mark.parametrize("categories", [["town"], ["town", "rooms"], ["owner"]])
@pytest.mark.parametrize("dtype", ["f", "d"])
def test_a_table(categories, dtype, skl2onnx, table):
    X, y = table[0].astype({"income": dtype}), table[1]
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(), categories)
    )
    clf = make_pipeline(columns, net(max_iter=50)).fit(X, y)
    model = to_onnx(clf, X)
    assert {value.name for value in model.graph.input} <= set(X)
    rows = {
        value.name: X[[value.name]].to_numpy(
            object if value.name == "town" else np.dtype(dtype)
        )
        for value in model.graph.input
    }
    assert_same(model, clf, X, rows)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_an_encoder_of_some_columns(dtype, skl2onnx, table):
    X, y = table[0][["age", "income", "town"]].astype({"income": dtype}), table[1]
    columns = make_column_transformer(
        (PiecewiseLinearEncoder(), ["income", "age"]), (OneHotEncoder(), ["town"])
    )
    clf = make_pipeline(columns, StandardScaler(), net(max_iter=50)).fit(X, y)
    rows = {name: X[[name]].to_numpy(np.dtype(dtype)) for name in ("age", "income")}
    rows["town"] = X[["town"]].to_numpy(object)
    assert_same(to_onnx(clf, X), clf, X, rows)


def test_a_matrix_of_text(skl2onnx, table):
    X = table[0][["town"]].to_numpy().astype(str)
    clf = make_pipeline(OneHotEncoder(), net()).fit(X, table[1])
    assert_same(to_onnx(clf, X), clf, X, {"X": X.astype(object)})


def test_a_matrix_of_numbers_that_are_categories(skl2onnx, table):
    X = table[0][["rooms", "owner"]].to_numpy(int)
    clf = make_pipeline(OneHotEncoder(), net()).fit(X, table[1])
    assert_same(to_onnx(clf, X), clf, X, {"X": X.astype(float)})


class Squares(TransformerMixin, BaseEstimator):
    """A step that skl2onnx does not know."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X**2


@pytest.mark.parametrize("step", [Squares(), FunctionTransformer(np.exp)], ids=str)
def test_a_step_that_cannot_be_converted_is_named(step, skl2onnx, moons):
    clf = make_pipeline(StandardScaler(), make_pipeline(step), net()).fit(*moons)
    kind = type(step).__name__
    where = f"Step 'pipeline__{kind.lower()}' of `estimator` is a {kind}"
    with pytest.raises(ValueError, match=where):
        to_onnx(clf, moons[0])


@pytest.mark.parametrize(
    "around",
    [
        lambda: CalibratedClassifierCV(AROUND["scaled"](), cv=2),
        lambda: CalibratedClassifierCV(net(), method="isotonic", cv=2),
        lambda: TunedThresholdClassifierCV(net(), cv=2),
    ],
    ids=["calibrated pipeline", "isotonic", "threshold"],
)
def test_a_model_that_would_be_another_is_refused(around, skl2onnx, moons):
    clf = around().fit(*moons)
    with pytest.raises(ValueError, match="another model of `estimator`"):
        to_onnx(clf, moons[0])


class Constant(ClassifierMixin, BaseEstimator):
    """A classifier without probabilities."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


def test_what_is_refused(moons):
    X, y = moons
    clf = net().fit(X, y)
    with pytest.raises(NotFittedError, match="not fitted"):
        to_onnx(net())
    with pytest.raises(NotFittedError, match="not fitted"):
        to_onnx(make_pipeline(StandardScaler(), net()))
    for wrong, got in [
        (MLPRegressor(), "a MLPRegressor"),
        ("a network", "a str"),
        (type(clf), "the class DeepBinaryClassifier"),
    ]:
        with pytest.raises(TypeError, match=f"`estimator` must be .*; got {got}"):
            to_onnx(wrong)
    with pytest.raises(TypeError, match="`predict_proba`; this Constant has not"):
        to_onnx(Constant().fit(X, y))
    for rows in (X[:, :1], X[0], X[:0]):
        with pytest.raises(ValueError, match=r"`X_sample` must be .*, 2\); got"):
            to_onnx(clf, rows)


def test_rows_are_needed_around_others(skl2onnx, moons):
    clf = make_pipeline(StandardScaler(), net()).fit(*moons)
    with pytest.raises(ValueError, match=r"`X_sample` must be given.*a Pipeline"):
        to_onnx(clf)


def test_weights_that_do_not_fit(moons):
    clf = net().fit(*moons)
    clf.coefs_[0][0, 0] = 1e300
    to_onnx(clf)
    with pytest.raises(ValueError, match="do not fit float32: the largest is 1e\\+300"):
        to_onnx(clf, moons[0].astype("f"))


def test_labels_that_do_not_fit(moons):
    X, y = moons
    clf = net().fit(X, np.array([0, 2**63], np.uint64)[y])
    with pytest.raises(ValueError, match="The classes must be text, bool or numbers"):
        to_onnx(clf)


@pytest.mark.parametrize("library", ["onnx", "skl2onnx"])
def test_a_missing_library_is_named(library, moons, monkeypatch):
    clf = make_pipeline(StandardScaler(), net()).fit(*moons)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=f"{library}.*skdeepbin\\[onnx\\]"):
        to_onnx(clf, moons[0])
