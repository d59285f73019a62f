"""Fuzz parameters and arrays, or the bytes of a checkpoint, led by coverage.

    pip install atheris
    python -m tests.reliability.fuzz parameters 600
    python -m tests.reliability.fuzz checkpoint 600

for so many seconds. "parameters": values of every kind for some parameters, and arrays
of odd shapes, types and values; a fit gives finite probabilities, or an error that
names what is wrong. "checkpoint": altered files; each is refused.
"""

import sys
import warnings

ERRORS = (ValueError, TypeError, MemoryError)


def parameters_and_arrays(fuzzed):
    """A fit by what the bytes say."""
    import numpy as np

    from skdeepbin import DeepBinaryClassifier
    from skdeepbin.inputs._validation import RULES

    odd = [
        *(None, True, "auto", "", "adam", "gd", "lbfgs", "relu", "tanh", "float32"),
        *(0, 1, -1, 2, 7, 10**9, 0.0, 0.5, 1.0, -1.0, 1e-9, 1e9),
        *(
            float("nan"),
            float("inf"),
            (),
            (3,),
            (3, 2),
            [0],
            {0: 1.0},
            "balanced",
            b"x",
        ),
    ]
    names = [name for name in RULES if name not in ("checkpoint", "verbose", "n_jobs")]
    chosen = {"max_iter": 3, "hidden_layer_sizes": 3, "random_state": 0}
    for _ in range(fuzzed.ConsumeIntInRange(0, 4)):
        value = fuzzed.PickValueInList(odd)
        chosen[fuzzed.PickValueInList(names)] = value
    if chosen["max_iter"] in (7, 10**9):  # valid, but long
        chosen["max_iter"] = 7
    n, d = fuzzed.ConsumeIntInRange(0, 12), fuzzed.ConsumeIntInRange(0, 3)
    numbers = [fuzzed.ConsumeFloat() for _ in range(n * d)]
    kind = fuzzed.PickValueInList(["f8", "f4", "f2", "i1", "?", "O", "U", "c16"])
    with np.errstate(all="ignore"):
        X = np.array(numbers, dtype="f8").reshape(n, d)
        if kind in ("i1", "?"):
            X = np.nan_to_num(X)
        X = X.astype(kind)
    y = np.array([fuzzed.ConsumeIntInRange(0, 2) for _ in range(n)], dtype=int)
    w = None
    if fuzzed.ConsumeBool():
        w = np.array([fuzzed.ConsumeFloat() for _ in range(n)])
    before = X.copy(), y.copy()
    clf = DeepBinaryClassifier(**chosen)
    try:
        clf.fit(X, y, w)
    except ERRORS:
        assert set(vars(clf)) == set(clf.get_params())
    else:
        p = clf.predict_proba(X)
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    for array, then in zip((X, y), before, strict=True):
        assert array.tobytes() == then.tobytes()


def altered_checkpoint(fuzzed, content):
    """A file with some bytes changed, moved or cut."""
    from skdeepbin.checkpoint._file import from_bytes

    changed = bytearray(content)
    for _ in range(fuzzed.ConsumeIntInRange(1, 4)):
        place = fuzzed.ConsumeIntInRange(0, max(len(changed) - 1, 0))
        new = fuzzed.ConsumeBytes(fuzzed.ConsumeIntInRange(0, 9))
        old = fuzzed.ConsumeIntInRange(0, 9)
        changed[place : place + old] = new
    if bytes(changed) == content:
        return
    try:
        from_bytes(bytes(changed))
    except ValueError:
        return
    raise AssertionError("an altered file was read")


def main(target, seconds):
    """Fuzz for so long; an input that fails is kept in a file, by atheris."""
    import atheris

    with atheris.instrument_imports(include=["skdeepbin"]):
        import numpy as np

        import skdeepbin  # noqa: F401
        from skdeepbin.checkpoint._file import to_bytes

    warnings.simplefilter("ignore")
    content = to_bytes({"past": (np.arange(20.0), {"a": (1, "b", None)})})

    def once(data):
        fuzzed = atheris.FuzzedDataProvider(data)
        if target == "checkpoint":
            altered_checkpoint(fuzzed, content)
        else:
            parameters_and_arrays(fuzzed)

    options = [f"-max_total_time={seconds}", "-max_len=2048", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
