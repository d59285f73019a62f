"""
Which shape does Optuna find, when it stops what does not look well?
=====================================================================

Depth and width are integers, so Optuna can search them. A callback tells each trial its
loss on other rows at every fifteenth iteration, and stops the fit where that is worse
than the median of the trials before.

It needs Optuna, ``pip install optuna``, and scikit-learn 1.9 or later for the callback.
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
if not hasattr(DeepBinaryClassifier, "set_callbacks"):
    print(
        "Skipped, as its callback needs scikit-learn 1.9: pip install -U scikit-learn"
    )
    sys.exit()

optuna.logging.set_verbosity(optuna.logging.WARNING)
# Trials that end while the loss is falling would say so.
warnings.simplefilter("ignore", LearningWarning)

X, digit = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, digit % 2, test_size=0.5, random_state=0)
X, X_other, y, y_other = train_test_split(X, y, test_size=0.3, random_state=0)
MAX_ITER, EVERY, TRIALS = 150, 15, 40

# %%
# A callback is any object with these four methods. It asks for what it wants to be
# given: here the classifier as if training ended now. What it returns says whether it
# does.


class Pruning:
    """Tells a trial how well a fit does, and ends it where the trial says so."""

    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        n_iter = context.task_id + 1
        if context.task_name != "iteration" or n_iter % EVERY:
            return False
        loss = log_loss(y_other, fitted_estimator.predict_proba(X_other))
        self.trial.report(loss, n_iter)
        return self.trial.should_prune()


def network(params):
    settings = {"max_iter": MAX_ITER, "early_stopping": False, "tol": 0}
    return DeepBinaryClassifier(**params, **settings, random_state=0)


def loss_on_other_rows(trial):
    params = {
        "depth": trial.suggest_int("depth", 1, 4),
        "hidden_layer_sizes": trial.suggest_int("hidden_layer_sizes", 4, 64, log=True),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh"]),
        "alpha": trial.suggest_float("alpha", 0.1, 100, log=True),
    }
    clf = network(params).set_callbacks(Pruning(trial)).fit(X, y)
    if clf.stop_reason_ == "callback":
        raise optuna.TrialPruned
    return log_loss(y_other, clf.predict_proba(X_other))


study = optuna.create_study(
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
)
study.optimize(loss_on_other_rows, n_trials=TRIALS)
best, pruned = study.best_trial, optuna.trial.TrialState.PRUNED
n_pruned = sum(trial.state == pruned for trial in study.trials)
n_iter = sum(max(trial.intermediate_values) for trial in study.trials)
print(f"{TRIALS} trials, {n_pruned} stopped early: ", end="")
print(f"{n_iter} iterations of {TRIALS * MAX_ITER}")
print("The best:", ", ".join(f"{k}={v}" for k, v in best.params.items()))
print(f"log loss on other rows {best.value:.3f}")

# %%
# Trained once more, on all rows but those of the test.

models = {
    "the best": network(best.params),
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
