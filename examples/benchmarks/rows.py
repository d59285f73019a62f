"""Time per epoch and memory as the rows grow: in memory and from a memory map.

    python examples/benchmarks/rows.py [--most 10000000] [--folder FOLDER]

Each fit runs in a process of its own: float32, 50 features, hidden layers (64, 64). The
time of an epoch is that of a fit less that of one epoch, over the epochs between.
Extra memory is how much more the process holds at its peak, in pages of its own, than
before the fit; pages of the mapped file, which the system can take back at any time, do
not count. MLPClassifier is measured beside it where X is in memory, on the same steps:
all rows, a fixed rate, no penalty, and in their order; a fit that took others ends the
script. Writes a temporary
file of up to 2 GB. Prints a table, writes rows.csv and, with matplotlib, rows.png.
"""

import argparse
import csv
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ONE_FIT = """
import sys, threading, time, warnings
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
from same_work import check_full_batch, check_parameters, check_passes
warnings.simplefilter("ignore")
library, path, n_rows, mapped, n_epochs = sys.argv[1:]
n_rows, n_epochs = int(n_rows), int(n_epochs)
X = np.memmap(path, mode="r", dtype=np.float32, shape=(n_rows, 50))
if mapped == "no":
    X = np.array(X)
y = np.arange(n_rows) % 2
common = dict(alpha=0.0, max_iter=n_epochs, tol=0.0, n_iter_no_change=10**9)
common["random_state"] = 0
if library == "skdeepbin":
    from skdeepbin import DeepBinaryClassifier
    model = DeepBinaryClassifier(
        (64, 64), solver="gd", learning_rate=1e-3, early_stopping=False, **common
    )
    check_passes(library, model.set_params(max_iter=1), X[:1000], y[:1000])
else:
    from sklearn.neural_network import MLPClassifier
    model = MLPClassifier(
        (64, 64), solver="sgd", momentum=0.0, learning_rate_init=1e-3, shuffle=False,
        batch_size=n_rows, **common
    )
model.fit(X[:100], y[:100])  # what the libraries load and take once

def own():
    with open("/proc/self/status") as status:
        return next(int(l.split()[1]) for l in status if l.startswith("RssAnon")) / 1024

before, peak, done = own(), 0.0, threading.Event()

def watch():
    global peak
    while not done.is_set():
        peak = max(peak, own())
        time.sleep(0.002)

watcher = threading.Thread(target=watch)
watcher.start()

def seconds(n):
    start = time.perf_counter()
    model.set_params(max_iter=n).fit(X, y)
    spent = time.perf_counter() - start
    check_full_batch(library, model, n_rows, n)
    parameters = model.coefs_, model.intercepts_
    check_parameters(library, parameters, (50, 64, 64, 1), "float32")
    return spent

first = seconds(1)
epoch = (seconds(n_epochs) - first) / (n_epochs - 1)
done.set()
watcher.join()
print(epoch, peak - before)
"""


def fit(library, path, n_rows, mapped):
    """Return the seconds per epoch, and MB of extra memory."""
    n_epochs = max(4, min(300, 3_000_000 // n_rows))
    arguments = [Path(__file__).parent, library, path, n_rows, mapped, n_epochs]
    command = [sys.executable, "-c", ONE_FIT, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return map(float, result.stdout.split())


def main():
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=10_000_000)
    parser.add_argument("--folder", default=None, help="of the temporary file")
    arguments = parser.parse_args()
    counts = [n for n in (10**4, 10**5, 10**6, 10**7) if n <= arguments.most]
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder, "X")
        rng = np.random.default_rng(0)
        with open(path, "wb") as file:
            for _ in range(counts[-1] // 10**4):
                rng.normal(size=(10**4, 50)).astype(np.float32).tofile(file)
        print(f"{'library':14}{'rows':>10} {'X is':10}{'us/row':>9}{'extra MB':>10}")
        for n in counts:
            cases = [("skdeepbin", "yes"), ("skdeepbin", "no"), ("MLPClassifier", "no")]
            for library, mapped in cases:
                if n > 10**6 and mapped == "no":
                    continue
                seconds, extra = fit(library, path, n, mapped)
                where = "mapped" if mapped == "yes" else "in memory"
                rows.append([library, n, where, seconds, extra])
                print(
                    f"{library:14}{n:10} {where:10}{1e6 * seconds / n:9.3f}"
                    f"{extra:10.1f}",
                    flush=True,
                )
    with open("rows.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["library", "rows", "X is", "seconds per epoch", "extra MB"])
        writer.writerows(rows)
    if importlib.util.find_spec("matplotlib"):
        draw(rows)


def draw(rows):
    """Draw time and memory by the number of rows."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for (library, where), style in {
        ("skdeepbin", "mapped"): "o-",
        ("skdeepbin", "in memory"): "s--",
        ("MLPClassifier", "in memory"): "^:",
    }.items():
        chosen = [row for row in rows if (row[0], row[2]) == (library, where)]
        label = f"{library}, X {where}"
        axes[0].plot([r[1] for r in chosen], [r[3] for r in chosen], style, label=label)
        axes[1].plot([r[1] for r in chosen], [r[4] for r in chosen], style, label=label)
    axes[0].set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds per epoch")
    axes[1].set(xscale="log", yscale="log", xlabel="rows", ylabel="extra memory (MB)")
    axes[0].legend()
    figure.savefig("rows.png", dpi=120)


if __name__ == "__main__":
    main()
