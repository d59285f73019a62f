"""The session of a fit, with runs that are only texts."""

import numpy as np
import pytest

from skdeepbin.checkpoint._file import read
from skdeepbin.checkpoint._session import CheckpointSession, opened
from skdeepbin.training._session import FitState, Session

IDENTITY = {"`alpha`": "1.0", "X": "a digest"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


class File:
    """A file that is due when it is told to be, and notes what is written."""

    def __init__(self):
        self.is_due, self.written = False, []

    def save(self, past, at_once):
        self.written.append((past, at_once))


def session_at(path, random=0, identity=IDENTITY, interval=0.0):
    return opened(path, interval, identity, np.random.RandomState(random))


def cut_short(path, *states, random=0):
    """Leave the file of a fit that was interrupted after some runs and a state."""
    with session_at(path, random) as (session, _):
        *ended, running = states
        for result in ended:
            session.end(result)
        session.save(running, at_once=True)
    assert path.is_file()


def test_results_are_replayed_in_order_then_the_run_goes_on():
    file = File()
    session = CheckpointSession(file, FitState(("one", "two"), "half of three"))
    assert session.is_active
    assert [session.next_result() for _ in range(4)] == ["one", "two", None, None]
    assert [session.running() for _ in range(3)] == ["half of three", None, None]
    session.save("three, further")
    session.save("three, at Ctrl-C", at_once=True)
    session.end("three")
    session.save("half of four")
    before = "one", "two"
    assert file.written == [
        (FitState(before, "three, further"), False),
        (FitState(before, "three, at Ctrl-C"), True),
        (FitState((*before, "three"), "half of four"), False),
    ]


def test_what_is_written_does_not_change_with_what_ends_later():
    """The file is written in the background."""
    file = File()
    session = CheckpointSession(file, FitState())
    session.save("half")
    session.end("one")
    assert file.written[0][0] == FitState((), "half")


def test_it_is_due_when_its_file_is():
    file = File()
    session = CheckpointSession(file, FitState())
    assert not session.is_due
    file.is_due = True
    assert session.is_due


def test_without_a_path_nothing_is_kept():
    given = np.random.RandomState(0)
    with opened(None, 0.0, IDENTITY, given) as (session, random):
        assert type(session) is Session
        assert random is given


def test_a_new_fit_has_the_random_numbers_that_it_is_given(path):
    given = np.random.RandomState(0)
    with opened(path, 0.0, IDENTITY, given) as (session, random):
        assert random is given
        assert session.next_result() is session.running() is None


def test_a_file_lasts_until_the_fit_has_ended(path):
    cut_short(path, "one", "half of two")
    with session_at(path) as (session, _):
        assert session.next_result() == "one"
        assert session.running() == "half of two"
        session.end("two")
        session.save("half of three", at_once=True)
    assert read(path)["past"] == FitState(("one", "two"), "half of three")
    with session_at(path) as (session, _):
        session.save("more", at_once=True)
        session.finish()
        assert path.is_file()
    assert not list(path.parent.iterdir())


def test_an_error_leaves_the_file(path):
    """Also one after the end: nothing was returned to the user yet."""
    cut_short(path, "half")
    content = path.read_bytes()
    with pytest.raises(ZeroDivisionError), session_at(path):
        raise ZeroDivisionError
    assert path.read_bytes() == content


def test_a_write_is_waited_for(path):
    with session_at(path) as (session, _):
        session.save("half")
    assert read(path)["past"].running == "half"


def test_random_numbers_are_those_of_the_first_fit(path):
    """And nobody else draws from them, or is drawn from."""
    cut_short(path, "half", random=3)
    given = np.random.RandomState(5)
    before = repr(given.get_state())
    with opened(path, 0.0, IDENTITY, given) as (_, random):
        drawn = random.randint(1000, size=5)
    np.testing.assert_array_equal(drawn, np.random.RandomState(3).randint(1000, size=5))
    assert repr(given.get_state()) == before
    with session_at(path) as (session, random):  # those of the start, however often
        session.save("more", at_once=True)
    with session_at(path) as (_, random):
        np.testing.assert_array_equal(random.randint(1000, size=5), drawn)


def test_a_file_of_another_fit_is_refused_and_left(path):
    cut_short(path, "half")
    content = path.read_bytes()
    other = {"`alpha`": "2.0", "X": "a digest"}
    with (
        pytest.raises(
            ValueError, match=r"of another fit: `alpha` was 1\.0 and is 2\.0"
        ),
        session_at(path, identity=other),
    ):
        pytest.fail("it was opened")
    assert path.read_bytes() == content


def test_the_interval_is_between_two_writes(path):
    for interval, is_due in ((0.0, True), (1000.0, False)):
        with session_at(path, interval=interval) as (session, _):
            assert session.is_due == is_due


def test_what_a_killed_write_left_is_removed_where_the_fit_goes_on(path):
    remains = path.with_name(f".{path.name}.1-2.tmp")
    cut_short(path, "half")
    remains.write_bytes(b"half")
    with session_at(path):
        assert not remains.exists()
