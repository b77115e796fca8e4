"""Resume after a kill: what is in AWS but not in Terraform's state is taken over, never made twice.

Looked for is only what the plan is about to create, so a run that has nothing to create asks nothing. What a
thing is part of comes first: once a VPC is taken over, its id is known, and its subnets are found with the
next plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bootstrap.aws.adoption import FINDERS, HARMLESS, PARTS, Finder, World
from bootstrap.aws.api import Api
from bootstrap.context import Context
from bootstrap.errors import StuckError, ToolError
from bootstrap.events import Notice
from bootstrap.terraform.creations import Creations
from bootstrap.terraform.runner import Planning, Terraform

ROUNDS = 8  # VPC → subnet → instance → address association, and some to spare


def adopt(context: Context, terraform: Terraform, planning: Planning) -> Planning:
    """The plan that takes over what is there already. Raises StuckError when that is to be refused."""
    policy, parallelism = context.config.terraform.orphans, context.config.terraform.parallelism
    found: dict[str, str] = {}
    for _ in range(ROUNDS):
        new = _look(context, terraform, planning, FINDERS)
        if not new:
            break
        if policy == "refuse":
            raise _refused(new)
        found |= new
        context.progress(f"found {len(found)} resources of an earlier run that are not in Terraform's state")
        terraform.imports(found)
        again = [address for address in found if policy == "remove" and _machine(address)]
        planning = terraform.plan(parallelism, replace=again)
    if found:
        what = "makes machines anew and takes over the rest of" if policy == "remove" else "takes over"
        names = ", ".join(f"{address} ({id_})" for address, id_ in found.items())
        context.emit(Notice(f"terraform {what} {len(found)} that an earlier run made: {names}"))
    return planning


def _machine(address: str) -> bool:
    """Only what may have been set up half is worth making anew: a VPC or a role is as good as another."""
    return ".aws_instance." in f".{address}"


def adopt_for_destroy(context: Context, terraform: Terraform) -> None:
    """Write into the state what an earlier run made, so that `terraform destroy` knows it."""
    parallelism, tried = context.config.terraform.parallelism, set[str]()
    for _ in range(ROUNDS):
        planning = terraform.plan(parallelism, refresh=False)
        new = _look(context, terraform, planning, {**FINDERS, **HARMLESS})
        if new.keys() <= tried:
            break
        for address, id_ in new.items():
            if address not in tried:
                tried.add(address)
                _import(context, terraform, address, id_)


def _import(context: Context, terraform: Terraform, address: str, id_: str) -> None:
    """What Terraform cannot take over is no reason to keep the rest: the audit after it finds it."""
    context.progress(f"terraform import {address}, which an earlier run made")
    try:
        terraform.import_now(address, id_)
    except ToolError as error:
        context.emit(
            Notice(f"{address} ({id_}) could not be imported, so it is left to the audit: {error.why}")
        )


def _look(
    context: Context, terraform: Terraform, planning: Planning, finders: Mapping[str, Finder]
) -> dict[str, str]:
    if not any(change.action == "create" for change in planning.changes):
        return {}
    world = World(cache(lambda service: Api(context.target.client(service))), context.config.tags)
    return match(world, terraform.creations(), finders)


def match(world: World, creations: Creations, finders: Mapping[str, Finder]) -> dict[str, str]:
    """What is there already, by address. One thing is never given to two addresses.

    Parts have no id of their own in the state: where the plan also deletes some, what is found may be those.
    """
    found: dict[str, str] = {}
    taken = set(creations.managed)
    for item in creations.items:
        finder = finders.get(item.type)
        if finder is None or (item.type in PARTS and item.type in creations.going):
            continue
        id_ = finder(world, item.values)
        if id_ and (item.type, id_) not in taken:
            taken.add((item.type, id_))
            found[item.address] = id_
    return found


def _refused(found: Mapping[str, str]) -> StuckError:
    return StuckError(
        f"{len(found)} resources of an earlier run are not in Terraform's state",
        "".join(f"\n  - {address}: {id_}" for address, id_ in found.items()),
        "set `terraform.orphans` to import or remove, or delete them yourself",
    )
