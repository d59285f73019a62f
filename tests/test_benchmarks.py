"""The check of the benchmarks tells whoever does other work than the others."""

import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from skdeepbin import DeepBinaryClassifier

BENCHMARKS = Path(__file__).parents[1] / "examples" / "benchmarks"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # not converged


@pytest.fixture(scope="module", autouse=True)
def _scripts():
    with patch.object(sys, "path", [str(BENCHMARKS), *sys.path]):
        yield


def data(dtype):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(dtype)
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_all_take_the_same_steps(dtype, activation):
    import epochs

    here = [one for one in epochs.contestants() if one[0].startswith(("sk", "MLP"))]
    with patch.object(epochs, "contestants", lambda: here):
        runs = epochs.checked_runs((60, 4, (5, 3), activation), dtype)
    assert {"MLPClassifier", "skdeepbin, 1 thread"} <= runs.keys()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"batch_size": 60}, "its batches are 60 rows"),
        ({"learning_rate": 0.2}, "where it should be"),
        ({"alpha": 1.0}, "where it should be"),
        ({"dtype": "float32"}, "not float64"),
    ],
)
def test_other_work_is_an_error(changes, what):
    import epochs
    from same_work import OtherWork

    def make(mlp):
        return epochs.ours(1)(mlp).set_params(**changes)

    other = [("other", epochs.estimator("other", make))]
    with (
        patch.object(epochs, "contestants", lambda: other),
        pytest.raises(OtherWork, match=what),
    ):
        epochs.checked_runs((60, 4, (5, 3), "relu"), "float64")


def test_steps_on_all_rows():
    from same_work import OtherWork, check_full_batch
    from sklearn.neural_network import MLPClassifier

    X, y = data("float64")
    check = partial(check_full_batch, "some", n_rows=60, n_steps=4)
    common = {"max_iter": 4, "tol": 0.0, "n_iter_no_change": 10**9}
    for size in 60, 10**6:
        check(model=MLPClassifier(batch_size=size, **common).fit(X, y))
    ours = DeepBinaryClassifier(
        solver="gd", learning_rate=0.1, early_stopping=False, **common
    )
    check(model=ours.fit(X, y))
    for other in [
        MLPClassifier(batch_size=20, **common),
        MLPClassifier(batch_size=60, **(common | {"max_iter": 3})),
        ours.set_params(batch_size=60),
    ]:
        with pytest.raises(OtherWork):
            check(model=other.fit(X, y))
