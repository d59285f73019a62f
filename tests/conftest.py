"""Data that many tests share."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_moons
from sklearn.preprocessing import StandardScaler


@pytest.fixture(scope="session")
def cancer():
    """Real data, scaled: 569 rows, 30 features, labels 0 and 1."""
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="session")
def moons():
    """Two interleaved half circles that no linear model separates."""
    return make_moons(300, noise=0.1, random_state=0)


@pytest.fixture
def rng():
    return np.random.RandomState(0)
