"""Is this machine fit? The first step: nothing has been made, started or asked yet."""

from __future__ import annotations

from bootstrap.checks import probes as doctor
from bootstrap.core.errors import PreflightError
from bootstrap.run.context import Context
from bootstrap.run.step import Done


def run(context: Context) -> Done:
    """Raises PreflightError with every check of `bootstrap doctor` that failed."""
    checks = doctor.run_checks(context.config, context.target)
    problems = doctor.problems(checks)
    if problems:
        raise PreflightError("this machine is not ready; nothing was touched", problems)
    return Done(f"{len(checks)} checks passed", changed=False)
