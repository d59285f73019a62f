"""
What do a sick and a healthy fit look like?
===========================================

Six hidden layers of the logistic function with plain gradient descent, next to six of
"relu" with the default solver: the losses, the gradients of each layer, and the units
that pass none. What the pictures show, `diagnose` says.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import diagnose
from skdeepbin.plotting import (
    ActivationDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
)

X, y = make_moons(400, noise=0.1, random_state=0)
shape = {"hidden_layer_sizes": 16, "depth": 6, "alpha": 0.001, "random_state": 0}
plain = {"activation": "logistic", "solver": "gd", "learning_rate": 0.1}
fits = {
    "sick": DeepBinaryClassifier(**shape, **plain),
    "healthy": DeepBinaryClassifier(**shape),
}
for name, clf in fits.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit would say what `diagnose` says
        clf.fit(X, y)
    print(f"{name}: accuracy {clf.score(X, y):.2f}\n{diagnose(clf, X, y)}\n")

# %%
# In the upper row the gradient of the first layer starts at less than a thousandth of
# that of the output, and the loss moves in its fourth digit alone. In the lower row the
# lines fall together. `alpha` is small, or the gradient of the penalty would hide that
# of the loss.

figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
for row, (name, clf) in zip(axes, fits.items()):
    LossCurveDisplay.from_estimator(clf, ax=row[0])
    GradientFlowDisplay.from_estimator(clf, ax=row[1])
    ActivationDisplay.from_estimator(clf, X, ax=row[2])
    row[0].set(title=name)
picture = "displays.png"
figure.savefig(picture, dpi=120)
print(f"Picture: {picture}")
