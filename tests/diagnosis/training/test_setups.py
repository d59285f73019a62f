"""Every set-up: the cause is named, and nobody who learnt is accused."""

from collections import Counter

import pytest

from skdeepbin.diagnosis import diagnose
from skdeepbin.diagnosis.training._rules import FINDINGS
from skdeepbin.diagnosis.training._rules import HEALTHY as NOTHING
from tests.diagnosis.setups import HEALTHY, SICK, fit_quietly, fitted

# Some are changed after their fit.
pytestmark = pytest.mark.filterwarnings("ignore:X and y are hardly the rows")


def cases(setups):
    """Return the set-ups as parameters; those that are known to be missed must fail."""
    return [
        pytest.param(
            setup,
            id=setup.name,
            marks=[pytest.mark.xfail(reason=setup.missed, strict=True)]
            if setup.missed
            else [],
        )
        for setup in setups
    ]


def test_every_code_has_two_sick_setups():
    n_setups = Counter(code for setup in SICK for code in setup.codes)
    for code in {row.code for row in FINDINGS} - {NOTHING.code}:
        assert n_setups[code] >= 2, code
    assert len(HEALTHY) >= 40
    for setups in (SICK, HEALTHY):
        names = [setup.name for setup in setups]
        assert len(set(names)) == len(names)


SEVERITIES = {(row.code, severity) for row in FINDINGS for severity in row.severity}


@pytest.mark.parametrize("setup", cases(SICK))
def test_the_first_finding_is_the_cause(setup):
    findings = diagnose(*fitted(setup)).findings
    assert {(f.code, f.severity) for f in findings} <= SEVERITIES
    assert findings[0].code in setup.codes


@pytest.mark.parametrize("setup", cases(HEALTHY))
def test_no_healthy_network_is_accused(setup):
    diagnosis = diagnose(*fitted(setup))
    assert diagnosis.ok, str(diagnosis)


@pytest.mark.parametrize(
    "name", ["tanh x 4, 0.01", "alpha 1e4", "dropout 0.9", "gd 1e-5", "1 unit"]
)
def test_remedies_do_what_they_say(name):
    """The change of a finding is one for `set_params`, and it cures."""
    clf, X, y = fitted(next(setup for setup in SICK if setup.name == name))
    before = clf.score(X, y)
    clf.set_params(**diagnose(clf, X, y).findings[0].change)
    assert fit_quietly(clf, X, y).score(X, y) > before + 0.1
