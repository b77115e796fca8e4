"""Finds in AWS what Terraform is about to create: made by a run that died before its state was written.

Most of what AWS lets one create twice carries our tags since the call that made it, so it is found by them
and by its name; what AWS names by itself is told apart by what it is part of. Everything that the dev stack
makes is in `FINDERS`, but for what AWS takes a second time without making a second one (IAM attachments,
inline policies, validation records).

A finder gets the planned values and answers with the id for `terraform import`, or None. It answers only when
all that identifies the thing is known: a subnet's VPC, for example, is known once that VPC is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError

Values = Mapping[str, Any]


@dataclass
class World:
    """AWS as the finders see it; each listing is asked for once. `tags` mark what is ours."""

    connect: Callable[[str], Api]
    tags: Mapping[str, str]
    _lists: dict[str, list[Any]] = field(default_factory=dict)

    def ours(self, operation: str, key: str) -> list[Any]:
        """What `describe_<operation>` of EC2 lists with our tags."""
        if operation not in self._lists:
            argument = "Filter" if operation == "nat_gateways" else "Filters"
            filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in self.tags.items()]
            pages = self.connect("ec2").pages(f"describe_{operation}", key, **{argument: filters})
            # A filter that is not understood must not make a stranger's thing ours.
            self._lists[operation] = [
                item
                for item in (_instances(pages) if operation == "instances" else pages)
                if self.carried_by(item.get("Tags") or ())
            ]
        return self._lists[operation]

    def listed(self, name: str, items: Callable[[], Iterable[Any]]) -> list[Any]:
        if name not in self._lists:
            self._lists[name] = list(items())
        return self._lists[name]

    def carried_by(self, tags: Iterable[Mapping[str, str]]) -> bool:
        return self.tags.items() <= _as_map(tags).items()

    def found(self, service: str, operation: str, **which: Any) -> dict[str, Any] | None:
        """The answer, None when there is no such thing."""
        try:
            return self.connect(service).call(operation, **which)
        except AwsError as error:
            if error.missing:
                return None
            raise


Finder = Callable[[World, Values], str | None]


@dataclass(frozen=True)
class _Tagged:
    """An EC2 kind. `same` are attributes that must be known, and equal to what stands at the dotted path;
    an empty path: that it is known is enough. In states `gone` (at the path `state`) it counts as gone."""

    operation: str
    key: str
    id: str
    same: Mapping[str, str] = field(default_factory=dict)
    state: str = "State"
    gone: tuple[str, ...] = ("deleted", "deleting", "failed")
    named: bool = True

    def __call__(self, world: World, values: Values) -> str | None:
        if any(name not in values for name in self.same):
            return None
        name = (values.get("tags") or {}).get("Name")
        if self.named and not name:
            return None
        matching = [
            str(item[self.id])
            for item in world.ours(self.operation, self.key)
            if (not self.named or _as_map(item["Tags"]).get("Name") == name)
            and _at(item, self.state) not in self.gone
            and all(_at(item, path) in (values[key], *_FREE) for key, path in self.same.items() if path)
        ]
        return min(matching, default=None)


_FREE: tuple[Any, ...] = ([],)  # an internet gateway that is not attached yet


def _at(item: Any, path: str) -> Any:
    """What stands at a dotted path; of a list the first element, an empty one as it is."""
    for part in path.split("."):
        if isinstance(item, list):
            if not item:
                return item
            item = item[0]
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def _instances(reservations: Iterable[Any]) -> Iterator[Any]:
    for reservation in reservations:
        yield from reservation["Instances"]


def _as_map(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


# -- parts of what is ours: no tags of their own ------------------------------------------------------


def _route_table(world: World, table: str) -> dict[str, Any] | None:
    tables = world.listed(
        "route tables", lambda: world.connect("ec2").pages("describe_route_tables", "RouteTables")
    )
    return next((item for item in tables if item["RouteTableId"] == table), None)


def _route(world: World, values: Values) -> str | None:
    table, block = values.get("route_table_id"), values.get("destination_cidr_block")
    found = _route_table(world, table) if table else None
    if found and any(route.get("DestinationCidrBlock") == block for route in found["Routes"]):
        return f"{table}_{block}"
    return None


def _route_table_association(world: World, values: Values) -> str | None:
    table, subnet = values.get("route_table_id"), values.get("subnet_id")
    found = _route_table(world, table) if table and subnet else None
    if found and any(each.get("SubnetId") == subnet for each in found["Associations"]):
        return f"{subnet}/{table}"
    return None


def _address_association(world: World, values: Values) -> str | None:
    address, instance = values.get("allocation_id"), values.get("instance_id")
    for item in world.ours("addresses", "Addresses"):
        if address and item["AllocationId"] == address and item.get("InstanceId") == instance:
            association: str | None = item.get("AssociationId")
            return association
    return None


def _security_group_rule(world: World, values: Values) -> str | None:
    group = values.get("security_group_id")
    found = next(
        (item for item in world.ours("security_groups", "SecurityGroups") if item["GroupId"] == group), None
    )
    if found is None:
        return None
    key = "IpPermissions" if values["type"] == "ingress" else "IpPermissionsEgress"
    source, other = _rule_source(values)
    if other is None:
        return None
    protocol, ports = values["protocol"], (values["from_port"], values["to_port"])
    for permission in found[key]:
        same = permission["IpProtocol"] == protocol and (
            protocol == "-1" or (permission["FromPort"], permission["ToPort"]) == ports
        )
        if same and other in _rule_others(permission, str(group)):
            name = "all" if protocol == "-1" else protocol
            return "_".join(map(str, (group, values["type"], name, *ports, source)))
    return None


def _rule_source(values: Values) -> tuple[str, str | None]:
    """How `terraform import` names the other side, and what EC2 calls it; None while it is not known."""
    if values.get("self"):
        return "self", "self"
    blocks = values.get("cidr_blocks") or ()
    if blocks:
        return "_".join(blocks), blocks[0]
    source = values.get("source_security_group_id")
    return str(source), source


def _rule_others(permission: Mapping[str, Any], group: str) -> set[str]:
    groups = {pair["GroupId"] for pair in permission.get("UserIdGroupPairs") or ()}
    blocks = {block["CidrIp"] for block in permission.get("IpRanges") or ()}
    return blocks | groups | ({"self"} if group in groups else set())


# -- what has a name of its own -----------------------------------------------------------------------


def _role(world: World, values: Values) -> str | None:
    name = values.get("name")
    found = world.found("iam", "get_role", RoleName=name) if name else None
    return name if found and world.carried_by(found["Role"].get("Tags") or ()) else None


def _instance_profile(world: World, values: Values) -> str | None:
    name = values.get("name")
    found = world.found("iam", "get_instance_profile", InstanceProfileName=name) if name else None
    return name if found and world.carried_by(found["InstanceProfile"].get("Tags") or ()) else None


def _policy(world: World, values: Values) -> str | None:
    def policies() -> Iterable[Any]:
        return world.connect("iam").pages("list_policies", "Policies", Scope="Local")

    for item in world.listed("policies", policies):
        if (item["PolicyName"], item["Path"]) == (values.get("name"), values.get("path", "/")):
            found = world.found("iam", "list_policy_tags", PolicyArn=item["Arn"])
            return str(item["Arn"]) if found and world.carried_by(found["Tags"]) else None
    return None


def _role_policy(world: World, values: Values) -> str | None:
    role, name = values.get("role"), values.get("name")
    found = world.found("iam", "get_role_policy", RoleName=role, PolicyName=name) if role and name else None
    return f"{role}:{name}" if found else None


def _role_policy_attachment(world: World, values: Values) -> str | None:
    role, arn = values.get("role"), values.get("policy_arn")
    found = world.found("iam", "list_attached_role_policies", RoleName=role) if role and arn else None
    attached = (found or {}).get("AttachedPolicies", ())
    return f"{role}/{arn}" if any(item["PolicyArn"] == arn for item in attached) else None


def _key(world: World, values: Values) -> str | None:
    kms = world.connect("kms")
    for item in world.listed("keys", lambda: kms.pages("list_keys", "Keys")):
        about = kms.call("describe_key", KeyId=item["KeyId"])["KeyMetadata"]
        if (
            about.get("KeyManager") != "AWS"
            and about["KeyState"] == "Enabled"
            and about.get("Description", "") == values.get("description", "")
            and _carried_by_key(world, item["KeyId"])
        ):
            return str(item["KeyId"])
    return None


def _carried_by_key(world: World, key: str) -> bool:
    found = world.found("kms", "list_resource_tags", KeyId=key) or {"Tags": ()}
    return world.carried_by({"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in found["Tags"])


def _alias(world: World, values: Values) -> str | None:
    kms = world.connect("kms")
    for item in world.listed("aliases", lambda: kms.pages("list_aliases", "Aliases")):
        if item["AliasName"] == values.get("name") and (key := item.get("TargetKeyId")):
            return str(item["AliasName"]) if _carried_by_key(world, key) else None
    return None


def _certificate(world: World, values: Values) -> str | None:
    acm = world.connect("acm")
    for item in world.listed(
        "certificates", lambda: acm.pages("list_certificates", "CertificateSummaryList")
    ):
        if item["DomainName"] == values.get("domain_name"):
            arn = str(item["CertificateArn"])
            found = world.found("acm", "list_tags_for_certificate", CertificateArn=arn)
            if found and world.carried_by(found["Tags"]):
                return arn
    return None


def _parameter(world: World, values: Values) -> str | None:
    names = world.listed("parameters", lambda: ssm.names(world.connect("ssm"), tags=world.tags))
    return values["name"] if values.get("name") in names else None


def _log_group(world: World, values: Values) -> str | None:
    name = values.get("name")
    if not name:
        return None
    logs = world.connect("logs")
    groups = logs.pages("describe_log_groups", "logGroups", logGroupNamePrefix=name)
    if not any(group["logGroupName"] == name for group in groups):
        return None
    tags = logs.call("list_tags_log_group", logGroupName=name)["tags"]
    return str(name) if world.tags.items() <= tags.items() else None


FINDERS: Mapping[str, Finder] = {
    "aws_vpc": _Tagged("vpcs", "Vpcs", "VpcId", {"cidr_block": "CidrBlock"}),
    "aws_subnet": _Tagged("subnets", "Subnets", "SubnetId", {"vpc_id": "VpcId", "cidr_block": "CidrBlock"}),
    "aws_internet_gateway": _Tagged(
        "internet_gateways", "InternetGateways", "InternetGatewayId", {"vpc_id": "Attachments.VpcId"}
    ),
    "aws_route_table": _Tagged("route_tables", "RouteTables", "RouteTableId", {"vpc_id": "VpcId"}),
    "aws_route": _route,
    "aws_route_table_association": _route_table_association,
    "aws_eip": _Tagged("addresses", "Addresses", "AllocationId"),
    "aws_eip_association": _address_association,
    "aws_nat_gateway": _Tagged("nat_gateways", "NatGateways", "NatGatewayId", {"subnet_id": "SubnetId"}),
    "aws_security_group": _Tagged(
        "security_groups", "SecurityGroups", "GroupId", {"vpc_id": "VpcId", "name": "GroupName"}, named=False
    ),
    "aws_security_group_rule": _security_group_rule,
    # Wherever it is: a node that lies in another subnet is the same node, and Terraform moves it.
    "aws_instance": _Tagged(
        *("instances", "Reservations", "InstanceId", {"subnet_id": ""}),
        state="State.Name",
        gone=("terminated", "shutting-down"),
    ),
    # Volumes in use may be an instance's own, of the same name.
    "aws_ebs_volume": _Tagged("volumes", "Volumes", "VolumeId", gone=("deleted", "deleting", "in-use")),
    "aws_launch_template": _Tagged(
        *("launch_templates", "LaunchTemplates", "LaunchTemplateId", {"name": "LaunchTemplateName"}),
        named=False,
    ),
    "aws_kms_key": _key,
    "aws_kms_alias": _alias,
    "aws_acm_certificate": _certificate,
    "aws_iam_role": _role,
    "aws_iam_policy": _policy,
    "aws_iam_instance_profile": _instance_profile,
    "aws_ssm_parameter": _parameter,
    "aws_cloudwatch_log_group": _log_group,
}
# AWS takes these a second time; they are looked for only where they would block the deletion of their role.
HARMLESS: Mapping[str, Finder] = {
    "aws_iam_role_policy": _role_policy,
    "aws_iam_role_policy_attachment": _role_policy_attachment,
}
# Known by what they are part of, not by an id.
PARTS = frozenset(
    {"aws_route", "aws_route_table_association", "aws_eip_association", "aws_security_group_rule", *HARMLESS}
)
