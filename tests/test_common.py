"""scikit-learn's own checks, whole, on several configurations."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    parametrize_with_checks,
)

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CONFIGURATIONS = [
    DeepBinaryClassifier(),
    *(DeepBinaryClassifier(8, name, max_iter=100) for name in ACTIVATIONS),
    DeepBinaryClassifier(8, "relu", depth=6),
    DeepBinaryClassifier((16, 8), "tanh", learning_rate=0.1),
    DeepBinaryClassifier(()),
    DeepBinaryClassifier(8, class_weight="balanced"),
    DeepBinaryClassifier(8, warm_start=True),
    DeepBinaryClassifier(8, n_networks=2),
    DeepBinaryClassifier(8, n_bins=8),
]


@parametrize_with_checks(CONFIGURATIONS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_column_names():
    pytest.importorskip("pandas")
    check_dataframe_column_names_consistency(
        "DeepBinaryClassifier", DeepBinaryClassifier(8, max_iter=5)
    )
