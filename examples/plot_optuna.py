"""
Which shape does Optuna find, when it stops what does not look well?
=====================================================================

Depth and width are integers, so Optuna can search them. Each trial trains in chunks of
a few iterations by a warm start, tells its loss on other rows after each, and is
stopped where that is worse than the median of the trials before.

It needs Optuna: ``pip install optuna``.
"""

import sys
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import LearningWarning

try:
    import optuna
except ModuleNotFoundError:
    print("Skipped, as it needs Optuna: pip install optuna")
    sys.exit()

optuna.logging.set_verbosity(optuna.logging.WARNING)
# Each chunk ends while the loss is falling, and would say so.
warnings.simplefilter("ignore", LearningWarning)

X, digit = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, digit % 2, test_size=0.5, random_state=0)
X, X_other, y, y_other = train_test_split(X, y, test_size=0.3, random_state=0)
CHUNK, CHUNKS, TRIALS = 15, 10, 40

# %%
# A warm start goes on with the same weights and the same state of the optimiser, so ten
# fits of fifteen iterations are one fit of 150.


def network(params, **settings):
    common = {"early_stopping": False, "tol": 0, "random_state": 0}
    return DeepBinaryClassifier(**params, **common, **settings)


def loss_on_other_rows(trial):
    params = {
        "depth": trial.suggest_int("depth", 1, 4),
        "hidden_layer_sizes": trial.suggest_int("hidden_layer_sizes", 4, 64, log=True),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh"]),
        "alpha": trial.suggest_float("alpha", 0.1, 100, log=True),
    }
    clf = network(params, max_iter=CHUNK, warm_start=True)
    for _ in range(CHUNKS):
        clf.fit(X, y)
        loss = log_loss(y_other, clf.predict_proba(X_other))
        trial.report(loss, clf.n_iter_)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


study = optuna.create_study(
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
)
study.optimize(loss_on_other_rows, n_trials=TRIALS)
best, pruned = study.best_trial, optuna.trial.TrialState.PRUNED
n_pruned = sum(trial.state == pruned for trial in study.trials)
n_iter = sum(max(trial.intermediate_values) for trial in study.trials)
print(f"{TRIALS} trials, {n_pruned} stopped early: ", end="")
print(f"{n_iter} iterations of {TRIALS * CHUNK * CHUNKS}")
print("The best:", ", ".join(f"{k}={v}" for k, v in best.params.items()))
print(f"log loss on other rows {best.value:.3f}")

# %%
# Trained once more, on all rows but those of the test.

models = {
    "the best": network(best.params, max_iter=CHUNK * CHUNKS),
    "the default": DeepBinaryClassifier(random_state=0),
}
for name, model in models.items():
    model.fit([*X, *X_other], [*y, *y_other])
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:12} log loss on the test rows {loss:.3f}")

# %%
# Every trial, as far as it came.

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for trial in study.trials:
    kind, color, order = "to the end", "tab:blue", 1
    if trial.state == pruned:
        kind, color, order = "stopped early", "tab:gray", 2
    if trial.number == best.number:
        kind, color, order = "the best", "tab:orange", 3
    course = zip(*trial.intermediate_values.items())
    axis.plot(*course, ".-", color=color, label=kind, zorder=order)
handles, labels = axis.get_legend_handles_labels()
once = dict(zip(labels, handles))
axis.legend(once.values(), once.keys())
axis.set(
    yscale="log",
    xlabel="iterations",
    ylabel="log loss on other rows (nats)",
    title=f"{TRIALS} trials of depth, width, activation and penalty",
)
axis.set_yticks(ticks := [0.07, 0.1, 0.2, 0.4, 0.7], ticks)
axis.minorticks_off()
picture = "optuna_pruning.png"
figure.savefig(picture, dpi=120)
print(f"Picture: {picture}")
