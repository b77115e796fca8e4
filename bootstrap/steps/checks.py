"""Is this machine fit? The first step: nothing has been made, started or asked yet."""

from __future__ import annotations

from bootstrap.checks import doctor
from bootstrap.core.errors import PreflightError
from bootstrap.run.context import Context
from bootstrap.run.step import Done


def run(context: Context) -> Done:
    """Raises PreflightError with every check of `bootstrap doctor` that failed."""
    target = context.target
    checks = doctor.run_checks(
        context.config, target.shown.probes, target.client if target.exists() else None
    )
    problems = doctor.problems(checks)
    if problems:
        raise PreflightError("this machine is not ready; nothing was touched", problems)
    return Done(f"{len(checks)} checks passed", changed=False)
