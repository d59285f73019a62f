"""
Stuck at ln 2: which mistake is in my backpropagation?
======================================================

Someone wrote a tanh network of four layers by hand. Its loss stayed at 0.6932, which
is ln 2, its gradients at 1e-7. Here it is as it was written, with what `debug_backprop`
says of it; corrected; and the same network as a DeepBinaryClassifier, which says by
itself why it is stuck.
"""

import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit as sigmoid
from sklearn.datasets import load_digits
from sklearn.preprocessing import scale

from skdeepbin import DeepBinaryClassifier
from skdeepbin.diagnosis import debug_backprop, diagnose

digits = load_digits()
X, y = scale(digits.data)[:1000], digits.target[:1000] % 2
Y = y[np.newaxis, :].astype(float)
sizes = 64, 16, 8, 4, 1

# %%
# The network as it was written, with samples in columns. Three lines are wrong: the
# derivative of the loss has a sign slip, that of the output belongs to tanh (later it
# was x (1 - x) of the logit), and that of tanh is taken of z, not of tanh(z).


def slipped(Y, A):
    return -(Y / A + (1 - Y) / (1 - A))


def derivative_tanh(Z):
    return 1 - Z**2


def sigmoid_derivative(x):
    return x * (1 - x)


def written(of_loss, of_output, of_hidden):
    """The backward pass with these three derivatives."""

    def gradients(W, B, X, Y):
        A, Z = [X], [None]
        for layer in range(4):
            Z.append(W[layer] @ A[layer] + B[layer])
            A.append(sigmoid(Z[-1]) if layer == 3 else np.tanh(Z[-1]))
        DA, DW, DB = of_loss(Y, A[4]), [None] * 4, [None] * 4
        for layer in (4, 3, 2, 1):
            DZ = DA * (of_output if layer == 4 else of_hidden)(Z[layer])
            DW[layer - 1] = DZ @ A[layer - 1].T / Y.shape[1]
            DB[layer - 1] = np.sum(DZ, axis=1, keepdims=True) / Y.shape[1]
            DA = W[layer - 1].T @ DZ
        return DW, DB

    return gradients


def right_loss(Y, A):
    return -(Y / A - (1 - Y) / (1 - A))


passes = {
    "as printed": written(slipped, derivative_tanh, derivative_tanh),
    "without the slip": written(right_loss, derivative_tanh, derivative_tanh),
    "x (1 - x) of the logit": written(right_loss, sigmoid_derivative, derivative_tanh),
    "corrected": written(
        right_loss,
        lambda Z: sigmoid(Z) * (1 - sigmoid(Z)),
        lambda Z: 1 - np.tanh(Z) ** 2,
    ),
}

# %%
# A thousand epochs of each, from weights of 0.01, and of the last from Xavier's.


def start(spread):
    rng = np.random.RandomState(0)
    W, B = [], []
    for fan_in, fan_out in pairwise(sizes):
        size = spread or np.sqrt(2 / (fan_in + fan_out))
        W.append(rng.normal(scale=size, size=(fan_out, fan_in)))
        B.append(np.zeros((fan_out, 1)))
    return W, B


def train(gradients, spread, epochs=1000, rate=0.1):
    """Loss, accuracy, and the gradient of each layer at every epoch."""
    W, B = start(spread)
    norms = []
    for _ in range(epochs):
        DW, DB = gradients(W, B, X.T, Y)
        norms.append([np.linalg.norm(dW) for dW in DW])
        W = [w - rate * dw for w, dw in zip(W, DW)]
        B = [b - rate * db for b, db in zip(B, DB)]
    A = X.T
    for layer in range(4):
        z = W[layer] @ A + B[layer]
        A = np.tanh(z)
    loss = np.mean(np.logaddexp(0, z) - y * z)
    return loss, np.mean((z > 0) == y), np.array(norms)


print(
    f"{'backward pass':24} {'start':>7} {'loss':>8} {'accuracy':>9}  largest gradient"
)
courses = {}
for name, spread in [*((name, 0.01) for name in passes), ("corrected", None)]:
    loss, accuracy, norms = train(passes[name], spread)
    shown = "Xavier" if spread is None else spread
    print(f"{name:24} {shown:>7} {loss:8.4f} {accuracy:9.3f}  {norms[-1].max():.0e}")
    courses[name, spread] = norms

# %%
# What is wrong with it?

print("\nAsking debug_backprop about the pass as printed ...\n")
report = debug_backprop(*start(None), X.T, Y, grad_fn=passes["as printed"])
print(report)
later = debug_backprop(*start(None), X.T, Y, grad_fn=passes["x (1 - x) of the logit"])
print("\nLater, x (1 - x) of the logit:")
for mistake in later.mistakes:
    print(f"    {mistake.wrong:30} should be  {mistake.right}")
ok = debug_backprop(*start(None), X.T, Y, grad_fn=passes["corrected"]).ok
print("\nCorrected:", "right" if ok else "wrong")

# %%
# The same network as a classifier, started as small: it warns, and says what to change.

stuck = DeepBinaryClassifier(
    sizes[1:-1],
    activation="tanh",
    init=0.01,
    solver="gd",
    learning_rate=0.1,
    alpha=0.01,
    early_stopping=False,
    random_state=0,
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    stuck.fit(X, y)
print(f"\nDeepBinaryClassifier, init=0.01: loss {stuck.loss_:.4f}, and it warns:")
print(*(warning.message for warning in caught))
print("\nThe diagnosis:", diagnose(stuck, X, y).findings[0].code)
for change in {"init": "xavier"}, {"solver": "rprop", "learning_rate": "auto"}:
    cured = DeepBinaryClassifier(**(stuck.get_params() | change))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cured.fit(X, y)
    print(f"with {change}: accuracy {cured.score(X, y):.3f}")

# %%
# The gradient of each layer, sick and healthy.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
titles = {
    ("x (1 - x) of the logit", 0.01): "sick: stuck at ln 2",
    ("corrected", None): "healthy: corrected, Xavier's start",
}
for axis, (course, title) in zip(axes, titles.items()):
    for layer, style in enumerate(["-", "--", "-.", ":"]):
        label = f"layer {layer + 1}" + (" (output)" if layer == 3 else "")
        axis.semilogy(courses[course][:, layer], style, label=label)
    axis.set(title=title, xlabel="epoch")
axes[0].set(ylabel="norm of the gradient of the weights")
axes[1].legend()
picture = "stuck_at_ln2.png"
figure.savefig(picture, dpi=120)
print(f"\nPicture: {picture}")
