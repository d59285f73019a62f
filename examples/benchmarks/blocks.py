"""How many rows a block should have, and from what size on a second thread pays.

    python examples/benchmarks/blocks.py [--repeats 5]

First the seconds per epoch for blocks of 256 to 8,192 rows, on one thread and on two,
for networks of widths 16 to 256. Then the times of one and of two threads as the rows
grow, beside the floating-point operations of an epoch: where two begin to win is
what ``BLOCK_WORK`` of skdeepbin/engine/_blocks.py follows. Medians over turns. That the
cases of a line give the same loss and gradient, to rounding, is checked.
"""

import argparse
import statistics
from itertools import product
from time import perf_counter

import numpy as np
from same_work import require

from skdeepbin.engine._blocks import Features, Rows, block_rows
from skdeepbin.engine._engine import Engine
from skdeepbin.engine._threads import Threads, one_blas_thread
from skdeepbin.network._activations import ACTIVATIONS
from skdeepbin.network._initializers import initialize, xavier
from skdeepbin.network._network import Network
from skdeepbin.network._parameters import Layout


def epoch(n_rows, n_features, hidden, activation, dtype, n_threads, rows_of_a_block):
    """Return the seconds of one pass, a mean over a fifth of a second, and its sums."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    network = Network(Layout((n_features, *hidden, 1)), ACTIVATIONS[activation])
    theta = initialize(network.layout, xavier, np.random.RandomState(0))
    rows_of_a_block = rows_of_a_block or block_rows(network, n_rows, X.itemsize)
    with one_blas_thread(), Threads(n_threads) as threads:
        features = Features(X, dtype, rows_of_a_block)
        engine = Engine(network, Rows(features, X[:, 0] > 0, None, np.ones(2)), threads)
        losses, gradient = engine(theta)
        sums = np.array([losses.trained, *gradient])
        count, start = 0, perf_counter()
        while perf_counter() - start < 0.2:
            engine(theta)
            count += 1
        return (perf_counter() - start) / count, sums


def medians(cases, repeats):
    """Return the median seconds of each case, the cases taking turns."""
    turns = []
    for _ in range(repeats):
        times, sums = zip(*(epoch(*case) for case in cases))
        for case, found in zip(cases, sums):
            error = np.linalg.norm(found - sums[0]) / np.linalg.norm(sums[0])
            require(error < 1e-4, case, f"its sums differ by {error:.1e}")
        turns.append(times)
    return [statistics.median(times) for times in zip(*turns)]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats

    sizes = [256, 512, 1024, 2048, 4096, 8192]
    print("ms per epoch by rows of a block\n" + " " * 44, *(f"{s:8}" for s in sizes))
    problems = [
        (40_000, 30, (16, 16), "relu"),
        (40_000, 30, (64, 64), "tanh"),
        (40_000, 100, (256, 256), "relu"),
    ]
    for problem, dtype, n in product(problems, ["float32", "float64"], [1, 2]):
        times = medians([(*problem, dtype, n, size) for size in sizes], repeats)
        label = f"{problem[0]}x{problem[1]} {problem[2]} {dtype}, {n} threads"
        print(f"{label:44}", *(f"{1e3 * time:8.2f}" for time in times), flush=True)

    print("\nms per epoch on one and on two threads, and millions of operations")
    for n_rows, hidden in product([1_000, 2_500, 5_000, 10_000], [(16, 8), (64, 64)]):
        problem = (n_rows, 30, hidden, "relu", "float32")
        one, two = medians([(*problem, 1, 0), (*problem, 2, 0)], repeats)
        work = 6e-6 * n_rows * Layout((30, *hidden, 1)).n_parameters
        print(f"{n_rows:7} {hidden!s:10} {1e3 * one:8.3f} {1e3 * two:8.3f} {work:8.1f}")


if __name__ == "__main__":
    main()
