"""The file alone; fits that go on from one are in tests/reliability."""

import json
import os
import threading
from hashlib import blake2b
from io import BytesIO
from time import monotonic
from zipfile import ZipFile

import numpy as np
import pytest

from skdeepbin.checkpoint import _file
from skdeepbin.checkpoint._file import (
    DIGEST,
    Checkpoint,
    from_bytes,
    read,
    to_bytes,
    write,
)
from skdeepbin.training._session import FitState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


@pytest.fixture
def seconds(monkeypatch):
    """A clock that stands still until it is put forward."""
    now = [monotonic()]
    monkeypatch.setattr(_file, "monotonic", lambda: now[0])
    return now


def past(number):
    return FitState((number,))


def kept(path):
    """The number that was written last."""
    value = read(path)
    return value and value["past"].ended[0]


def test_it_is_written_after_an_interval_and_not_before(path, seconds):
    checkpoint = Checkpoint(path, 10.0, {"of": "this"})
    for number, later in enumerate((0.0, 9.5, 0.5, 9.5, 0.5)):
        seconds[0] += later
        assert checkpoint.is_due == (number in (2, 4))
        if checkpoint.is_due:
            checkpoint.save(past(number))
        checkpoint._wait()
        assert kept(path) == [None, None, 2, 2, 4][number]
    assert read(path)["of"] == "this"


def test_at_once_is_at_once(path, seconds):
    checkpoint = Checkpoint(path, 10.0, {})
    checkpoint.save(past(1), at_once=True)
    assert kept(path) == 1
    checkpoint.save(past(2), at_once=True)
    assert kept(path) == 2
    seconds[0] += 9.5
    assert not checkpoint.is_due  # the interval begins with each write
    seconds[0] += 0.5
    assert checkpoint.is_due
    checkpoint.close(is_over=False)
    assert kept(path) == 2


def test_one_write_at_a_time(path, monkeypatch):
    checkpoint = Checkpoint(path, 0.0, {})
    may_end, written = threading.Event(), []

    def slow(path, content):
        may_end.wait()
        written.append(from_bytes(content)["past"].ended[0])
        write(path, content)

    monkeypatch.setattr(_file, "write", slow)
    assert checkpoint.is_due
    checkpoint.save(past(1))  # is not waited for
    assert not checkpoint.is_due
    may_end.set()
    checkpoint.save(past(3), at_once=True)  # waits
    assert checkpoint.is_due
    assert kept(path) == 3
    assert written == [1, 3]


def test_a_fit_that_is_over_leaves_nothing(path):
    checkpoint = Checkpoint(path, 0.0, {})
    checkpoint.save(past(1))
    checkpoint.close(is_over=False)
    assert kept(path) == 1
    checkpoint.close(is_over=True)
    assert not list(path.parent.iterdir())
    checkpoint.close(is_over=True)  # also where there was nothing


def test_a_file_that_cannot_be_removed_is_named(path, monkeypatch):
    checkpoint = Checkpoint(path, 0.0, {})
    checkpoint.save(past(1), at_once=True)

    def refused(self, missing_ok=False):
        raise PermissionError("not yours")

    monkeypatch.setattr(type(path), "unlink", refused)
    with pytest.warns(RuntimeWarning, match="cannot be written: not yours"):
        checkpoint.close(is_over=True)


def test_it_warns_once(path):
    checkpoint = Checkpoint(path.parent, 10.0, {})  # a folder
    checkpoint.save(past(1), at_once=True)
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        checkpoint.save(past(2), at_once=True)
    checkpoint.save(past(3), at_once=True)  # warnings are errors
    checkpoint.close(is_over=False)


def test_what_is_not_a_failure_to_write_is_not_hidden(path, monkeypatch):
    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda info: raised.append(info))

    class Broken:
        def __iter__(self):
            raise ZeroDivisionError

    Checkpoint(path, 0.0, {}).save(past(Broken()), at_once=True)
    assert raised[0].exc_type is ZeroDivisionError
    assert not path.is_file()


@pytest.mark.parametrize("step", ["open", "fsync"])
def test_systems_that_cannot_sync_a_folder(step, path, monkeypatch):
    whole, closed = getattr(os, step), []

    def refused(what, *rest):
        is_folder = what == path.parent if step == "open" else bool(path.is_file())
        if is_folder:
            raise OSError("not of a folder")
        return whole(what, *rest)

    close = os.close
    monkeypatch.setattr(os, step, refused)
    monkeypatch.setattr(os, "close", lambda fd: (closed.append(fd), close(fd)))
    write(path, b"content")
    assert path.read_bytes() == b"content"
    assert len(closed) == (step == "fsync")
    assert list(path.parent.iterdir()) == [path]


def test_what_a_write_left_that_was_killed_is_removed(path):
    remains = path.with_name(f".{path.name}.1-2.tmp")
    others = [path.with_name(f".other{path.name}.1-2.tmp"), path.with_name("1-2.tmp")]
    for file in (remains, *others):
        file.write_bytes(b"half")
    Checkpoint(path, 0.0, {}).remove_remains()
    assert sorted(path.parent.iterdir()) == sorted(others)


def test_a_file_that_cannot_be_opened_is_the_error(path, monkeypatch):
    def refused(*args):
        raise PermissionError("not yours")

    monkeypatch.setattr(_file, "open", refused, raising=False)
    with pytest.raises(PermissionError, match="not yours"):
        write(path, b"content")


def test_a_file_and_its_folder_reach_the_disk(path, monkeypatch):
    synced, fsync = [], os.fsync

    def noted(descriptor):
        synced.append((os.fstat(descriptor).st_ino, path.is_file()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write(path, b"content")
    file, folder = path.stat().st_ino, path.parent.stat().st_ino
    assert synced == [(file, False), (folder, True)]


def test_the_end_is_a_digest_of_the_rest_and_the_comment_of_the_archive():
    content = to_bytes({"a": 1})
    ours = blake2b(content[:-DIGEST], digest_size=32).hexdigest().encode()
    assert content[-DIGEST:] == ours
    assert from_bytes(content) == {"a": 1}
    with pytest.raises(ValueError, match="cut short or altered"):
        from_bytes(ours)
    with pytest.raises(ValueError, match="cut short or altered"):
        from_bytes(b"")
    empty = blake2b(b"", digest_size=32).hexdigest().encode()
    with pytest.raises(ValueError, match="cut short or altered"):
        from_bytes(empty)  # the digest of nothing is no file


def sealed(**arrays):
    """A file as an attacker would write it, with a digest that is right."""
    file = BytesIO()
    np.savez(file, **arrays)
    with ZipFile(file, "a") as archive:
        archive.comment = b"0" * DIGEST
    content = file.getvalue()[:-DIGEST]
    return content + blake2b(content, digest_size=DIGEST // 2).hexdigest().encode()


def text(value, form=1):
    return np.array(json.dumps({"format": form, "value": value}))


# Files whose digest is right, and what is wrong with them.
STRANGE = {
    "a pickle": ({"text": np.array([{}], object)}, "allow_pickle=False"),
    "no text": ({"other": np.ones(2)}, "text"),
    "a kind that is not known": ({"text": text({"kind": "Foe", "of": []})}, "Foe"),
    "too few fields": ({"text": text({"kind": "Steps", "of": []})}, "missing"),
    "no such array": ({"text": text({"of": {"a": {"array": 7}}})}, "7"),
    "of tomorrow": ({"text": text(1, 2)}, "format is 2, and this version reads 1"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_file_is_refused_by_name(name, path):
    arrays, message = STRANGE[name]
    path.write_bytes(sealed(**arrays))
    with pytest.raises(
        ValueError, match=f"gone on with: .*{message}.* Delete the file"
    ):
        read(path)


def test_no_file_is_no_checkpoint(path):
    assert read(path) is None
    assert read(path.parent) is None


def test_arrays_are_not_mixed_up(rng):
    arrays = [rng.normal(size=n) for n in (2, 0, 3, 1)]
    value = {"some": tuple(arrays[:2]), "more": {"deep": (arrays[2], 1, arrays[3])}}
    again = from_bytes(to_bytes(value))
    found = [*again["some"], again["more"]["deep"][0], again["more"]["deep"][2]]
    for array, other in zip(arrays, found, strict=True):
        np.testing.assert_array_equal(array, other)
    assert again["more"]["deep"][1] == 1
