"""Where the pipeline runs. What differs is a field of `run.target.Target`, never a branch in a step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.core.git import tracked
from bootstrap.run.target import Target
from bootstrap.targets.base import Phases

NAMES = ("aws", "local")


def open_run(config: Environment, faults: Sequence[str] = ()) -> tuple[Target, Phases]:
    """The target that the environment names, and the steps that it adds to a plan; touches nothing.

    `faults` are to be rehearsed there. Raises UsageError for an unknown target or fault, and where faults
    cannot be rehearsed; UsageError, too, when our own folder is tracked by Git, ToolError when git fails.
    """
    if config.target not in NAMES:
        raise UsageError(f"there is no target {config.target}", f"known are {', '.join(NAMES)}")
    # Only the one that is needed: imports take time.
    build = import_module(f"bootstrap.targets.{config.target}").build
    _require_own(config.work)
    opened: tuple[Target, Phases] = build(config, tuple(faults))
    return opened


def _require_own(work: Path) -> None:
    """Raises UsageError when our own folder came with Git: what is in it is believed, and run. ToolError when
    git does not tell."""
    if os.path.lexists(work) and tracked(work):
        why = "what is in it is trusted, and whoever changes the repository made it"
        cure = f"git rm -r --cached {work.name}, and remove the folder"
        raise UsageError(f"{work} is tracked by Git", why, cure)


def open_target(config: Environment) -> Target:
    """The target alone, for commands that only look. Raises as `open_run`."""
    return open_run(config)[0]
