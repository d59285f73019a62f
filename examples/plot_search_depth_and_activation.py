"""
Which depth, and which activation?
==================================

Two spirals, each one turn: no line separates them, and a shallow network hardly does.
A grid search over both at once, with a map of the log loss and a picture of the best.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skdeepbin import DeepBinaryClassifier
from skdeepbin.plotting import SearchDisplay

start = perf_counter()
rng = np.random.RandomState(0)
n = 500
y = np.arange(n) % 2
radius = np.sqrt(rng.uniform(size=n))
angle = 2 * np.pi * radius + np.pi * y
X = (radius * [np.cos(angle), np.sin(angle)]).T + rng.normal(scale=0.04, size=(n, 2))

# %%
# An int in `hidden_layer_sizes` is the width of every hidden layer, `depth` their
# number. So both are integers, for any search. No learning rate has to be searched.

grid = {"activation": ["identity", "logistic", "tanh", "relu"], "depth": [1, 2, 3, 4]}
clf = DeepBinaryClassifier(hidden_layer_sizes=8, alpha=0.1, random_state=0)
cv = StratifiedKFold(5, shuffle=True, random_state=0)
search = GridSearchCV(clf, grid, cv=cv, scoring="neg_log_loss").fit(X, y)

results = search.cv_results_
print("Log loss on held-out rows, mean ± spread over 5 folds:")
for rank in results["rank_test_score"].argsort():
    shape = "{depth} of {activation}".format(**results["params"][rank])
    mean, spread = (results[f"{what}_test_score"][rank] for what in ("mean", "std"))
    print(f"{shape:15} {-mean:.3f} ± {spread:.3f}")
print(f"{len(results['params'])} candidates, 5 folds: {perf_counter() - start:.0f} s")

# %%
# With "identity" any depth is a linear model, so its line is one number. With
# "logistic" some folds learn little: its slope is at most 1/4, and a large spread shows
# it. "relu" gains with every layer; with "tanh" the differences are within the spread.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
SearchDisplay.from_search(search, x="depth", y="activation", ax=left)
DecisionBoundaryDisplay.from_estimator(
    search.best_estimator_,
    X,
    response_method="predict_proba",
    eps=0.2,
    cmap="RdBu_r",
    alpha=0.7,
    ax=right,
)
for label, marker, color in (0, "o", "navy"), (1, "s", "darkred"):
    right.scatter(*X[y == label].T, s=8, c=color, marker=marker)
depth, activation = (search.best_params_[name] for name in ("depth", "activation"))
right.set(title=f"the best: {depth} layers of {activation}", xticks=[], yticks=[])
right.set_aspect("equal")
picture = "search_depth_and_activation.png"
figure.savefig(picture, dpi=120)
print(f"Picture: {picture}")
