"""Evidence whose numbers are written down, on either side of a threshold.

Nothing is measured or fitted: what a rule asks of the evidence is given, and a trial is
a function of its change.
"""

from ast import literal_eval
from dataclasses import replace
from itertools import pairwise

import numpy as np
from sklearn.neural_network import MLPClassifier

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis.training._baselines import Baselines
from skdeepbin.diagnosis.training._columns import Columns
from skdeepbin.diagnosis.training._evidence import Evidence
from skdeepbin.diagnosis.training._layers import Layers
from skdeepbin.diagnosis.training._model import DiagnosedModel
from skdeepbin.diagnosis.training._trials import Trial

LN2 = np.log(2)


class Trials(dict):
    """Results of all trials, by a function ``(change, steps, scaler) -> losses``."""

    def __init__(self, losses):
        super().__init__()
        self.losses, self.asked = losses, []

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        items, steps, scaler = key
        change = dict(literal_eval(items))
        self.asked.append((change, steps))
        losses = self.losses(change, steps, scaler)
        loss, held_out = losses if isinstance(losses, tuple) else (losses, losses)
        return Trial(change, loss, held_out, steps)


def helped(change, steps, scaler):
    """A change makes the loss low, as does a scaler; without, all stays as it was."""
    return 0.1 if change or scaler != "NoneType" else LN2


def never(change, steps, scaler):
    """Nothing helps."""
    return LN2


def model(hidden=(10, 10), *, mlp=False, n_features=2, parameters=None, **changes):
    """A network of these widths that no fit has made."""
    estimator = MLPClassifier(solver="sgd") if mlp else DeepBinaryClassifier()
    parameters = {"solver": "gd", "learning_rate": 0.3, "alpha": 0.01, "n_bins": 0} | (
        parameters or {}
    )
    if mlp:
        parameters |= {"solver": "sgd", "learning_rate": "constant"}
        parameters = {"learning_rate_init": 0.001} | parameters
    estimator.set_params(**{k: v for k, v in parameters.items() if k != "n_bins"})
    estimator.n_iter_ = changes.pop("n_iter", 100)
    sizes = n_features, *hidden, 1
    rng = np.random.RandomState(0)
    built = DiagnosedModel(
        estimator=estimator,
        parameters=estimator.get_params(deep=False) | parameters,
        weights=[rng.normal(size=shape) for shape in pairwise(sizes)],
        biases=[np.zeros(width) for width in sizes[1:]],
        classes=np.arange(2),
        activation="tanh",
        scales_itself=not mlp,
        loss=np.full(100, LN2),
        validation=np.empty(0),
        gradient_norms=None,
        update_ratios=None,
        ended_at_max_iter=True,
        stop_reason="max_iter",
    )
    return replace(built, **changes)


def layers(n=3, **measured):
    """Layers that are well, but for what is given."""
    well = {
        "logits": np.zeros(1),
        "spread": np.ones(n),
        "sensitivity": np.ones(n),
        "error": np.ones(n),
        "gradient": np.ones(n),
        "dead": np.zeros(n - 1),
        "saturated": np.zeros(n - 1),
        "size": np.ones(n),
    }
    return Layers(**(well | {k: np.asarray(v, float) for k, v in measured.items()}))


def columns(n=2, **measured):
    """Features that are well, but for what is given."""
    well = {
        "constant": np.empty(0, int),
        "duplicate": np.empty(0, int),
        "mean": np.zeros(n),
        "spread": np.ones(n),
        "tail": 1.0,
        "auc": np.full(n, 0.8),
        "gap": 0.0,
        "same_as_best": np.arange(n) == 0,
    }
    return Columns(**(well | measured))


def baselines(loss=0.1, *, signal=9.0, error=0.0, sure_error=0.0):
    """Models that find what there is to find, but for what is given."""
    return Baselines({"linear": loss}, signal, error, sure_error)


def evidence(model_=None, trials=helped, *, n=200, second=None, X=None, **known):
    """Evidence about a network that has learnt nothing, but for what is given.

    second : how many of the n rows are of the second class.
    """
    y = np.arange(n) < (n // 2 if second is None else second)
    X = np.random.RandomState(0).normal(size=(n, 2)) if X is None else X
    w = np.full(n, 1 / n)
    fields = {name: known.pop(name) for name in ("n_rows",) if name in known}
    e = Evidence(
        model() if model_ is None else model_,
        X,
        y,
        w,
        fields.get("n_rows", n),
        trials=Trials(trials),
    )
    measured = {
        "loss": LN2,
        "entropy": LN2,
        "baselines": baselines(),
        "columns": columns(),
        "layers": layers(),
        "start": layers(),
        "scale": np.ones(3),
        "start_scale": 1.0,
    }
    e.__dict__.update(measured | known)
    return e
