"""The rules, in the order in which they are asked.

``CAUSES`` are told apart: the first with a finding that is more than an information is
the cause of the failure, and the others are not asked, as one cause shows in many
symptoms; where there is none, it is the first information. They are ordered from
what would deceive all the rules after it to what is left when all else is excluded:
labels before the network, what the user set before what came of it, the start before
the steps, the steps before the size of the network, and that before their number.
``NOTES`` are asked as well, each for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from skdeepbin.diagnosis._findings import Finding
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training.causes._fit_rules import (
    class_imbalance,
    constant_features,
    held_down,
    label_noise,
    labels_unlearnable,
    leaking_feature,
    linear_network,
    no_variation,
    outweighed,
    over_regularized,
    overfitting,
    penalised,
    rare_features,
    too_few_units,
    underfitting,
    unevenly_scaled,
    unscaled_but_harmless,
    unscaled_features,
)
from skdeepbin.diagnosis.training.causes._layer_rules import (
    dead_but_harmless,
    dead_relu,
    exploding_gradient,
    forward_collapse,
    init_too_large,
    init_too_small,
    saturated_tanh,
    vanishing_gradient,
    zero_init,
)
from skdeepbin.diagnosis.training.causes._training_rules import (
    diverged,
    learning_rate_too_high,
    learning_rate_too_low,
    not_finite,
    still_falling,
    too_few_iterations,
)

Rule: TypeAlias = Callable[[Evidence], Finding | None]

CAUSES: tuple[Rule, ...] = (
    no_variation,
    not_finite,
    rare_features,
    labels_unlearnable,
    unscaled_features,
    outweighed,
    over_regularized,
    zero_init,
    init_too_small,
    init_too_large,
    held_down,
    diverged,
    learning_rate_too_high,
    saturated_tanh,
    dead_relu,
    exploding_gradient,
    vanishing_gradient,
    forward_collapse,
    learning_rate_too_low,
    penalised,
    linear_network,
    too_few_units,
    unevenly_scaled,
    too_few_iterations,
    label_noise,
    class_imbalance,
    underfitting,
    overfitting,
    unscaled_but_harmless,
    still_falling,
)
NOTES: tuple[Rule, ...] = (
    constant_features,
    leaking_feature,
    dead_but_harmless,
)
