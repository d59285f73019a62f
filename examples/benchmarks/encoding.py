"""What bins of the features gain where trees lead, and cost where not.

    python examples/benchmarks/encoding.py [TABLE ...]

On tables that are made here, of steps, boxes, counts, heavy tails, weak columns,
categories as numbers, stairs and smooth functions, in four folds: five networks that
read the features; five on their encoding by PiecewiseLinearEncoder; the default, of
which three read bins beside the features and two the features alone; and, with their
defaults, HistGradientBoostingClassifier and, if installed, CatBoost. Prints AUC and log
loss on each table; then, over all tables, mean ranks by AUC and by log loss, mean AUC,
accuracy and log loss, and the mean seconds of a fit: of the processor, one thread each.
"""

import argparse
import warnings
from importlib.util import find_spec
from time import process_time

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.datasets import make_classification, make_friedman1, make_hastie_10_2
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skdeepbin import DeepBinaryClassifier, PiecewiseLinearEncoder

FOLDS = 4


def labels(rng, logit, strength=2.0):
    """Labels of which this, in units of its deviation, is the logit."""
    logit = strength * (logit - logit.mean()) / logit.std()
    return (rng.uniform(size=len(logit)) < expit(logit)).astype(int)


def steps(rng, n, p):
    """A sum of steps, more than one of some columns."""
    X = rng.normal(size=(n, p))
    k = rng.integers(p, size=3 * p // 2)
    at = rng.normal(scale=0.8, size=len(k))
    return X, labels(rng, (X[:, k] > at) @ rng.normal(size=len(k)))


def boxes(rng, n, p):
    """A sum of rectangles in two of the columns each."""
    X = rng.uniform(size=(n, p))
    logit = np.zeros(n)
    for _ in range(12):
        j, k = rng.choice(p, 2, replace=False)
        a, b = rng.uniform(0.2, 0.8, 2)
        logit += rng.normal() * ((X[:, j] > a) & (X[:, k] > b))
    return X, labels(rng, logit, 2.5)


def counts(rng, n, p):
    """Counts, of which the logarithms matter and whether there is one at all."""
    X = rng.poisson(rng.gamma(0.7, 1, (n, p)) * rng.gamma(1, 2, p)).astype(float)
    logit = np.log1p(X[:, :8]) @ rng.normal(size=8) + (X[:, :6] > 0) @ rng.normal(
        size=6
    )
    return X, labels(rng, logit)


def heavy(rng, n, p):
    """Log-normal columns and columns of Student's t, bounded functions of them."""
    G = rng.normal(size=(n, p))
    X = np.exp(1.5 * G)
    X[:, ::3] = rng.standard_t(1.5, (n, len(range(0, p, 3))))
    logit = np.arctan(X[:, :8] - np.median(X[:, :8], axis=0)) @ rng.normal(size=8)
    return X, labels(rng, logit + 0.7 * np.sign(G[:, 1]) * G[:, 2])


def zeros(rng, n, p):
    """Mostly zeros."""
    X = np.where(rng.uniform(size=(n, p)) < 0.85, 0, rng.gamma(1, 3, (n, p)))
    logit = (X[:, :15] > 0) @ rng.normal(size=15) + np.sqrt(X[:, :15]) @ rng.normal(
        size=15
    )
    return X, labels(rng, logit)


def weak(rng, n, p):
    """Many columns that each do little, half of it by their size."""
    X = rng.normal(size=(n, p))
    logit = X @ rng.normal(size=p) + np.abs(X) @ rng.normal(scale=0.5, size=p)
    return X, labels(rng, logit, 1.5)


def categories(rng, n, p):
    """Categories as numbers, in no order."""
    X = rng.integers(6, size=(n, p))
    logit = rng.normal(size=(p, 6))[np.arange(p), X].sum(axis=1)
    return X.astype(float), labels(rng, logit, 1.5)


def stairs(rng, n, p):
    """Stairs, stripes, and stairs of a product."""
    X = rng.uniform(-1, 1, (n, p))
    a, b, c, d = X[:, :4].T
    logit = np.floor(3 * a) + 2 * (np.floor(4 * b) % 2) + np.floor(4 * c * d)
    return X, labels(rng, logit, 2.5)


def people(rng, n, p):
    """Ages, incomes, gains that few have, grades and hours, and noise."""
    age, grade, wed = (rng.integers(*ends, n) for ends in [(18, 90), (1, 17), (0, 2)])
    income = np.round(rng.lognormal(10, 0.9, n), -2)
    gain = np.where(rng.uniform(size=n) < 0.08, rng.lognormal(8, 1, n), 0)
    hours = np.clip(np.round(rng.normal(40, 12, n)), 1, 99)
    logit = 0.2 * grade - ((age - 48) / 18) ** 2 + 0.8 * wed * (hours > 38)
    logit += (income > 30_000) + 2.0 * (gain > 4000)
    columns = age, income, gain, grade, hours, wed, *rng.normal(size=(p - 6, n))
    return np.column_stack(columns), labels(rng, logit, 1.6)


def smooth(rng, n, p):
    """Friedman's first function as a logit."""
    X, logit = make_friedman1(n, p, random_state=rng.integers(2**31))
    return X, labels(rng, logit, 2.5)


def spheres(rng, n, p):
    """Outside of a sphere or inside, without noise."""
    X, y = make_hastie_10_2(n, random_state=rng.integers(2**31))
    return X, (y > 0).astype(int)


def clusters(rng, n, p):
    """Clusters of normal distributions, and a tenth of the labels by chance."""
    return make_classification(
        n,
        p,
        n_informative=p // 3,
        n_clusters_per_class=3,
        flip_y=0.1,
        random_state=rng.integers(2**31),
    )


TABLES = {
    "steps": (steps, 2000, 8),
    "steps, many": (steps, 4000, 20),
    "boxes": (boxes, 4000, 10),
    "counts": (counts, 3000, 12),
    "heavy tails": (heavy, 2000, 10),
    "heavy tails, few rows": (heavy, 500, 8),
    "mostly zeros": (zeros, 2000, 30),
    "weak columns": (weak, 2000, 60),
    "categories": (categories, 3000, 15),
    "stairs": (stairs, 4000, 8),
    "people": (people, 3000, 9),
    "friedman": (smooth, 1500, 15),
    "hastie": (spheres, 2000, 10),
    "make_classification": (clusters, 2000, 30),
}


FIVE = DeepBinaryClassifier(n_networks=5, random_state=0)
ALONE = clone(FIVE).set_params(n_bins=0)

MODELS = {
    "features": ALONE,
    "encoding": make_pipeline(PiecewiseLinearEncoder(), ALONE),
    "default": FIVE,
    "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
}
if find_spec("catboost"):
    from catboost import CatBoostClassifier

    MODELS["CatBoost"] = CatBoostClassifier(
        verbose=0, allow_writing_files=False, random_state=0, thread_count=1
    )


def one_fold(X, y, train, test):
    """Return AUC, accuracy, log loss and seconds of the fit, of each of MODELS."""
    probabilities, seconds = {}, {}
    for name, model in MODELS.items():
        start = process_time()
        model = clone(model).fit(X[train], y[train])
        seconds[name] = process_time() - start
        probabilities[name] = model.predict_proba(X[test])[:, 1]
    return [
        (
            roc_auc_score(y[test], probabilities[name]),
            accuracy_score(y[test], probabilities[name] > 0.5),
            log_loss(y[test], probabilities[name]),
            seconds[name],
        )
        for name in MODELS
    ]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", default=[*TABLES], metavar="TABLE")
    tables = parser.parse_args().tables
    warnings.simplefilter("ignore")

    print("| AUC, log loss |", *(f"{name} |" for name in MODELS))
    print("| --- |" + " ---: |" * len(MODELS))
    scores = []
    for table in tables:
        make, n, p = TABLES[table]
        X, y = make(np.random.default_rng([*table.encode()]), n, p)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y)
        with threadpool_limits(1):
            scores.append(np.mean([one_fold(X, y, *fold) for fold in folds], axis=0))
        cells = (f"{auc:.3f}, {loss:.3f} |" for auc, _, loss, _ in scores[-1])
        print(f"| {table}, {n} x {X.shape[1]} |", *cells, flush=True)

    auc, accuracy, loss, seconds = np.moveaxis(scores, -1, 0)
    columns = {
        "rank AUC": rankdata(-auc, axis=1),
        "rank log loss": rankdata(loss, axis=1),
        "AUC": auc,
        "accuracy": accuracy,
        "log loss": loss,
        "seconds a fit": seconds,
    }
    print("\n| mean |", *(f"{name} |" for name in columns))
    print("| --- |" + " ---: |" * len(columns))
    for number, name in enumerate(MODELS):
        means = (values[:, number].mean() for values in columns.values())
        ranks = [f"{next(means):.1f} |" for _ in range(2)]
        print(f"| {name} |", *ranks, *(f"{mean:.3f} |" for mean in means))


if __name__ == "__main__":
    main()
