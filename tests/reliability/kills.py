"""Kill fits at random moments until it is enough: each must end with the same bits.

    python -m tests.reliability.kills 200

Every fit writes its checkpoint at every step, so that most of them die in a write. A
half of those that were killed are killed again before they end.
"""

import multiprocessing
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from skdeepbin import DeepBinaryClassifier
from tests.reliability.fits import COMMON, FITS, X, Y, bits


def make(name, path):
    return DeepBinaryClassifier(
        **COMMON | FITS[name] | {"checkpoint": path, "checkpoint_interval": 0}
    )


def fit(name, path):
    warnings.simplefilter("ignore")
    make(name, path).fit(X, Y)


def survived(n_kills, seed=0):
    """Kills survived, those that a file was there after, and in how many writes."""
    warnings.simplefilter("ignore")
    rng = np.random.RandomState(seed)
    processes = multiprocessing.get_context("fork")
    killed = resumed = in_writes = 0
    whole, lasts = {}, {}
    for name in FITS:
        start = time.perf_counter()
        with TemporaryDirectory() as folder:
            make(name, Path(folder) / "fit.npz").fit(X, Y)
        lasts[name] = time.perf_counter() - start
        whole[name] = bits(make(name, None).fit(X, Y))
    names = list(FITS)
    for number in range(10**9):
        if killed >= n_kills:
            break
        name = names[number % len(names)]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "fit.npz"
            again = True
            while again:
                child = processes.Process(target=fit, args=(name, path))
                child.start()
                child.join(rng.uniform(0, lasts[name]))
                if child.is_alive():
                    os.kill(child.pid, signal.SIGKILL)
                    killed += 1
                child.join()
                resumed += path.exists()
                in_writes += any(Path(folder).glob(".*"))
                again = rng.uniform() < 0.5
            assert bits(make(name, path).fit(X, Y)) == whole[name], name
            assert not os.listdir(folder), name
    return killed, resumed, in_writes


if __name__ == "__main__":
    counts = survived(int(sys.argv[1]))
    print("{} kills survived; {} times there was a file, {} in a write".format(*counts))
