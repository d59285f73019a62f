"""
What do the pictures of a fit show?
===================================

Six hidden layers with the logistic function, and the same with "relu": the loss of
each, what arrives of the gradient at each layer, and which units are saturated or dead.
Then an ensemble of five, and whether its networks agree.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import (
    ActivationDisplay,
    EnsembleDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
)

X, y = load_breast_cancer(return_X_y=True)
fits = {
    name: DeepBinaryClassifier(
        16, name, depth=6, solver="gd", alpha=0.01, max_iter=150, random_state=0
    ).fit(X, y)
    for name in ("logistic", "relu")
}

# %%
# Each display is made from a fitted classifier and drawn on an axis; several fits can
# share one. The loss of "logistic" stands still at first, and its gradients say why: on
# the way back each layer leaves a fraction of what comes to it, so those of all but the
# last layers are small. (The penalty has a gradient of its own. It is kept small here,
# not to hide that.)

figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for name, clf in fits.items():
    LossCurveDisplay.from_estimator(clf, name=name, ax=axes[0, 0])
GradientFlowDisplay.from_estimator(fits["logistic"], ax=axes[0, 1])
axes[0, 1].set_title("logistic")
ActivationDisplay.from_estimator(fits["relu"], X, ax=axes[1, 0])
axes[1, 0].set_title("relu")

# %%
# Of an ensemble: for each row the probability by the ensemble, and how far its
# networks lie apart.

ensemble = DeepBinaryClassifier(n_networks=5, random_state=0).fit(X, y)
EnsembleDisplay.from_estimator(ensemble, X, y, ax=axes[1, 1])

for name, clf in fits.items():
    print(f"{name:9} log loss {clf.loss_:.3f} after {clf.n_iter_} iterations", end="")
    first, *_, output = clf.history_["gradient_norms"][0]
    print(f", first gradients {first:.0e} in layer 1 and {output:.0e} in the output")
picture = "displays.png"
figure.savefig(picture, dpi=120)
print(f"Picture: {picture}")
