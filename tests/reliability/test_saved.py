"""Models that a release has written load in all later ones, and in no earlier one."""

import copy
import io
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdeepbin
from skdeepbin import DeepBinaryClassifier, __version__
from skdeepbin.model import _saving
from tests.own import Hard
from tests.reliability.fits import COMMON, FITS, X, Y, bits
from tests.reliability.save import FOLDER, fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TRUSTED = ["skdeepbin.DeepBinaryClassifier"]


def _skops():
    return pytest.importorskip("skops.io")


READ = {
    "pickle": lambda content: pickle.loads(content),
    "joblib": lambda content: joblib.load(io.BytesIO(content)),
    "skops": lambda content: _skops().loads(content, trusted=TRUSTED),
}
WRITE = {
    "pickle": pickle.dumps,
    "joblib": lambda model: (joblib.dump(model, f := io.BytesIO()), f.getvalue())[1],
    "skops": lambda model: _skops().dumps(model),
}
RELEASES = sorted(path.stem for path in FOLDER.glob("*.npz"))


def test_there_is_one_of_this_release():
    written = {tuple(release.split(".")[:2]) for release in RELEASES}
    assert tuple(__version__.split(".")[:2]) in written


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("release", RELEASES)
def test_models_of_a_release(release, form):
    models = READ[form]((FOLDER / f"{release}.{form}").read_bytes())
    said = np.load(FOLDER / f"{release}.npz")
    assert set(models) == set(said.files)
    for name, model in models.items():
        np.testing.assert_allclose(model.decision_function(X), said[name], rtol=1e-10)
        n_iter = model.n_iter_
        assert model.fit(X, Y).n_iter_ > n_iter  # goes on
        clone(model).fit(X, Y)


@pytest.mark.parametrize("form", WRITE)
@pytest.mark.parametrize("name", FITS)
def test_all_of_a_model_is_saved(name, form):
    model = fitted(name)
    again = READ[form](WRITE[form](model))
    assert set(vars(again)) == set(vars(model))
    assert bits(again) == bits(model)
    assert bits(again.fit(X, Y)) == bits(model.fit(X, Y))


@pytest.mark.parametrize("name", FITS)
def test_skops_needs_to_trust_the_classifier_alone(name):
    skops = _skops()
    model = make_pipeline(StandardScaler(), DeepBinaryClassifier(**COMMON | FITS[name]))
    content = skops.dumps(model.fit(X, Y))
    assert skops.get_untrusted_types(data=content) == TRUSTED


@pytest.mark.parametrize("form", WRITE)
def test_an_activation_of_ones_own_is_saved(form, monkeypatch):
    model = DeepBinaryClassifier(**COMMON | {"activation": ["relu", Hard(2.0)]})
    content = WRITE[form](model.fit(X, Y))
    if form == "skops":
        trusted = _skops().get_untrusted_types(data=content)
        assert trusted == [*TRUSTED, "tests.own.Hard"]
        monkeypatch.setitem(READ, form, lambda c: _skops().loads(c, trusted=trusted))
    assert bits(READ[form](content)) == bits(model)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_copies(again):
    model = fitted("rprop")
    assert bits(again(model)) == bits(model)
    assert vars(again(DeepBinaryClassifier())) == vars(DeepBinaryClassifier())


@pytest.mark.parametrize("form", WRITE)
def test_a_later_file_is_refused(form, monkeypatch):
    monkeypatch.setattr(_saving, "__version__", "0.9.1")
    content = WRITE[form](fitted("rprop"))
    assert READ[form](content)
    monkeypatch.setattr(_saving, "__version__", "0.9.0")
    assert READ[form](content)  # of the same release
    monkeypatch.setattr(_saving, "__version__", "0.8.7")
    with pytest.raises(ValueError, match=r"saved by skdeepbin 0\.9\.1, and this"):
        READ[form](content)


def test_only_the_public_path_is_in_a_file():
    content = pickle.dumps(fitted("gd"))
    assert b"skdeepbin" in content
    for room in Path(skdeepbin.__file__).parent.iterdir():
        assert f"skdeepbin.{room.stem}".encode() not in content
