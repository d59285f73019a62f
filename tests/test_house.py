"""Measures of the code, read from its sources. CONTRIBUTING.md has the table."""

import ast
import re
from pathlib import Path

import pytest

import skdeepbin
from skdeepbin.network._activations import ACTIVATIONS

ROOT = Path(skdeepbin.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in FILES
}
DEFINITIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module

LONGEST_CLASS, MOST_CLOSURES, MOST_RIDDLES = 250, 5, 10


def lines_of_code(node, source):
    """Lines of a class that are neither blank nor of a docstring."""
    lines = set(range(node.lineno, node.end_lineno + 1))
    for inner in ast.walk(node):
        if isinstance(inner, DEFINITIONS) and ast.get_docstring(inner) is not None:
            text = inner.body[0]
            lines -= set(range(text.lineno, text.end_lineno + 1))
    return sum(bool(source[number - 1].strip()) for number in lines)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_class_is_longer_than_can_be_read(path):
    source = path.read_text().splitlines()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            assert lines_of_code(node, source) <= LONGEST_CLASS, node.name


def test_docstrings_say_what_a_thing_is_or_does():
    """A verb for a function, a noun for a class; no riddle."""
    riddle = re.compile(r"(What|Whether|That|Those|Of|The same)\b")
    found = [
        f"{path}: {ast.get_docstring(node).splitlines()[0]}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, DEFINITIONS) and riddle.match(ast.get_docstring(node) or "")
    ]
    assert len(found) < MOST_RIDDLES, found


def test_training_defers_little():
    """Functions inside of functions, in a hundred functions of `training/`."""
    functions = [
        node
        for path, tree in TREES.items()
        if path.startswith("training/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    inner = {
        other
        for node in functions
        for other in ast.walk(node)
        if other is not node and isinstance(other, (ast.FunctionDef, ast.Lambda))
    }
    assert len(inner) <= MOST_CLOSURES / 100 * len(functions)


def test_activations_are_looked_up_once():
    """Below the resolution of parameters they are objects."""
    users = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "ACTIVATIONS"
    }
    assert users <= {"network/_activations.py"}
    assert ACTIVATIONS


def test_no_file_reads_private_state_of_the_estimator():
    private = re.compile(
        r"(?<!skdeepbin\.)\b(clf|classifier|estimator|model)\._(?!_|skl|init_c)"
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in FILES
        for line in path.read_text().splitlines()
        if path.name != "_classifier.py" and private.search(line)
    ]
    assert not found
