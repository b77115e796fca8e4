"""Can what is in Git come up in this order? Asked after the target is prepared, before anything is made."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.config.model import OFF, WARN
from bootstrap.core.errors import PreflightError, Problem
from bootstrap.gitops.model import Tree
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report.lines import tally, told
from bootstrap.lint.run import lint
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done

MOST = 5  # notices of a run; `bootstrap lint` tells all


def run(context: Context) -> Done:
    """Raises PreflightError with every error of `bootstrap lint`, unless `lint: warn` is configured."""
    config = context.config
    if config.lint == OFF:
        return Done("switched off in the configuration", changed=False)
    report = lint(config, context.results.get(Tree), clock=context.clock).report
    errors = [finding for finding in report.sorted if finding.severity is Severity.ERROR]
    if errors and config.lint != WARN:
        problems = [Problem(str(one.where), told(one), one.cure) for one in errors]
        raise PreflightError(
            "what is in Git cannot come up; nothing was made (see `bootstrap lint`)", problems
        )
    _notice(context, [one for one in report.sorted if one.severity is not Severity.INFO])
    return Done(tally(report), changed=False)


def _notice(context: Context, findings: Sequence[Finding]) -> None:
    for finding in findings[:MOST]:
        context.emit(Notice(f"lint: {finding.where}: {told(finding)}"))
    if len(findings) > MOST:
        context.emit(Notice(f"lint: and {len(findings) - MOST} more; see all with `bootstrap lint`"))
