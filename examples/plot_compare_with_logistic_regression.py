"""
Does depth pay? DeepBinaryClassifier next to LogisticRegression
===============================================================

On three real tables that scikit-learn ships: five-fold cross-validation of both, then
a grid search over depth and activation, with a picture of what it found.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbin import DeepBinaryClassifier

start = perf_counter()
cv = StratifiedKFold(5, shuffle=True, random_state=0)
digits, wine = load_digits(), load_wine()
tables = {
    "breast cancer": load_breast_cancer(return_X_y=True),
    "digits, odd or even": (digits.data, digits.target % 2),
    "wine, one against rest": (wine.data, wine.target == 1),
}
models = {
    "LogisticRegression": LogisticRegression(max_iter=1000),
    "DeepBinaryClassifier": DeepBinaryClassifier(random_state=0),
}

# %%
# Cross-validation: mean and standard deviation over the folds.

metrics = {"accuracy": "accuracy", "ROC AUC": "roc_auc", "log loss": "neg_log_loss"}
print("Cross-validating both models on three tables, five folds each ...\n")
print(f"{'':24}" + "".join(f"{name:>17}" for name in [*metrics, "fit time [ms]"]))
for table, (X, y) in tables.items():
    print(f"{table} ({len(X)} rows, {X.shape[1]} features)")
    for name, model in models.items():
        pipeline = make_pipeline(StandardScaler(), model)
        scores = cross_validate(pipeline, X, y, cv=cv, scoring=metrics)
        columns = [scores[f"test_{metric}"] for metric in metrics]
        columns[-1] = -columns[-1]  # scikit-learn's scorers are "greater is better"
        cells = [f"{c.mean():9.3f} ± {c.std():.3f}" for c in columns]
        milliseconds = 1000 * scores["fit_time"]
        cells.append(f"{milliseconds.mean():9.0f} ± {milliseconds.std():3.0f}")
        print(f"  {name:22}" + "".join(f"{cell:>17}" for cell in cells))

# %%
# A grid search over depth and activation.

table = "digits, odd or even"
grid = {
    "deepbinaryclassifier__depth": [1, 2, 3],
    "deepbinaryclassifier__activation": ["relu", "tanh"],
}
print(f"\nSearching over depth and activation on {table} ...\n")
pipeline = make_pipeline(StandardScaler(), models["DeepBinaryClassifier"])
search = GridSearchCV(pipeline, grid, cv=cv, scoring="neg_log_loss", n_jobs=2)
search.fit(*tables[table])
results = search.cv_results_
depths = results["param_deepbinaryclassifier__depth"]
activations = results["param_deepbinaryclassifier__activation"]
means, spreads = -results["mean_test_score"], results["std_test_score"]
print(f"{'depth':>5} {'activation':>11} {'log loss':>17}")
for row in np.argsort(means):
    print(
        f"{depths[row]:5} {activations[row]:>11} {means[row]:9.3f} ± {spreads[row]:.3f}"
    )

# %%
# The picture.

figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for activation, style, shift in ("relu", "o-", -0.03), ("tanh", "s--", 0.03):
    rows = activations == activation
    axis.errorbar(
        depths[rows].astype(int) + shift,  # so that the bars do not hide each other
        means[rows],
        spreads[rows],
        fmt=style,
        capsize=4,
        label=activation,
    )
axis.set(
    xlabel="depth (hidden layers)",
    ylabel="log loss on held-out rows (nats)",
    title=f"{table}: mean and spread over 5 folds",
    xticks=[1, 2, 3],
    ylim=(0, None),
)
axis.legend(title="activation")
picture = "depth_and_activation.png"
figure.savefig(picture, dpi=120)
print(f"\nPicture: {picture}\nDone in {perf_counter() - start:.0f} s.")
