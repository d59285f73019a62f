"""Each rule speaks of what is sick, and is silent about what is healthy."""

import pytest

from skdeepbin.diagnosis._findings import SEVERITIES
from skdeepbin.diagnosis.training._budget import OutOfBudget
from skdeepbin.diagnosis.training._evidence import gather
from skdeepbin.diagnosis.training._rules import CAUSES, NOTES
from tests.diagnosis.setups import HEALTHY, SICK, fitted
from tests.diagnosis.training import scripted

# Some are changed after their fit.
pytestmark = pytest.mark.filterwarnings("ignore:X and y are hardly the rows")

RULES = {row.rule.__name__: row.rule for row in (*CAUSES, *NOTES)}
# A set-up that the rule is about, and the code of its finding if that is not its name.
ABOUT = {
    "no_variation": ("all constant", "constant_features"),
    "not_finite": ("nan weights", "diverged"),
    "labels_unlearnable": ("random y", None),
    "unscaled_features": ("x 1e4", None),
    "over_regularized": ("alpha 1e4", None),
    "outweighed": ("alpha 5, 12 rows", "over_regularized"),
    "rare_features": ("words in small units", "unscaled_features"),
    "held_down": ("tanh, alpha 20", "over_regularized"),
    "penalised": ("tanh, alpha 5", "over_regularized"),
    "unevenly_scaled": ("a feature x 0.01", "unscaled_features"),
    "zero_init": ("mlp zeros", None),
    "init_too_small": ("tanh x 4, 0.01", None),
    "init_too_large": ("tanh 10", None),
    "diverged": ("gd 1e6", None),
    "learning_rate_too_high": ("mlp tanh adam 2", None),
    "saturated_tanh": ("tanh biases of 20", None),
    "dead_relu": ("biases of -100", None),
    "exploding_gradient": ("relu weights x 8", None),
    "vanishing_gradient": ("logistic x 6", None),
    "forward_collapse": ("relu xavier x 20", None),
    "learning_rate_too_low": ("gd 1e-5", None),
    "linear_network": ("identity", "underfitting"),
    "too_few_units": ("1 unit", None),
    "too_few_iterations": ("5 epochs", None),
    "label_noise": ("a fifth flipped", None),
    "class_imbalance": ("one in twenty", None),
    "underfitting": ("1 unit", None),
    "overfitting": ("mlp wide, free", None),
    "still_falling": ("still falling", "too_few_iterations"),
    "leaking_feature": ("a copy of y", None),
    "constant_features": ("constant", None),
    "unscaled_but_harmless": ("raw cancer", "unscaled_features"),
    "dead_but_harmless": ("dead but learnt", "dead_relu"),
}
SETUPS = {setup.name: setup for setup in (*HEALTHY, *SICK)}


def evidence(name):
    return gather(*fitted(SETUPS[name]))[0]


def test_every_rule_is_tested():
    assert set(ABOUT) == set(RULES)


@pytest.mark.parametrize("name", ABOUT)
def test_sick(name):
    setup, code = ABOUT[name]
    finding = RULES[name](evidence(setup))
    assert finding is not None
    assert finding.code == (code or name)
    assert finding.severity in SEVERITIES
    assert finding.evidence
    assert not finding.cause.endswith(".")
    assert not finding.remedy.endswith(".")


def test_no_other_setting_may_be_left_to_try():
    """Of two layers of tanh from a usual start, whose gradients explode."""
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
