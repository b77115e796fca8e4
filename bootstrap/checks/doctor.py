"""Is this machine fit? Tools and versions, ports, disk, credentials, folders, Git; each with its cure.

Used by `bootstrap doctor`, which shows every check, and by preflight, which refuses when one fails.
A probe looks and changes nothing. What holds for every target stands in `common()`; a target brings its own
probes, made with the functions of the modules beside this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.aws.secret_age import due
from bootstrap.checks.files import disk, git_work_tree, writable
from bootstrap.checks.model import Check, Probe, Range
from bootstrap.checks.tools import judge_python, program
from bootstrap.config.model import Environment
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import BootstrapError, Problem

GIT_MINIMUM = (2, 20)
WORK_BYTES = 1_000_000_000  # state, logs and reports of runs


def run_checks(
    config: Environment, probes: Sequence[Probe], client: Callable[[str], Any] | None = None
) -> tuple[Check, ...]:
    """Everything `bootstrap doctor` looks at.

    `probes` are the target's own; `client` makes boto3 clients: None where nothing is to be asked.
    """
    return examine((*common(config), *probes, *(_secrets(config, client) if client else ())))


def _secrets(config: Environment, client: Callable[[str], Any]) -> tuple[Probe, ...]:
    """Secrets that are due are named; they are no reason to refuse anything."""
    timed = [seed for seed in config.seeds if seed.generate and seed.generate.rotate_after]

    def look() -> Check:

        found = due(Api(client("ssm")), config, SystemClock().now())
        told = f"due: {', '.join(map(str, found))} (bootstrap rotate --due)" if found else "none is due"
        return Check("secrets", True, told)

    return (Probe("secrets", look),) if timed else ()


def examine(probes: Sequence[Probe]) -> tuple[Check, ...]:
    """Make all checks, side by side, answered in the order given."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return tuple(pool.map(_examine_one, probes))


def _examine_one(probe: Probe) -> Check:
    try:
        return probe.look()
    except BootstrapError as error:
        return Check(probe.name, False, str(error), error.cure)
    except Exception as error:  # a check that breaks must not hide the others
        return Check(probe.name, False, f"could not be checked: {type(error).__name__}: {error}")


def problems(checks: Sequence[Check]) -> tuple[Problem, ...]:
    """The failed checks in the form in which preflight and the configuration report."""
    return tuple(Problem(check.name, check.detail, check.cure) for check in checks if not check.ok)


def common(config: Environment) -> tuple[Probe, ...]:
    """What every target needs."""
    return (
        Probe("python", lambda: judge_python(sys.version_info[:3])),
        program("git", "git", ("--version",), Range(GIT_MINIMUM), "install Git: apt-get install git"),
        git_work_tree("gitops repository", config.gitops.checkout),
        writable("work folder", config.work),
        disk("disk", config.work, WORK_BYTES),
    )
