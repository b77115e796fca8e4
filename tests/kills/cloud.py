"""A picture of all that is in the local AWS, by its own calls, whoever made it.

A line a thing: two equal accounts have equal pictures. What AWS only remembers (terminated machines, keys
that wait for their end, earlier versions of objects) is not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.local.aws import override
from bootstrap.local.state.credentials import Credentials
from bootstrap.steps.leftovers import written_by_machines
from tests.kills.words import plain, words
from tests.local_credentials import LOCAL

VOLATILE = frozenset(
    {
        "LaunchTime",
        "CreateTime",
        "AttachTime",
        "ReservationId",
        "PrivateIpAddress",
        "PrivateDnsName",
        "PublicIpAddress",
        "PublicDnsName",
        "PublicIp",
        "MacAddress",
        "UsageOperationUpdateTime",
        "DNSName",
        "ClientToken",
        "StartTime",
        "CreateDate",
        "CreationDate",
        "CreatedTime",
        "CreatedAt",
        "IssuedAt",
        "NotBefore",
        "NotAfter",
        "Serial",
        "RoleId",
        "InstanceProfileId",
        "PolicyId",
        "UpdateDate",
        "RoleLastUsed",
        "StateTransitionReason",
        "PrivateIpAddresses",
        "Ipv6Addresses",
        "createdAt",
        "creationTime",
        "AmiLaunchIndex",
        "UserId",
        "DeleteOnTermination",
        "OwnerId",
        "RequesterId",
        "LastUpdatedDate",
        "RenewalEligibility",
        "CallerReference",
        "AttachmentCount",  # moto counts calls; what is attached stands with the role
    }
)
_GONE = ("terminated", "deleted", "deleting")
# `describe_` call of EC2, key of the answer, id.
_EC2 = (
    ("instances", "Reservations", "InstanceId"),
    ("volumes", "Volumes", "VolumeId"),
    ("network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("addresses", "Addresses", "AllocationId"),
    ("nat_gateways", "NatGateways", "NatGatewayId"),
    ("vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("route_tables", "RouteTables", "RouteTableId"),
    ("network_acls", "NetworkAcls", "NetworkAclId"),
    ("security_groups", "SecurityGroups", "GroupId"),
    ("subnets", "Subnets", "SubnetId"),
    ("vpcs", "Vpcs", "VpcId"),
    ("key_pairs", "KeyPairs", "KeyPairId"),
    ("launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    ("dhcp_options", "DhcpOptions", "DhcpOptionsId"),
)


@dataclass
class Look:
    """The account behind `url`."""

    url: str
    region: str
    credentials: Credentials = LOCAL
    _made: dict[str, Api] = field(default_factory=dict)

    def api(self, service: str) -> Api:
        if service not in self._made:
            settings = override.client_settings(self.url, self.region, self.credentials)
            self._made[service] = Api(boto3.client(service, **settings))
        return self._made[service]

    @cached_property
    def labels(self) -> dict[str, str]:
        """What each id stands for: its name, where it has one."""
        found = {}
        for kind, item, key in _ec2(self):
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or ()}
            called = tags.get("Name") or tags.get("bootstrap:node") or item.get("GroupName")
            called = called or tags.get("kubernetes.io/created-for/pvc/name", "")
            found[item[key]] = f"<{kind} {called}>"
        for zone in self.api("route53").pages("list_hosted_zones", "HostedZones"):
            found[zone["Id"].split("/")[-1]] = f"<zone {zone['Name']}>"
        return found


def picture(look: Look) -> list[str]:
    """Sorted lines. Raises AwsError or TemporaryError."""
    lines = []
    for finder in (_compute, _balancers, _iam, _names, _certificates, _keys, _buckets, _parameters, _rest):
        lines += [f"{kind} {plain(item, look.labels, VOLATILE)}" for kind, item in finder(look)]
    return sorted(lines)


Things = Iterator[tuple[str, Any]]


def _ec2(look: Look) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for kind, key, id_ in _EC2:
        for item in look.api("ec2").pages(f"describe_{kind}", key):
            for each in item["Instances"] if kind == "instances" else (item,):
                state = each.get("State") or each.get("Status")
                if (state.get("Name") if isinstance(state, Mapping) else state) not in _GONE:
                    yield kind, each, id_


def _compute(look: Look) -> Things:
    for kind, item, _ in _ec2(look):
        yield f"ec2 {kind}", item
    for item in look.api("ec2").call("describe_snapshots", OwnerIds=["self"])["Snapshots"]:
        yield "ec2 snapshots", item


def _balancers(look: Look) -> Things:
    api = look.api("elbv2")
    for operation, key, arn in (
        ("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        ("describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ):
        for item in api.pages(operation, key):
            tags = api.call("describe_tags", ResourceArns=[item[arn]])["TagDescriptions"][0]["Tags"]
            yield f"elb {key}", {**item, "Tags": tags}


def _iam(look: Look) -> Things:
    api = look.api("iam")
    for role in api.pages("list_roles", "Roles"):
        name = role["RoleName"]
        attached = list(api.pages("list_attached_role_policies", "AttachedPolicies", RoleName=name))
        inline = {
            policy: api.call("get_role_policy", RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in api.pages("list_role_policies", "PolicyNames", RoleName=name)
        }
        tags = api.call("list_role_tags", RoleName=name)["Tags"]
        yield "iam role", {**role, "attached": attached, "inline": inline, "Tags": tags}
    for policy in api.pages("list_policies", "Policies", Scope="Local"):
        arn, version = policy["Arn"], policy["DefaultVersionId"]
        document = api.call("get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]
        yield "iam policy", {**policy, "document": document}
    for profile in api.pages("list_instance_profiles", "InstanceProfiles"):
        yield "iam profile", profile
    for provider in api.pages("list_open_id_connect_providers", "OpenIDConnectProviderList"):
        yield "iam OIDC provider", provider
    for user in api.pages("list_users", "Users"):
        yield "iam user", user


def _names(look: Look) -> Things:
    api = look.api("route53")
    for zone in api.pages("list_hosted_zones", "HostedZones"):
        yield "route53 zone", zone
        records = api.pages("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
        for record in records:
            yield f"route53 record of {zone['Name']}", record


def _certificates(look: Look) -> Things:
    api = look.api("acm")
    for item in api.pages("list_certificates", "CertificateSummaryList"):
        tags = api.call("list_tags_for_certificate", CertificateArn=item["CertificateArn"])["Tags"]
        yield "acm certificate", {**item, "Tags": tags}


def _keys(look: Look) -> Things:
    api = look.api("kms")
    living = set()
    for key in api.pages("list_keys", "Keys"):
        told = api.call("describe_key", KeyId=key["KeyId"])["KeyMetadata"]
        if told["KeyState"] not in ("PendingDeletion", "PendingReplicaDeletion"):
            living.add(key["KeyId"])
            yield "kms key", {**told, "Tags": api.call("list_resource_tags", KeyId=key["KeyId"])["Tags"]}
    for alias in api.pages("list_aliases", "Aliases"):
        if alias.get("TargetKeyId") in living:
            yield "kms alias", alias


def _buckets(look: Look) -> Things:
    api = look.api("s3")
    for bucket in api.call("list_buckets")["Buckets"]:
        name = bucket["Name"]
        keys = [item["Key"] for item in api.pages("list_objects_v2", "Contents", Bucket=name)]
        settings = {each: _setting(api, f"get_{each}", name) for each in _SETTINGS}
        yield "s3 bucket", {"name": name, "keys": keys, **settings}


_SETTINGS = ("bucket_tagging", "bucket_versioning", "bucket_encryption", "public_access_block")


def _setting(api: Api, operation: str, bucket: str) -> Any:
    """None where it was never set, which S3 calls an error."""
    try:
        answer = api.call(operation, Bucket=bucket)
    except AwsError:
        return None
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _parameters(look: Look) -> Things:
    api = look.api("ssm")
    for item in api.pages("describe_parameters", "Parameters"):
        name = item["Name"]
        answer = api.call("get_parameter", Name=name, WithDecryption=True)["Parameter"]["Value"]
        tags = api.call("list_tags_for_resource", ResourceType="Parameter", ResourceId=name)["TagList"]
        shown = f"{len(answer)} characters" if item["Type"] == "SecureString" else words(answer, look.labels)
        prefix = "/" + "/".join(name.split("/")[1:3])
        if written_by_machines(name, prefix):
            shown = "of its machine"
        kept = {key: item.get(key) for key in ("Name", "Type", "Tier", "KeyId", "Description")}
        yield "ssm parameter", {**kept, "value": shown, "Tags": tags}


def _rest(look: Look) -> Things:
    for item in look.api("ecr").pages("describe_repositories", "repositories"):
        yield "ecr repository", item
    for item in look.api("logs").pages("describe_log_groups", "logGroups"):
        yield "log group", item
    for item in look.api("autoscaling").pages("describe_auto_scaling_groups", "AutoScalingGroups"):
        yield "autoscaling group", item
    for item in look.api("dynamodb").pages("list_tables", "TableNames"):
        yield "dynamodb table", item


# -- what else is asked of it --------------------------------------------------------------------------


def secrets(look: Look, prefix: str) -> dict[str, str]:
    """The generated parameters below the prefix: by name a hash of the value."""
    api, found = look.api("ssm"), {}
    for item in api.pages(
        "get_parameters_by_path", "Parameters", Path=prefix, Recursive=True, WithDecryption=True
    ):
        if item["Type"] == "SecureString" and not written_by_machines(item["Name"], prefix):
            found[item["Name"]] = digest(item["Value"])
    return found


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def state(look: Look) -> dict[str, Any]:
    """Terraform's state; empty where there is none."""
    api = look.api("s3")
    for bucket in api.call("list_buckets")["Buckets"]:
        for item in api.pages("list_objects_v2", "Contents", Bucket=bucket["Name"]):
            if item["Key"].endswith(".tfstate"):
                body = api.call("get_object", Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
                found: dict[str, Any] = json.loads(body)
                return found
    return {}


def addresses(tfstate: Mapping[str, Any]) -> list[str]:
    """Every managed resource by address, sorted."""
    return sorted(address for address, _ in _instances(tfstate))


def unknown(tfstate: Mapping[str, Any], look: Look) -> list[str]:
    """Resources of EC2 in the state whose id AWS does not have."""
    there = look.labels
    return sorted(
        address
        for address, attributes in _instances(tfstate)
        if address.split(".")[-2].split("[")[0] in _IDENTIFIED and attributes.get("id") not in there
    )


_IDENTIFIED = (
    "aws_vpc",
    "aws_subnet",
    "aws_instance",
    "aws_security_group",
    "aws_nat_gateway",
    "aws_eip",
    "aws_route_table",
    "aws_internet_gateway",
)


def _instances(tfstate: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in tfstate.get("resources") or ():
        if resource["mode"] == "managed":
            base = ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))
            for instance in resource["instances"]:
                index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
                yield base + index, instance["attributes"]
