"""Where the machines go: as configured, where they are already, or, with no room there, somewhere else."""

from __future__ import annotations

from collections.abc import Mapping

from bootstrap.aws.adoption import World
from bootstrap.aws.api import Api
from bootstrap.config.model import Environment
from bootstrap.run.context import Context
from bootstrap.terraform.shortage import AZS, Place, Spot, choose

_NOT_THERE = ("terminated", "shutting-down")


def placed(context: Context, short: frozenset[Spot] = frozenset()) -> Mapping[str, Place]:
    """The place of each node that has alternatives. AWS is asked only where there are such nodes.

    Raises Shortage when all alternatives of a node are `short`.
    """
    config = context.config
    if not _asks(config) and not short:
        return {}
    ec2 = Api(context.target.client("ec2"))
    filters = [
        {"Name": "state", "Values": ["available"]},
        {"Name": "opt-in-status", "Values": ["opt-in-not-required"]},
    ]
    answer = ec2.pages("describe_availability_zones", "AvailabilityZones", Filters=filters)
    zones = tuple(sorted(zone["ZoneName"] for zone in answer))[
        :AZS
    ]  # in the order of Terraform's data source
    return choose(config, zones, _living(context), short)


def _asks(config: Environment) -> bool:
    return any(node.fallback.instance_types or node.fallback.zones for node in config.nodes)


def _living(context: Context) -> dict[str, Spot]:
    world = World(lambda service: Api(context.target.client(service)), context.config.tags)
    found = {}
    for machine in world.ours("instances", "Reservations"):
        tags = {tag["Key"]: tag["Value"] for tag in machine["Tags"]}
        if machine["State"]["Name"] not in _NOT_THERE and (node := tags.get("bootstrap:node")):
            found[node] = Spot(machine["InstanceType"], machine["Placement"]["AvailabilityZone"])
    return found
