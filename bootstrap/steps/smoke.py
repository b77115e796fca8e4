"""The users' own checks of a cluster that came up: commands of the configuration, one after the other.

They get the cluster by KUBECONFIG and the environment's names; nothing of the user's own context changes.
"""

from __future__ import annotations

import os
import subprocess

from bootstrap.config.model import Smoke
from bootstrap.core.errors import Interrupted, Problem, ProblemsError
from bootstrap.run.context import Context
from bootstrap.run.events import SmokeChecked
from bootstrap.run.step import Done

TAIL = 2000  # characters of output that are kept


class SmokeError(ProblemsError):
    """A check of the user's own failed: the cluster is up, but not what it should be."""

    exit_code = 5


def run(context: Context) -> Done:
    """All checks are made, also after one has failed. Raises SmokeError with every one that failed."""
    problems = []
    for check in context.config.drill.smoke:
        if context.cancel.is_set():
            raise Interrupted("interrupted between smoke checks")
        context.progress(f"smoke check {check.name}")
        seen = _check(context, check)
        context.emit(seen)
        if not seen.passed:
            problems.append(Problem(f"smoke check {check.name}", seen.output or "failed", check.run))
    count = len(context.config.drill.smoke)
    if problems:
        raise SmokeError(f"{len(problems)} of {count} smoke checks failed", problems)
    return Done(f"{count} smoke checks passed", changed=False)


def _check(context: Context, check: Smoke) -> SmokeChecked:
    began = context.clock.monotonic()
    code, output = _call(context, check)
    seconds = round(context.clock.monotonic() - began, 3)
    told = "" if code == 0 else f"{output[-TAIL:].strip()} (exit {code})"
    return SmokeChecked(check.name, code == 0, seconds, told)


def _call(context: Context, check: Smoke) -> tuple[int, str]:
    config = context.config
    ours = {
        "KUBECONFIG": str(config.kubeconfig),
        "BOOTSTRAP_ENVIRONMENT": config.name,
        "BOOTSTRAP_PROJECT": config.project,
        "AWS_REGION": config.region,
        **context.target.tool_environment,
    }
    try:
        done = subprocess.run(  # noqa: S602 - the user's own command line, from the user's own file
            check.run,
            shell=True,
            cwd=config.home,
            env={**os.environ, **ours},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=check.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"no end within {check.timeout:.0f} s"
    return done.returncode, done.stdout
