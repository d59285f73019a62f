"""What a fit on a cluster costs beyond the work itself, and how it scales.

    python examples/benchmarks/cluster.py overhead [--rounds 60]
    python examples/benchmarks/cluster.py workers [--rows 2000000]
    python examples/benchmarks/cluster.py peers [--rows 400000]
    python examples/benchmarks/cluster.py model

The cluster is a LocalCluster over tcp: worker processes of one thread.

overhead: the time of a gradient at the client, less that of the slowest worker's own
work, and the bytes of all messages between client, scheduler and workers: those that
each process writes to its connections, as Dask's comms count them.
workers: the time of a gradient on one worker and on two, by turns in one run; and how
much of it the busiest worker's processor was at work, which others disturb less.
peers: the time to the log loss on other rows that the classifier reaches: its own, that
of dask-ml's Incremental(MLPClassifier) and of xgboost.dask, on the same partitions.
model: the least overhead by the number of parameters, on one worker and on two, and the
work by rows and parameters, fitted by the formula of docs/scaling.md.
"""

import argparse
import statistics
import time
import warnings
from contextlib import contextmanager

import numpy as np

SIZES = (64, 64)


@contextmanager
def cluster(n_workers):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            protocol="tcp",
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(n_workers)
        yield client


def count_bytes():
    """Count what this process writes to its connections, from now on."""
    from distributed.comm.tcp import TCP

    if not hasattr(TCP, "n_bytes"):
        TCP.n_bytes, write = 0, TCP.write

        async def counting(self, *args, **kwargs):
            n = await write(self, *args, **kwargs)
            TCP.n_bytes += n
            return n

        TCP.write = counting


def bytes_written():
    """So far, by this process."""
    from distributed.comm.tcp import TCP

    return TCP.n_bytes


def note_work():
    """Note how long each sum takes on this worker, and how much of a processor."""
    from skdeepbin.dask._worker_partitions import WorkerPartitions

    if not hasattr(WorkerPartitions, "seconds"):
        WorkerPartitions.seconds, sums = [], WorkerPartitions.sums

        def timed(self, *args):
            start = time.perf_counter(), time.process_time()
            result = sums(self, *args)
            end = time.perf_counter(), time.process_time()
            WorkerPartitions.seconds.append(np.subtract(end, start))
            return result

        WorkerPartitions.sums = timed


def work_noted():
    from skdeepbin.dask._worker_partitions import WorkerPartitions

    seconds, WorkerPartitions.seconds = WorkerPartitions.seconds, []
    return seconds


def partition(n_rows, n_features, seed):
    """Rows of two classes that no linear model tells apart."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, n_features))
    z = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3]
    return np.column_stack([X, z + rng.logistic(size=n_rows) > 0])


def lazy_data(n_rows, n_features, n_parts, first=0):
    """A Dask array of features and one of labels."""
    import dask.array as da
    from dask import delayed

    n = n_rows // n_parts
    make = delayed(partition)
    parts = [
        da.from_delayed(make(n, n_features, first + i), (n, n_features + 1), float)
        for i in range(n_parts)
    ]
    data = da.concatenate(parts)
    return data[:, :-1], data[:, -1].astype(int)


def total_of(client, X, y, sizes=SIZES):
    """The sums over the rows as a function of the parameters, and their number."""
    from skdeepbin.dask import DaskDeepBinaryClassifier

    clf = DaskDeepBinaryClassifier(sizes, client=client)
    dataset = clf._dataset(X, y, None, None)
    total = dataset.pool.total(dataset.config, dataset.config_future, None)
    return total, dataset.network.layout.n_parameters


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def overhead(rounds):
    print("partitions  overhead ms (least, median)  work ms  bytes / limit")
    for n_parts in (20, 200):
        with cluster(2) as client:
            X, y = lazy_data(10_000, 50, n_parts)
            total, n_parameters = total_of(client, X, y)
            theta = np.random.RandomState(0).standard_normal(n_parameters) / 10
            for setup in (count_bytes, note_work):
                client.run(setup)
            client.run_on_scheduler(count_bytes)  # this process too: it is local
            for _ in range(5):
                total(theta)
            time.sleep(1)
            client.run(work_noted)
            before = bytes_written() + sum(client.run(bytes_written).values())
            seconds = []
            for _ in range(rounds):
                seconds.append(timed(total, theta))
            after = bytes_written() + sum(client.run(bytes_written).values())
            work = np.max([*client.run(work_noted).values()], axis=0)[:, 0]
            beyond = 1e3 * (np.array(seconds) - work)
            limit = 2.2 * 2 * n_parameters * 8
            print(
                f"{n_parts:10}  {beyond.min():8.1f} {np.median(beyond):18.1f}"
                f"{1e3 * np.median(work):12.1f}"
                f"  {(after - before) / rounds:10,.0f} / {limit:,.0f}"
            )


def workers(n_rows, rounds):
    print("workers  seconds per gradient (least, median)  of the busiest processor")
    medians, least = {}, {}
    with cluster(2) as client:
        both = sorted(client.scheduler_info()["workers"])
        totals = {}
        for n in (1, 2):
            with only(both[:n]):
                X, y = lazy_data(n_rows, 50, 20)
                totals[n], n_parameters = total_of(client, X, y)
        theta = np.random.RandomState(0).standard_normal(n_parameters) / 10
        seconds, own = {1: [], 2: []}, {1: [], 2: []}
        client.run(note_work)
        for number in range(rounds + 1):
            for n in (1, 2):
                with only(both[:n]):
                    spent = timed(totals[n], theta)
                work = client.run(work_noted)
                if number:
                    seconds[n].append(spent)
                    own[n].append(max(w[0][1] for w in work.values() if w))
        for n, some in seconds.items():
            medians[n] = statistics.median(some)
            least[n] = min(own[n])
            print(f"{n:7}  {min(some):10.3f} {medians[n]:10.3f} {least[n]:20.3f}")
        ratios = [one / two for one, two in zip(seconds[1], seconds[2])]
    print(f"two are {statistics.median(ratios):.2f} times as fast as one (median)")
    print(f"by the processors' own clocks {least[1] / least[2]:.2f} times")


def model(rounds):
    """Least squares of the overheads by workers and bytes; the speed of the work."""
    print("workers  parameters  least overhead ms  least work ms, of a processor")
    lines, beyond, work_lines, works = [], [], [], []
    for n_workers in (1, 2):
        with cluster(n_workers) as client:
            client.run(note_work)
            for sizes in ((64, 64), (256, 256), (512, 512), (1024, 1024)):
                X, y = lazy_data(2000, 50, 2)
                total, n_parameters = total_of(client, X, y, sizes)
                theta = np.random.RandomState(0).standard_normal(n_parameters) / 100
                total(theta)
                client.run(work_noted)
                seconds = np.array([timed(total, theta) for _ in range(rounds)])
                noted = np.array([*client.run(work_noted).values()])
                least = np.min(seconds - noted[:, :, 0].max(axis=0))
                work = noted[:, :, 1].max(axis=0).min()
                print(
                    f"{n_workers:7}  {n_parameters:10}  {1e3 * least:17.1f}"
                    f"  {1e3 * work:13.1f}"
                )
                lines.append([1, n_workers, n_workers * n_parameters * 16])
                beyond.append(least)
                work_lines.append(6 * 2000 / n_workers * n_parameters)
                works.append(work)
    scale = 1 / np.array(beyond)  # relative errors
    a, b, byte = np.linalg.lstsq(
        np.array(lines) * scale[:, np.newaxis], np.array(beyond) * scale
    )[0]
    speed = np.median(np.divide(work_lines, works))
    print(f"latency {1e3 * a:.1f} ms and {1e3 * b:.2f} ms a worker")
    print(f"network {1 / byte / 1e6:.0f} MB/s, worker {speed / 1e9:.1f} Gflop/s")


@contextmanager
def only(names):
    """Let a fit see some of the workers alone."""
    from skdeepbin.dask._worker_pool import WorkerPool

    worker_info = WorkerPool._worker_info

    async def some(self):
        return {n: w for n, w in (await worker_info(self)).items() if n in names}

    WorkerPool._worker_info = some
    try:
        yield
    finally:
        WorkerPool._worker_info = worker_info


def log_loss(p, y):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -float(np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))


def peers(n_rows):
    from skdeepbin.dask import DaskDeepBinaryClassifier

    warnings.simplefilter("ignore")
    held_out = partition(50_000, 50, 10**6)
    X_val, y_val = held_out[:, :-1], held_out[:, -1]
    rows = []
    with cluster(2) as client:
        X, y = client.persist(lazy_data(n_rows, 50, 20))
        from distributed import wait

        wait([X, y])
        clf = DaskDeepBinaryClassifier(SIZES, random_state=0, client=client)
        spent = timed(clf.fit, X, y)
        goal = log_loss(clf.predict_proba(X_val)[:, 1], y_val) * 1.001
        rows.append(("DaskDeepBinaryClassifier", spent, goal / 1.001))
        print(f"to reach: {goal:.4f}, as after {clf.n_iter_} steps on all rows")
        rows.append(
            ("Incremental(MLPClassifier)", *incremental(X, y, X_val, y_val, goal))
        )
        rows.append(("xgboost.dask", *boosted(client, X, y, X_val, y_val, goal)))
    for name, spent, loss in rows:
        reached = "reached" if loss <= goal else "not reached"
        print(f"{name:28} {spent:7.1f} s  log loss {loss:.4f}  {reached}")


def incremental(X, y, X_val, y_val, goal, epochs=60):
    """One pass over the partitions after the other, in blocks of scikit-learn's."""
    from dask_ml.wrappers import Incremental
    from sklearn.neural_network import MLPClassifier

    model = Incremental(MLPClassifier(SIZES, random_state=0))
    spent, best, since = 0.0, np.inf, 0
    n_passes = 0
    while n_passes < epochs:
        n_passes += 1
        spent += timed(lambda: model.partial_fit(X, y, classes=[0, 1]))
        loss = log_loss(model.estimator_.predict_proba(X_val)[:, 1], y_val)
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if best <= goal or since > 5:
            break
    print(f"{n_passes} passes of mini-batches of 200 rows")
    return spent, best


def boosted(client, X, y, X_val, y_val, goal):
    """Trees, in steps of a hundred more."""
    import xgboost.dask as xgb

    best, spent = np.inf, 0.0
    for n in (100, 300, 1000):
        model = xgb.DaskXGBClassifier(
            n_estimators=n, learning_rate=0.1, max_depth=6, tree_method="hist"
        )
        model.client = client
        spent = timed(model.fit, X, y)
        import dask.array as da

        p = model.predict_proba(da.from_array(X_val, chunks=(25_000, -1))).compute()
        best = min(best, log_loss(p[:, 1], y_val))
        if best <= goal:
            break
    return spent, best


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["overhead", "workers", "peers", "model"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    if options.what == "overhead":
        overhead(options.rounds or 60)
    elif options.what == "workers":
        workers(options.rows or 2_000_000, options.rounds or 7)
    elif options.what == "model":
        model(options.rounds or 30)
    else:
        peers(options.rows or 400_000)
