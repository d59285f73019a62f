"""Seconds per epoch of full-batch gradient descent, next to other libraries.

    python examples/benchmarks/epochs.py [--sizes 0,3] [--dtypes float32] [--repeats 5]

Every library takes the same steps (all rows, a fixed learning rate, the same layers and
precision) from data in its own format in memory. The time of an epoch is that of a run
of many epochs less that of a run of one, over the difference; the libraries take turns,
and figures are medians over the turns. The limit is what the matrix products alone
would take at the speed of ``A @ B`` of 2048 x 2048. PyTorch and JAX take part where
they are installed. Prints a table, writes epochs.csv and, with matplotlib, epochs.png.
"""

import argparse
import csv
import importlib.util
import platform
import statistics
import warnings
from itertools import pairwise
from time import perf_counter

import numpy as np
from sklearn.neural_network import MLPClassifier

import skdeepbin

SIZES = [
    (569, 30, (16, 8), "relu"),
    (1_000, 20, (100,), "relu"),
    (1_000, 20, (32, 16, 8), "tanh"),
    (10_000, 50, (64, 32, 16), "relu"),
    (100_000, 100, (100,), "relu"),
    (100_000, 100, (256, 256, 256), "tanh"),
    (500_000, 30, (64, 64), "tanh"),
]
RATE = 1e-3
SECONDS = 0.4  # a run of many epochs takes about so long, or three epochs


def flops(n_rows, n_features, hidden):
    """Of the matrix products of a step, without the gradient with respect to X."""
    products = [a * b for a, b in pairwise((n_features, *hidden, 1))]
    return 2 * n_rows * (3 * sum(products) - products[0])


def estimator(model):
    """A run of ``n`` epochs of a scikit-learn estimator that has `max_iter`."""

    def prepare(X, y, hidden, activation):
        model.set_params(hidden_layer_sizes=hidden, activation=activation)
        model.set_params(tol=0.0, n_iter_no_change=10**9, random_state=0)
        if hasattr(model, "batch_size"):
            model.set_params(batch_size=len(X))
        return lambda n: model.set_params(max_iter=n).fit(X, y)

    return prepare


def torch_run(compiled):
    """The same of PyTorch, eager or compiled."""

    def prepare(X, y, hidden, activation):
        import torch
        from torch import nn

        torch.manual_seed(0)
        function = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
        layers = []
        for fan_in, fan_out in pairwise((X.shape[1], *hidden)):
            layers += [nn.Linear(fan_in, fan_out), function()]
        network = nn.Sequential(*layers, nn.Linear(hidden[-1], 1), nn.Flatten(0))
        X, y = torch.from_numpy(X), torch.from_numpy(y.astype(X.dtype))
        network.to(X.dtype)
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
        log_loss = nn.BCEWithLogitsLoss()

        def loss(X, y):
            return log_loss(network(X), y)

        if compiled:
            torch._dynamo.reset()
            loss = torch.compile(loss)

        def run(n):
            for _ in range(n):
                optimizer.zero_grad()
                loss(X, y).backward()
                optimizer.step()

        return run

    return prepare


def jax_run(X, y, hidden, activation):
    """The same of JAX, the whole step compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]
    rng = np.random.default_rng(0)
    sizes = (X.shape[1], *hidden, 1)
    start = [
        (
            jnp.asarray(rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(X.dtype)),
            jnp.zeros(b, X.dtype),
        )
        for a, b in pairwise(sizes)
    ]
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
        parameters = start
        for _ in range(n):
            parameters = step(parameters, X, y)
        jax.block_until_ready(parameters)

    return run


def ours(n_jobs):
    return estimator(
        skdeepbin.DeepBinaryClassifier(
            solver="gd", learning_rate=RATE, early_stopping=False, n_jobs=n_jobs
        )
    )


def contestants():
    yield "skdeepbin, 1 thread", ours(1)
    yield "skdeepbin, 2 threads", ours(2)
    yield (
        "MLPClassifier",
        estimator(MLPClassifier(solver="sgd", momentum=0.0, learning_rate_init=RATE)),
    )
    if importlib.util.find_spec("torch"):
        yield "PyTorch eager", torch_run(compiled=False)
        yield "PyTorch compiled", torch_run(compiled=True)
    else:
        print("PyTorch is not installed and left out.")
    if importlib.util.find_spec("jax"):
        yield "JAX jit", jax_run
    else:
        print("JAX is not installed and left out.")


def seconds(run, n):
    start = perf_counter()
    run(n)
    return perf_counter() - start


def product_speed(dtype):
    """Floating-point operations a second of a large matrix product."""
    A = np.random.default_rng(0).normal(size=(2048, 2048)).astype(dtype)
    return 2 * 2048**3 / seconds(lambda n: A @ A, 1)


def measure(size, dtype, repeats):
    """For each contestant the seconds per epoch in every turn; "limit" is one too."""
    n_rows, n_features, hidden, activation = size
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
    runs = {name: make(X, y, hidden, activation) for name, make in contestants()}
    turns = {name: [] for name in [*runs, "limit"]}
    epochs = {}
    for name, run in runs.items():
        run(2)  # compiles, and takes memory
        once = seconds(run, 2) / 2
        epochs[name] = max(3, int(SECONDS / once))
    for _ in range(repeats):
        for name, run in runs.items():
            n = epochs[name]
            turns[name].append((seconds(run, n + 1) - seconds(run, 1)) / n)
        work = flops(n_rows, n_features, hidden)
        turns["limit"].append(work / product_speed(dtype))
    return turns


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="0,1,2,3,4,5,6", help="which of the sizes")
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")
    rows = []
    for dtype in arguments.dtypes.split(","):
        for index in map(int, arguments.sizes.split(",")):
            size = SIZES[index]
            turns = measure(size, dtype, arguments.repeats)
            medians = {name: statistics.median(t) for name, t in turns.items()}
            best = min(v for name, v in medians.items() if name.startswith("skdeepbin"))
            n_rows, n_features, hidden, activation = size
            label = f"{n_rows}x{n_features} {hidden} {activation}"
            print(f"\n{dtype} {label}")
            for name, value in medians.items():
                spread = f"{min(turns[name]) * 1e3:.3f} to {max(turns[name]) * 1e3:.3f}"
                print(
                    f"  {name:22}{value * 1e3:11.3f} ms  ({spread}){value / best:8.2f}",
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
    """Geometric means over the sizes of the ratios to the best of ours."""
    print("\nGeometric mean of the ratio to skdeepbin's time:")
    for dtype in dict.fromkeys(row[0] for row in rows):
        for name in dict.fromkeys(row[2] for row in rows):
            ratios = [row[4] for row in rows if row[0] == dtype and row[2] == name]
            print(f"  {dtype} {name:22}{statistics.geometric_mean(ratios):8.2f}")


def draw(rows):
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
