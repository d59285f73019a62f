"""The shape of the house: how deep a fit is, from the call to the mathematics."""

import sys
from itertools import groupby
from pathlib import Path

import pytest
from sklearn.datasets import make_moons

import skdeepbin
from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._network import Network
from skdeepbin.training._solvers import IN_BATCHES, IN_STEPS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROOT = str(Path(skdeepbin.__file__).parent)
X, Y = make_moons(200, noise=0.3, random_state=0)

# From `fit` to the loss and gradient of a block of rows, both of them counted, so that
# whoever reads a traceback, or steps through a fit, keeps it in mind.
MOST_FRAMES = 10
FITS = {solver: {"solver": solver} for solver in IN_STEPS} | {
    "ensemble": {"n_networks": 3},
    "scored": {"scoring": "roc_auc", "early_stopping": True},
    "dropout": {"dropout": 0.2},
    "runs away": {"solver": "gd", "learning_rate": 1e3},
    "single precision": {"dtype": "float32"},
    "no hidden layer": {"hidden_layer_sizes": ()},
}
# What adds frames of its own, and how many: the step that is an epoch, a second start,
# and in SciPy's loop the objective that it is given, with its log.
MORE = {f"{s} in batches": ({"solver": s, "batch_size": 50}, 1) for s in IN_BATCHES}
STUCK = {"activation": "tanh", "alpha": 200.0, "early_stopping": False}
MORE |= {
    "second start": (STUCK | {"solver": "rprop", "max_iter": 200}, 1),
    "lbfgs": ({"solver": "lbfgs"}, 2),
}
CASES = {name: (settings, 0) for name, settings in FITS.items()} | MORE


def own_functions(frame):
    """Return the functions of the package on the stack, from the last to `fit`.

    A recursion over the halves of a tree, where there are many blocks, counts as one.
    """
    codes = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            codes.append(frame.f_code)
            if frame.f_code.co_name == "fit":
                return tuple(code.co_qualname for code, _ in groupby(codes))
        frame = frame.f_back
    raise AssertionError(f"not called by fit: {codes}")


@pytest.mark.parametrize("name", CASES)
def test_a_fit_is_only_so_many_calls_deep(name, monkeypatch, tmp_path):
    """First or warm, and with a checkpoint."""
    settings, more = CASES[name]
    stacks, whole = set(), Network.loss_and_gradient

    def loss_and_gradient(self, *args):
        stacks.add(("loss_and_gradient", *own_functions(sys._getframe())))
        return whole(self, *args)

    monkeypatch.setattr(Network, "loss_and_gradient", loss_and_gradient)
    common = {"hidden_layer_sizes": 4, "max_iter": 30, "random_state": 0, "n_jobs": 1}
    clf = DeepBinaryClassifier(**common | settings, checkpoint=tmp_path / "fit.npz")
    clf.fit(X, Y)
    clf.set_params(warm_start=True, max_iter=3).fit(X, Y, X_val=X[:50], y_val=Y[:50])
    depths = {len(stack): " <- ".join(stack) for stack in stacks}
    assert max(depths) == MOST_FRAMES + more, depths[max(depths)]
