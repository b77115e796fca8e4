"""Terraform apply: everything in AWS up to machines that join. Applied is exactly what was planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.context import Context
from bootstrap.events import Notice
from bootstrap.plan import Done
from bootstrap.steps import backend
from bootstrap.steps.backend import StateBackend
from bootstrap.steps.orphans import adopt
from bootstrap.steps.unlock import unlocking
from bootstrap.terraform.messages import Planned
from bootstrap.terraform.progress import counts
from bootstrap.terraform.runner import Planning
from bootstrap.terraform.stack import open_stack


@dataclass(frozen=True)
class Outputs:
    """Terraform's outputs by name. They may hold secrets, so they are never shown."""

    values: Mapping[str, Any] = field(repr=False)


def run(context: Context) -> Done:
    """Bring AWS to what the stack says.

    Raises LockedError when another run holds the state, TemporaryError for what passes, ToolError otherwise,
    Interrupted after a clean stop.
    """
    terraform = open_stack(context, context.results.get(StateBackend).settings(context.target.backend))
    if unlocking(context, terraform, terraform.rescue_state):
        context.emit(Notice("uploaded the Terraform state that an earlier run could not (errored.tfstate)"))
    context.progress("terraform plan")
    parallelism = context.config.terraform.parallelism
    planning = unlocking(context, terraform, lambda: terraform.plan(parallelism))
    planning = adopt(context, terraform, planning)
    if planning.needed:
        _warn(context, planning)
        terraform.apply(parallelism)
    return Done(counts(planning.summary, done=True), Outputs(terraform.outputs()), planning.needed)


def terraform_preview(context: Context) -> tuple[Planned, ...]:
    """What `up` would change; takes no lock and writes nothing to AWS. Raises like `run`."""
    found = backend.find(context)
    terraform = open_stack(context, found.settings(context.target.backend) if found else None)
    return terraform.preview(context.config.terraform.parallelism).changes


def _warn(context: Context, planning: Planning) -> None:
    """Say what goes away before it does."""
    going = [change.address for change in planning.changes if change.action in ("delete", "replace")]
    if going:
        context.emit(Notice(f"terraform removes or replaces {len(going)}: {', '.join(going)}"))
