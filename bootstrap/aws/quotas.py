"""What the account allows, what it uses, and whether the environment fits.

Quotas: https://docs.aws.amazon.com/general/latest/gr/ec2-service.html and …/vpc-service.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bootstrap.aws.adoption import World
from bootstrap.aws.api import Api
from bootstrap.config.model import Environment

Connect = Callable[[str], Api]

STANDARD = ("a", "c", "d", "h", "i", "m", "r", "t", "z")  # families that share one quota of vCPUs
_RUNNING = ("pending", "running")
_AT_ONCE = 100  # as many as DescribeInstanceTypes takes


class Quota(NamedTuple):
    """`need` is what the environment takes besides what is `used` in the account and region."""

    name: str
    service: str
    code: str
    need: int
    used: int


def shortfall(connect: Connect, quota: Quota) -> Iterator[tuple[str, str]]:
    """Why it does not fit, and the cure. Raises BootstrapError when the quota cannot be asked for."""
    if not quota.need:
        return
    answer = connect("service-quotas").call(
        "get_service_quota", ServiceCode=quota.service, QuotaCode=quota.code
    )
    most, wanted = int(answer["Quota"]["Value"]), quota.used + quota.need
    if wanted > most:
        what = f"{quota.name}: {quota.need} more are needed, {quota.used} of {most} are in use"
        ask = f"aws service-quotas request-service-quota-increase --service-code {quota.service}"
        yield what, f"{ask} --quota-code {quota.code} --desired-value {wanted}"


def quotas(connect: Connect, config: Environment) -> tuple[Quota, ...]:
    """What the environment takes that is not there yet."""
    ours = World(connect, config.tags)
    ec2 = connect("ec2")
    there = {
        _tag(machine, "bootstrap:node")
        for machine in ours.ours("instances", "Reservations")
        if _runs(machine)
    }
    missing = [node.instance_type for node in config.nodes if node.name not in there]
    running = [machine["InstanceType"] for machine in _instances(ec2) if _on_demand(machine)]
    size = _vcpus(ec2, {*missing, *running})
    private = any(node.subnet == "private" for node in config.nodes)
    addresses = 1 + (1 if private else 0)  # of the API server and of a NAT gateway
    return (
        Quota("vCPUs of standard instances", "ec2", "L-1216C47A", _sum(missing, size), _sum(running, size)),
        Quota(
            *("VPCs", "vpc", "L-F678F1CE", 1 - min(1, len(ours.ours("vpcs", "Vpcs")))),
            sum(1 for _ in ec2.pages("describe_vpcs", "Vpcs")),
        ),
        Quota(
            *("Elastic IP addresses", "ec2", "L-0263D0A3"),
            max(0, addresses - len(ours.ours("addresses", "Addresses"))),
            sum(1 for _ in ec2.pages("describe_addresses", "Addresses")),
        ),
    )


def _instances(ec2: Api) -> Iterator[Any]:
    for reservation in ec2.pages("describe_instances", "Reservations"):
        yield from reservation["Instances"]


def _runs(machine: Mapping[str, Any]) -> bool:
    return machine["State"]["Name"] in (*_RUNNING, "stopping", "stopped")


def _on_demand(machine: Mapping[str, Any]) -> bool:
    return machine["State"]["Name"] in _RUNNING and machine.get("InstanceLifecycle") != "spot"


def _tag(machine: Mapping[str, Any], key: str) -> str:
    return next((str(tag["Value"]) for tag in machine.get("Tags") or () if tag["Key"] == key), "")


def _vcpus(ec2: Api, types: set[str]) -> dict[str, int]:
    """vCPUs by type, for types that count. Types that are not offered here are told elsewhere."""
    counted = sorted(kind for kind in types if kind[:1] in STANDARD)
    found: dict[str, int] = {}
    for start in range(0, len(counted), _AT_ONCE):
        names = counted[start : start + _AT_ONCE]
        filters = [{"Name": "instance-type", "Values": names}]
        for item in ec2.pages("describe_instance_types", "InstanceTypes", Filters=filters):
            found[item["InstanceType"]] = int(item["VCpuInfo"]["DefaultVCpus"])
    return found


def _sum(types: Iterable[str], size: Mapping[str, int]) -> int:
    return sum(size.get(kind, 0) for kind in types)
