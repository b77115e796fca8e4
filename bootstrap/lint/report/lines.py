"""Findings on one line each, and the report in a few words: for a run's notices and the plan. Pure."""

from __future__ import annotations

from bootstrap.core.text import one_line, plural
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report import Report


def told(finding: Finding) -> str:
    """The finding, without its place."""
    objects = f"{finding.subject} and {finding.other}" if finding.other else finding.subject
    return one_line(f"{finding.rule}: {objects}: {finding.why}")


def tally(report: Report) -> str:
    """`22 Applications in 15 waves, 0 errors, 1 warning, 2 not checked`."""
    parts = [
        f"{plural(report.applications, 'Application')} in {plural(report.waves, 'wave')}",
        plural(report.count(Severity.ERROR), "error"),
        plural(report.count(Severity.WARNING), "warning"),
        *([f"{len(report.unchecked)} not checked"] if report.unchecked else []),
    ]
    return ", ".join(parts)
