"""A fit that was killed goes on from its file and ends with the same bits."""

import multiprocessing
import os
import resource
import signal
import stat
import threading
import warnings
from functools import partial

import numpy as np
import pytest

from skdeepbin import DeepBinaryClassifier
from skdeepbin.checkpoint import _file
from skdeepbin.checkpoint._file import from_bytes, read, to_bytes
from skdeepbin.checkpoint._fingerprint import fingerprint
from skdeepbin.engine._hashing import digest
from skdeepbin.training import _lbfgs
from skdeepbin.training._objective import Objective
from skdeepbin.training._session import FitState
from tests.own import Hard
from tests.reliability.fits import COMMON, FITS, X, Y, bits
from tests.reliability.kills import survived

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


def make(path=None, **changes):
    return DeepBinaryClassifier(
        **COMMON | {"checkpoint": path, "checkpoint_interval": 0} | changes
    )


class Killed(BaseException):
    """Ends a fit as a power cut would."""


def killed_at(monkeypatch, number):
    """Let the evaluation of that number never come back; a list of those that do."""
    made = []
    whole = Objective.__call__

    def evaluate(self, theta):
        if len(made) == number:
            raise Killed
        made.append(theta)
        return whole(self, theta)

    monkeypatch.setattr(Objective, "__call__", evaluate)
    return made


def written_each_time(monkeypatch):
    """Let every write be one that training waits for."""
    save = _file.Checkpoint.save
    monkeypatch.setattr(
        _file.Checkpoint, "save", lambda self, past, _: save(self, past, True)
    )


def cut_short(path, monkeypatch, number, clf, *arrays):
    """The file of a fit that died at an evaluation."""
    with monkeypatch.context() as patch:
        written_each_time(patch)
        killed_at(patch, number)
        with pytest.raises(Killed):
            clf.fit(*(arrays or (X, Y)))
    assert path.is_file()


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_ends_with_the_same_bits(name, share, path, monkeypatch):
    with monkeypatch.context() as patch:
        made = killed_at(patch, np.inf)
        whole = make(**FITS[name]).fit(X, Y)
    number = int(share * len(made))
    cut_short(path, monkeypatch, number, make(path, **FITS[name]))
    with monkeypatch.context() as patch:
        made_again = killed_at(patch, np.inf)
        resumed = make(path, **FITS[name]).fit(X, Y)
    assert bits(resumed) == bits(whole)
    assert resumed.n_iter_ == whole.n_iter_
    assert resumed.stop_reason_ == whole.stop_reason_
    assert resumed.n_starts_ == whole.n_starts_
    lost = 12 * FITS[name].get("n_networks", 1)  # the last steps, on all rows
    lost += 12 * ("batches" in name)  # those of an epoch
    assert len(made_again) <= len(made) - number + lost
    assert not list(path.parent.iterdir())


def test_an_activation_of_ones_own_is_told_by_its_values(path, monkeypatch):
    """Those of another object, as in another process, are the same."""
    given = {"activation": ["relu", Hard()], "init": "he"}
    whole = make(**given).fit(X, Y)
    cut_short(path, monkeypatch, 20, make(path, **given))
    match = r"is of another fit: `activation` was .*tests\.own\.Hard.* and is "
    for other in (["relu", Hard(2.0)], ["relu", "relu"], Hard()):
        with pytest.raises(ValueError, match=match):
            make(path, **given | {"activation": other}).fit(X, Y)
    again = make(path, **given | {"activation": ("relu", Hard())}).fit(X, Y)
    assert bits(again) == bits(whole)


def test_dies_again_and_again(path, monkeypatch):
    whole = make().fit(X, Y)
    for number in (9, 7, 5, 3):
        cut_short(path, monkeypatch, number, make(path))
    assert bits(make(path).fit(X, Y)) == bits(whole)


def test_seconds_are_those_of_all_parts(path, monkeypatch):
    cut_short(path, monkeypatch, 30, make(path))
    before = read(path)["past"].running.history["seconds"][-1]
    seconds = make(path).fit(X, Y).history_["seconds"]
    assert np.all(np.diff(seconds) >= 0)
    assert seconds[-1] > before


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)])
def test_random_numbers_go_on(random_state, path, monkeypatch):
    """Those that the first fit drew, though nobody knows a seed."""
    start = np.random.get_state() if random_state is None else random_state.get_state()
    whole = make(random_state=random_state, n_networks=2).fit(X, Y)
    for state in range(2):  # dies, and goes on
        if random_state is not None:
            random_state.set_state(start)
        elif not state:
            np.random.set_state(start)
        clf = make(path, random_state=random_state, n_networks=2)
        if not state:
            cut_short(path, monkeypatch, 70, clf)
    assert bits(clf.fit(X, Y)) == bits(whole)


def test_validation_rows_and_weights(path, monkeypatch):
    given = {"X_val": X[:50], "y_val": Y[:50], "sample_weight": np.arange(300) % 3}
    whole = make().fit(X, Y, **given)
    clf = make(path)
    fit = clf.fit
    monkeypatch.setattr(clf, "fit", partial(fit, **given))
    cut_short(path, monkeypatch, 20, clf, X, Y)
    with pytest.raises(ValueError, match=r"`X_val` was .* and is none"):
        make(path).fit(X, Y)
    assert bits(make(path).fit(X, Y, **given)) == bits(whole)


def test_warm_start(path, monkeypatch):
    first = make(warm_start=True, max_iter=10).fit(X, Y)
    whole = make(warm_start=True, max_iter=10).fit(X, Y).fit(X, Y)
    first.set_params(checkpoint=path)
    before = dict(vars(first))
    cut_short(path, monkeypatch, 5, first)
    assert vars(first) == before
    assert bits(first.fit(X, Y)) == bits(whole)


def test_warm_start_from_parameters_that_were_changed(path, monkeypatch):
    """It is another fit where they are changed once more."""

    def first(factor=0.5):
        clf = make(warm_start=True, max_iter=10).fit(X, Y)
        clf.coefs_[0] *= factor
        return clf

    whole = first().fit(X, Y)
    cut_short(path, monkeypatch, 5, first().set_params(checkpoint=path))
    other = first(0.25).set_params(checkpoint=path)
    with pytest.raises(ValueError, match=r"the fit before was .* and is "):
        other.fit(X, Y)
    again = first().set_params(checkpoint=path)
    assert bits(again.fit(X, Y)) == bits(whole)
    assert not list(path.parent.iterdir())


def test_long_lbfgs_is_kept_as_far_as_the_log(path, monkeypatch):
    changes = {"solver": "lbfgs", "early_stopping": False}
    whole = make(**changes).fit(X, Y)
    n_parameters = sum(W.size for W in [*whole.coefs_, *whole.intercepts_])
    monkeypatch.setattr(_lbfgs, "LOG_BYTES", 20 * 8 * n_parameters)
    cut_short(path, monkeypatch, 40, make(path, **changes))
    assert len(read(path)["past"].running.evaluations) == 20
    assert bits(make(path, **changes).fit(X, Y)) == bits(whole)


DIFFERENT = {
    "a parameter": ({"alpha": 1.0}, {}, r"`alpha` was 'auto' and is 1\.0\."),
    "a seed": ({"random_state": 1}, {}, "`random_state` was 0 and is 1"),
    "sizes": ({"hidden_layer_sizes": (9, 8)}, {}, r"was 8 and is \(9, 8\)"),
    "a value": ({}, {"X": X + 1e-12 * (X[3, 1] == X)}, "X was float64 of shape"),
    "the order": ({}, {"X": X[::-1], "y": Y[::-1]}, "X was .*; y was"),
    "labels": ({}, {"y": 1 - Y}, "y was bool of shape"),
    "classes": ({}, {"y": Y + 1}, "the classes was int64"),
    "weights": ({}, {"sample_weight": np.arange(300)}, "`sample_weight` was none and"),
    "a type": ({}, {"X": X.astype(np.float32)}, "X was float64 .* and is float32"),
    "a version": ({}, {}, r"numpy was .* and is 1\.2\.3"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_fit_is_refused(name, path, monkeypatch):
    cut_short(path, monkeypatch, 20, make(path))
    content = path.read_bytes()
    changes, arrays, message = DIFFERENT[name]
    if name == "a version":
        monkeypatch.setattr(np, "__version__", "1.2.3")
    with pytest.raises(ValueError, match=f"is of another fit: .*{message}"):
        make(path, **changes).fit(**{"X": X, "y": Y} | arrays)
    assert path.read_bytes() == content


def test_what_changes_no_bit_may_differ(path, monkeypatch):
    whole = make().fit(X, Y)
    cut_short(path, monkeypatch, 20, make(path))
    resumed = make(path, n_jobs=2, checkpoint_interval=9.0).fit(X.copy(), Y.tolist())
    assert bits(resumed) == bits(whole)


def test_fingerprints_of_what_is_equal_are_equal():
    parameters = {"sizes": [8, 8], "weight": {0: 1, 1: 2}, "scoring": len}
    equal = {"sizes": np.array([8, 8]), "weight": {1: 2, 0: 1}, "scoring": len}
    assert fingerprint(parameters, {}) == fingerprint(equal, {})
    labels = np.array(["a", "b"], dtype=object)
    assert digest(labels) == digest(labels.copy())
    assert digest(np.asfortranarray(X)) == digest(X)


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one byte more": lambda content: content + b"x",
    "text": lambda content: b"not a checkpoint\n" * 9,
    "a bit": lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
    "its digest": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "an archive": lambda content: content[:-64],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_refused(name, path, monkeypatch):
    cut_short(path, monkeypatch, 20, make(path))
    content = DAMAGE[name](path.read_bytes())
    path.write_bytes(content)
    clf = make(path)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=r"cannot be gone on with: it was cut"):
        clf.fit(X, Y)
    assert vars(clf) == before
    assert path.read_bytes() == content


def test_another_format_is_refused(path, monkeypatch):
    monkeypatch.setattr(_file, "FORMAT", 2)
    path.write_bytes(to_bytes({}))
    monkeypatch.setattr(_file, "FORMAT", 1)
    with pytest.raises(ValueError, match="its format is 2, and this version reads 1"):
        make(path).fit(X, Y)


def test_no_bit_of_a_file_can_change(path, monkeypatch):
    cut_short(path, monkeypatch, 3, make(path))
    content = path.read_bytes()
    rng = np.random.RandomState(0)
    for place in rng.permutation(len(content))[:300].tolist():
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.randint(8))
        with pytest.raises(ValueError, match="cut short or altered"):
            from_bytes(bytes(changed))


def test_files_hold_no_pickles(path, monkeypatch):
    cut_short(path, monkeypatch, 20, make(path))
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "fiuU" for name in archive.files)
    assert isinstance(read(path)["past"], FitState)


def test_values_survive():
    values = {
        "floats": (0.1, float("nan"), float("-inf"), -0.0, 5e-324),
        "others": (None, True, 2**200, "é", np.float64(0.1)),
        "arrays": (np.arange(3.0), np.zeros((0, 2)), np.array(7, np.uint64)),
        "nested": {"a": ((1,), ()), "b": {}},
    }
    again = from_bytes(to_bytes(values))
    assert repr(again["floats"]) == repr(values["floats"])
    assert again["others"] == values["others"]
    assert again["nested"] == values["nested"]
    for array, other in zip(again["arrays"], values["arrays"], strict=True):
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other)


def refused_writes(path, kind):
    """Make the file impossible to write."""
    if kind == "folder":
        path.mkdir()
    elif kind == "no folder":
        path = path / "missing" / "fit.npz"
    elif kind == "read-only":
        path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("kind", ["folder", "no folder", "read-only"])
def test_training_goes_on_where_the_file_cannot_be_written(kind, path):
    if kind == "read-only" and os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    place = refused_writes(path, kind)
    with pytest.warns(RuntimeWarning, match="cannot be written: .* goes on") as caught:
        clf = make(place).fit(X, Y)
    path.parent.chmod(stat.S_IRWXU)
    assert bits(clf) == bits(make().fit(X, Y))
    assert sum("cannot be written" in str(w.message) for w in caught) == 1
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize("error", [OSError(28, "No space left"), MemoryError()])
def test_a_full_disk_leaves_the_last_good_file(error, path, monkeypatch):
    cut_short(path, monkeypatch, 20, make(path))
    content = path.read_bytes()

    def full(descriptor):
        raise error

    with monkeypatch.context() as patch:
        written_each_time(patch)
        killed_at(patch, 20)
        patch.setattr(os, "fsync", full)
        warned = pytest.warns(RuntimeWarning, match="cannot be written")
        with warned, pytest.raises(Killed):
            make(path).fit(X, Y)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]
    assert bits(make(path).fit(X, Y)) == bits(make().fit(X, Y))


def _with_small_files(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    make(path).fit(X, Y)


def test_a_file_that_may_not_grow(path):
    process = multiprocessing.get_context("fork").Process(
        target=_with_small_files, args=(path,)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert not list(path.parent.iterdir())


def test_writes_keep_their_distance(path, monkeypatch):
    written = []
    monkeypatch.setattr(_file, "write", lambda *args: written.append(args))
    make(path, checkpoint_interval=1000).fit(X, Y)
    assert not written
    make(path, checkpoint_interval=0).fit(X, Y)
    assert written


def test_no_thread_is_left(path, monkeypatch):
    before = threading.active_count()
    make(path).fit(X, Y)
    cut_short(path, monkeypatch, 20, make(path))
    assert threading.active_count() == before


def test_partial_fit_keeps_no_file(path):
    make(path).partial_fit(X, Y, classes=[0, 1])
    assert not list(path.parent.iterdir())


def test_remains_of_a_killed_write_are_removed(path):
    remains = path.with_name(f".{path.name}.1-2.tmp")
    remains.write_bytes(b"half")
    other = path.with_name(".another.npz.1-2.tmp")
    other.write_bytes(b"half")
    make(path).fit(X, Y)
    assert list(path.parent.iterdir()) == [other]


def test_killed_at_random_moments():
    """A few; `python -m tests.reliability.kills 200` are more."""
    killed, resumed, _ = survived(15)
    assert killed >= 15
    assert resumed
