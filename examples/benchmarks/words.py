"""Time and memory of a fit on sparse rows, beside MLPClassifier.

    python examples/benchmarks/words.py [rows columns]

Texts of 20 or 100 words each that follow Zipf's law, as counts in CSR, and a log-odds
that is linear in them. Each fit runs in a process of its own, three times; times are of
all cores together, medians. Extra memory is how much more the process holds at its
peak, in pages of its own, than before the fit. MLPClassifier has the layers that ours
have by default, which is checked; beside the times is the log loss of 2,000 other rows.
"""

import statistics
import subprocess
import sys

TABLES = [(500, 32_768, 20), (4000, 32_768, 20), (5000, 50_000, 100)]
MODELS = {
    "skdeepbin": "DeepBinaryClassifier(random_state=0)",
    "skdeepbin, n_networks=5": "DeepBinaryClassifier(n_networks=5, random_state=0)",
    "MLPClassifier": "MLPClassifier((50, 50), early_stopping=True, random_state=0)",
}

ONE_FIT = """
import sys, threading, time, warnings
import numpy as np
from scipy import sparse
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from skdeepbin import DeepBinaryClassifier
warnings.simplefilter("ignore")
n, p, n_words, model = *map(int, sys.argv[1:4]), sys.argv[4]

def words(n, rng):
    frequency = 1 / np.arange(1, p + 1)
    columns = rng.choice(p, n * n_words, p=frequency / frequency.sum())
    rows = np.repeat(np.arange(n), n_words)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (n, p))

rng = np.random.RandomState(0)
X = words(n + 2000, rng)
z = X @ rng.normal(size=p) * 0.5
y = (rng.uniform(size=n + 2000) < 1 / (1 + np.exp(z.mean() - z))).astype(int)
X, X_test, y, y_test = X[:n], X[n:], y[:n], y[n:]
eval(model).set_params(max_iter=2).fit(X[:100], y[:100])  # what is loaded once

def own():
    with open("/proc/self/status") as status:
        return next(int(l.split()[1]) for l in status if l.startswith("RssAnon")) / 1024

before, peak, done = own(), 0.0, threading.Event()

def watch():
    global peak
    while not done.is_set():
        peak = max(peak, own())
        time.sleep(0.005)

watcher = threading.Thread(target=watch)
watcher.start()
start = time.process_time()
model = eval(model).fit(X, y)
seconds = time.process_time() - start
done.set()
watcher.join()
widths = [b.shape[-1] for b in model.intercepts_]
assert widths == [50, 50, 1] and model.coefs_[0].dtype == float, widths
print(seconds, peak - before, log_loss(y_test, model.predict_proba(X_test)))
"""


def measured(*arguments: object) -> list[float]:
    """Return processor seconds of a fit, extra memory in MB, and the log loss."""
    command = [sys.executable, "-c", ONE_FIT, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in result.stdout.split()]


if __name__ == "__main__":
    tables = TABLES
    if len(sys.argv) > 2:
        tables = [(int(sys.argv[1]), int(sys.argv[2]), 100)]
    print("| rows | columns | library | seconds | extra memory, MB | log loss |")
    print("| ---: | ---: | --- | ---: | ---: | ---: |")
    for n, p, n_words in tables:
        runs: dict[str, list[list[float]]] = {name: [] for name in MODELS}
        for _ in range(3):
            for name, model in MODELS.items():  # by turns
                runs[name].append(measured(n, p, n_words, model))
        for name, all_of_it in runs.items():
            seconds, memory, loss = map(statistics.median, zip(*all_of_it))
            cells = f"{seconds:.2f} | {memory:.0f} | {loss:.3f}"
            print(f"| {n:,} | {p:,} | {name} | {cells} |")
