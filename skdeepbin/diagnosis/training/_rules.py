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
    """One finding: the rule that finds it, and what the documentation says of it.

    severity : those that the rule may give it, the worst first.
    remedy : what it proposes, in few words; where it can be, it is tried out first.
    """

    rule: Rule
    code: str
    severity: tuple[str, ...]
    meaning: str
    remedy: str


CAUSES: tuple[Row, ...] = (
    Row(
        no_variation,
        "constant_features",
        ("error",),
        "All features are constant: nothing tells rows apart",
        "Check how X is made",
    ),
    Row(
        not_finite,
        "diverged",
        ("error",),
        "Weights are infinite or not a number",
        "A tenth of the learning rate, scaled features, and new weights",
    ),
    Row(
        rare_features,
        "unscaled_features",
        ("error", "warning"),
        "Features that are zero in most rows have a scale that does not suit them",
        '`feature_scaling="auto"`',
    ),
    Row(
        labels_unlearnable,
        "labels_unlearnable",
        ("error",),
        "No model predicts the labels of rows that it has not seen",
        "Check that rows of X and y belong together; other features",
    ),
    Row(
        unscaled_features,
        "unscaled_features",
        ("error", "warning"),
        "Features are far out: of large scale, of very different scales, or off centre",
        "A scaler before the classifier",
    ),
    Row(
        outweighed,
        "over_regularized",
        ("error", "warning"),
        "The penalty outweighs the total weight of the rows",
        '`alpha="auto"`, or weights that are not normalised',
    ),
    Row(
        over_regularized,
        "over_regularized",
        ("error", "warning"),
        "A strong penalty or dropout leaves too little to fit with",
        "The usual `alpha`; no `dropout`",
    ),
    Row(
        zero_init,
        "zero_init",
        ("error", "warning"),
        "Hidden units have the same weights, or none, and stay one unit",
        '`init="auto"`, or new weights',
    ),
    Row(
        init_too_small,
        "init_too_small",
        ("error", "warning"),
        "Starting weights so small that each layer shrinks the signal",
        '`init="auto"`, or new weights',
    ),
    Row(
        init_too_large,
        "init_too_large",
        ("error", "warning"),
        "Starting weights so large that layers blow up the signal or saturate",
        '`init="auto"`, or new weights',
    ),
    Row(
        held_down,
        "over_regularized",
        ("error",),
        "A usual penalty has drawn the weights to zero",
        "A tenth of `alpha`",
    ),
    Row(
        diverged,
        "diverged",
        ("error",),
        "The loss ran away upwards",
        "A lower learning rate; scaled features",
    ),
    Row(
        learning_rate_too_high,
        "learning_rate_too_high",
        ("error", "warning", "info"),
        "Steps are so long that the loss jumps instead of falling",
        "A lower learning rate",
    ),
    Row(
        saturated_tanh,
        "saturated_tanh",
        ("error", "warning"),
        "Most units of a layer are at the flat ends of tanh",
        "The usual start, relu, or fewer layers",
    ),
    Row(
        dead_relu,
        "dead_relu",
        ("error", "warning"),
        "Most units of a layer are zero for every row",
        "The usual start, tanh, or fewer layers",
    ),
    Row(
        exploding_gradient,
        "exploding_gradient",
        ("error", "warning"),
        "The error grows from layer to layer on its way back",
        "The usual start, tanh, or fewer layers",
    ),
    Row(
        vanishing_gradient,
        "vanishing_gradient",
        ("error", "warning"),
        "The gradient shrinks from layer to layer on its way back",
        "The usual start, tanh or relu, or fewer layers",
    ),
    Row(
        forward_collapse,
        "forward_collapse",
        ("error", "warning"),
        "From layer to layer all rows come to look alike",
        "The usual start, tanh or relu, or fewer layers",
    ),
    Row(
        learning_rate_too_low,
        "learning_rate_too_low",
        ("error", "warning"),
        "Steps are too short to arrive",
        "A higher learning rate",
    ),
    Row(
        penalised,
        "over_regularized",
        ("error", "warning"),
        "A usual penalty is too strong for these rows",
        "A tenth of `alpha`",
    ),
    Row(
        linear_network,
        "underfitting",
        ("error", "warning"),
        "Without units that bend, the network is a linear model",
        "Hidden layers of relu",
    ),
    Row(
        too_few_units,
        "too_few_units",
        ("error", "warning"),
        "A layer is too narrow for what is to be told apart",
        "Wider layers",
    ),
    Row(
        unevenly_scaled,
        "unscaled_features",
        ("error", "warning"),
        "Features of uneven scale, where more iterations do not help",
        "A scaler before the classifier",
    ),
    Row(
        too_few_iterations,
        "too_few_iterations",
        ("error", "warning", "info"),
        "Training ended before the loss had fallen far, or on a plateau",
        "More iterations, or a longer plateau",
    ),
    Row(
        label_noise,
        "label_noise",
        ("warning", "info"),
        "Labels are wrong even where the class is clear",
        "Check how y was collected; early stopping",
    ),
    Row(
        class_imbalance,
        "class_imbalance",
        ("warning", "info"),
        "A rare class is hardly ever predicted",
        '`class_weight="balanced"`, or a lower threshold',
    ),
    Row(
        underfitting,
        "underfitting",
        ("error", "warning", "info"),
        "Another model predicts rows that it has not seen far better",
        "Wider layers, the usual settings, or such a model",
    ),
    Row(
        overfitting,
        "overfitting",
        ("warning", "info"),
        "The network fits its own rows far better than others",
        "Early stopping, a larger `alpha`, or fewer units",
    ),
    Row(
        unscaled_but_harmless,
        "unscaled_features",
        ("info",),
        "Features are not of one scale, and no harm is visible",
        "A scaler, to compare weights",
    ),
    Row(
        still_falling,
        "too_few_iterations",
        ("info",),
        "The loss is low and still fell at the end",
        "More iterations",
    ),
)
NOTES: tuple[Row, ...] = (
    Row(
        constant_features,
        "constant_features",
        ("info",),
        "Features are constant or repeat others",
        "Drop them",
    ),
    Row(
        leaking_feature,
        "leaking_feature",
        ("warning", "info"),
        "One feature all but tells the label",
        "Check how it is made",
    ),
    Row(
        dead_but_harmless,
        "dead_relu",
        ("info",),
        "Most units of a layer do nothing, in a network that learnt",
        "A narrower layer, or tanh",
    ),
)
HEALTHY = Row(
    healthy,
    "healthy",
    ("info",),
    "The network has learnt what there is to learn, or most of it",
    "Nothing, or a lower `alpha` or more iterations",
)
FINDINGS = (*CAUSES, *NOTES, HEALTHY)
