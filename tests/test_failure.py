"""What a fit warns with where the diagnosis has no answer."""

import numpy as np
import pytest

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning

RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(200, 3)), np.arange(200) % 4 == 0


def raises(*args):
    raise np.linalg.LinAlgError("numbers that other models cannot do with")


@pytest.fixture(params=[raises, lambda *args: None], ids=["raises", "none"])
def without_a_cause(request, monkeypatch):
    monkeypatch.setattr("skdeepbin.diagnosis._diagnose.cause_of_failure", request.param)


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

    monkeypatch.setattr("skdeepbin.diagnosis._diagnose.cause_of_failure", broken)
    with pytest.raises(KeyError):
        DeepBinaryClassifier(4, early_stopping=False, random_state=0).fit(0 * X, Y)
