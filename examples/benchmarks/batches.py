"""Time of an epoch of mini-batches, next to MLPClassifier.

    python examples/benchmarks/batches.py [--sizes 0,3] [--threads 1] [--repeats 5]

Both take Adam's steps on mini-batches of 200 rows, with the same layers. Before
anything is timed, the steps of each and the rows that they are computed from are
counted, and the script ends if they are not as many. The time of an epoch is that of a
fit of many epochs less that of a fit of one, over the difference. The libraries take
turns, and figures are medians over the turns: milliseconds an epoch, and how many times
as long MLPClassifier takes, by the processor's time and by the clock. Beside other work
the first is the steadier one.
"""

import argparse
import statistics
import warnings
from math import ceil
from time import perf_counter, process_time
from unittest import mock

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skdeepbin import DeepBinaryClassifier
from skdeepbin.network._network import Network
from skdeepbin.training._optimizers import Adam

SIZES = [(569, 30), (1_000, 20), (5_000, 50), (50_000, 100)]
LAYERS = [(100,), (50, 50)]
BATCH = 200
STEPS = 250  # a turn is about so many, or an epoch


def ours(X, y, hidden, n_jobs):
    """A fit of ``n`` epochs; nothing is held out."""
    model = DeepBinaryClassifier(
        hidden, solver="adam", batch_size=BATCH, early_stopping=False, n_jobs=n_jobs
    )
    model.set_params(tol=0.0, n_iter_no_change=10**9, random_state=0)
    return lambda n: model.set_params(max_iter=n).fit(X, y)


def theirs(X, y, hidden):
    model = MLPClassifier(hidden, solver="adam", batch_size=BATCH)
    model.set_params(tol=0.0, n_iter_no_change=10**9, random_state=0)
    return lambda n: model.set_params(max_iter=n).fit(X, y)


def work_of_ours(run, n):
    """Steps of a fit, and rows that kernels have read."""
    kernel, step, n_steps, n_rows = Network.loss_and_gradient, Adam.step, 0, 0

    def counted_kernel(self, V, block, *arguments):
        nonlocal n_rows
        n_rows += len(block.y)
        return kernel(self, V, block, *arguments)

    def counted_step(self, *arguments):
        nonlocal n_steps
        n_steps += 1
        return step(self, *arguments)

    with (
        mock.patch.object(Network, "loss_and_gradient", counted_kernel),
        mock.patch.object(Adam, "step", counted_step),
    ):
        run(n)
    return n_steps, n_rows


def work_of_theirs(run, n):
    model = run(n)
    return model._optimizer.t, model.t_


def check_same_work(our_run, their_run, n_rows):
    """Raise unless two epochs more are so many steps on so many rows for both."""
    for run, work in (our_run, work_of_ours), (their_run, work_of_theirs):
        (steps, rows), (more_steps, more_rows) = work(run, 1), work(run, 3)
        found = more_steps - steps, more_rows - rows
        expected = 2 * ceil(n_rows / BATCH), 2 * n_rows
        if found != expected:
            raise RuntimeError(f"{work.__name__}: {found} and not {expected}")


def seconds(run, n):
    """The processor's time and that of the clock, of a fit."""
    start = process_time(), perf_counter()
    run(n)
    return process_time() - start[0], perf_counter() - start[1]


def of_an_epoch(run, n):
    return [(a - b) / n for a, b in zip(seconds(run, n + 1), seconds(run, 1))]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="0,1,2,3", help="which of the sizes")
    parser.add_argument("--dtypes", default="float64,float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # so few epochs do not converge
    n_threads = arguments.threads
    print(f"{n_threads} thread(s); ms an epoch by the processor's time: ours, theirs")
    for dtype in arguments.dtypes.split(","):
        for index in map(int, arguments.sizes.split(",")):
            n_rows, n_features = SIZES[index]
            rng = np.random.default_rng(0)
            X = rng.normal(size=(n_rows, n_features)).astype(dtype)
            y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
            for hidden in LAYERS:
                runs = ours(X, y, hidden, n_threads), theirs(X, y, hidden)
                check_same_work(*runs, n_rows)
                n, turns = ceil(STEPS * BATCH / n_rows), []
                with threadpool_limits(n_threads):
                    for _ in range(arguments.repeats):
                        turns.append([of_an_epoch(run, n) for run in runs])
                cpu = [[1e3 * one[0] for one in turn] for turn in turns]
                medians = [statistics.median(column) for column in zip(*cpu)]
                ratios = [
                    statistics.median(b[clock] / a[clock] for a, b in turns)
                    for clock in (0, 1)
                ]
                print(
                    f"{dtype} {n_rows}x{n_features} {hidden}: "
                    f"{medians[0]:.2f}, {medians[1]:.2f}; MLPClassifier takes "
                    f"{ratios[0]:.2f} times as long, by the clock {ratios[1]:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
