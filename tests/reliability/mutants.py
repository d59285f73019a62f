"""Break the code in one place at a time, and see whether a test fails.

    pip install cosmic-ray
    python -m tests.reliability.mutants 300

Takes so many of the mutants of ``network/``, ``engine/``, ``training/`` and
``diagnosis/`` that cosmic-ray knows, at random, runs tests on each until one fails, and
prints those that survived. One that takes too long is killed. Mutants of type hints
alone are left out. Those of one room: ``... mutants 300 0 2 diagnosis``.
"""

import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
ROOMS = "network", "engine", "training", "diagnosis"
# Two mutants of a second and a length would be one to Python's cache of compiled code.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
# Those of the file itself come first, then all that are quick, and where the mutant
# lives, those of the classifier.
QUICK = "tests/network", "tests/training"
WHOLE = (
    "tests/test_bad_input.py",
    "tests/reliability/test_checkpoint.py",
    "tests/test_classifier.py",
    "tests/test_learning.py",
)
# Of the diagnosis, the thresholds come first, and what it warns of after its own tests.
THRESHOLDS = (
    "tests/diagnosis/training/test_thresholds.py",
    "tests/diagnosis/backprop/test_thresholds.py",
)
DIAGNOSIS = "tests/diagnosis", "tests/monitoring", "tests/plotting"
# Slow, and only of these files.
SLOW = {
    "tests/reliability/test_interrupt.py": (
        "_ensemble.py",
        "_lbfgs.py",
        "_loop.py",
        "_restarts.py",
        "_session.py",
        "_threads.py",
    ),
    "tests/reliability/test_parallel.py": ("_threads.py",),
}
# That a run may take, several times what it does.
SECONDS = 900


def runs(path):
    """The tests of each run on a mutant of a file."""
    folder = path.relative_to("skdeepbin").parent
    own = f"tests/{folder}/test{path.name}"
    first = [[own]] * (ROOT / own).exists()
    if folder.parts[0] == "diagnosis":
        return [*first, THRESHOLDS, DIAGNOSIS]
    slow = [test for test, names in SLOW.items() if path.name in names]
    return [*first, QUICK, [*WHOLE, *slow]]


def mutants(seed, rooms=ROOMS):
    """The path, the code and the mutated code of each, in a random order."""
    from cosmic_ray import plugins  # here, for pytest to look for doctests without it
    from cosmic_ray.commands import init
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.work_db import WorkDB

    folders = [ROOT / "skdeepbin" / room for room in rooms]
    modules = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    database = WorkDB(":memory:", WorkDB.Mode.create)
    init(modules, database, {})
    mutations = [item.mutations[0] for item in database.work_items]
    random.Random(seed).shuffle(mutations)
    for mutation in mutations:
        operator = plugins.get_operator(mutation.operator_name)
        code = mutation.module_path.read_text()
        mutated = mutate_code(
            code, operator(**mutation.operator_args), mutation.occurrence
        )
        if mutated is not None and is_run(code, mutated):
            yield mutation.module_path.relative_to(ROOT), code, mutated


class WithoutHints(ast.NodeTransformer):
    """Leaves out what is not run."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def is_run(code, mutated):
    """Whether the mutant is Python, and differs in more than type hints."""
    try:
        trees = [WithoutHints().visit(ast.parse(text)) for text in (code, mutated)]
    except SyntaxError:
        return False
    one, other = map(ast.dump, trees)
    return one != other


def survives(folder, path):
    """Whether all tests pass in a folder with a mutant of a file."""
    for tests in runs(path):
        command = [sys.executable, "-m", "pytest", "-x", "-q", *tests]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            failed = process.wait(SECONDS) != 0
        except subprocess.TimeoutExpired:
            failed = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if failed:
            return False
    return True


def difference(path, code, mutated):
    """The lines that differ."""
    lines = unified_diff(
        code.splitlines(), mutated.splitlines(), str(path), n=0, lineterm=""
    )
    return "\n".join(line for line in lines if not line.startswith("+++"))


def main(sample, seed=0, workers=2, rooms=ROOMS):
    """Print the survivors of a sample, and how many were killed."""
    start, tried, killed = time.perf_counter(), 0, 0
    with TemporaryDirectory() as temporary, ThreadPoolExecutor(workers) as pool:
        folders = SimpleQueue()
        for number in range(workers):
            folder = Path(temporary) / str(number)
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "*.egg*"))
            folders.put(folder)

        def survivor(mutant):
            path, code, mutated = mutant
            folder = folders.get()
            try:
                (folder / path).write_text(mutated)
                return (
                    difference(path, code, mutated) if survives(folder, path) else None
                )
            finally:
                (folder / path).write_text(code)
                folders.put(folder)

        for text in pool.map(survivor, islice(mutants(seed, rooms), sample)):
            tried += 1
            killed += text is None
            if text is not None:
                print(f"{text}\n{killed} of {tried} killed so far", flush=True)
    print(
        f"{killed} of {tried} mutants killed ({killed / tried:.1%}) in "
        f"{time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    numbers, rooms = sys.argv[1:4], sys.argv[4:]
    main(*map(int, numbers), rooms=rooms or ROOMS)
