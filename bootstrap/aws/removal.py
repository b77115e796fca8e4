"""How each kind of resource is removed from AWS, and in which order kinds go.

Only what the audit proved to be the environment's is ever given to `remove`; see audit.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bootstrap.aws import state_bucket
from bootstrap.aws.audit import RECORD
from bootstrap.aws.errors import AwsError
from bootstrap.aws.inventory import Connect, Resource

Remove = Callable[[Connect, str], None]

# Refusals that mean "something else has to go first"; what holds it goes in the same round or the next.
IN_USE = (
    "DependencyViolation",
    "DeleteConflict",
    "InvalidGroup.InUse",
    "InvalidNetworkInterface.InUse",
    "InvalidParameterValue",  # an interface that its service has not let go of yet
    "IncorrectState",
    "OperationNotPermitted",
    "ResourceInUse",
    "ResourceInUseException",
    "VolumeInUse",
)


def remove(connect: Connect, resource: Resource) -> bool:
    """Ask AWS to remove it; the audit tells whether it is gone. False when something else holds it yet.

    What is gone already counts as removed. Raises TemporaryError or AwsError, and KeyError for a kind that is
    not in `ORDER`.
    """
    try:
        _REMOVALS[resource.kind](connect, resource.id)
    except AwsError as error:
        if error.missing:
            return True
        if error.code in IN_USE:
            return False
        raise
    return True


def removable(kind: str) -> bool:
    return kind in _REMOVALS


def order(resource: Resource) -> tuple[int, Resource]:
    """Sort key: what holds others goes first."""
    return ORDER.index(resource.kind) if resource.kind in _REMOVALS else len(ORDER), resource


def _call(service: str, operation: str, argument: str, connect: Connect, which: str, **more: Any) -> None:
    connect(service).call(operation, **{argument: which}, **more)


def _ec2(operation: str, argument: str) -> Remove:
    return partial(_call, "ec2", operation, argument)


def _instances(connect: Connect, which: str) -> None:
    api = connect("ec2")
    api.call("modify_instance_attribute", InstanceId=which, DisableApiTermination={"Value": False})
    api.call("terminate_instances", InstanceIds=[which])


def _load_balancer(connect: Connect, which: str) -> None:
    api, off = connect("elbv2"), {"Key": "deletion_protection.enabled", "Value": "false"}
    api.call("modify_load_balancer_attributes", LoadBalancerArn=which, Attributes=[off])
    api.call("delete_load_balancer", LoadBalancerArn=which)


def _endpoint(connect: Connect, which: str) -> None:
    connect("ec2").call("delete_vpc_endpoints", VpcEndpointIds=[which])


def _security_group(connect: Connect, which: str) -> None:
    """With its own rules first: of groups that name each other none could go. Nobody else's are touched."""
    api = connect("ec2")
    filters = [{"Name": "group-id", "Values": [which]}]
    rules = list(api.pages("describe_security_group_rules", "SecurityGroupRules", Filters=filters))
    for direction, egress in (("ingress", False), ("egress", True)):
        own = [rule["SecurityGroupRuleId"] for rule in rules if rule["IsEgress"] is egress]
        if own:
            api.call(f"revoke_security_group_{direction}", GroupId=which, SecurityGroupRuleIds=own)
    api.call("delete_security_group", GroupId=which)


def _internet_gateway(connect: Connect, which: str) -> None:
    api = connect("ec2")
    (gateway,) = api.call("describe_internet_gateways", InternetGatewayIds=[which])["InternetGateways"]
    for attached in gateway.get("Attachments") or ():
        api.call("detach_internet_gateway", InternetGatewayId=which, VpcId=attached["VpcId"])
    api.call("delete_internet_gateway", InternetGatewayId=which)


def _route_table(connect: Connect, which: str) -> None:
    api = connect("ec2")
    (table,) = api.call("describe_route_tables", RouteTableIds=[which])["RouteTables"]
    for association in table.get("Associations") or ():
        api.call("disassociate_route_table", AssociationId=association["RouteTableAssociationId"])
    api.call("delete_route_table", RouteTableId=which)


def _record(connect: Connect, which: str) -> None:
    zone, name, kind = which.split("/")
    api = connect("route53")
    records = api.pages("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    for record in list(records):
        if (record["Name"], record["Type"]) == (name, kind):
            change = {"Action": "DELETE", "ResourceRecordSet": record}
            api.call("change_resource_record_sets", HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def _zone(connect: Connect, which: str) -> None:
    """With its records: a zone is only given here when the configuration says that zones go."""
    api = connect("route53")
    for record in list(api.pages("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=which)):
        if record["Type"] not in ("NS", "SOA"):
            change = {"Action": "DELETE", "ResourceRecordSet": record}
            api.call("change_resource_record_sets", HostedZoneId=which, ChangeBatch={"Changes": [change]})
    api.call("delete_hosted_zone", Id=which)


def _role(connect: Connect, which: str) -> None:
    api = connect("iam")
    for item in list(api.pages("list_attached_role_policies", "AttachedPolicies", RoleName=which)):
        api.call("detach_role_policy", RoleName=which, PolicyArn=item["PolicyArn"])
    for name in list(api.pages("list_role_policies", "PolicyNames", RoleName=which)):
        api.call("delete_role_policy", RoleName=which, PolicyName=name)
    for item in list(api.pages("list_instance_profiles_for_role", "InstanceProfiles", RoleName=which)):
        profile = item["InstanceProfileName"]
        api.call("remove_role_from_instance_profile", InstanceProfileName=profile, RoleName=which)
    api.call("delete_role", RoleName=which)


def _policy(connect: Connect, which: str) -> None:
    api = connect("iam")
    for version in list(api.pages("list_policy_versions", "Versions", PolicyArn=which)):
        if not version["IsDefaultVersion"]:
            api.call("delete_policy_version", PolicyArn=which, VersionId=version["VersionId"])
    api.call("delete_policy", PolicyArn=which)


def _profile(connect: Connect, which: str) -> None:
    api = connect("iam")
    found = api.call("get_instance_profile", InstanceProfileName=which)["InstanceProfile"]
    for role in found.get("Roles") or ():
        api.call("remove_role_from_instance_profile", InstanceProfileName=which, RoleName=role["RoleName"])
    api.call("delete_instance_profile", InstanceProfileName=which)


def _repository(connect: Connect, which: str) -> None:
    api, name = connect("ecr"), which.rsplit(":repository/", maxsplit=1)[-1]
    api.call("delete_repository", repositoryName=name, force=True)


def _log_group(connect: Connect, which: str) -> None:
    name = which.rsplit(":log-group:", maxsplit=1)[-1].removesuffix(":*")
    connect("logs").call("delete_log_group", logGroupName=name)


def _key(connect: Connect, which: str) -> None:
    """AWS removes keys after a waiting time only; seven days is the shortest."""
    key = which.rsplit(":key/", maxsplit=1)[-1]
    connect("kms").call("schedule_key_deletion", KeyId=key, PendingWindowInDays=7)


def _bucket(connect: Connect, which: str) -> None:
    state_bucket.remove(connect("s3"), which)


_REMOVALS: Mapping[str, Remove] = {
    "ec2 instance": _instances,  # first: controllers that run there would make anew what goes
    RECORD: _record,
    "elb load balancer": _load_balancer,
    "elb target group": partial(_call, "elbv2", "delete_target_group", "TargetGroupArn"),
    "ec2 NAT gateway": _ec2("delete_nat_gateway", "NatGatewayId"),
    "ec2 VPC endpoint": _endpoint,
    "ec2 network interface": _ec2("delete_network_interface", "NetworkInterfaceId"),
    "ec2 volume": _ec2("delete_volume", "VolumeId"),
    "ec2 snapshot": _ec2("delete_snapshot", "SnapshotId"),
    "ec2 address": _ec2("release_address", "AllocationId"),
    "ec2 security group": _security_group,
    "ec2 subnet": _ec2("delete_subnet", "SubnetId"),
    "ec2 route table": _route_table,
    "ec2 network ACL": _ec2("delete_network_acl", "NetworkAclId"),
    "ec2 internet gateway": _internet_gateway,
    "ec2 VPC": _ec2("delete_vpc", "VpcId"),
    "ec2 launch template": _ec2("delete_launch_template", "LaunchTemplateId"),
    "ec2 key pair": _ec2("delete_key_pair", "KeyPairId"),
    "acm certificate": partial(_call, "acm", "delete_certificate", "CertificateArn"),
    "ecr repository": _repository,
    "logs log-group": _log_group,
    "iam instance profile": _profile,
    "iam role": _role,
    "iam policy": _policy,
    "iam OIDC provider": partial(_call, "iam", "delete_open_id_connect_provider", "OpenIDConnectProviderArn"),
    "route53 zone": _zone,
    "ssm parameter": partial(_call, "ssm", "delete_parameter", "Name"),
    "kms key": _key,
    "s3 bucket": _bucket,
}
ORDER = tuple(_REMOVALS)


def command(resource: Resource) -> str:
    """What to type to remove it, for whoever has made sure that it may go. Pure."""
    return _COMMANDS.get(resource.kind, "delete it in the AWS console").format(id=resource.id)


_COMMANDS = {
    "ec2 instance": "aws ec2 terminate-instances --instance-ids {id}",
    "ec2 volume": "aws ec2 delete-volume --volume-id {id}",
    "ec2 network interface": "aws ec2 delete-network-interface --network-interface-id {id}",
    "ec2 address": "aws ec2 release-address --allocation-id {id}",
    "ec2 NAT gateway": "aws ec2 delete-nat-gateway --nat-gateway-id {id}",
    "ec2 security group": "aws ec2 delete-security-group --group-id {id}",
    "ec2 subnet": "aws ec2 delete-subnet --subnet-id {id}",
    "ec2 VPC": "aws ec2 delete-vpc --vpc-id {id}",
    "elb load balancer": "aws elbv2 delete-load-balancer --load-balancer-arn {id}",
    "elb target group": "aws elbv2 delete-target-group --target-group-arn {id}",
    "kms key": "aws kms schedule-key-deletion --key-id {id}",
    "ssm parameter": "aws ssm delete-parameter --name {id}",
    "s3 bucket": "aws s3 rb --force s3://{id}",
}
