"""Validate the public docstrings by numpydoc's rules; exit 1 on any finding."""

import sys

from numpydoc.validate import validate

import skdeepbin

# As in scikit-learn: where the text begins and ends (GL01, GL02), descriptions of
# returned values (RT02); and sections that a method does not need when its class has
# them: extended summary, examples, see also.
IGNORED = {"GL01", "GL02", "RT02", "ES01", "EX01", "SA01"}

names = [f"skdeepbin.{name}" for name in skdeepbin.__all__]
for name in list(names):
    members = vars(getattr(skdeepbin, name.rpartition(".")[2]))
    names += [
        f"{name}.{m}" for m, value in members.items() if m[0] != "_" and callable(value)
    ]
findings = [
    f"{name}: {code} {text}"
    for name in names
    for code, text in validate(name)["errors"]
    if code not in IGNORED
]
print(*findings, f"{len(names)} docstrings, {len(findings)} findings", sep="\n")
sys.exit(bool(findings))
