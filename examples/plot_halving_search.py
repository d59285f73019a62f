"""
How few iterations tell which network is good?
==============================================

Successive halving gives few iterations to many candidates, and three times as many to
the best third, again and again. The winner then goes on from where it stopped, by a
warm start. Next to it the same candidates, each trained to its end.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform, randint
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    train_test_split,
)

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning

# Fits that end early warn that the loss was still falling. Here that is the plan.
warnings.simplefilter("ignore", LearningWarning)

X, digit = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, digit % 2, test_size=0.5, random_state=0)
space = {
    "hidden_layer_sizes": randint(8, 65),
    "depth": randint(1, 5),
    "activation": ["relu", "tanh"],
    "alpha": loguniform(0.1, 100),
}
clf = DeepBinaryClassifier(random_state=0)
common = {"cv": 3, "scoring": "neg_log_loss", "random_state": 0}

# %%
# 36 candidates with 5 iterations each, the best 12 with 15, and the best 4 with 45. An
# iteration is one gradient over all rows, so `max_iter` is a measure of the work.

start = perf_counter()
work = {"resource": "max_iter", "min_resources": 5, "max_resources": 45}
halving = HalvingRandomSearchCV(clf, space, n_candidates=36, **work, **common)
halving.fit(X, y)
halving_time = perf_counter() - start
rungs = halving.cv_results_["iter"]
losses = -halving.cv_results_["mean_test_score"]
print("rung  candidates  iterations  best log loss")
for rung, n in enumerate(halving.n_candidates_):
    best = losses[rungs == rung].min()
    print(f"{rung:4}  {n:10}  {halving.n_resources_[rung]:10}  {best:13.3f}")

# %%
# The winner goes on: `warm_start` keeps its weights and the state of its optimiser.

winner = halving.best_estimator_
so_far, before = winner.n_iter_, log_loss(y_test, winner.predict_proba(X_test))
winner.set_params(warm_start=True, max_iter=1000).fit(X, y)
after = log_loss(y_test, winner.predict_proba(X_test))
names = list(space)
chosen = {name: halving.best_params_[name] for name in names}
print("\nThe winner:", ", ".join(f"{name}={chosen[name]}" for name in names))
print(f"log loss on other rows after {so_far} iterations {before:.3f}, ", end="")
print(f"after {winner.n_iter_} ({winner.stop_reason_}) {after:.3f}")

start = perf_counter()
whole = RandomizedSearchCV(clf, space, n_iter=36, **common).fit(X, y)
whole_time = perf_counter() - start
reached = log_loss(y_test, whole.predict_proba(X_test))
print(f"\nhalving{halving_time:18.1f} s")
print(f"all 36 to their end{whole_time:6.1f} s, log loss on other rows {reached:.3f}")

# %%
# One line a candidate, as far as it came.

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
candidates = [tuple(p[name] for name in names) for p in halving.cv_results_["params"]]
for candidate in dict.fromkeys(candidates):
    rows = np.array([other == candidate for other in candidates])
    style = {"color": "tab:gray", "alpha": 0.5}
    if candidate == tuple(chosen.values()):
        style = {"color": "tab:orange", "zorder": 3, "label": "the winner"}
    axis.plot(halving.n_resources_[: rows.sum()], losses[rows], "o-", **style)
axis.set(
    xscale="log",
    yscale="log",
    xlabel="iterations (`max_iter`)",
    ylabel="log loss, mean of 3 folds (nats)",
    title="36 candidates, each as far as it came",
)
axis.set_xticks(halving.n_resources_, halving.n_resources_)
axis.set_yticks(ticks := [0.1, 0.2, 0.4], ticks)
axis.minorticks_off()
axis.legend()
picture = "halving_search.png"
figure.savefig(picture, dpi=120)
print(f"Picture: {picture}")
