"""What holds for all tests: doctests of pictures need matplotlib, and no screen."""

import os
from importlib.util import find_spec

os.environ.setdefault("MPLBACKEND", "Agg")

collect_ignore_glob = []
if find_spec("matplotlib") is None:
    collect_ignore_glob += ["skdeepbin/plotting/*.py", "skdeepbin/_report.py"]
