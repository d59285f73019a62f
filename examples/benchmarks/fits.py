"""Processor time of whole fits with the defaults, next to other classifiers.

    python examples/benchmarks/fits.py [--repeats 3] [TABLE ...]

One thread each; ours alone and as an ensemble of five, MLPClassifier,
HistGradientBoostingClassifier and, where they are installed, LightGBM, XGBoost and
CatBoost, by turns, medians. A third of the rows is held out, and the ROC AUC and the
log loss there, means over the turns, stand beside the times, so that nobody is fast by
not learning. Features are standardised for all, outside of the time. Prints the figures
of each table, what part of the time of each other ours take, and the geometric and the
arithmetic mean of these ratios.
"""

import argparse
import statistics
import time
import warnings
from importlib.util import find_spec

import numpy as np
from encoding import categories, people, steps
from learning import PROBLEMS
from same_work import require
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdeepbin import DeepBinaryClassifier

SINGLE, FIVE = "skdeepbin", "skdeepbin, 5"
MODELS = {
    SINGLE: DeepBinaryClassifier(n_jobs=1),
    FIVE: DeepBinaryClassifier(n_networks=5, n_jobs=1),
    "MLPClassifier": MLPClassifier(),
    "HistGradientBoosting": HistGradientBoostingClassifier(),
}
if find_spec("lightgbm"):
    from lightgbm import LGBMClassifier

    MODELS["LightGBM"] = LGBMClassifier(n_jobs=1, verbose=-1)
if find_spec("xgboost"):
    from xgboost import XGBClassifier

    MODELS["XGBoost"] = XGBClassifier(n_jobs=1)
if find_spec("catboost"):
    from catboost import CatBoostClassifier

    MODELS["CatBoost"] = CatBoostClassifier(
        thread_count=1, verbose=0, allow_writing_files=False
    )


def clusters(n, p, **others):
    """Return a table of scikit-learn's clusters, a tenth of the labels by chance."""
    common = {"n_informative": p // 2, "flip_y": 0.1, "random_state": 0}
    return datasets.make_classification(n, p, **(common | others))


SHARED = "breast cancer", "digits, odd", "moons", "circles", "quantiles", "exclusive or"
TABLES = {name: PROBLEMS[name] for name in SHARED} | {
    "clusters, few rows": clusters(300, 10),
    "clusters": clusters(1000, 20),
    "clusters, more rows": clusters(4000, 30),
    "clusters, many rows": clusters(15_000, 20),
    "wide": clusters(600, 200, n_informative=15),
    "rare class": clusters(4000, 15, weights=[0.95], flip_y=0.02),
    "noise": clusters(1500, 12, n_clusters_per_class=1, flip_y=0.4),
    "equal rows": categories(np.random.default_rng(0), 6000, 4),
    "steps": steps(np.random.default_rng(0), 3000, 12),
    "people": people(np.random.default_rng(0), 3000, 9),
}


def measured(table, repeats):
    """Return the table's size, and of each model seconds, ROC AUC and log loss."""
    X, y = TABLES[table]
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=0
    )
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    runs = {name: [] for name in MODELS}
    for turn in range(repeats):
        for name, model in MODELS.items():
            model = clone(model).set_params(random_state=turn)
            wall, own = time.perf_counter(), time.process_time()
            model.fit(X, y)
            wall, own = time.perf_counter() - wall, time.process_time() - own
            require(own < 1.2 * wall + 0.01, name, "it takes more than one thread")
            p = model.predict_proba(X_test)[:, 1]
            runs[name].append((own, roc_auc_score(y_test, p), log_loss(y_test, p)))
    means = {name: np.mean(run, axis=0) for name, run in runs.items()}
    for name, run in runs.items():
        means[name][0] = statistics.median(seconds for seconds, _, _ in run)
    return f"{table}, {len(X)} x {X.shape[1]}", means


def print_ratios(ours, found):
    """Print the time of ours over that of each other by table, and means."""
    others = [name for name in MODELS if name not in (SINGLE, FIVE)]
    print(f"\n| time of {ours} over that of |", *(f"{name} |" for name in others))
    print("| --- |" + " ---: |" * len(others))
    ratios = {
        title: [means[ours][0] / means[name][0] for name in others]
        for title, means in found.items()
    }
    columns = list(zip(*ratios.values()))
    ratios["geometric mean"] = map(statistics.geometric_mean, columns)
    ratios["arithmetic mean"] = map(statistics.fmean, columns)
    for title, row in ratios.items():
        print(f"| {title} |", *(f"{ratio:.2f} |" for ratio in row))


def main():
    """Measure and print, table by table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("tables", nargs="*", default=[*TABLES], metavar="TABLE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    print("| ms, ROC AUC, log loss |", *(f"{name} |" for name in MODELS))
    print("| --- |" + " ---: |" * len(MODELS))
    found = {}
    with threadpool_limits(1):
        for model in MODELS.values():  # what is loaded once
            clone(model).fit(*datasets.make_moons(100, random_state=0))
        for table in arguments.tables:
            title, means = measured(table, arguments.repeats)
            found[title] = means
            cells = (f"{1e3 * t:.0f}, {a:.3f}, {b:.3f} |" for t, a, b in means.values())
            print(f"| {title} |", *cells, flush=True)
    for ours in SINGLE, FIVE:
        print_ratios(ours, found)


if __name__ == "__main__":
    main()
