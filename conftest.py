"""Files whose doctests need a library that is not here are left out."""

from importlib.util import find_spec

DOCTESTS = {
    "skdeepbin/dask/__init__.py": ["dask", "distributed"],
    "skdeepbin/export/_onnx.py": ["onnx"],
}

collect_ignore = [
    path for path, names in DOCTESTS.items() if not all(map(find_spec, names))
]
