"""What a user reads where an optional library is not installed."""

import sys

import pytest

from skdeepbin._extras import extra


def test_an_extra_that_is_there():
    assert extra("json.decoder", "plot") is sys.modules["json.decoder"]


@pytest.mark.parametrize("name", ["no_such_library", "no_such_library.part"])
def test_an_extra_that_is_not_there_names_the_command(name):
    command = r"pip install 'skdeepbin\[plot\]'"
    with pytest.raises(ModuleNotFoundError, match=f"no_such_library.*{command}"):
        extra(name, "plot")


def test_a_library_without_a_group_is_installed_by_its_name():
    with pytest.raises(ModuleNotFoundError, match="`pip install no_such_library`"):
        extra("no_such_library.part", None)


def test_a_broken_library_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "half_a_library.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_library'"):
        extra("half_a_library", "plot")
