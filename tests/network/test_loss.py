import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss as sklearn_log_loss

from skdeepbin.network._loss import log_loss


def test_agrees_with_scikit_learn(rng):
    z, w = rng.normal(scale=3, size=50), rng.uniform(size=50)
    y = rng.randint(0, 2, 50).astype(float)
    expected = sklearn_log_loss(y, expit(z), sample_weight=w)
    assert w @ log_loss(z, y)[0] == pytest.approx(expected * w.sum(), rel=1e-12)


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_derivative_is_central_difference(y):
    z, h = np.linspace(-6, 6, 25), 1e-5
    labels = np.full(25, y)
    _, d = log_loss(z, labels)
    up, down = (log_loss(z + step, labels)[0] for step in (h, -h))
    np.testing.assert_allclose(d, (up - down) / (2 * h), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_for_any_logit(dtype):
    z = np.array([-1e30, -800, -40, 40, 800, 1e30], dtype)
    y = np.array([0, 0, 0, 1, 1, 1], dtype)
    losses, d = log_loss(z, y)
    expected = [0, 0, np.exp(-40.0), np.exp(-40.0), 0, 0]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert losses.dtype == d.dtype == dtype
    losses, d = log_loss(z, 1 - y)
    np.testing.assert_allclose(losses, abs(z), rtol=1e-6)
    np.testing.assert_array_equal(abs(d), 1)
