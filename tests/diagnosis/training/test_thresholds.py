"""Every threshold of the rules, with a set-up on either side of it.

The numbers are written down, never taken from the code: `tests.diagnosis.thresholds`
moves the thresholds, and each must then be missed by one of the two.
"""

import warnings

import numpy as np
import pytest
from scipy.stats import norm

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis._activations import TRAITS, traits_of
from skdeepbin.diagnosis.training import _baselines
from skdeepbin.diagnosis.training._baselines import overlap
from skdeepbin.diagnosis.training._budget import Budget, budget_of_a_fit
from skdeepbin.diagnosis.training._columns import columns as statistics
from skdeepbin.diagnosis.training._criteria import (
    better_on_held_out,
    failing,
    healthy,
    stuck,
)
from skdeepbin.diagnosis.training._diagnose import cause_of_failure
from skdeepbin.diagnosis.training._evidence import (
    Penalty,
    most_rows,
    warn_of_other_rows,
)
from skdeepbin.diagnosis.training._layers import shares
from skdeepbin.diagnosis.training._rules import CAUSES, NOTES
from skdeepbin.diagnosis.training._trials import Trial, TrialRunner
from skdeepbin.network._activations import ACTIVATIONS
from tests.diagnosis.training.scripted import (
    LN2,
    baselines,
    columns,
    evidence,
    layers,
    model,
    never,
)

RULES = {row.rule.__name__: row.rule for row in (*CAUSES, *NOTES)}
LEARNT = 0.15  # a loss that is low, and above what the models of `scripted` reach


def severity_of(name, *arguments, **known):
    """Return the severity of what a rule finds, None for nothing."""
    finding = RULES[name](evidence(*arguments, **known))
    return finding and finding.severity


def moves(before, after, reachable):
    e = evidence(loss=before, baselines=baselines(reachable))
    return TrialRunner(e).moves(Trial({}, after, after, 9))


def helps_on_held_out(before, after, reachable):
    e = evidence(baselines=baselines(reachable))
    control, trial = (Trial({}, loss, loss, 9) for loss in (before, after))
    return better_on_held_out(e, control, trial)


def explains(after, control):
    e = evidence(trials=lambda change, steps, scaler: after if change else control)
    return TrialRunner(e).explains(TrialRunner(e).run({"alpha": 0.0}))


def scaler_found(spread):
    def only_quantiles(change, steps, scaler):
        return 0.1 if scaler == "QuantileTransformer" else LN2

    e = evidence(trials=only_quantiles, columns=columns(spread=np.full(2, spread)))
    return TrialRunner(e).scaled({}) is not None


def gain(share):
    """Return the loss of a network with this share of the gain of other models."""
    return LN2 - share * (LN2 - 0.1)


def with_weights(scale, difference=1.0):
    """Return a network whose units of the first layer differ by a share."""
    first = np.ones((2, 10)) * scale
    first[:, 0] *= 1 + difference
    network = model(mlp=True)
    network.weights[0] = first
    return evidence(network).network


def curve(*losses):
    return np.array(losses, float)


def rising(share, to, by=0.01):
    """Return 100 losses that rise at a share of the iterations, and once to most."""
    rises = np.arange(100) < round(100 * share)
    steps = np.where(rises, 1 + by, 0.97)
    losses = np.cumprod(np.concatenate([[1.0], steps]))
    losses[1:] *= to / losses[1:].max()
    return losses


def long_steps(ratio, **changes):
    """Return a network whose steps are so long next to its weights."""
    ratios = np.full((3, 3), ratio)
    return model(update_ratios=ratios, **changes)


def ending(fall, n=100):
    """Return losses of n iterations that fall by a share over the last tenth."""
    losses = np.full(n, 0.6)
    losses[-1] = 0.6 * (1 - fall)
    return losses


def rare(recall, share):
    """Return evidence in which a share of the rows is rare, and found at a rate."""
    n, few = 1000, round(1000 * share)
    logits = np.full(n, -1.0)
    logits[: round(recall * few)] = 1.0
    return {"n": n, "second": few, "logits": logits}


def penalty(alpha, weight=200.0, n_weights=200):
    """Return arguments of evidence with a penalty, of which 1 suits the rows."""
    network = model(parameters={"alpha": alpha})
    return {"model_": network, "penalty": Penalty(1.0, weight, n_weights)}


def looks_normalised(weight, n_weights):
    e = evidence(**penalty(9.0, weight, n_weights))
    return "look normalised" in RULES["outweighed"](e).cause


def refit(held_out, *, own=0.05, reachable=0.1):
    """Return arguments of evidence of a network with a loss of 0.05, and its refit."""

    def losses(change, steps, scaler):
        return own, held_out

    return {"trials": losses, "loss": 0.05, "baselines": baselines(reachable)}


def imbalanced_rows(n_first):
    return {"n": 100, "second": 100 - n_first}


# A function of a number, and the largest or least number for which it is false, and the
# least or largest for which it is true, both near the threshold.
SIDES = {
    # _trials
    "CLOSES": (lambda v: moves(0.6, v, 0.2), 0.51, 0.49),
    "OF_ENTROPY": (lambda v: moves(0.5, v, 0.49), 0.488, 0.484),
    "OF_ENTROPY_IF_STUCK": (lambda v: moves(LN2, v, 0.1), 0.664, 0.653),
    "HIGHEST": (lambda v: moves(9.0, v, 0.1), 0.699, 0.687),
    "STUCK": (lambda v: stuck(evidence(loss=v)), 0.67, 0.685),
    "HALF": (lambda v: explains(v, 0.2), 0.105, 0.095),
    "HUGE": (scaler_found, 0.9e150, 1.1e150),
    "TAIL": (
        lambda v: severity_of("unscaled_features", columns=columns(tail=v)),
        29,
        31,
    ),
    # _criteria
    "LEARNT": (lambda v: failing(evidence(loss=gain(v))), 0.72, 0.68),
    "CLOSES_HELD_OUT": (lambda v: helps_on_held_out(0.6, v, 0.2), 0.49, 0.47),
    "GAINS_HELD_OUT": (lambda v: helps_on_held_out(0.6, v, 0.59), 0.568, 0.562),
    "OUT_OF_HAND": (lambda v: helps_on_held_out(9.0, v, 0.1), 1.01, 0.99),
    "NEARLY": (
        lambda v: "most of" in healthy(evidence(loss=gain(v))).cause,
        0.92,
        0.88,
    ),
    # causes/_start
    "ZERO": (
        lambda v: severity_of(
            "zero_init", model(mlp=True), network=with_weights(v / 2)
        ),
        1.1e-8,
        0.9e-8,
    ),
    "ZERO, as a parameter": (
        lambda v: severity_of("zero_init", model(parameters={"init": v})),
        1.1e-8,
        0.9e-8,
    ),
    "SAME": (
        lambda v: severity_of("zero_init", model(mlp=True), network=with_weights(1, v)),
        1.1e-6,
        0.9e-6,
    ),
    "SMALL_START": (
        lambda v: severity_of(
            "init_too_small", model(parameters={"init": 1.0}), start_scale=v
        ),
        0.52,
        0.48,
    ),
    "SMALL_START, by the weights": (
        lambda v: severity_of(
            "init_too_small", trials=lambda *arguments: 0.1, start_scale=v
        ),
        0.26,
        0.24,
    ),
    "LARGE_START": (
        lambda v: severity_of(
            "init_too_large", model(parameters={"init": 1.0}), start_scale=v
        ),
        1.9,
        2.1,
    ),
    "SATURATED_START": (
        lambda v: (
            "flat ends"
            in RULES["init_too_large"](
                evidence(
                    model(parameters={"init": 1.0}),
                    start_scale=9,
                    start=layers(saturated=[v, 0]),
                )
            ).cause
        ),
        0.48,
        0.52,
    ),
    # causes/_signal
    "SATURATED": (
        lambda v: severity_of("saturated_tanh", layers=layers(saturated=[0, v])),
        0.48,
        0.52,
    ),
    "DEAD": (
        lambda v: severity_of(
            "dead_relu", model(activation="relu"), layers=layers(dead=[0, v])
        ),
        0.68,
        0.72,
    ),
    "EXPLODES": (
        lambda v: severity_of(
            "exploding_gradient",
            model(activation="relu"),
            layers=layers(error=[v, 2, 1]),
        ),
        69,
        71,
    ),
    "VANISHES": (
        lambda v: severity_of(
            "vanishing_gradient",
            model((9, 9, 9), activation="logistic"),
            start=layers(4, sensitivity=[v**3, 1, 1, 1]),
            layers=layers(4),
        ),
        0.52,
        0.48,
    ),
    "DEEP": (
        lambda v: severity_of(
            "vanishing_gradient",
            model((9,) * v, activation="logistic"),
            start=layers(v + 1, sensitivity=[1e-9, *[1] * v]),
            layers=layers(v + 1),
        ),
        2,
        3,
    ),
    "COLLAPSED": (
        lambda v: severity_of("forward_collapse", start=layers(spread=[1e-3, v, 1])),
        3.1e-3,
        2.9e-3,
    ),
    "COLLAPSES": (
        lambda v: severity_of("forward_collapse", start=layers(spread=[1, v, 1])),
        0.11,
        0.09,
    ),
    # causes/_steps
    "DIVERGED": (
        lambda v: severity_of("diverged", model(mlp=True, loss=curve(1, 9, v))),
        9.8,
        10.2,
    ),
    "LONG_STEPS": (
        lambda v: severity_of("learning_rate_too_high", long_steps(v)),
        0.098,
        0.102,
    ),
    "RISES": (
        lambda v: severity_of(
            "learning_rate_too_high", long_steps(1e-3, loss=rising(v, 1.2))
        ),
        0.29,
        0.32,
    ),
    "RISES_TO": (
        lambda v: severity_of(
            "learning_rate_too_high", long_steps(1e-3, loss=rising(0.4, v))
        ),
        1.04,
        1.06,
    ),
    "ROUNDING": (
        lambda v: severity_of(
            "learning_rate_too_high", long_steps(1e-3, loss=rising(0.4, 1.2, v))
        ),
        0.9e-6,
        1.1e-6,
    ),
    "SHORT_STEPS": (
        lambda v: severity_of("learning_rate_too_low", long_steps(v)),
        1.05e-4,
        0.95e-4,
    ),
    "PATIENT": (
        lambda v: severity_of("learning_rate_too_low", long_steps(1e-5, n_iter=v)),
        49,
        50,
    ),
    "FAR_FROM_USUAL": (
        lambda v: severity_of(
            "learning_rate_too_low", long_steps(1e-3, parameters={"learning_rate": v})
        ),
        0.3 / 4.9,
        0.3 / 5.1,
    ),
    "MANY": (
        lambda v: severity_of(
            "learning_rate_too_low", long_steps(1e-3, n_iter=v, loss=ending(0.5))
        ),
        99,
        100,
    ),
    "FAR": (
        lambda v: severity_of("underfitting", loss=gain(v)) == "warning",
        0.52,
        0.48,
    ),
    # causes/_duration
    "MORE": (
        lambda v: severity_of(
            "too_few_iterations", trials=lambda *arguments: (0.1, v * LN2)
        ),
        0.985,
        0.975,
    ),
    "WORTH": (
        lambda v: severity_of(
            "still_falling", model(loss=ending(0.0101)), loss=v * LN2
        ),
        0.19,
        0.21,
    ),
    # causes/_labels
    "SIGNAL": (
        lambda v: severity_of(
            "labels_unlearnable", trials=never, baselines=baselines(LN2, signal=v)
        ),
        2.6,
        2.4,
    ),
    "ENOUGH_OF_A_CLASS": (
        lambda v: severity_of(
            "labels_unlearnable",
            trials=never,
            baselines=baselines(LN2, signal=0),
            **imbalanced_rows(v),
        ),
        14,
        15,
    ),
    "ENOUGH_ROWS": (
        lambda v: severity_of(
            "labels_unlearnable",
            trials=never,
            baselines=baselines(LN2, signal=0),
            loss=0.1,
            n_rows=v,
        ),
        9,
        10,
    ),
    "FINDS": (
        lambda v: severity_of(
            "labels_unlearnable",
            trials=lambda *arguments: v * LN2,
            baselines=baselines(LN2, signal=0),
        ),
        0.94,
        0.96,
    ),
    "FINDS, of the rows that validate": (
        lambda v: severity_of(
            "labels_unlearnable",
            model(validation=curve(LN2, v * LN2)),
            trials=never,
            baselines=baselines(LN2, signal=0),
        ),
        0.94,
        0.96,
    ),
    "NOISE": (
        lambda v: severity_of(
            "label_noise", baselines=baselines(error=0.02, sure_error=v)
        ),
        0.078,
        0.082,
    ),
    "NOISE_EVENLY": (
        lambda v: severity_of(
            "label_noise", baselines=baselines(error=0.2, sure_error=v), n=20_000
        ),
        overlap(0.2) + 0.38 * (0.2 - overlap(0.2)),
        overlap(0.2) + 0.42 * (0.2 - overlap(0.2)),
    ),
    "HARD_TO_TELL": (
        lambda v: (
            severity_of(
                "label_noise", baselines=baselines(error=v, sure_error=0.4), n=20_000
            )
            == "warning"
        ),
        0.36,
        0.34,
    ),
    "RARE": (lambda v: severity_of("class_imbalance", **rare(0.1, v)), 0.11, 0.09),
    "FOUND": (
        lambda v: severity_of("class_imbalance", **rare(v, 0.05)) == "warning",
        0.44,
        0.36,
    ),
    "NEARLY_ALL": (
        lambda v: severity_of("class_imbalance", **rare(v, 0.05)),
        0.92,
        0.88,
    ),
    # causes/_penalty
    "OVER": (lambda v: severity_of("outweighed", **penalty(v)), 1.9, 2.1),
    "NORMALISED": (lambda v: looks_normalised(v, 1000), 1.1, 0.9),
    "SUMS_TO_ONE": (lambda v: looks_normalised(1 + v, 200), 1.1e-6, 0.9e-6),
    "STRONG": (
        lambda v: severity_of(
            "over_regularized", model(mlp=True, parameters={"alpha": v})
        ),
        0.9e-3,
        1.1e-3,
    ),
    "LARGE_DROPOUT": (
        lambda v: severity_of(
            "over_regularized", model(parameters={"alpha": 0.0, "dropout": v})
        ),
        0.48,
        0.52,
    ),
    "SHRUNK": (lambda v: severity_of("held_down", scale=np.full(3, v)), 0.32, 0.28),
    "DEAD, of a penalty": (
        lambda v: severity_of(
            "held_down", scale=np.full(3, 0.1), layers=layers(dead=[0, v])
        ),
        0.52,
        0.48,
    ),
    # causes/_features
    "RATIO": (
        lambda v: severity_of(
            "unevenly_scaled",
            model(mlp=True),
            columns=columns(spread=np.array([1.0, 1 / v])),
        ),
        9.5,
        10.5,
    ),
    "LARGE": (
        lambda v: severity_of(
            "unscaled_features",
            model(mlp=True),
            columns=columns(spread=np.array([v, 0.99 * v])),
        ),
        9.5,
        10.5,
    ),
    "SMALL": (
        lambda v: severity_of(
            "unscaled_features",
            model(mlp=True),
            columns=columns(spread=np.array([v, 0.99 * v])),
        ),
        0.11,
        0.09,
    ),
    "RATIO, of a quarter": (
        lambda v: severity_of(
            "unscaled_features",
            model(mlp=True),
            columns=columns(8, spread=np.array([5.0] * 5 + [5.0 / v] * 3)),
        ),
        9.0,
        11.5,
    ),
    "SMALL_SHARE": (
        lambda v: severity_of(
            "unscaled_features",
            model(mlp=True),
            columns=columns(
                101, spread=np.where(np.arange(101) < round(100 * v), 0.01, 5.0)
            ),
        ),
        0.23,
        0.27,
    ),
    "OFF_CENTRE": (
        lambda v: severity_of(
            "unscaled_features",
            model(mlp=True),
            columns=columns(mean=np.array([v, 0.0])),
        ),
        2.9,
        3.1,
    ),
    "LEAK": (
        lambda v: severity_of(
            "leaking_feature", columns=columns(auc=np.array([v, 0.5]))
        ),
        0.985,
        0.995,
    ),
    "LEAK, of the next": (
        lambda v: severity_of(
            "leaking_feature", columns=columns(auc=np.array([1.0, v]))
        ),
        0.995,
        0.985,
    ),
    "SURE_LEAK": (
        lambda v: (
            severity_of(
                "leaking_feature", columns=columns(auc=np.array([v, 0.5]), gap=9.0)
            )
            == "warning"
        ),
        0.9985,
        0.9995,
    ),
    "LEAK_GAP": (
        lambda v: (
            severity_of(
                "leaking_feature", columns=columns(auc=np.array([1.0, 0.5]), gap=v)
            )
            == "warning"
        ),
        0.24,
        0.26,
    ),
    # causes/_capacity
    "NARROW": (lambda v: severity_of("too_few_units", model((v, 50))), 9, 8),
    "VERY_NARROW": (
        lambda v: severity_of(
            "too_few_units",
            model((v, 50)),
            loss=LEARNT,
            trials=lambda change, steps, scaler: 0.1 if change else 0.5,
        ),
        4,
        3,
    ),
    "TURNED": (
        lambda v: severity_of(
            "overfitting",
            model(
                validation=curve(0.5, 0.1, 0.1 * v),
                parameters={"early_stopping": False},
            ),
            loss=LEARNT,
        ),
        1.09,
        1.11,
    ),
    "WORSE": (
        lambda v: severity_of(
            "overfitting", **refit(v * 0.3 + 0.1 * LN2, reachable=0.3)
        ),
        1.45,
        1.55,
    ),
    "WORSE_BY": (
        lambda v: severity_of("overfitting", **refit(0.15 + v * LN2)),
        0.09,
        0.11,
    ),
    "GAP": (
        lambda v: severity_of("overfitting", **refit(v * 0.5, own=0.5)),
        1.45,
        1.55,
    ),
    "NO_BETTER": (
        lambda v: severity_of("overfitting", **refit(v * LN2)) == "warning",
        0.88,
        0.92,
    ),
}


@pytest.mark.parametrize("name", SIDES)
def test_both_sides(name):
    found, without, with_it = SIDES[name]
    assert not found(without)
    assert found(with_it)


def saturation(activation, a):
    return shares(activation, [np.array([[a]])])[1][0]


@pytest.mark.parametrize(
    ("activation", "below", "above"),
    [("tanh", 0.985, 0.995), ("tanh", -0.985, -0.995), ("logistic", 0.985, 0.995)],
)
def test_units_are_saturated_near_the_ends(activation, below, above):
    assert [saturation(activation, a) for a in (below, above)] == [0, 1]


def test_every_activation_has_its_traits():
    assert set(TRAITS) <= set(ACTIVATIONS)
    assert all(traits_of(name).derivative for name in ACTIVATIONS)


@pytest.mark.parametrize(("activation", "divided"), [("tanh", 1), ("logistic", 3)])
def test_the_usual_start_of_scikit_learn(activation, divided):
    """A uniform distribution between plus and minus the root of 6 or 2 over the sum."""
    start = model(mlp=True, activation=activation).usual_start(7, 3)
    assert start == pytest.approx(np.sqrt(6 / divided / 10 / 3))


RATES = {
    "gd": (2.9, 3.1),
    "momentum": (0.95, 1.05),
    "nesterov": (0.95, 1.05),
    "adam": (0.029, 0.031),
    "rprop": (0.048, 0.052),
}


@pytest.mark.parametrize("solver", RATES)
def test_learning_rates_are_fast(solver):
    def is_fast(rate):
        return model(parameters={"solver": solver, "learning_rate": rate}).is_fast

    assert [is_fast(rate) for rate in RATES[solver]] == [False, True]


def test_learning_rates_of_scikit_learn():
    def with_rate(rate, **changes):
        return model(mlp=True, parameters={"learning_rate_init": rate}, **changes)

    assert [with_rate(rate).is_fast for rate in (0.29, 0.31)] == [False, True]
    assert with_rate(9.0).usual_rate == 0.001
    adam = with_rate(9.0)
    adam.parameters["solver"] = "adam"
    assert adam.usual_rate == 0.001


@pytest.mark.parametrize(
    ("hidden", "steps", "long"), [((10, 10), 120, 300), (300, 31, 78), (2000, 20, 20)]
)
def test_iterations_of_trials(hidden, steps, long):
    hidden = (hidden, hidden) if isinstance(hidden, int) else hidden
    runner = TrialRunner(evidence(model(hidden)))
    assert len(runner.train) == 140  # of 200 rows
    assert runner.run({}).steps == steps
    assert runner.long_steps(hidden) == long


def test_work_of_trials():
    runner = TrialRunner(evidence())
    products = 140 * (2 * 10 + 10 * 10 + 10)
    parameters = 3 * 10 + 11 * 10 + 11
    one = 140 * 2 + products / 10 + 2e5 + 10 * parameters
    for scales in (False, True):
        expected = 7 * one + 150 * (1 + scales) * 400
        assert runner._work({}, 7, scales) == pytest.approx(expected)


def test_rows_far_out_are_trained_on():
    rows = TrialRunner(evidence(n=300)).train
    others = np.setdiff1d(np.arange(300), rows)[:4]
    X = np.zeros((300, 2))
    X[others, 0] = [9, 8, 7, 6]
    runner = TrialRunner(evidence(n=300, X=X, columns=columns(tail=31.0)))
    assert np.isin(others, runner.train).tolist() == [True, True, True, False]


def test_settings_that_are_faster():
    assert TrialRunner(evidence()).faster_settings == [
        {"learning_rate": 1.0},
        {"solver": "adam", "learning_rate": 0.01},
    ]


@pytest.mark.parametrize(("n_iter", "proposed"), [(10, 200), (100, 400)])
def test_iterations_that_are_proposed(n_iter, proposed):
    e = evidence(model(n_iter=n_iter), trials=lambda *arguments: 0.1)
    finding = RULES["too_few_iterations"](e)
    assert finding.change == {"max_iter": proposed}
    assert e.trials.asked == [({}, proposed)]


def test_iterations_that_are_tried_out():
    for n_iter, name, steps in (
        (1000, "too_few_iterations", 400),
        (9000, "overfitting", 600),
    ):
        e = evidence(model(n_iter=n_iter), **refit(0.5))
        if name == "too_few_iterations":
            e = evidence(model(n_iter=n_iter))
        RULES[name](e)
        assert e.trials.asked[0] == ({}, steps)


def test_widths_that_are_proposed():
    for name, hidden, wider in (
        ("too_few_units", (5, 60), (50, 60)),
        ("underfitting", (10, 120), (100, 120)),
    ):
        finding = RULES[name](evidence(model(hidden)))
        assert finding.change == {"hidden_layer_sizes": wider}


def test_features_that_are_named():
    constant = columns(9, constant=np.arange(7))
    finding = RULES["constant_features"](evidence(columns=constant))
    assert finding.cause.endswith(": 0, 1, 2, 3, 4")


def test_rows_that_are_looked_at():
    widths = 10, 1000, 10**5
    assert [most_rows(np.empty((1, k))) for k in widths] == [2000, 1000, 200]


@pytest.mark.parametrize(
    ("name", "spent"),
    [
        ("columns", 200 * 400),
        ("baselines", 7e7 + (100 + 200 / 8) * 400),
        ("layers", 50 * 400 + 400 + 200 * 130 / 10 + 2e5 + 10 * 151),
    ],
)
def test_work_of_measurements(name, spent):
    e = evidence()
    object.__setattr__(e, "budget", Budget(spent))
    del e.__dict__[name]
    getattr(e, name)
    assert e.budget.left == pytest.approx(0, abs=1e-6 * spent)


def test_work_of_a_copy():
    clf = DeepBinaryClassifier(2, max_iter=1, early_stopping=False, n_iter_no_change=1)
    X, y = np.eye(6), np.arange(6) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    budget = Budget(10 * 36)
    assert cause_of_failure(clf, X, y == 1, None, budget) is None
    assert budget.left == 0


def test_budgets_of_fits():
    X = np.empty((10, 2))
    budgets = [budget_of_a_fit(n, X, (2, 1), None) for n in (1, 10**9)]
    assert [budget.left for budget in budgets] == [1e9, 5e9]
    now = budget_of_a_fit(1, X, (2, 1), None)._end - Budget(seconds=0)._end
    assert now == pytest.approx(10, abs=0.5)


@pytest.mark.filterwarnings("error")
def test_rows_of_another_fit():
    network = model()
    network.estimator.loss_ = 0.2
    warn_of_other_rows([evidence(network, loss=0.73)])
    with pytest.warns(UserWarning, match="hardly the rows"):
        warn_of_other_rows([evidence(network, loss=0.77)])


Y = np.arange(100) % 2 == 1


def test_tail_over_that_of_a_normal_distribution():
    x = norm.ppf((np.arange(10_000) + 0.5) / 10_000)
    for power, tail in ((1, 1.0), (3, 1.35 * np.sqrt(15) / 2 / 0.6745**3)):
        found = statistics(x[:, np.newaxis] ** power, x > 0).tail
        assert found == pytest.approx(tail, rel=0.02)


@pytest.mark.parametrize(("spread", "constant"), [(0.9e-10, [0]), (1.1e-10, [])])
def test_constant_features(spread, constant):
    X = 1 + spread * np.where(np.arange(100) % 4 < 2, 1, -1.0)[:, np.newaxis]
    assert statistics(X, Y).constant.tolist() == constant


@pytest.mark.parametrize(("correlation", "same"), [(0.975, False), (0.985, True)])
def test_features_that_go_with_the_best(correlation, same):
    best = np.where(Y, 1.0, -1.0)
    other = np.where(np.arange(100) % 4 < 2, 1.0, -1.0)
    mixed = correlation * best + np.sqrt(1 - correlation**2) * other
    found = statistics(np.column_stack([best, mixed]), Y).same_as_best
    assert found.tolist() == [True, same]


def test_models_that_find_what_there_is(monkeypatch):
    asked = []

    class Neighbours(_baselines.KNeighborsClassifier):
        def __init__(self, n_neighbors=5):
            super().__init__(n_neighbors)
            asked.append(n_neighbors)

    monkeypatch.setattr(_baselines, "KNeighborsClassifier", Neighbours)
    X = np.where(Y, 1.0, -1.0)[:, np.newaxis]
    found = _baselines.baselines(X, Y, np.full(100, 0.01))
    assert found.losses["neighbours"] == pytest.approx(-np.log(0.99))
    assert set(asked) == {10}
