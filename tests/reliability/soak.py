"""Fit and predict many times in one process: memory, threads and files stay.

    python -m tests.reliability.soak 2000

Of the fits of `fits.py`, by turns, on two threads, with a checkpoint. Memory is what
the system says after the first tenth and at the end.
"""

import os
import sys
import threading
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from skdeepbin import DeepBinaryClassifier
from tests.reliability.fits import COMMON, FITS, X, Y


def counts():
    """Resident bytes, threads, open files."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    bytes_ = pages * os.sysconf("SC_PAGE_SIZE")
    return bytes_, threading.active_count(), len(os.listdir("/proc/self/fd"))


def soak(n_fits):
    """The counts after the first tenth, and at the end."""
    warnings.simplefilter("ignore")
    names = list(FITS)
    with TemporaryDirectory() as folder:
        for number in range(n_fits):
            name = names[number % len(names)]
            clf = DeepBinaryClassifier(**COMMON | FITS[name] | {"n_jobs": 2})
            clf.set_params(checkpoint=Path(folder) / "fit.npz", checkpoint_interval=0)
            clf.fit(X, Y).predict_proba(X)
            if number == n_fits // 10:
                before = counts()
    return before, counts()


if __name__ == "__main__":
    start = time.perf_counter()
    before, after = soak(int(sys.argv[1]))
    grown = after[0] / before[0] - 1
    print(
        f"{sys.argv[1]} fits in {time.perf_counter() - start:.0f} s: memory "
        f"{before[0] / 1e6:.1f} to {after[0] / 1e6:.1f} MB ({grown:+.1%}), threads "
        f"{before[1]} to {after[1]}, open files {before[2]} to {after[2]}"
    )
