"""Everything of an environment, by tag, by network and by DNS: what the inventory finds, and what carries no
tag at all but stands in the way of the VPC's end or goes on costing.

A load balancer's network interfaces have no tags, and records in a hosted zone cannot have any.

Such an interface is requester-managed: nobody else can detach it, and the service removes it some minutes
after its load balancer; one that it has only detached may be deleted (EC2 user guide, "Requester-managed
network interfaces").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.aws import inventory
from bootstrap.aws.inventory import Connect, Found, Owner, Proof, Resource, survey

RECORD, BALANCER, INTERFACE = "route53 record", "elb load balancer", "ec2 network interface"
_BALANCERS = re.compile(r"ELB (app|net|gwy)/")


@dataclass(frozen=True)
class _Kind:
    """A `describe_` call of EC2 that can be asked by VPC."""

    kind: str
    operation: str
    key: str
    id: str
    filter: str = "vpc-id"
    argument: str = "Filters"
    state: str = "State"
    gone: tuple[str, ...] = ("deleted", "deleting")


_KINDS = (
    _Kind(
        "network interface", "network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", state="Status"
    ),
    _Kind("NAT gateway", "nat_gateways", "NatGateways", "NatGatewayId", argument="Filter"),
    _Kind("VPC endpoint", "vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    _Kind("security group", "security_groups", "SecurityGroups", "GroupId"),
    _Kind("subnet", "subnets", "Subnets", "SubnetId"),
    _Kind(
        "internet gateway", "internet_gateways", "InternetGateways", "InternetGatewayId", "attachment.vpc-id"
    ),
    _Kind("route table", "route_tables", "RouteTables", "RouteTableId"),
    _Kind("network ACL", "network_acls", "NetworkAcls", "NetworkAclId"),
)


def audit(connect: Connect, owner: Owner) -> tuple[Found, ...]:
    """All that is left of the environment, sorted.

    Raises TemporaryError or AwsError: an audit that could not look everywhere proves nothing.
    """
    known = survey(connect, owner)
    mine = [found for found in known if found.proof.ours]
    vpcs = [found.resource.id for found in mine if found.resource.kind == "ec2 VPC"]
    return (
        *known,
        *sorted(_records(connect, owner)),
        *_besides(mine, sorted(set(_inside(connect, vpcs)))),
    )


def strangers(connect: Connect, owner: Owner) -> tuple[Found, ...]:
    """What carries our names and is not ours, as far as it can be asked for quickly: of another cluster of
    that name, most likely. Raises TemporaryError or AwsError."""
    records = (found for found in _records(connect, owner) if found.proof is Proof.MARKED)
    return (*inventory.strangers(connect, owner), *sorted(records))


def _besides(known: Collection[Found], inside: Collection[Found]) -> Iterator[Found]:
    """What of it is not known yet. The interfaces of a load balancer that lives are what that is: ours, and
    they go with it, or a stranger's."""
    ours = {found.resource.id for found in known}
    held, living = _interfaces(known), _interfaces(inside)
    for found in inside:
        resource, of_a_balancer = found.resource, found.resource.kind == INTERFACE
        if resource.id in ours or (of_a_balancer and resource.name in held):
            continue
        strange = found.proof is Proof.LINGERING and resource.name in living
        yield Found(resource, Proof.INSIDE) if strange else found


def _interfaces(found: Iterable[Found]) -> set[str]:
    """How AWS describes the interfaces of these load balancers: `ELB app/name/id`."""
    arns = (each.resource.id for each in found if each.resource.kind == BALANCER)
    return {f"ELB {arn.partition(':loadbalancer/')[2]}" for arn in arns}


def _inside(connect: Connect, vpcs: Iterable[str]) -> Iterator[Found]:
    """What lies in these networks and does not go with them by itself.

    Load balancers are asked for last, so one that an interface is still needed by is always among them.
    """
    api = connect("ec2")
    for vpc in vpcs:
        yield from _instances(connect, vpc)
        for kind in _KINDS:
            filters = [{"Name": kind.filter, "Values": [vpc]}]
            for item in api.pages(f"describe_{kind.operation}", kind.key, **{kind.argument: filters}):
                if item.get(kind.state) not in kind.gone and not _comes_along(kind.kind, item):
                    proof = Proof.LINGERING if _is_balancers(item) else Proof.INSIDE
                    yield Found(Resource(f"ec2 {kind.kind}", item[kind.id], _called(item)), proof)
        yield from _load_balancers(connect, vpc)


def _is_balancers(item: Mapping[str, Any]) -> bool:
    """Whether it is an interface that the load balancers' service has made, and manages itself."""
    return bool(item.get("RequesterManaged")) and _BALANCERS.match(item.get("Description", "")) is not None


def _instances(connect: Connect, vpc: str) -> Iterator[Found]:
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    for reservation in connect("ec2").pages("describe_instances", "Reservations", Filters=filters):
        for item in reservation["Instances"]:
            if item["State"]["Name"] != "terminated":
                yield Found(Resource("ec2 instance", item["InstanceId"], _called(item)), Proof.INSIDE)


def _load_balancers(connect: Connect, vpc: str) -> Iterator[Found]:
    api = connect("elbv2")
    for item in api.pages("describe_load_balancers", "LoadBalancers"):
        if item.get("VpcId") == vpc:
            yield Found(Resource(BALANCER, item["LoadBalancerArn"], item["LoadBalancerName"]), Proof.INSIDE)
    for item in api.pages("describe_target_groups", "TargetGroups"):
        if item.get("VpcId") == vpc:
            group = Resource("elb target group", item["TargetGroupArn"], item["TargetGroupName"])
            yield Found(group, Proof.INSIDE)


def _comes_along(kind: str, item: Mapping[str, Any]) -> bool:
    """Whether AWS makes and removes it with something else: a default, or an instance's interface."""
    if kind == "security group":
        return bool(item.get("GroupName") == "default")
    if kind == "route table":
        return any(entry.get("Main") for entry in item.get("Associations") or ())
    if kind == "network ACL":
        return bool(item.get("IsDefault"))
    if kind == "network interface":
        held = item.get("Attachment") or {}
        return bool(held.get("InstanceId")) or item.get("InterfaceType") in ("nat_gateway", "vpc_endpoint")
    return False


def _called(item: Mapping[str, Any]) -> str:
    """Its Name tag, else what describes it."""
    pairs = item.get("Tags") or item.get("TagSet") or ()
    named = next((pair["Value"] for pair in pairs if pair["Key"] == "Name"), "")
    return str(named or item.get("GroupName") or item.get("Description") or "")


def _records(connect: Connect, owner: Owner) -> Iterator[Found]:
    """In zones at or above the domain: records for which ExternalDNS' TXT record names the cluster.

    Ours writes at or below the domain only: elsewhere it is another cluster of that name.
    """
    api = connect("route53")
    for zone in api.pages("list_hosted_zones", "HostedZones"):
        if f".{owner.domain}.".endswith(f".{zone['Name']}"):
            which = zone["Id"].split("/")[-1]
            records = list(
                api.pages("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
            )
            for record in owned_records(records, owner.cluster):
                name = record["Name"].rstrip(".")
                resource = Resource(RECORD, f"{which}/{record['Name']}/{record['Type']}", name)
                yield Found(resource, Proof.RECORD if _below(name, owner.domain) else Proof.MARKED)


def _below(name: str, domain: str) -> bool:
    """Whether a record is at or below the domain, or speaks for the one at it (cname-DOMAIN)."""
    kind, _, rest = name.partition("-")
    return name == domain or name.endswith(f".{domain}") or (kind.upper() in _ENDPOINTS and rest == domain)


def owned_records(records: Iterable[Mapping[str, Any]], owner: str) -> Iterator[Mapping[str, Any]]:
    """The registry's TXT records of that owner, and the records they speak for. Pure.

    Of a record x.y the registry has the TXT records x.y (old form) and TYPE-x.y (ExternalDNS 0.12 and later,
    docs/registry/txt.md; aliases count as cname there). Where a record a-x.y stands itself, the TXT record
    a-x.y speaks for that one, never for x.y, which may be a stranger's.
    """
    every = list(records)
    there = {record["Name"] for record in every if record["Type"] in _ENDPOINTS}
    mine = {record["Name"] for record in every if record["Type"] == "TXT" and _says(record, owner)}
    prefixed = (name.split("-", 1) for name in mine - there if "-" in name)
    spoken_for = mine | {rest for kind, rest in prefixed if kind.upper() in _ENDPOINTS}
    for record in every:
        registry = record["Type"] == "TXT" and record["Name"] in mine
        if registry or (record["Type"] in _ENDPOINTS and record["Name"] in spoken_for):
            yield record


_ENDPOINTS = ("A", "AAAA", "CNAME")


def _says(record: Mapping[str, Any], owner: str) -> bool:
    values = (entry["Value"].strip('"').split(",") for entry in record.get("ResourceRecords") or ())
    return any(f"external-dns/owner={owner}" in value for value in values)
