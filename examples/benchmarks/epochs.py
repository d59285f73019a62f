"""Seconds per epoch of full-batch gradient descent, next to other libraries.

    python examples/benchmarks/epochs.py [--sizes 0,3] [--dtypes float32] [--repeats 5]
    taskset -c 0 python examples/benchmarks/epochs.py --clock processor

Every library takes the same steps (all rows, a fixed learning rate, the same layers,
starting weights and precision) from data in its own format in memory. Before anything
is timed, three steps of each are compared with those of a reference in float64; who is
elsewhere then, or reads the rows more than once a step, ends the script with an error.
The time of an epoch is that of a run of many epochs less that of a run of one, over the
difference; the libraries take turns, and figures are medians over the turns. The limit
is what the matrix products alone would take at the speed of ``A @ B`` of 2048 x 2048.
MLPClassifier shuffles the rows before each step, which changes nothing here; it takes
part with and without. PyTorch and JAX take part where they are installed, PyTorch
compiled where there is a compiler. On a machine that does other work too, measure the
processor's time on one core, as in the second line. Prints a table, writes epochs.csv
and, with matplotlib, epochs.png.
"""

import argparse
import csv
import importlib.util
import os
import platform
import shutil
import statistics
import time
import warnings
from copy import deepcopy
from itertools import pairwise
from operator import methodcaller

import numpy as np
from same_work import (
    after_steps,
    check_full_batch,
    check_parameters,
    check_passes,
    check_steps,
    start,
)
from sklearn.neural_network import MLPClassifier

from skdeepbin.export import from_mlp

SIZES = [
    (569, 30, (16, 8), "relu"),
    (1_000, 20, (100,), "relu"),
    (1_000, 20, (32, 16, 8), "tanh"),
    (10_000, 50, (64, 32, 16), "relu"),
    (100_000, 100, (100,), "relu"),
    (100_000, 100, (256, 256, 256), "tanh"),
    (500_000, 30, (64, 64), "tanh"),
]
RATE = 0.1
SECONDS = 0.4  # a run of many epochs takes about so long, or three epochs
CHECKED = 3  # steps
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
NEVER = 10**9


def flops(n_rows, n_features, hidden):
    """Of the matrix products of a step, without the gradient with respect to X."""
    products = [a * b for a, b in pairwise((n_features, *hidden, 1))]
    return 2 * n_rows * (3 * sum(products) - products[0])


def mlp_at(start, X, y, hidden, activation):
    """Return an MLPClassifier at these weights, which goes on by a warm start."""
    mlp = MLPClassifier(
        hidden,
        activation,
        solver="sgd",
        momentum=0.0,
        learning_rate_init=RATE,
        alpha=0.0,
        batch_size=len(X),
        shuffle=False,
        tol=0.0,
        n_iter_no_change=NEVER,
        max_iter=1,
        warm_start=True,
    ).fit(X, y)
    mlp.coefs_, mlp.intercepts_ = deepcopy(start)
    return mlp


def estimator(name, make):
    """Return what prepares runs of an estimator, which ``make`` takes from a peer."""

    def prepare(start, X, y, hidden, activation):
        model = make(mlp_at(start, X, y, hidden, activation))
        if not hasattr(model, "t_"):
            check_passes(name, model, X, y)

        def run(n):
            fitted = deepcopy(model).set_params(max_iter=n).fit(X, y)
            check_full_batch(name, fitted, len(X), n, before=model)
            return fitted.coefs_, fitted.intercepts_

        return run

    return prepare


def ours(n_jobs):
    """Return what makes ours of a peer, with so many threads: on the batch gradient."""

    def make(mlp):
        return from_mlp(mlp).set_params(
            batch_size=None, early_stopping=False, n_iter_no_change=NEVER, n_jobs=n_jobs
        )

    return make


def torch_run(compiled):
    """Return the same for PyTorch, eager or compiled."""

    def prepare(start, X, y, hidden, activation):
        import torch
        from torch import nn

        function = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
        layers = []
        for fan_in, fan_out in pairwise((X.shape[1], *hidden)):
            layers += [nn.Linear(fan_in, fan_out), function()]
        network = nn.Sequential(*layers, nn.Linear(hidden[-1], 1), nn.Flatten(0))
        X, y = torch.from_numpy(X), torch.from_numpy(y.astype(X.dtype))
        network.to(X.dtype)
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE, fused=True)
        log_loss = nn.BCEWithLogitsLoss()

        def loss(X, y):
            return log_loss(network(X), y)

        if compiled:
            torch._dynamo.reset()
            loss = torch.compile(loss)

        def run(n):
            with torch.no_grad():
                for layer, W, b in zip(linear, *start):
                    layer.weight.copy_(torch.from_numpy(W.T))
                    layer.bias.copy_(torch.from_numpy(b))
            for _ in range(n):
                optimizer.zero_grad()
                loss(X, y).backward()
                optimizer.step()
            arrays = [(x.weight.detach(), x.bias.detach()) for x in linear]
            return [W.numpy().T for W, _ in arrays], [b.numpy() for _, b in arrays]

        return run

    return prepare


def jax_run(start, X, y, hidden, activation):
    """Prepare the same of JAX, the whole step compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]
    first = [(jnp.asarray(W), jnp.asarray(b)) for W, b in zip(*start)]
    X, y = jnp.asarray(X), jnp.asarray(y.astype(X.dtype))

    def loss(parameters, X, y):
        A = X
        for W, b in parameters[:-1]:
            A = function(A @ W + b)
        W, b = parameters[-1]
        z = (A @ W + b)[:, 0]
        return jnp.mean(jnp.logaddexp(0, z) - y * z)

    @jax.jit
    def step(parameters, X, y):
        gradient = jax.grad(loss)(parameters, X, y)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient)

    def run(n):
        parameters = first
        for _ in range(n):
            parameters = step(parameters, X, y)
        return tuple(zip(*jax.block_until_ready(parameters)))

    return run


def contestants():
    """Yield the name of each, and what prepares its runs."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    for n in range(1, min(n_cores, 2) + 1):
        name = f"skdeepbin, {n} thread" + "s" * (n > 1)
        yield name, estimator(name, ours(n))
    for name, shuffle in ("MLPClassifier", False), ("MLPClassifier shuffling", True):
        yield name, estimator(name, methodcaller("set_params", shuffle=shuffle))
    if importlib.util.find_spec("torch"):
        yield "PyTorch eager", torch_run(compiled=False)
        if shutil.which(os.environ.get("CXX", "g++")):
            yield "PyTorch compiled", torch_run(compiled=True)
        else:
            print("There is no compiler: PyTorch compiled is left out.")
    else:
        print("PyTorch is not installed and left out.")
    if importlib.util.find_spec("jax"):
        yield "JAX jit", jax_run
    else:
        print("JAX is not installed and left out.")


def checked_runs(size, dtype):
    """Return the run of each contestant, which all take the same steps."""
    n_rows, n_features, hidden, activation = size
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
    sizes = (n_features, *hidden, 1)
    first = start(sizes, dtype)
    expected = after_steps(first, X, y, activation, RATE, CHECKED)
    runs = {}
    for name, prepare in contestants():
        runs[name] = prepare(first, X, y, hidden, activation)
        found = runs[name](CHECKED)
        check_parameters(name, found, sizes, dtype)
        check_steps(name, found, first, expected)
    return runs


def seconds(run, n, clock):
    """Return the time of a run of n epochs."""
    before = CLOCKS[clock]()
    run(n)
    return CLOCKS[clock]() - before


def product_speed(dtype, clock):
    """Return the floating-point operations a second of a large matrix product."""
    A = np.random.default_rng(0).normal(size=(2048, 2048)).astype(dtype)
    return 2 * 2048**3 / seconds(lambda n: A @ A, 1, clock)


def measure(size, dtype, repeats, clock):
    """Return the seconds per epoch of each contestant in every turn, and the limit."""
    runs = checked_runs(size, dtype)
    turns = {name: [] for name in [*runs, "limit"]}
    epochs = {}
    for name, run in runs.items():
        once = seconds(run, 2, clock) / 2
        epochs[name] = max(3, int(SECONDS / once))
    for _ in range(repeats):
        for name, run in runs.items():
            n = epochs[name]
            many, one = (seconds(run, k, clock) for k in (n + 1, 1))
            turns[name].append((many - one) / n)
        work = flops(*size[:3])
        turns["limit"].append(work / product_speed(dtype, clock))
    return turns


def main():
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="0,1,2,3,4,5,6", help="which of the sizes")
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    rows = []
    for dtype in arguments.dtypes.split(","):
        for index in map(int, arguments.sizes.split(",")):
            size = SIZES[index]
            turns = measure(size, dtype, arguments.repeats, arguments.clock)
            medians = {name: statistics.median(t) for name, t in turns.items()}
            best = min(v for name, v in medians.items() if name.startswith("skdeepbin"))
            n_rows, n_features, hidden, activation = size
            label = f"{n_rows}x{n_features} {hidden} {activation}"
            print(f"\n{dtype} {label}")
            for name, value in medians.items():
                spread = f"{min(turns[name]) * 1e3:.3f} to {max(turns[name]) * 1e3:.3f}"
                print(
                    f"  {name:24}{value * 1e3:11.3f} ms  ({spread}){value / best:8.2f}",
                    flush=True,
                )
                rows.append([dtype, label, name, value, value / best])
    with open("epochs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dtype", "size", "library", "seconds per epoch", "ratio"])
        writer.writerows(rows)
    summarise(rows)
    if importlib.util.find_spec("matplotlib"):
        draw(rows)


def summarise(rows):
    """Print geometric means over the sizes of the ratios to the best of ours."""
    print("\nGeometric mean of the ratio to skdeepbin's time:")
    for dtype in dict.fromkeys(row[0] for row in rows):
        for name in dict.fromkeys(row[2] for row in rows):
            ratios = [row[4] for row in rows if row[0] == dtype and row[2] == name]
            print(f"  {dtype} {name:24}{statistics.geometric_mean(ratios):8.2f}")


def draw(rows):
    """Draw the ratios by size, one picture a precision."""
    import matplotlib.pyplot as plt

    dtypes = list(dict.fromkeys(row[0] for row in rows))
    names = list(dict.fromkeys(row[2] for row in rows))
    figure, axes = plt.subplots(
        1, len(dtypes), figsize=(6 * len(dtypes), 5), sharey=True, layout="constrained"
    )
    for axis, dtype in zip(np.atleast_1d(axes), dtypes):
        labels = list(dict.fromkeys(row[1] for row in rows if row[0] == dtype))
        for name, marker in zip(names, "oD^svP*x"):
            ratios = [r[4] for r in rows if r[0] == dtype and r[2] == name]
            axis.plot(ratios, range(len(labels)), marker, label=name, fillstyle="none")
        axis.axvline(1, color="gray", linewidth=1)
        axis.set(xscale="log", xlabel="time of an epoch / skdeepbin's", title=dtype)
        ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10]
        axis.set_xticks(ticks, map(str, ticks))
        axis.minorticks_off()
        axis.set_yticks(range(len(labels)), labels)
        axis.grid(alpha=0.3)
    np.atleast_1d(axes)[0].invert_yaxis()
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    figure.savefig("epochs.png", dpi=120)


if __name__ == "__main__":
    main()
