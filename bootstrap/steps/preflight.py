"""Refuse what cannot work before anything is created: all problems at once, each with its cure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from bootstrap.aws import credentials, environments, permissions, quotas, ssm, state_bucket, state_file
from bootstrap.aws.adoption import World
from bootstrap.aws.api import Api
from bootstrap.aws.collisions import collisions
from bootstrap.aws.errors import CURE_CREDENTIALS, AwsError
from bootstrap.aws.identity import Identity, identity
from bootstrap.config import parameters
from bootstrap.config.seeds import source_problems
from bootstrap.core.errors import BootstrapError, PermanentError, PreflightError, Problem
from bootstrap.recovery.vault import PURPOSE
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import backend, restore, seeds

COSTLY = (
    ("instances", "Reservations", "InstanceId"),
    ("vpcs", "Vpcs", "VpcId"),
    ("addresses", "Addresses", "AllocationId"),
    ("nat_gateways", "NatGateways", "NatGatewayId"),
)
GONE = ("terminated", "shutting-down", "deleted", "deleting")


def run(context: Context, restoring: bool = False) -> Done:
    """Raises PreflightError with every problem found, TemporaryError when AWS cannot be asked.

    `restoring`: supplied seeds come from a backup, and its restore may be under way.
    """
    # To make a client of EC2 takes longer than to ask it.
    context = replace(context, target=replace(context.target, client=cache(context.target.client)))
    config = context.config
    sources = seeds.sources(context)
    problems = [] if restoring else [*source_problems(config.seeds, config.ssm_prefix, sources)]
    who: Identity | None = None
    try:
        who = identity(Api(context.target.client("sts")))
    except PermanentError as error:
        problems.append(Problem("AWS credentials", str(error), error.cure))
    if who:
        problems += _account(context, who)
        problems += () if restoring else _restore(context)
    if problems or not who:
        raise PreflightError(f"{config.name} cannot be brought up; nothing was touched", problems)
    return Done(f"account {who.account}, {config.region}", changed=False)


def _account(context: Context, who: Identity) -> Iterator[Problem]:
    """In the wrong account nothing else is worth looking at."""
    config = context.config
    if config.account and config.account != who.account:
        what = f"these credentials belong to account {who.account} ({who.arn}), expected is {config.account}"
        cure = (
            "use other credentials (AWS_PROFILE or `profile`), or correct `account` in the configuration file"
        )
        yield Problem("AWS account", what, cure)
        return
    unchecked: list[str] = []
    for where, check in _CHECKS:
        try:
            for found in check(context, who):
                if isinstance(found, Remark):
                    context.emit(Notice(found.text))
                elif isinstance(found, Unchecked):
                    unchecked.append(f"{found.what} ({found.why})")
                else:
                    yield Problem(where, *found)
        except PermanentError as error:
            yield Problem(where, str(error), error.cure)
    if unchecked:
        context.emit(Notice(f"could not be checked beforehand: {', '.join(unchecked)}"))


def _restore(context: Context) -> Iterator[Problem]:
    """The control plane waits for its snapshot until the restore that was begun goes on."""
    if backup := restore.pending(context):
        what = f"a restore of backup {backup} is under way"
        yield Problem(context.config.name, what, f"bootstrap up --from-backup {backup}, or bootstrap down")


@dataclass(frozen=True)
class Remark:
    """No reason to refuse, and yet to be known before it begins."""

    text: str


@dataclass(frozen=True)
class Unchecked:
    """What nobody could be asked about, and why."""

    what: str
    why: str


Found = Iterable[tuple[str, str] | Remark | Unchecked]  # what is wrong, and its cure


def _zones(context: Context, _: Identity) -> Found:
    config = context.config
    filters = [
        {"Name": "state", "Values": ["available"]},
        {"Name": "zone-type", "Values": ["availability-zone"]},
    ]
    zones = list(
        _api(context, "ec2").pages("describe_availability_zones", "AvailabilityZones", Filters=filters)
    )
    wanted = max(len(config.network.public_subnets), len(config.network.private_subnets))
    if len(zones) < wanted:
        what = (
            f"{config.region} has {len(zones)} availability zones for this account, the subnets need {wanted}"
        )
        yield what, "choose another `region`, or fewer subnets"


def _instance_types(context: Context, _: Identity) -> Found:
    wanted = {node.instance_type for node in context.config.nodes}
    filters = [{"Name": "instance-type", "Values": sorted(wanted)}]
    offers = _api(context, "ec2").pages(
        "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType="region", Filters=filters
    )
    for missing in sorted(wanted - {offer["InstanceType"] for offer in offers}):
        names = ", ".join(node.name for node in context.config.nodes if node.instance_type == missing)
        yield f"{context.config.region} does not offer {missing} ({names})", "choose another `instance_type`"


def _buckets(context: Context, who: Identity) -> Found:
    config = context.config
    own = () if config.backup.bucket else (PURPOSE,)
    for purpose in ("tfstate", *own):
        name = state_bucket.bucket_name(config.project, config.name, who.account, purpose)
        found = state_bucket.find(_api(context, "s3"), name, who.account, config.tags)
        if found and state_bucket.foreign(found):
            yield f"the bucket {name} exists and is not ours", "choose another `project` name"


def _parameters(context: Context, _: Identity) -> Found:
    """Two environments on one prefix would overwrite each other's parameters; and there must be room."""
    config = context.config
    api = _api(context, "ssm")
    ours = ssm.names(api, config.ssm_prefix, config.tags)
    rivals = environments.contested(context.target.connect, config)
    if rivals.prefix:
        yield (
            f"{config.ssm_prefix} is the prefix of {' and '.join(rivals.prefix)}",
            "choose another `ssm_prefix`",
        )
    elif rivals != ((), (), ()):
        yield Remark(f"{config.project}/{config.name} is not alone: {rivals}")
    any_environment = ssm.names(api, config.ssm_prefix, {"bootstrap:project": config.project})
    if others := sorted(any_environment - ours):
        what = f"{config.ssm_prefix} holds {len(others)} parameters of another environment, e.g. {others[0]}"
        yield what, "choose another `ssm_prefix`"
    there = ssm.names(api)
    new = len({f"{config.ssm_prefix}/{seed.name}" for seed in config.seeds} - there)
    if len(there) + new > parameters.MOST_PARAMETERS:
        most = parameters.MOST_PARAMETERS
        what = f"{new} new parameters are needed, {len(there)} of {most} are in use in {config.region}"
        yield what, "remove parameters that nobody needs, or use another account or region"


def _zone(context: Context, _: Identity) -> Found:
    if zone := context.config.zone_id:
        name = _api(context, "route53").call("get_hosted_zone", Id=zone)["HostedZone"]["Name"].rstrip(".")
        domain = context.config.domain
        if domain != name and not domain.endswith(f".{name}"):
            yield f"the zone {zone} is for {name}, not for {domain}", "correct `zone_id` or `domain`"


def _credentials(context: Context, _: Identity) -> Found:
    found = credentials.life(_api(context, "sts"), os.environ)
    refused, known = credentials.verdict(found, context.clock.now())
    if refused:
        yield refused, CURE_CREDENTIALS
    if known:
        yield Remark(known)


def _permissions(context: Context, who: Identity) -> Found:
    try:
        denied = permissions.denied(_api(context, "iam"), who.arn)
    except BootstrapError as error:
        yield Unchecked("permissions", error.what)
        return
    if denied:
        cure = "allow them to the identity shown by: aws sts get-caller-identity"
        yield f"{who.arn} may not {', '.join(denied)}", cure


def _quotas(context: Context, _: Identity) -> Found:
    connect = context.target.connect
    for quota in quotas.quotas(connect, context.config):
        try:
            yield from quotas.shortfall(connect, quota)
        except BootstrapError as error:
            yield Unchecked(f"quota of {quota.name}", error.what)


def _names(context: Context, _: Identity) -> Found:
    config = context.config
    cluster, connect = f"{config.project}-{config.name}", context.target.connect
    try:
        for found in collisions(connect, config.tags, cluster, config.ssm_prefix, config.domain):
            if found.harmless:
                yield Remark(f"{found}; `down` will leave it alone")
            else:
                yield found.what, "choose another `project` or environment name, or remove it"
    except AwsError as error:
        yield Unchecked("what else carries the environment's names", error.what)


def _orphans(context: Context, _: Identity) -> Found:
    """The costly ones; everything else is found when Terraform is about to make it again."""
    found = backend.find(context)
    known = state_file.known_ids(_api(context, "s3"), found.bucket, found.key) if found else frozenset()
    world = World(context.target.connect, context.config.tags)
    left = [
        str(item[name])
        for operation, key, name in COSTLY
        for item in world.ours(operation, key)
        if item[name] not in known and _state(item) not in GONE
    ]
    if left:
        fate = {"import": "taken over", "remove": "made anew", "refuse": "refused"}
        text = f"{len(left)} resources of an earlier run are not in Terraform's state: {', '.join(left)}"
        yield Remark(f"{text}; those of this stack will be {fate[context.config.terraform.orphans]}")


def _state(item: Mapping[str, Any]) -> str:
    state = item.get("State", "")
    return str(state["Name"] if isinstance(state, Mapping) else state)


_CHECKS: tuple[tuple[str, Callable[[Context, Identity], Found]], ...] = (
    ("availability zones", _zones),
    ("instance types", _instance_types),
    ("state bucket", _buckets),
    ("SSM parameters", _parameters),
    ("Route 53 zone", _zone),
    ("names", _names),
    ("quotas", _quotas),
    ("permissions", _permissions),
    ("AWS credentials", _credentials),
    ("earlier runs", _orphans),
)


def _api(context: Context, service: str) -> Api:
    return context.target.connect(service)
