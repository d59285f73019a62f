"""What a fit warns with where the diagnosis has no answer."""

import re
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning

CAUSE = "skdeepbin.diagnosis.training._diagnose.cause_of_failure"

RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(200, 3)), np.arange(200) % 4 == 0


def raises(*args):
    raise np.linalg.LinAlgError("numbers that other models cannot do with")


@pytest.fixture(params=[raises, lambda *args: None], ids=["raises", "none"])
def without_a_cause(request, monkeypatch):
    monkeypatch.setattr(CAUSE, request.param)


@pytest.mark.usefixtures("without_a_cause")
def test_divergence_names_the_rate_and_the_loss():
    clf = DeepBinaryClassifier(4, solver="momentum", learning_rate=1e30, random_state=0)
    with pytest.warns(LearningWarning, match="Training diverged: the loss") as caught:
        clf.fit(1e6 * X, Y)
    assert clf.stop_reason_ == "diverged"
    message = str(caught[0].message)
    assert "learning_rate='auto'" in message
    assert f"loss {clf.loss_:.3g}" in message


@pytest.mark.usefixtures("without_a_cause")
def test_nothing_learnt_names_what_a_constant_knows():
    clf = DeepBinaryClassifier(4, early_stopping=False, random_state=0)
    with pytest.warns(LearningWarning, match="nor from a second start") as caught:
        clf.fit(0 * X, Y)
    entropy = -(np.log(1 / 4) / 4 + np.log(3 / 4) * 3 / 4)
    assert f"{entropy:.3g}" in str(caught[0].message)
    assert "lower `alpha`" in str(caught[0].message)


@pytest.mark.usefixtures("without_a_cause")
def test_a_warm_start_has_no_second_one():
    clf = DeepBinaryClassifier(
        4, early_stopping=False, random_state=0, warm_start=True, max_iter=5
    )
    with pytest.warns(LearningWarning):
        clf.fit(0 * X, Y)
    with pytest.warns(LearningWarning, match="alone give: nothing was learnt"):
        clf.fit(0 * X, Y)


def test_any_other_error_of_the_diagnosis_is_a_bug(monkeypatch):
    def broken(*args):
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(CAUSE, broken)
    with pytest.raises(KeyError):
        DeepBinaryClassifier(4, early_stopping=False, random_state=0).fit(0 * X, Y)


XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]
TWELVE = make_moons(12, noise=0.1, random_state=0)
CANCER = load_breast_cancer(return_X_y=True)


def words(n=300):
    """Rare words, some of which are more frequent in one of the classes."""
    y = np.arange(n) % 2
    share = np.where(np.arange(100) % 4 == y[:, np.newaxis], 0.06, 0.02)
    return (np.random.RandomState(0).uniform(size=(n, 100)) < share) / 1000, y


def warned(table, given=None, **parameters):
    """What a fit says, at most one thing."""
    clf = DeepBinaryClassifier(**{"random_state": 0, **parameters})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(*table, **(given or {}))
    assert len(caught) <= 1
    assert all(issubclass(one.category, LearningWarning) for one in caught)
    return "".join(str(one.message) for one in caught)


@pytest.mark.parametrize(
    ("table", "alpha", "weight"),
    [(XOR, 5.0, "4"), (TWELVE, 5.0, "12"), (CANCER, 1e4, "569"), (CANCER, 1e3, "569")],
)
def test_a_penalty_that_outweighs_the_rows(table, alpha, weight):
    message = warned(table, alpha=alpha)
    assert f"alpha={alpha:g} against a total weight of {weight} " in message
    assert "normalised" not in message
    remedy = re.search(r"Set alpha=('auto'|[0-9.]+): with it the loss falls", message)
    value = remedy[1].strip("'")
    value = value if value == "auto" else float(value)
    assert not warned(table, alpha=value)
    clf = DeepBinaryClassifier(alpha=value, random_state=0).fit(*table)
    assert np.ptp(clf.predict_proba(table[0])[:, 1]) > 0.3


@pytest.mark.parametrize(
    ("table", "alpha"), [(XOR, 0.05), (TWELVE, 0.1), (CANCER, 5.0), (CANCER, 50.0)]
)
def test_a_penalty_that_the_rows_bear(table, alpha):
    assert not warned(table, alpha=alpha)


@pytest.mark.parametrize("total", [1.0, 0.1])
def test_normalised_weights_are_named(total):
    n = len(CANCER[1])
    given = {"sample_weight": np.full(n, total / n)}
    message = warned(CANCER, given, alpha=5.0)
    assert f"alpha=5 against a total weight of {total:g}. The sample" in message
    assert "look normalised" in message
    assert "Set alpha='auto'" in message
    assert f"multiply the weights by {n / total:.3g}" in message.replace(",", "")
    assert not warned(CANCER, given)
    assert not warned(CANCER, given, alpha=5.0 * total / n)
    assert not warned(CANCER, {"sample_weight": np.ones(n)}, alpha=5.0)


def test_a_scaling_that_does_not_suit_rare_features():
    message = warned(words(), feature_scaling="none")
    assert "Set feature_scaling='auto': with it the loss falls" in message
    assert not warned(words())
    assert not warned(TWELVE, feature_scaling="standard")
    assert not warned(words(), feature_scaling="standard")


def test_steps_on_all_rows_that_end_at_a_constant():
    """With a penalty that validation alone has let pass."""
    rng = np.random.RandomState(0)
    y, share = rng.randint(0, 2, 300), np.full((300, 3000), 0.004)
    some = rng.choice(3000, 300, replace=False)
    share[:, some] *= np.exp(1.2 * np.outer(2 * y - 1, rng.choice([-1, 1], 300)))
    X = csr_matrix((rng.uniform(size=share.shape) < share).astype(float))
    message = warned((X, y), alpha=50.0)
    assert "alpha=50 against a total weight of 300" in message
    assert not warned((X, y), alpha=5.0)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_few_rows_that_contradict_all_others(activation):
    X, y = make_moons(300, noise=0.1, random_state=0)
    few, labels = X[:30], y[:30]
    given = {"X_val": few, "y_val": 1 - labels}
    assert warned((X, y), given, activation=activation, max_iter=50)
    given["y_val"] = labels
    assert not warned((X, y), given, activation=activation)
    assert not warned((X, y), given, activation=activation, early_stopping=False)
