"""The table of findings: a row for each rule, in the order in which they are asked.

``CAUSES`` are told apart: the first with a finding that is more than an information is
the cause of the failure, and the others are not asked, as one cause shows in many
symptoms; where there is none, it is the first information. They are ordered from
what would deceive all the rules after it to what is left when all else is excluded:
labels before the network, what the user set before what came of it, the start before
the steps, the steps before the size of the network, and that before their number.
``NOTES`` are asked as well, each for itself; ``HEALTHY`` is left where none is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._criteria import healthy
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training.causes._capacity import (
    linear_network,
    overfitting,
    too_few_units,
    underfitting,
)
from skdeepbin.diagnosis.training.causes._duration import (
    still_falling,
    too_few_iterations,
)
from skdeepbin.diagnosis.training.causes._features import (
    constant_features,
    leaking_feature,
    no_variation,
    rare_features,
    unevenly_scaled,
    unscaled_but_harmless,
    unscaled_features,
)
from skdeepbin.diagnosis.training.causes._labels import (
    class_imbalance,
    label_noise,
    labels_unlearnable,
)
from skdeepbin.diagnosis.training.causes._penalty import (
    held_down,
    outweighed,
    over_regularized,
    penalised,
)
from skdeepbin.diagnosis.training.causes._signal import (
    dead_but_harmless,
    dead_relu,
    exploding_gradient,
    forward_collapse,
    saturated_tanh,
    vanishing_gradient,
)
from skdeepbin.diagnosis.training.causes._start import (
    init_too_large,
    init_too_small,
    zero_init,
)
from skdeepbin.diagnosis.training.causes._steps import (
    diverged,
    learning_rate_too_high,
    learning_rate_too_low,
    not_finite,
)

Rule: TypeAlias = Callable[[Evidence], Finding | None]


class Row(NamedTuple):
    """One finding: its rule, code, severities (the worst first) and remedy in short."""

    rule: Rule
    code: str
    severity: tuple[str, ...]
    remedy: str

    @property
    def meaning(self) -> str:
        """The first line of the rule's documentation, without its verb."""
        _, _, meaning = str(self.rule.__doc__).splitlines()[0].partition(" ")
        return meaning[0].upper() + meaning[1:].removesuffix(".")


ANY = "error", "warning", "info"
ERROR, FAILED, PARTLY, INFO = ANY[:1], ANY[:2], ANY[1:], ANY[2:]
CAUSES: tuple[Row, ...] = (
    Row(no_variation, "constant_features", ERROR, "Check how X is made"),
    Row(
        not_finite,
        "diverged",
        ERROR,
        "A tenth of the learning rate, scaled features, new weights",
    ),
    Row(rare_features, "unscaled_features", FAILED, '`feature_scaling="auto"`'),
    Row(
        labels_unlearnable,
        "labels_unlearnable",
        ERROR,
        "Check that rows of X and y belong together",
    ),
    Row(
        unscaled_features, "unscaled_features", FAILED, "A scaler before the classifier"
    ),
    Row(
        outweighed,
        "over_regularized",
        FAILED,
        '`alpha="auto"`, or weights that count rows',
    ),
    Row(
        over_regularized, "over_regularized", FAILED, "The usual `alpha`, no `dropout`"
    ),
    Row(zero_init, "zero_init", FAILED, '`init="auto"`, or new weights'),
    Row(init_too_small, "init_too_small", FAILED, '`init="auto"`, or new weights'),
    Row(init_too_large, "init_too_large", FAILED, '`init="auto"`, or new weights'),
    Row(held_down, "over_regularized", ERROR, "A tenth of `alpha`"),
    Row(diverged, "diverged", ERROR, "A lower learning rate, or scaled features"),
    Row(learning_rate_too_high, "learning_rate_too_high", ANY, "A lower learning rate"),
    Row(
        saturated_tanh,
        "saturated_tanh",
        FAILED,
        "The usual start, relu, or fewer layers",
    ),
    Row(dead_relu, "dead_relu", FAILED, "The usual start, tanh, or fewer layers"),
    Row(
        exploding_gradient,
        "exploding_gradient",
        FAILED,
        "The usual start, tanh, or fewer layers",
    ),
    Row(
        vanishing_gradient,
        "vanishing_gradient",
        FAILED,
        "The usual start, tanh, relu, or fewer layers",
    ),
    Row(
        forward_collapse,
        "forward_collapse",
        FAILED,
        "The usual start, tanh, relu, or fewer layers",
    ),
    Row(
        learning_rate_too_low, "learning_rate_too_low", FAILED, "A higher learning rate"
    ),
    Row(penalised, "over_regularized", FAILED, "A tenth of `alpha`"),
    Row(linear_network, "underfitting", FAILED, "Hidden layers of relu"),
    Row(too_few_units, "too_few_units", FAILED, "Wider layers"),
    Row(unevenly_scaled, "unscaled_features", FAILED, "A scaler before the classifier"),
    Row(
        too_few_iterations,
        "too_few_iterations",
        ANY,
        "More iterations, or a longer plateau",
    ),
    Row(
        label_noise, "label_noise", PARTLY, "Check how y was collected; early stopping"
    ),
    Row(
        class_imbalance,
        "class_imbalance",
        PARTLY,
        '`class_weight="balanced"`, or a lower threshold',
    ),
    Row(
        underfitting,
        "underfitting",
        ANY,
        "Wider layers, usual settings, or such a model",
    ),
    Row(
        overfitting,
        "overfitting",
        PARTLY,
        "Early stopping, a larger `alpha`, fewer units",
    ),
    Row(
        unscaled_but_harmless, "unscaled_features", INFO, "A scaler, to compare weights"
    ),
    Row(still_falling, "too_few_iterations", INFO, "More iterations"),
)
NOTES: tuple[Row, ...] = (
    Row(constant_features, "constant_features", INFO, "Drop them"),
    Row(leaking_feature, "leaking_feature", PARTLY, "Check how it is made"),
    Row(dead_but_harmless, "dead_relu", INFO, "A narrower layer, or tanh"),
)
HEALTHY = Row(healthy, "healthy", INFO, "Nothing has to be done")
FINDINGS = (*CAUSES, *NOTES, HEALTHY)
