"""Save models as a release does, for the tests of later ones.

    python -m tests.reliability.save

Run once for every release that changes the second number of its version.
"""

import pickle
import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED

import joblib
import numpy as np

from skdeepbin import DeepBinaryClassifier, __version__
from tests.reliability.fits import COMMON, FITS, X, Y

FOLDER = Path(__file__).parent / "saved"
# Fits that are not at their end, so that what their solver knows is saved too.
MODELS = {name: FITS[name] for name in ("rprop", "gd", "ensemble", "lbfgs")}


def fitted(name):
    """The model of that name."""
    settings = COMMON | FITS[name] | {"max_iter": 9, "warm_start": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DeepBinaryClassifier(**settings).fit(X, Y)


def save(folder=FOLDER):
    """Each model in each form, and what it says of the rows."""
    import skops.io

    models = {name: fitted(name) for name in MODELS}
    start = folder / __version__
    Path(f"{start}.pickle").write_bytes(pickle.dumps(models, protocol=4))
    joblib.dump(models, f"{start}.joblib", compress=3)
    skops.io.dump(models, f"{start}.skops", compression=ZIP_DEFLATED)
    said = {name: model.decision_function(X) for name, model in models.items()}
    np.savez_compressed(f"{start}.npz", **said)


if __name__ == "__main__":
    save()
