"""What a lint run found, and its four forms: text for people, JSON, SARIF and JUnit for machines.

`Report` is computed once; each form is a pure function of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bootstrap.gitops.model import Unchecked
from bootstrap.lint.model import Finding, Severity, Suppressed
from bootstrap.lint.rules.rule import Rule


@dataclass(frozen=True)
class Report:
    """`advice` are lines that are no findings: waves that could be merged. `stand_ins` names charts that
    could not be fetched; `seconds` is how long it took. `strict`: warnings count like errors."""

    environment: str
    rules: tuple[Rule, ...]
    applications: int = 0
    waves: int = 0
    objects: int = 0
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    advice: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    seconds: float = 0.0
    strict: bool = False

    @cached_property
    def sorted(self) -> tuple[Finding, ...]:
        """By file and line, so that what stands together is told together."""
        return tuple(sorted(self.findings, key=lambda one: (one.where, one.rule, one.subject, one.other)))

    @property
    def failing(self) -> Iterator[Finding]:
        """The findings that make the run fail."""
        return (finding for finding in self.sorted if self.fails(finding))

    def fails(self, finding: Finding) -> bool:
        return finding.severity is Severity.ERROR or (self.strict and finding.severity is Severity.WARNING)

    @property
    def ok(self) -> bool:
        return next(self.failing, None) is None

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)
