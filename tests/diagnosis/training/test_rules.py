"""Each rule speaks of what is sick, and is silent about what is healthy."""

import pytest

from skdeepbin.diagnosis._findings import SEVERITIES
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._evidence import gather
from skdeepbin.diagnosis.training._rules import CAUSES, FINDINGS, NOTES
from tests.diagnosis.setups import HEALTHY, SICK, fitted
from tests.diagnosis.training import scripted

# Some are changed after their fit.
pytestmark = pytest.mark.filterwarnings("ignore:X and y are hardly the rows")

ROWS = {row.rule.__name__: row for row in (*CAUSES, *NOTES)}
RULES = {name: row.rule for name, row in ROWS.items()}
# A set-up that the rule is about.
ABOUT = {
    "no_variation": "all constant",
    "not_finite": "nan weights",
    "labels_unlearnable": "random y",
    "unscaled_features": "x 1e4",
    "over_regularized": "alpha 1e4",
    "outweighed": "alpha 5, 12 rows",
    "rare_features": "words in small units",
    "held_down": "tanh, alpha 20",
    "penalised": "tanh, alpha 5",
    "unevenly_scaled": "a feature x 0.01",
    "zero_init": "mlp zeros",
    "init_too_small": "tanh x 4, 0.01",
    "init_too_large": "tanh 10",
    "diverged": "gd 1e6",
    "learning_rate_too_high": "mlp tanh adam 2",
    "saturated_tanh": "tanh biases of 20",
    "dead_relu": "biases of -100",
    "exploding_gradient": "relu weights x 8",
    "vanishing_gradient": "logistic x 6",
    "forward_collapse": "relu xavier x 20",
    "learning_rate_too_low": "gd 1e-5",
    "linear_network": "identity",
    "too_few_units": "1 unit",
    "too_few_iterations": "5 epochs",
    "label_noise": "a fifth flipped",
    "class_imbalance": "one in twenty",
    "underfitting": "1 unit",
    "overfitting": "mlp wide, free",
    "still_falling": "still falling",
    "leaking_feature": "a copy of y",
    "constant_features": "constant",
    "unscaled_but_harmless": "raw cancer",
    "dead_but_harmless": "dead but learnt",
}
SETUPS = {setup.name: setup for setup in (*HEALTHY, *SICK)}


def evidence(name):
    return gather(*fitted(SETUPS[name]))[0]


def test_every_rule_is_tested():
    assert set(ABOUT) == set(RULES)


@pytest.mark.parametrize("row", FINDINGS, ids=lambda row: row.rule.__name__)
def test_every_row_can_be_documented(row):
    assert row.meaning
    assert row.remedy
    assert list(row.severity) == [s for s in SEVERITIES if s in row.severity]


@pytest.mark.parametrize("name", ABOUT)
def test_sick(name):
    finding = RULES[name](evidence(ABOUT[name]))
    assert finding is not None
    assert finding.code == ROWS[name].code
    assert finding.severity in ROWS[name].severity
    assert finding.evidence
    assert not finding.cause.endswith(".")
    assert not finding.remedy.endswith(".")


def test_no_other_setting_may_be_left_to_try():
    """Two layers of tanh from a usual start, whose gradients explode."""
    exploding = scripted.layers(error=[99, 9, 1])
    assert RULES["exploding_gradient"](scripted.evidence(layers=exploding)) is None
    e = scripted.evidence(layers=exploding, trials=out_of_budget)
    with pytest.raises(OutOfBudget):
        RULES["exploding_gradient"](e)


def out_of_budget(*arguments):
    raise OutOfBudget


def test_dropout_is_named_where_it_leaves_too_few_units():
    finding = RULES["over_regularized"](evidence("dropout 0.9"))
    assert finding.change == {"dropout": 0.0}
    assert finding.cause.startswith("So many units are left out")
    assert finding.evidence["dropout"] == 0.9


@pytest.fixture(scope="module")
def healthy():
    return [evidence("ours on moons"), evidence("mlp tanh")]


@pytest.mark.parametrize("name", ABOUT)
def test_healthy(name, healthy):
    assert all(RULES[name](e) is None for e in healthy)
