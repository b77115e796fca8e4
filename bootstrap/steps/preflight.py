"""Refuse what cannot work before anything is created: all problems at once, each with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bootstrap.aws import ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.identity import Identity, identity
from bootstrap.aws.seeds import source_problems
from bootstrap.context import Context
from bootstrap.errors import PermanentError, PreflightError, Problem
from bootstrap.plan import Done
from bootstrap.steps import seeds


def run(context: Context) -> Done:
    """Raises PreflightError with every problem found, TemporaryError when AWS cannot be asked."""
    config = context.config
    problems = [*source_problems(config.seeds, config.ssm_prefix, seeds.sources())]
    who: Identity | None = None
    try:
        who = identity(Api(context.target.client("sts")))
    except PermanentError as error:
        problems.append(Problem("AWS credentials", str(error), error.cure))
    if who:
        problems += _account(context, who)
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
    for where, check in _CHECKS:
        try:
            yield from (Problem(where, what, cure) for what, cure in check(context, who))
        except PermanentError as error:
            yield Problem(where, str(error), error.cure)


Found = Iterable[tuple[str, str]]  # what is wrong, and its cure


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


def _bucket(context: Context, who: Identity) -> Found:
    config = context.config
    name = state_bucket.bucket_name(config.project, config.name, who.account)
    found = state_bucket.find(_api(context, "s3"), name, who.account, config.tags)
    if found and state_bucket.foreign(found):
        yield f"the bucket {name} exists and is not ours", "choose another `project` name"


def _parameters(context: Context, _: Identity) -> Found:
    """Two environments on one prefix would overwrite and delete each other's parameters."""
    config = context.config
    api = _api(context, "ssm")
    ours = ssm.names(api, config.ssm_prefix, config.tags)
    any_environment = ssm.names(api, config.ssm_prefix, {"bootstrap:project": config.project})
    if others := sorted(any_environment - ours):
        what = f"{config.ssm_prefix} holds {len(others)} parameters of another environment, e.g. {others[0]}"
        yield what, "choose another `ssm_prefix`"


def _zone(context: Context, _: Identity) -> Found:
    if zone := context.config.zone_id:
        name = _api(context, "route53").call("get_hosted_zone", Id=zone)["HostedZone"]["Name"].rstrip(".")
        domain = context.config.domain
        if domain != name and not domain.endswith(f".{name}"):
            yield f"the zone {zone} is for {name}, not for {domain}", "correct `zone_id` or `domain`"


_CHECKS: tuple[tuple[str, Callable[[Context, Identity], Found]], ...] = (
    ("availability zones", _zones),
    ("instance types", _instance_types),
    ("state bucket", _bucket),
    ("SSM parameters", _parameters),
    ("Route 53 zone", _zone),
)


def _api(context: Context, service: str) -> Api:
    return Api(context.target.client(service))
