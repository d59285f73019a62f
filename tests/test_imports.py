"""The import directions of the house, parsed from the source."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import skdeepbin
from skdeepbin import PACKAGES

ROOT = Path(skdeepbin.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Each room may import from itself and from the rooms named here.
ALLOWED = {
    "network": set(),
    "_version": set(),
    "_extras": set(),
    "engine": {"network"},
    "training": {"network", "engine"},
    "inputs": {"network", "engine", "training"},
    "_encoder": {"network", "engine", "inputs"},
    "diagnosis": {"network", "engine", "training", "inputs"},
    "checkpoint": {"network", "_version", "engine", "training", "inputs"},
    "monitoring": {"network", "engine", "training", "inputs", "diagnosis"},
    "plotting": {"network", "_extras", "inputs", "diagnosis"},
    "model": {"network", "_version", "engine", "training", "inputs", "checkpoint"},
    "reporting": {
        "network",
        "_version",
        "_extras",
        "training",
        "inputs",
        "diagnosis",
        "checkpoint",
        "plotting",
    },
    "_fit": {"network", "training", "inputs", "checkpoint", "model"},
    "_classifier": {
        "network",
        "training",
        "inputs",
        "checkpoint",
        "monitoring",
        "model",
        "reporting",
        "_fit",
    },
    "__init__": {"_version", "_encoder", "_classifier"},
    "dask": {"network", "_extras", "engine", "inputs", "model", "_classifier"},
    "export": {
        "network",
        "_version",
        "_extras",
        "engine",
        "training",
        "_encoder",
        "_classifier",
    },
}
# What may be imported by a room besides the standard library and numpy.
LIBRARIES = {
    "network": {"scipy"},
    "_version": set(),
    "_extras": set(),
    "engine": {"joblib", "scipy", "threadpoolctl"},
    "training": {"scipy"},
    "inputs": {"scipy", "sklearn"},
    "_encoder": {"sklearn"},
    "diagnosis": {"scipy", "sklearn"},
    "checkpoint": {"scipy"},
    "monitoring": {"sklearn"},
    "plotting": {"scipy", "sklearn"},
    "model": {"scipy"},
    "reporting": {"scipy", "sklearn"},
    "_fit": {"sklearn"},
    "_classifier": {"scipy", "sklearn"},
    "__init__": set(),
    "dask": {"scipy", "sklearn"},
    "export": {"scipy", "sklearn"},
}


def room(parts):
    """The room that a file or a dotted module lies in: its name below skdeepbin."""
    return Path(parts[0]).stem


def imported(path):
    """Every module that a file imports by ``import`` or ``from``, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def test_every_file_belongs_to_a_room():
    assert {room(f.relative_to(ROOT).parts) for f in FILES} == set(ALLOWED)


@pytest.mark.parametrize("name", ALLOWED)
def test_a_room_is_allowed_no_more_than_it_needs(name):
    """So that the two tables are what there is, and not what there once was."""
    rooms, libraries = set(), set()
    for path in FILES:
        if room(path.relative_to(ROOT).parts) != name:
            continue
        for package, *rest in (module.split(".") for module in imported(path)):
            if package == "skdeepbin":
                rooms.add(room(rest))
            else:
                libraries.add(package)
    assert ALLOWED[name] == rooms - {name}
    assert LIBRARIES[name] == libraries - {"numpy"} - sys.stdlib_module_names


def test_rooms_make_no_cycle():
    TopologicalSorter(ALLOWED).prepare()  # raises CycleError


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    own = room(path.relative_to(ROOT).parts)
    for name in imported(path):
        package, *rest = name.split(".")
        if package != "skdeepbin":
            known = LIBRARIES[own] | {"numpy"} | sys.stdlib_module_names
            assert package in known, f"{path} imports {name}"
            continue
        assert ROOT.joinpath(*rest).with_suffix(".py").exists(), (
            f"{path} imports {name}: import the module, not a package"
        )
        assert room(rest) in ALLOWED[own] | {own}, f"{path} imports {name}"


def test_no_cycles():
    graph = {
        ".".join(("skdeepbin", *path.relative_to(ROOT).with_suffix("").parts)): {
            name for name in imported(path) if name.startswith("skdeepbin.")
        }
        for path in FILES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def printed(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def modules_after(name):
    return set(printed(f"import sys, {name}; print(*sys.modules)").split())


def test_import_brings_nothing_beyond_scikit_learn():
    """Nothing optional, and not the diagnosis, which needs many models."""
    more = modules_after("skdeepbin") - modules_after("sklearn.neural_network")
    assert {m.split(".")[0] for m in more} <= {"skdeepbin"} | sys.stdlib_module_names
    assert not {f"skdeepbin.{package}" for package in PACKAGES} & more


OPTIONAL = {"matplotlib", "dask", "distributed", "onnx", "skl2onnx", "torch"}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_there_without_being_imported_and_bring_nothing_optional(package):
    names = f"*skdeepbin.{package}.__all__"
    code = f"import sys, skdeepbin; print({names}); print(*sys.modules)"
    public, modules = map(str.split, printed(code).splitlines())
    assert {*public} == set(import_module(f"skdeepbin.{package}").__all__)
    assert not OPTIONAL & {*modules}


def test_a_report_brings_nothing_optional():
    assert not OPTIONAL & modules_after("skdeepbin.reporting._report")


def test_an_unknown_name_is_unknown():
    with pytest.raises(AttributeError, match="has no attribute 'diagnoses'"):
        _ = skdeepbin.diagnoses
