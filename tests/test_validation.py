"""Points of a training are validated as the classifier that stands at them."""

from contextlib import nullcontext
from math import isnan

import numpy as np
import pytest
from sklearn.datasets import make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.inputs._dataset import ValidationRows
from skdeepbin.model._validator import ModelValidator
from skdeepbin.training._observer import Observer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MOONS, Y = make_moons(240, noise=0.3, random_state=0)
X = 50 + 9 * MOONS


def make(**changes):
    common = {"hidden_layer_sizes": 5, "max_iter": 6, "random_state": 0}
    return DeepBinaryClassifier(**common | changes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("has_loss", [False, True])
@pytest.mark.parametrize("has_scorer", [False, True])
def test_what_validates_has_the_users_parameters(
    has_scorer, has_loss, weighted, dtype, rng
):
    """In the precision of training, from those for scaled features."""
    clf = make(dtype=dtype).fit(X, Y)
    dataset = clf._dataset(X, Y, None, None)
    theta = rng.normal(size=dataset.network.layout.n_parameters)
    w = rng.uniform(size=50) if weighted else None
    told = []

    def scorer(estimator, X, y, sample_weight=None):
        told.append((estimator, X, y, sample_weight))
        return 0.75

    validator = ModelValidator(
        clf,
        scorer if has_scorer else None,
        has_loss,
        dataset,
        ValidationRows(X[:50], Y[:50], w),
    )
    loss, score = validator(theta)
    model = validator._clf
    layout = dataset.network.layout
    weights, biases = layout.views(dataset.scaling.to_user(theta, layout).astype(dtype))
    for found, part in zip([*model.coefs_, *model.intercepts_], [*weights, *biases]):
        np.testing.assert_array_equal(found, part)
        assert found.dtype == dtype
    assert isnan(score) == (not has_scorer)
    if has_scorer:
        ((estimator, rows, labels, given),) = told
        assert (estimator, score, given) == (model, 0.75, w)
        np.testing.assert_array_equal(rows, X[:50])
        np.testing.assert_array_equal(labels, Y[:50])
    assert isnan(loss) == (not has_loss)
    if has_loss:
        z = model.decision_function(X[:50]).astype(float)
        losses = np.logaddexp(0, np.where(Y[:50], -z, z))
        expected = np.average(losses, weights=w)
        assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("given", [False, True])
def test_each_network_is_validated_on_its_own_rows(given, monkeypatch):
    """Those that it holds out, at every point; or those of the user for all."""
    seen, points = [], []

    def scorer(estimator, X, y):
        seen.append((X, y, [W.copy() for W in estimator.coefs_]))
        return 0.5

    class Notes(Observer):
        def on_step(self, network, step):
            points.append((network, step.validation_score))
            return False

    clf = make(scoring=scorer, n_networks=3, n_bins=0)
    watched = "skdeepbin._classifier.observed"
    monkeypatch.setattr(watched, lambda *_: nullcontext(Notes()))
    rows = {"X_val": X[:40], "y_val": Y[:40]} if given else {}
    clf.fit(X, Y, **rows)
    assert len(seen) == len(points) == 3 * 7
    assert {score for _, score in points} == {0.5}
    parts = []
    for number in range(3):
        (rows, labels, _), *others = seen[7 * number : 7 * (number + 1)]
        for other, same, _ in others:
            np.testing.assert_array_equal(other, rows)
            np.testing.assert_array_equal(same, labels)
        parts.append(rows)
    if given:
        for rows in parts:
            np.testing.assert_array_equal(rows, X[:40])
    else:
        whole = np.vstack(parts)
        np.testing.assert_array_equal(whole[np.lexsort(whole.T)], X[np.lexsort(X.T)])
    starts = [seen[7 * number][2][0] for number in range(3)]
    assert not np.array_equal(starts[0], starts[1])
