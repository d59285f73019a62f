"""Wrong errors at the output: ``dZ_L``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.special import expit, softmax

from skdeepbin.diagnosis.backprop.catalogue._entry import (
    BackwardContext,
    Entry,
    Message,
)
from skdeepbin.network._parameters import Array

# The output: the derivative of the loss by p, times that of p by z, or at once.

RIGHT_OUTPUT = "dZ{l} = a{l} - y"


def _safe(p: Array) -> Array:
    return np.clip(p, 1e-300, None)


OUTPUT_ERRORS: dict[str, tuple[str, str, Callable[[Array, Array], Array]]] = {
    "right": (
        "-(y / p - (1 - y) / (1 - p))",
        "",
        lambda y, p: -(y / _safe(p) - (1 - y) / _safe(1 - p)),
    ),
    "slip": (
        "-(y / p + (1 - y) / (1 - p))",
        "sign slip in the derivative of the loss",
        lambda y, p: -(y / _safe(p) + (1 - y) / _safe(1 - p)),
    ),
    "brackets": (
        "-(y / p + (1 - y / 1 - p))",
        "sign slip and missing brackets in the derivative of the loss",
        lambda y, p: -(y / _safe(p) + (1 - y - p)),
    ),
    "brackets, minus": (
        "-(y / p - (1 - y / 1 - p))",
        "missing brackets in the derivative of the loss",
        lambda y, p: -(y / _safe(p) - (1 - y - p)),
    ),
    "brackets, second": (
        "-y / p + (1 - y) / 1 - p",
        "missing brackets in the derivative of the loss",
        lambda y, p: -y / _safe(p) + (1 - y) - p,
    ),
    "brackets, third": (
        "-(y / p - (1 - y) / 1 - p)",
        "missing brackets in the derivative of the loss",
        lambda y, p: -(y / _safe(p) - (1 - y) - p),
    ),
    "up": (
        "y / p - (1 - y) / (1 - p)",
        "the loss is climbed: the sign of its derivative",
        lambda y, p: y / _safe(p) - (1 - y) / _safe(1 - p),
    ),
    "slip, up": (
        "y / p + (1 - y) / (1 - p)",
        "sign slip in the derivative of the loss",
        lambda y, p: y / _safe(p) + (1 - y) / _safe(1 - p),
    ),
    "first": (
        "-y / p",
        "the second term of the derivative of the loss missing",
        lambda y, p: -y / _safe(p),
    ),
    "second": (
        "(1 - y) / (1 - p)",
        "the first term of the derivative of the loss missing",
        lambda y, p: (1 - y) / _safe(1 - p),
    ),
    "squared error": ("p - y", "squared-error delta", lambda y, p: p - y),
    "squared error, 2": (
        "2 * (p - y)",
        "squared-error delta",
        lambda y, p: 2 * (p - y),
    ),
    "squared error, up": (
        "y - p",
        "squared-error delta with the wrong sign",
        lambda y, p: y - p,
    ),
    "distance": ("abs(p - y)", "the size of the error", lambda y, p: abs(p - y)),
    "square": ("(p - y)**2", "the squared error itself", lambda y, p: (p - y) ** 2),
    "logs": (
        "-(y * log(p) + (1 - y) * log(1 - p))",
        "the loss in place of its derivative",
        lambda y, p: -(y * np.log(_safe(p)) + (1 - y) * np.log(_safe(1 - p))),
    ),
}
# What it is multiplied by; the first is right.
OUTPUT_SLOPES: dict[str, tuple[str, Callable[[Array, Array, Array], Array]]] = {
    "right": ("p * (1 - p)", lambda z, p, e: p * (1 - p)),
    "missing": ("1", lambda z, p, e: np.ones_like(p)),
    "z(1-z)": ("z{l} * (1 - z{l})", lambda z, p, e: z * (1 - z)),
    "1-z2": ("(1 - z{l}**2)", lambda z, p, e: 1 - z**2),
    "tanh'(z)": ("(1 - tanh(z{l})**2)", lambda z, p, e: 1 - np.tanh(z) ** 2),
    "1-p2": ("(1 - p**2)", lambda z, p, e: 1 - p**2),
    "s'(p)": (
        "sigmoid(p) * (1 - sigmoid(p))",
        lambda z, p, e: expit(p) * (1 - expit(p)),
    ),
    "twice": ("(p * (1 - p))**2", lambda z, p, e: (p * (1 - p)) ** 2),
    "e(1-e)": ("dA{l} * (1 - dA{l})", lambda z, p, e: e * (1 - e)),
    "s'(e)": (
        "sigmoid(dA{l}) * (1 - sigmoid(dA{l}))",
        lambda z, p, e: expit(e) * (1 - expit(e)),
    ),
    "1-e2": ("(1 - dA{l}**2)", lambda z, p, e: 1 - e**2),
    "p": ("p", lambda z, p, e: p),
    "1-p": ("(1 - p)", lambda z, p, e: 1 - p),
    "z>0": ("(z{l} > 0)", lambda z, p, e: (z > 0).astype(float)),
    "z": ("z{l}", lambda z, p, e: z),
    "1-tanh(p)2": ("(1 - tanh(p)**2)", lambda z, p, e: 1 - np.tanh(p) ** 2),
    "p(1+p)": ("p * (1 + p)", lambda z, p, e: p * (1 + p)),
    "s(1-z)": ("p * (1 - z{l})", lambda z, p, e: p * (1 - z)),
    "p(p-1)": ("p * (p - 1)", lambda z, p, e: p * (p - 1)),
}

_OTHER_LOSS = "It goes down another slope than that of the log loss."
_OUTPUT_WHY = {
    "squared error": (
        "The error is smallest where the network is most wrong: confident mistakes are "
        "hardly corrected."
    ),
    "up": "Every step goes up.",
    "missing": "Rows that are nearly right weigh as much as those that are wrong.",
    "twice": (
        "The error is smallest where the network is most wrong: confident mistakes are "
        "hardly corrected."
    ),
}


def _output_entry(error: str, slope: str) -> Entry:
    """Return the entry of a derivative of the loss and one of the output."""
    e_text, e_name, e_of = OUTPUT_ERRORS[error]
    s_text, s_of = OUTPUT_SLOPES[slope]
    key = f"{error} * {slope}"

    def compute(c: BackwardContext) -> Array:
        e = e_of(c.network.y, c.network.p)
        return e * s_of(c.z, c.network.p, e)

    of_loss = Message(
        e_name,
        f"dA{{l}} = {e_text}",
        f"dA{{l}} = {OUTPUT_ERRORS['right'][0]}",
        _OUTPUT_WHY.get(error, _OTHER_LOSS),
    )
    of_output = Message(
        _OUTPUT_SLOPE_NAMES.get(slope, "a wrong derivative of the output"),
        f"dZ{{l}} = dA{{l}} * {s_text}",
        f"dZ{{l}} = dA{{l}} * {OUTPUT_SLOPES['right'][0]}",
        _OUTPUT_WHY.get(slope, _OTHER_LOSS),
    )
    if slope == "right":
        return Entry(key, "output", of_loss, compute)
    if error == "squared error":
        name, wrong = (
            f"an extra factor: {of_output.name}",
            f"dZ{{l}} = (a{{l}} - y) * {s_text}",
        )
        message = Message(name, wrong, RIGHT_OUTPUT, of_output.why)
        return Entry(key, "output", message, compute)
    second = Entry(key, "output", of_output, compute)
    if error == "right":
        return second
    return Entry(key, "output", of_loss, compute, also=second, cost=2)


_OUTPUT_SLOPE_NAMES = {
    "missing": "sigmoid' missing at the output",
    "z(1-z)": "sigmoid' taken at the wrong argument, the logit",
    "1-z2": "tanh' of the logit, written of z, in place of sigmoid'",
    "tanh'(z)": "tanh' of the logit in place of sigmoid'",
    "1-p2": "tanh' in place of sigmoid' at the output",
    "s'(p)": "sigmoid' taken at the wrong argument, the probability",
    "twice": "an extra sigmoid'",
    "e(1-e)": "sigmoid' taken at the wrong argument, the error",
    "s'(e)": "sigmoid' taken at the wrong argument, the error",
    "1-e2": "tanh' of the error in place of sigmoid'",
    "z>0": "relu' in place of sigmoid' at the output",
}


def at_once(
    key: str, name: str, text: str, why: str, of: Callable[[Array, Array, Array], Array]
) -> Entry:
    """Return an entry whose error at the output is a function of z, p and y."""

    def compute(c: BackwardContext) -> Array:
        return of(c.z, c.network.p, c.network.y) * np.ones_like(c.z)

    message = Message(name, f"dZ{{l}} = {text}", RIGHT_OUTPUT, why)
    return Entry(key, "output", message, compute)


_LABELS = "The network learns other labels than those given."


def _against_smooth_labels(share: float, z: Array, p: Array, y: Array) -> Array:
    return p - (1 - 2 * share) * y - share


EPSILONS = tuple(10.0**-digits for digits in range(2, 13))


def guards() -> Iterator[Entry]:
    """Yield probabilities kept from 0 and 1, by as much as people write."""
    forms: dict[str, tuple[str, Callable[[float, Array, Array], Array]]] = {
        "clipped": (
            "clip(a{{l}}, {0:g}, 1 - {0:g}) - y",
            lambda e, p, y: np.clip(p, e, 1 - e) - y,
        ),
        "clipped in the derivative": (
            "-(y / c - (1 - y) / (1 - c)) * a{{l}} * (1 - a{{l}}), "
            "c = clip(a{{l}}, {0:g}, 1 - {0:g})",
            lambda e, p, y: _by_clipped(np.clip(p, e, 1 - e), p, y),
        ),
        "derivative of clip": (
            "(a{{l}} - y) * ({0:g} < a{{l}} < 1 - {0:g})",
            lambda e, p, y: (p - y) * ((e < p) & (p < 1 - e)),
        ),
        "added to both": (
            "-(y / (a{{l}} + {0:g}) - (1 - y) / (1 - a{{l}} + {0:g})) * a{{l}} * "
            "(1 - a{{l}})",
            lambda e, p, y: -(y / (p + e) - (1 - y) / (1 - p + e)) * p * (1 - p),
        ),
        "added to the product": (
            "(a{{l}} - y) / (a{{l}} * (1 - a{{l}}) + {0:g}) * a{{l}} * (1 - a{{l}})",
            lambda e, p, y: (p - y) * p * (1 - p) / (p * (1 - p) + e),
        ),
    }
    for epsilon in EPSILONS:
        for key, (form, of) in forms.items():

            def error(z: Array, p: Array, y: Array, of=of, e: float = epsilon) -> Array:
                return of(e, p, y)

            yield at_once(
                f"{key}, {epsilon:g}",
                "the probability is kept from 0 and 1",
                form.format(epsilon),
                "Harmless: it keeps the logarithm finite. Only rows with probabilities "
                "that near to 0 or 1 count otherwise.",
                error,
            )


def _by_clipped(c: Array, p: Array, y: Array) -> Array:
    return -(y / c - (1 - y) / (1 - c)) * p * (1 - p)


OUTPUTS = (
    at_once(
        "zero",
        "the error is zero",
        "0",
        "Nothing is learnt. An array of integers, as np.zeros_like(y) is where y holds "
        "integers, cuts errors of less than one to 0.",
        lambda z, p, y: 0 * p,
    ),
    at_once(
        "sign_slip",
        "the wrong sign",
        "y - a{l}",
        "Every step goes up.",
        lambda z, p, y: y - p,
    ),
    at_once(
        "extra_sigmoid",
        "an extra sigmoid' under log loss",
        "(a{l} - y) * a{l} * (1 - a{l})",
        _OUTPUT_WHY["squared error"],
        lambda z, p, y: (p - y) * p * (1 - p),
    ),
    *(
        _output_entry(error, slope)
        for error in sorted(OUTPUT_ERRORS, key=lambda error: error != "squared error")
        for slope in OUTPUT_SLOPES
        if (error, slope) not in (("right", "right"), ("squared error", "missing"))
    ),
    at_once(
        "doubled",
        "the delta is doubled",
        "2 * (a{l} - y)",
        "Twice the step.",
        lambda z, p, y: 2 * (p - y),
    ),
    at_once(
        "labels_inverted",
        "labels turned round",
        "a{l} - (1 - y)",
        _LABELS,
        lambda z, p, y: p - 1 + y,
    ),
    at_once(
        "labels_of_sign",
        "labels of -1 and 1",
        "a{l} - (2 * y - 1)",
        _LABELS,
        lambda z, p, y: p - 2 * y + 1,
    ),
    at_once(
        "predicted_class",
        "the predicted class in place of its probability",
        "(a{l} > 0.5) - y",
        "Rows that are right by little teach nothing.",
        lambda z, p, y: (p > 0.5) - y,
    ),
    at_once(
        "logit",
        "the logit in place of the probability",
        "z{l} - y",
        _OTHER_LOSS,
        lambda z, p, y: z - y,
    ),
    at_once(
        "tanh",
        "tanh in place of the probability",
        "tanh(z{l}) - y",
        _OTHER_LOSS,
        lambda z, p, y: np.tanh(z) - y,
    ),
    at_once(
        "sigmoid_twice",
        "the sigmoid applied twice",
        "sigmoid(a{l}) - y",
        "The probability stays between 0.5 and 0.73.",
        lambda z, p, y: expit(p) - y,
    ),
    at_once(
        "sigmoid_twice_and_derivative",
        "the sigmoid applied twice",
        "(sigmoid(a{l}) - y) * a{l} * (1 - a{l})",
        "The probability stays between 0.5 and 0.73.",
        lambda z, p, y: (expit(p) - y) * p * (1 - p),
    ),
    at_once(
        "softmax_of_one",
        "softmax over a single unit, which is always 1",
        "1 - y",
        "Nothing that is learnt changes the probability.",
        lambda z, p, y: 1 - y,
    ),
    at_once(
        "softmax_over_rows",
        "softmax over the samples, in place of the sigmoid",
        "softmax(z{l} over the samples) - y",
        "The probabilities of all rows together are 1.",
        lambda z, p, y: softmax(z, axis=0) - y,
    ),
    at_once(
        "sign",
        "the sign of the error",
        "sign(a{l} - y)",
        _OTHER_LOSS,
        lambda z, p, y: np.sign(p - y),
    ),
    at_once(
        "size",
        "the size of the error",
        "abs(a{l} - y)",
        _OTHER_LOSS,
        lambda z, p, y: abs(p - y),
    ),
    at_once(
        "square",
        "the squared error",
        "(a{l} - y)**2",
        _OTHER_LOSS,
        lambda z, p, y: (p - y) ** 2,
    ),
    *guards(),
    *(
        at_once(
            f"smoothed {share:g}",
            "labels smoothed in the gradient only",
            f"a{{l}} - ({1 - 2 * share:g} * y + {share:g})",
            "The probabilities stay away from 0 and 1; this does little harm.",
            partial(_against_smooth_labels, share),
        )
        for share in (0.05, 0.1, 0.01)
    ),
    at_once(
        "no_labels",
        "labels missing",
        "a{l}",
        "The labels are not learnt.",
        lambda z, p, y: p,
    ),
    at_once(
        "no_probability",
        "p missing",
        "-y",
        "It never stops going up.",
        lambda z, p, y: -y,
    ),
    at_once(
        "mean_error",
        "the mean error for every row",
        "mean(a{l} - y)",
        "Only the frequency of the classes is learnt.",
        lambda z, p, y: (p - y).mean(),
    ),
    at_once(
        "broadcast_mean_1",
        "labels of shape (n,) broadcast against (n, 1), and the mean taken",
        "mean(a{l} - y[None, :], axis=1)",
        "Every row learns the mean label: the loss stays at that of the frequencies.",
        lambda z, p, y: p - y.mean(),
    ),
    at_once(
        "broadcast_sum_1",
        "labels of shape (n,) broadcast against (n, 1), and summed",
        "sum(a{l} - y[None, :], axis=1)",
        "Every row learns the mean label: the loss stays at that of the frequencies.",
        lambda z, p, y: len(y) * (p - y.mean()),
    ),
    at_once(
        "broadcast_mean_0",
        "labels of shape (n,) broadcast against (n, 1), and the mean taken",
        "mean(a{l} - y[None, :], axis=0)",
        "Rows learn from errors of others.",
        lambda z, p, y: p.mean() - y,
    ),
    at_once(
        "broadcast_sum_0",
        "labels of shape (n,) broadcast against (n, 1), and summed",
        "sum(a{l} - y[None, :], axis=0)",
        "Rows learn from errors of others.",
        lambda z, p, y: len(y) * (p.mean() - y),
    ),
)
