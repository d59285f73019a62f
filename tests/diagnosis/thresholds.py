"""Move every threshold of the diagnosis, one at a time, and see whether a test fails.

    python -m tests.diagnosis.thresholds          # by the tests of thresholds
    python -m tests.diagnosis.thresholds 2 all    # 2 at a time, by all of the diagnosis

A threshold is a number in a constant of a module: counts are moved by one or by half,
other numbers by half and by two thirds. Prints those that no test misses.
"""

import ast
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
DIAGNOSIS = Path("skdeepbin/diagnosis")
FAST = [
    f"tests/diagnosis/{part}/test_thresholds.py" for part in ("training", "backprop")
]
FAST += [
    "tests/diagnosis/training/test_budget.py::test_the_work_of_a_pass_is_the_formula"
]
WHOLE = ["tests/diagnosis"]
# Numbers that are no thresholds: more or less of these is slower, or another sample.
EFFORT = {"BREADTH", "SLACK", "SEED", "SPREADS", "EPSILONS", "N_SHOWN"}
# Counts of at most so many are moved by one.
SMALL = 20


def constants(path):
    """Yield the name and the expression of every constant of a module."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Tuple):
            yield from zip(map(ast.unparse, target.elts), node.value.elts, strict=True)
        else:
            yield ast.unparse(target), node.value


def numbers(path):
    """Yield the constant, and the node of each number that stands in it."""
    for name, value in constants(path):
        nodes = list(ast.walk(value))
        plain = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Dict, ast.operator, ast.Load)
        if name.isupper() and name not in EFFORT:
            for node in nodes if all(isinstance(n, plain) for n in nodes) else ():
                if type(getattr(node, "value", None)) in (int, float):
                    yield name, node


def moved(value):
    """Return a number that is somewhat smaller, and one that is larger."""
    if isinstance(value, int) and value <= SMALL:
        return value - 1, value + 1
    if isinstance(value, int):
        return value // 2, value + value // 2
    return value / 1.5, value * 1.5


def mutants():
    """Yield the path, a description and the code of every mutant."""
    for path in sorted((ROOT / DIAGNOSIS).rglob("*.py")):
        code = path.read_text()
        lines = code.splitlines(keepends=True)
        for name, node in numbers(path.relative_to(ROOT)):
            for value in moved(node.value):
                line = lines[node.lineno - 1]
                changed = list(lines)
                changed[node.lineno - 1] = (
                    line[: node.col_offset] + repr(value) + line[node.end_col_offset :]
                )
                what = f"{name}: {node.value!r} -> {value!r}"
                yield path.relative_to(ROOT), what, code, "".join(changed)


def survives(folder, tests):
    """Return whether all tests pass in a folder."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return not subprocess.run(
        [*command, *tests],
        cwd=folder,
        env=os.environ | environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        check=False,
    ).returncode


def main(workers=2, tests=FAST):
    """Print the survivors, and how many were killed."""
    with TemporaryDirectory() as temporary, ThreadPoolExecutor(workers) as pool:
        folders = SimpleQueue()
        for number in range(workers):
            folder = Path(temporary) / str(number)
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "*.egg*"))
            assert survives(folder, tests), "a test fails as it is"
            folders.put(folder)

        def is_killed(mutant):
            path, what, code, mutated = mutant
            folder = folders.get()
            try:
                (folder / path).write_text(mutated)
                killed = not survives(folder, tests)
            finally:
                (folder / path).write_text(code)
                folders.put(folder)
            if not killed:
                print(f"{path}: {what}", flush=True)
            return killed

        killed = list(pool.map(is_killed, mutants()))
    print(f"{sum(killed)} of {len(killed)} mutants of thresholds killed")


if __name__ == "__main__":
    number, *whole = sys.argv[1:] or ["2"]
    main(int(number), WHOLE if whole else FAST)
