"""Terraform apply: everything in AWS up to machines that join. Applied is exactly what was planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import backend
from bootstrap.steps.backend import StateBackend
from bootstrap.steps.orphans import adopt
from bootstrap.steps.placement import placed
from bootstrap.steps.unlock import unlocking
from bootstrap.terraform.messages import Planned
from bootstrap.terraform.progress import counts
from bootstrap.terraform.refusals import Refusals
from bootstrap.terraform.runner import Planning
from bootstrap.terraform.shortage import Place, Shortage, Spot
from bootstrap.terraform.stack import open_stack


@dataclass(frozen=True)
class Outputs:
    """Terraform's outputs by name. They may hold secrets, so they are never shown."""

    values: Mapping[str, Any] = field(repr=False)


def run(context: Context) -> Done:
    """Bring AWS to what the stack says; machines that find no room go where the configuration allows.

    Raises LockedError when another run holds the state, TemporaryError for what passes, Shortage when a
    machine finds no room anywhere, ToolError otherwise, Interrupted after a clean stop.
    """
    short: frozenset[Spot] = frozenset()
    while True:
        try:
            return _converge(context, placed(context, short))
        except Shortage as error:
            known = frozenset(spot for spot in error.spots if spot.zone) - short
            if not known:
                raise
            short |= known
            try:
                placed(context, short)
            except Shortage as nowhere:
                raise Shortage(nowhere.spots, f"{nowhere.why}: {error.why}") from error
            context.emit(Notice(f"{error.what}; trying elsewhere"))


def _converge(context: Context, places: Mapping[str, Place]) -> Done:
    settings = context.results.get(StateBackend).settings(context.target.terraform.backend)
    terraform = open_stack(context, settings, places, context.deadline / 2)
    if unlocking(context, terraform, terraform.rescue_state):
        context.emit(Notice("uploaded the Terraform state that an earlier run could not (errored.tfstate)"))
    context.progress("terraform plan")
    config = context.config.terraform
    planning = unlocking(context, terraform, lambda: terraform.plan(config.parallelism))
    planning = adopt(context, terraform, planning)
    if planning.needed:
        _warn(context, planning)
        terraform.apply(config.parallelism, Refusals(config.capacity_patience))
    return Done(counts(planning.summary, done=True), Outputs(terraform.outputs()), planning.needed)


def terraform_preview(context: Context) -> tuple[Planned, ...]:
    """What `up` would change; takes no lock and writes nothing to AWS. Raises like `run`."""
    found = backend.find(context)
    terraform = open_stack(
        context, found.settings(context.target.terraform.backend) if found else None, placed(context)
    )
    return terraform.preview(context.config.terraform.parallelism).changes


def _warn(context: Context, planning: Planning) -> None:
    """Say what goes away before it does."""
    going = [change.address for change in planning.changes if change.action in ("delete", "replace")]
    if going:
        context.emit(Notice(f"terraform removes or replaces {len(going)}: {', '.join(going)}"))
