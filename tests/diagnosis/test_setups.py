"""The cause is named, and nobody who learnt is accused."""

import pytest

from skdeepbin.diagnosis import diagnose
from tests.diagnosis.setups import HEALTHY, SICK, fit_quietly, fitted

# Some are changed after their fit.
pytestmark = pytest.mark.filterwarnings("ignore:X and y are hardly the rows")

CODES = [
    "unscaled_features",
    "learning_rate_too_high",
    "learning_rate_too_low",
    "init_too_small",
    "init_too_large",
    "zero_init",
    "forward_collapse",
    "vanishing_gradient",
    "exploding_gradient",
    "dead_relu",
    "saturated_tanh",
    "too_few_iterations",
    "overfitting",
    "underfitting",
    "too_few_units",
    "over_regularized",
    "labels_unlearnable",
    "label_noise",
    "class_imbalance",
    "constant_features",
    "leaking_feature",
    "diverged",
]


def found(setups):
    """For each set-up its name and the first finding, of those that were not named."""
    return {
        setup.name: finding.code
        for setup in setups
        if (finding := diagnose(*fitted(setup)).findings[0]).code not in setup.codes
    }


def test_the_tables_are_large_enough():
    assert len(SICK) >= 40
    assert len(HEALTHY) >= 40
    for code in CODES:
        assert sum(code in setup.codes for setup in SICK) >= 2, code
    names = [setup.name for setup in SICK]
    assert len(set(names)) == len(names)


def test_the_first_finding_is_the_cause():
    wrong = found(SICK)
    assert len(wrong) <= 0.1 * len(SICK), wrong


def test_no_healthy_network_is_accused():
    accused = {}
    for setup in HEALTHY:
        diagnosis = diagnose(*fitted(setup))
        if not diagnosis.ok:
            accused[setup.name] = str(diagnosis)
    assert not accused


@pytest.mark.parametrize(
    "name", ["tanh x 4, 0.01", "alpha 1e4", "dropout 0.9", "gd 1e-5", "1 unit"]
)
def test_remedies_do_what_they_say(name):
    """The change of a finding is one for `set_params`, and it cures."""
    clf, X, y = fitted(next(setup for setup in SICK if setup.name == name))
    before = clf.score(X, y)
    clf.set_params(**diagnose(clf, X, y).findings[0].change)
    assert fit_quietly(clf, X, y).score(X, y) > before + 0.1
