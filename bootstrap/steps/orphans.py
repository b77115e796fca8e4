"""Resume after a kill: what is in AWS but not in Terraform's state is taken over, never made twice.

Looked for is only what the plan is about to create, so a run that has nothing to create asks nothing. What a
thing is part of comes first: once a VPC is taken over, its id is known, and its subnets are found with the
next plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bootstrap.aws.adoption import FINDERS, HARMLESS, PARTS, Finder, World
from bootstrap.core.errors import StuckError, ToolError
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.terraform.creations import Creations
from bootstrap.terraform.refusals import Refusals
from bootstrap.terraform.runner import Planning, Terraform

ROUNDS = 8  # VPC → subnet → instance → address association, and some to spare


def adopt(context: Context, terraform: Terraform, planning: Planning) -> Planning:
    """The plan that takes over what is there already. Raises StuckError when that is to be refused."""
    policy, parallelism = context.config.terraform.orphans, context.config.terraform.parallelism
    if policy == "refuse" and (there := _look(context, terraform, planning, FINDERS)):
        raise _refused(there)

    def plan(found: Mapping[str, str]) -> Planning:
        again = [address for address in found if policy == "remove" and _machine(address)]
        return terraform.plan(parallelism, replace=again)

    found, planning = _gather(context, terraform, planning, FINDERS, plan)
    if found:
        what = "makes machines anew and takes over the rest of" if policy == "remove" else "takes over"
        names = ", ".join(f"{address} ({id_})" for address, id_ in found.items())
        context.emit(Notice(f"terraform {what} {len(found)} that an earlier run made: {names}"))
    return planning


def _machine(address: str) -> bool:
    """Only what may have been set up half is worth making anew: a VPC or a role is as good as another."""
    return ".aws_instance." in f".{address}"


def adopt_for_destroy(context: Context, terraform: Terraform) -> None:
    """Write into the state what an earlier run made, so that `terraform destroy` knows it.

    What Terraform cannot take over is no reason to keep the rest: the audit after it finds it.
    """
    try:
        _take_over(context, terraform)
    except ToolError as error:
        text = f"what an earlier run made could not be imported, so it is left to the audit: {error}"
        context.emit(Notice(text))
    finally:
        terraform.imports({})


def _take_over(context: Context, terraform: Terraform) -> None:
    """Apply the imports and nothing else. What they depend on was made before them, so it is among them.

    `terraform import` would not do: it stumbles over every `for_each` whose values are not known before the
    rest of the stack is there. A plan knows better.
    """
    plan = partial(terraform.plan, context.config.terraform.parallelism, refresh=False)
    found, _ = _gather(context, terraform, plan(), {**FINDERS, **HARMLESS}, lambda _: plan())
    if found:
        plan(only=tuple(found))
        terraform.apply(context.config.terraform.parallelism, Refusals())


def _gather(
    context: Context,
    terraform: Terraform,
    planning: Planning,
    finders: Mapping[str, Finder],
    plan: Callable[[Mapping[str, str]], Planning],
) -> tuple[Mapping[str, str], Planning]:
    """What is there, by address, and the plan that imports it; `plan` makes it anew with what was found."""
    found: dict[str, str] = {}
    for _ in range(ROUNDS):
        new = _look(context, terraform, planning, finders)
        if not new:
            break
        found |= new
        context.progress(f"found {len(found)} resources of an earlier run that are not in Terraform's state")
        terraform.imports(found)
        planning = plan(found)
    return found, planning


def _look(
    context: Context, terraform: Terraform, planning: Planning, finders: Mapping[str, Finder]
) -> dict[str, str]:
    if not any(change.action == "create" for change in planning.changes):
        return {}
    world = World(context.target.connect, context.config.tags)
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
