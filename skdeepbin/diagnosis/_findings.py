"""Findings of a diagnosis: each a cause with its evidence and its remedy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from math import isfinite
from typing import Any

from sklearn.exceptions import ConvergenceWarning


class LearningWarning(ConvergenceWarning):
    """A fit that is stuck, diverged or ended too early, with its cause and remedy."""


def is_heard() -> bool:
    """Return whether a LearningWarning is shown; else its cause need not be found."""
    for action, message, category, module, _ in warnings.filters:
        if issubclass(LearningWarning, category) and not (message or module):
            return action != "ignore"
    return True


# The worst first.
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One cause of bad learning, or one thing worth knowing about the data.

    All parameters are given by keywords.

    Parameters
    ----------
    code : str
        A word for the cause, such as "init_too_small".

    severity : {"error", "warning", "info"}
        "error": next to nothing was learnt; "warning": less than could be; "info":
        nothing is known to be lost.

    layer : int or None, default=None
        The layer where it shows: 1 is the first hidden layer, the last is the output.

    evidence : dict of str to float
        What was measured.

    cause : str
        A sentence without its full stop.

    remedy : str
        What to set to what, and what that did where it was tried; a sentence without
        its full stop.

    change : dict, default={}
        The remedy as parameters for `set_params`, where it is one.

    Examples
    --------
    >>> from skdeepbin.diagnosis import Finding
    >>> print(Finding(
    ...     code="unscaled_features",
    ...     severity="warning",
    ...     evidence={"largest column": 1e4},
    ...     cause="One column is large",
    ...     remedy="Scale X",
    ... ))
    One column is large (largest column 10,000). Scale X.
    """

    code: str
    severity: str
    layer: int | None = None
    evidence: Mapping[str, float]
    cause: str
    remedy: str
    change: Mapping[str, Any] = field(default_factory=dict)

    def sentences(self) -> str:
        """Return two sentences: the cause with its evidence, and the remedy.

        Returns
        -------
        said : str
            What `str` gives as well.
        """
        numbers = f" ({self._numbers()})" if self.evidence else ""
        return f"{self.cause}{numbers}. {self.remedy}."

    __str__ = sentences

    def _numbers(self) -> str:
        return ", ".join(f"{name} {shown(v)}" for name, v in self.evidence.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain Python values.

        Returns
        -------
        told : dict
            One entry for each field; None for numbers that are not finite.
        """
        numbers = {name: float(value) for name, value in self.evidence.items()}
        return {
            "code": self.code,
            "severity": self.severity,
            "layer": self.layer,
            "evidence": {k: v if isfinite(v) else None for k, v in numbers.items()},
            "cause": self.cause,
            "remedy": self.remedy,
            "change": dict(self.change),
        }


@dataclass(frozen=True)
class Diagnosis:
    """The findings about a fitted network, the worst first.

    Parameters
    ----------
    findings : tuple of Finding
        At least one: where all is well, one with the code "healthy".

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepbin import DeepBinaryClassifier
    >>> from skdeepbin.diagnosis import diagnose
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> clf = DeepBinaryClassifier(random_state=0).fit(X, y)
    >>> diagnosis = diagnose(clf, X, y)
    >>> diagnosis.ok, diagnosis.findings[0].code
    (True, 'healthy')
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True if no finding is more than an information."""
        return all(finding.severity == "info" for finding in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """The code of each finding."""
        return tuple(finding.code for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as plain Python values.

        Returns
        -------
        told : dict
            `ok`, and the `findings` as dicts.
        """
        return {
            "ok": self.ok,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join(
            f"{finding.severity}: {finding.code}{_where(finding)}\n    {finding}"
            for finding in self.findings
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(f.severity)}</td><td><code>{escape(f.code)}</code>"
            f"{escape(_where(f))}</td><td>{escape(f.cause)}</td>"
            f"<td>{escape(f._numbers())}</td><td>{escape(f.remedy)}</td></tr>"
            for f in self.findings
        )
        heads = ("severity", "code", "cause", "evidence", "remedy")
        head = "".join(f"<th>{name}</th>" for name in heads)
        return (
            f"<table><thead><tr>{head}</tr></thead>"
            f'<tbody style="text-align: left">{rows}</tbody></table>'
        )


def shown(value: float) -> str:
    """Format a number with three digits, and an exponent only where it is needed."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _where(finding: Finding) -> str:
    return "" if finding.layer is None else f" in layer {finding.layer}"


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sort findings by severity; those that are equally bad stay in their order."""
    return tuple(sorted(findings, key=lambda f: SEVERITIES.index(f.severity)))
