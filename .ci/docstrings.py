"""Validate the public docstrings by numpydoc's rules; exit 1 on any finding."""

import sys

from numpydoc.validate import validate

import skdeepbin
import skdeepbin.dask
import skdeepbin.diagnosis
import skdeepbin.export
import skdeepbin.plotting

# As in scikit-learn: where the text begins and ends (GL01, GL02), descriptions of
# returned values (RT02); and sections that a method does not need when its class has
# them: extended summary, examples, see also.
IGNORED = {"GL01", "GL02", "RT02", "ES01", "EX01", "SA01"}


def public(package):
    """The public objects of a package with their public methods."""
    for name in package.__all__:
        yield f"{package.__name__}.{name}"
        for member, value in vars(getattr(package, name)).items():
            is_method = callable(value) or isinstance(value, classmethod)
            if member[0] != "_" and is_method:
                yield f"{package.__name__}.{name}.{member}"


packages = (
    skdeepbin,
    skdeepbin.dask,
    skdeepbin.diagnosis,
    skdeepbin.export,
    skdeepbin.plotting,
)
names = [name for package in packages for name in public(package)]
findings = [
    f"{name}: {code} {text}"
    for name in names
    for code, text in validate(name)["errors"]
    if code not in IGNORED
]
print(*findings, f"{len(names)} docstrings, {len(findings)} findings", sep="\n")
sys.exit(bool(findings))
