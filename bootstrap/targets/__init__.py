"""Where the pipeline runs. What differs is a field of `base.Target`, never a branch in a step."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from bootstrap.core.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.config.model import Environment
    from bootstrap.targets.base import Target

NAMES = ("aws", "local")


def open_target(config: Environment, faults: Sequence[str] = ()) -> Target:
    """The target that the environment names; `faults` are to be rehearsed there. Touches nothing.

    Raises UsageError for an unknown target or fault, and where faults cannot be rehearsed.
    """
    if config.target not in NAMES:
        raise UsageError(f"there is no target {config.target}", f"known are {', '.join(NAMES)}")
    build = import_module(
        f"bootstrap.targets.{config.target}"
    ).build  # only what is needed: imports take time
    target: Target = build(config, tuple(faults))
    return target
