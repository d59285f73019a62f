"""What holds for all tests: no screen, and only doctests whose libraries are here."""

import os
from importlib.util import find_spec

os.environ.setdefault("MPLBACKEND", "Agg")

NEEDED = {
    "skdeepbin/dask/__init__.py": "distributed",
    "skdeepbin/export/_onnx.py": "onnx",
    "skdeepbin/plotting/*.py": "matplotlib",
    "skdeepbin/reporting/_report.py": "matplotlib",
}

collect_ignore_glob = [path for path, name in NEEDED.items() if not find_spec(name)]
