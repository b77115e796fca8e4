"""AWS refuses to delete what others depend on: a subnet or security group with an interface, a security group
that another one's rules name, a VPC with a security group or internet gateway. With a VPC, AWS deletes its
default network ACL.

moto deletes all of them, so nobody would see what a forgotten interface, rule or group blocks on AWS; and it
keeps the ACL.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(VPCBackend, "delete_vpc", _bare_only(VPCBackend.delete_vpc))
    patch(SubnetBackend, "delete_subnet", _empty_only(SubnetBackend.delete_subnet))
    patch(
        SecurityGroupBackend,
        "_delete_security_group",
        _unused_only(SecurityGroupBackend._delete_security_group),
    )


def _bare_only(original: Any) -> Any:
    def delete_vpc(self: Any, vpc_id: str) -> Any:
        groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
        gateways = (gateway.vpc for gateway in self.internet_gateways.values())
        if groups or any(vpc and vpc.id == vpc_id for vpc in gateways):
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        gone = original(self, vpc_id)
        for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:
            del self.network_acls[acl.id]
        return gone

    return delete_vpc


def _empty_only(original: Any) -> Any:
    def delete_subnet(self: Any, subnet_id: str) -> Any:
        if any(interface.subnet.id == subnet_id for interface in self.enis.values()):
            raise DependencyViolationError(
                f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
            )
        return original(self, subnet_id)

    return delete_subnet


def _unused_only(original: Any) -> Any:
    def _delete_security_group(self: Any, vpc_id: str | None, group_id: str) -> Any:
        used = (group.id for interface in self.enis.values() for group in interface.group_set)
        if group_id in used or group_id in _named(self, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return original(self, vpc_id, group_id)

    return _delete_security_group


def _named(backend: Any, group_id: str) -> set[str]:
    """The ids of the groups that the rules of other groups name."""
    others = (
        other for groups in backend.groups.values() for other in groups.values() if other.id != group_id
    )
    rules = (rule for other in others for rule in (*other.ingress_rules, *other.egress_rules))
    return {str(named["GroupId"]) for rule in rules for named in [rule.source_group] if named}
