"""Everything of an environment that exists in AWS, found by tag.

The tagging API alone does not do: it has no IAM roles, still lists what is gone, and lags. So the services
that the platform uses are asked themselves, and the tagging API only adds what nobody thought of.

What belongs to an environment carries its tags (Terraform's, and what we make ourselves). The cluster's
controllers mark what they make with the cluster's name; any cluster of that name has the same marks (one of
EKS or kOps, for example), so a mark needs a second proof: that it lies in our VPC, or, for what lies in none,
that it carries our SSM prefix or that one of our machines holds it. What is marked without such a proof is a
stranger's. What merely lies in our network is the audit's matter (audit.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.config.model import Environment

PREFIX = "bootstrap:ssm-prefix"  # the tag
Tags = Mapping[str, str]
Connect = Callable[[str], Api]


class Resource(NamedTuple):
    """`kind` is service and type, e.g. "ec2 volume"; `name` is for people."""

    kind: str
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" ({self.name})" if self.name not in ("", self.id) else "")


class Proof(StrEnum):
    """Why something is known to be the environment's, or in its way; see `ours`."""

    TAGS = "carries the environment's tags"
    CONTROLLER = "was made by the cluster's controllers"
    RECORD = "is a record of the cluster's ExternalDNS"
    LINGERING = "is an interface of a load balancer that is gone, and AWS has not let go of it"
    INSIDE = "lies in the environment's VPC, but carries no tag of ours"
    MARKED = "carries the name of the cluster or the SSM prefix, but nothing proves that it is ours"

    @property
    def ours(self) -> bool:
        """Whether that is a reason to remove it."""
        return self not in (Proof.INSIDE, Proof.MARKED)


class Found(NamedTuple):
    resource: Resource
    proof: Proof


@dataclass(frozen=True)
class Owner:
    """By what an environment's resources are known.

    `tags` are all on what Terraform and we make. Controllers mark what they make with the name of the
    `cluster`, or, as the EBS CSI driver is told to, with the SSM `prefix`; ExternalDNS writes below `domain`.
    Marks alone prove nothing.
    """

    tags: Tags
    cluster: str
    prefix: str
    domain: str = ""

    @property
    def marks(self) -> tuple[Tags, ...]:
        return (
            self.tags,
            {f"kubernetes.io/cluster/{self.cluster}": "owned"},
            {"elbv2.k8s.aws/cluster": self.cluster},
            # Where the prefix is not known, nothing is known by it; AWS refuses an empty filter, too.
            *([{PREFIX: self.prefix}] if self.prefix else []),
        )


def owner(config: Environment) -> Owner:
    return Owner(config.tags, f"{config.project}-{config.name}", config.ssm_prefix, config.domain)


def inventory(connect: Connect, owner: Owner) -> tuple[Resource, ...]:
    """All living resources of the environment, sorted. `connect(service)` gives its Api.

    Raises TemporaryError or AwsError: an audit that could not look everywhere proves nothing.
    """
    return tuple(found.resource for found in survey(connect, owner) if found.proof.ours)


def survey(connect: Connect, owner: Owner) -> tuple[Found, ...]:
    """As `inventory`, each with the proof that it is ours; and what only seems to be, which has none."""
    return _judged(owner, [item for finder in _FINDERS for item in finder(connect, owner.marks)])


def strangers(connect: Connect, owner: Owner) -> tuple[Found, ...]:
    """What carries a mark of ours and is not ours. IAM is not asked: it takes a call for every role."""
    asked = (finder for finder in _FINDERS if finder is not _iam)
    found = _judged(owner, [item for finder in asked for item in finder(connect, owner.marks)])
    return tuple(each for each in found if each.proof is Proof.MARKED)


class Tagged(NamedTuple):
    """`vpcs` it lies in, `machines` that hold it, each by id."""

    resource: Resource
    tags: Tags
    vpcs: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()


def _judged(owner: Owner, items: Collection[Tagged]) -> tuple[Found, ...]:
    """Each with its proof, sorted. Pure."""
    proven = frozenset(
        item.resource.id
        for item in items
        if item.resource.kind in ("ec2 VPC", "ec2 instance") and owner.tags.items() <= item.tags.items()
    )
    found: dict[Resource, Proof] = {}
    for item in items:
        proof = _proof(owner, item, proven)
        if item.resource not in found or _STRENGTH.index(proof) < _STRENGTH.index(found[item.resource]):
            found[item.resource] = proof
    return tuple(Found(resource, found[resource]) for resource in sorted(found))


_STRENGTH = (Proof.TAGS, Proof.CONTROLLER, Proof.MARKED)


def _proof(owner: Owner, item: Tagged, proven: frozenset[str]) -> Proof:
    """`proven`: ids of our VPCs and machines."""
    if owner.tags.items() <= item.tags.items():
        return Proof.TAGS
    if any(item.tags.get(key, value) != value for key, value in owner.tags.items()):
        return Proof.MARKED  # it says itself whose it is
    if item.vpcs:
        return Proof.CONTROLLER if item.vpcs <= proven else Proof.MARKED
    prefixed = bool(owner.prefix) and item.tags.get(PREFIX) == owner.prefix
    held = bool(item.machines) and item.machines <= proven
    return Proof.CONTROLLER if prefixed or held else Proof.MARKED


def _marked(tags: Tags, marks: Iterable[Tags]) -> bool:
    return any(mark.items() <= tags.items() for mark in marks)


def _as_map(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


@dataclass(frozen=True)
class _Ec2Kind:
    """One `describe_` call. In states `gone` (of `state`, a dotted path) nothing is left to delete."""

    kind: str
    operation: str
    key: str
    id: str
    state: str = "State"
    gone: tuple[str, ...] = ("deleted",)


_EC2_KINDS = (
    _Ec2Kind("instance", "instances", "Reservations", "InstanceId", "State.Name", ("terminated",)),
    _Ec2Kind("volume", "volumes", "Volumes", "VolumeId"),
    _Ec2Kind("snapshot", "snapshots", "Snapshots", "SnapshotId"),
    _Ec2Kind("network interface", "network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", "Status"),
    _Ec2Kind("address", "addresses", "Addresses", "AllocationId"),
    _Ec2Kind("NAT gateway", "nat_gateways", "NatGateways", "NatGatewayId"),
    _Ec2Kind("VPC endpoint", "vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    _Ec2Kind("internet gateway", "internet_gateways", "InternetGateways", "InternetGatewayId"),
    _Ec2Kind("route table", "route_tables", "RouteTables", "RouteTableId"),
    _Ec2Kind("network ACL", "network_acls", "NetworkAcls", "NetworkAclId"),
    _Ec2Kind("security group", "security_groups", "SecurityGroups", "GroupId"),
    _Ec2Kind("subnet", "subnets", "Subnets", "SubnetId"),
    _Ec2Kind("VPC", "vpcs", "Vpcs", "VpcId"),
    _Ec2Kind("key pair", "key_pairs", "KeyPairs", "KeyPairId"),
    _Ec2Kind("launch template", "launch_templates", "LaunchTemplates", "LaunchTemplateId"),
)


def _ec2(connect: Connect, marks: Collection[Tags]) -> Iterator[Tagged]:
    """One call a kind: whatever carries one of the marks' keys is listed, and its tags decide."""
    api = connect("ec2")
    filters = [{"Name": "tag-key", "Values": sorted({next(iter(mark)) for mark in marks})}]
    for kind in _EC2_KINDS:
        # The one call of EC2's that calls its filters otherwise.
        argument = "Filter" if kind.operation == "nat_gateways" else "Filters"
        items = api.pages(f"describe_{kind.operation}", kind.key, **{argument: filters})
        for item in _instances(items) if kind.operation == "instances" else items:
            # Interfaces call their tags otherwise.
            tags = _as_map(item.get("Tags") or item.get("TagSet") or ())
            if _marked(tags, marks) and not _dead(kind, item):
                resource = Resource(f"ec2 {kind.kind}", item[kind.id], tags.get("Name", ""))
                yield Tagged(resource, tags, _vpcs(item), _machines(item))


def _vpcs(item: Mapping[str, Any]) -> frozenset[str]:
    """Where it lies: the gateway of a network says so in its attachments."""
    places = (item, *(item.get("Attachments") or ()))
    return frozenset(place["VpcId"] for place in places if place.get("VpcId"))


def _machines(item: Mapping[str, Any]) -> frozenset[str]:
    """Which machines hold a volume or an address."""
    holders = (item, *(item.get("Attachments") or ()))
    return frozenset(holder["InstanceId"] for holder in holders if holder.get("InstanceId"))


def _instances(reservations: Iterable[Any]) -> Iterator[Any]:
    for reservation in reservations:
        yield from reservation["Instances"]


def _dead(kind: _Ec2Kind, item: Mapping[str, Any]) -> bool:
    state: Any = item
    for part in kind.state.split("."):
        state = state.get(part) if isinstance(state, Mapping) else None
    return state in kind.gone


def _load_balancers(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("elbv2")
    kinds = (
        ("load balancer", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn", "LoadBalancerName"),
        ("target group", "describe_target_groups", "TargetGroups", "TargetGroupArn", "TargetGroupName"),
    )
    for kind, operation, key, arn, name in kinds:
        known = {item[arn]: item for item in api.pages(operation, key)}
        for batch in ssm.batches(known, 20):  # as many as DescribeTags takes
            for told in api.call("describe_tags", ResourceArns=list(batch))["TagDescriptions"]:
                if _marked(tags := _as_map(told["Tags"]), marks):
                    item = known[told["ResourceArn"]]
                    yield Tagged(Resource(f"elb {kind}", item[arn], item[name]), tags, _vpcs(item))


@dataclass(frozen=True)
class _IamKind:
    """One `list_` call, the field that names an item, and how the call that tells its tags takes that."""

    kind: str
    operation: str
    key: str
    id: str
    tags: str
    argument: str
    options: Mapping[str, str] = field(default_factory=dict)


_IAM_KINDS = (
    _IamKind("role", "list_roles", "Roles", "RoleName", "list_role_tags", "RoleName"),
    _IamKind(
        "policy", "list_policies", "Policies", "Arn", "list_policy_tags", "PolicyArn", {"Scope": "Local"}
    ),
    _IamKind(
        "instance profile",
        "list_instance_profiles",
        "InstanceProfiles",
        "InstanceProfileName",
        "get_instance_profile",
        "InstanceProfileName",
    ),
    _IamKind(
        "OIDC provider",
        "list_open_id_connect_providers",
        "OpenIDConnectProviderList",
        "Arn",
        "list_open_id_connect_provider_tags",
        "OpenIDConnectProviderArn",
    ),
)


def _iam(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("iam")
    for kind in _IAM_KINDS:
        for item in api.pages(kind.operation, kind.key, **kind.options):
            if item.get("Path", "/").startswith(("/aws-service-role/", "/aws-reserved/")):
                continue  # AWS's own
            tags = _tags_unless_gone(api, kind.tags, **{kind.argument: item[kind.id]})
            if _marked(tags, marks):
                yield Tagged(Resource(f"iam {kind.kind}", item[kind.id], ""), tags)


def _zones(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("route53")
    names = {
        zone["Id"].split("/")[-1]: zone["Name"] for zone in api.pages("list_hosted_zones", "HostedZones")
    }
    for batch in ssm.batches(names, 10):  # as many as ListTagsForResources takes
        answer = api.call("list_tags_for_resources", ResourceType="hostedzone", ResourceIds=list(batch))
        for item in answer["ResourceTagSets"]:
            if _marked(tags := _as_map(item["Tags"]), marks):
                yield Tagged(Resource("route53 zone", item["ResourceId"], names[item["ResourceId"]]), tags)


def _certificates(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("acm")
    for item in api.pages("list_certificates", "CertificateSummaryList"):
        tags = _tags_unless_gone(api, "list_tags_for_certificate", CertificateArn=item["CertificateArn"])
        if _marked(tags, marks):
            yield Tagged(Resource("acm certificate", item["CertificateArn"], item["DomainName"]), tags)


def _repositories(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("ecr")
    for item in api.pages("describe_repositories", "repositories"):
        tags = _tags_unless_gone(api, "list_tags_for_resource", resourceArn=item["repositoryArn"])
        if _marked(tags, marks):
            yield Tagged(Resource("ecr repository", item["repositoryArn"], item["repositoryName"]), tags)


def _parameters(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    """The first of the marks are all of our tags: nothing more has to be known of those that carry them."""
    api, (ours, *others) = connect("ssm"), marks
    mine = ssm.names(api, tags=ours)
    yield from (Tagged(Resource("ssm parameter", name, ""), ours) for name in mine)
    for name in {name for mark in others for name in ssm.names(api, tags=mark)} - mine:
        tags = _tags_unless_gone(api, "list_tags_for_resource", ResourceType="Parameter", ResourceId=name)
        yield Tagged(Resource("ssm parameter", name, ""), tags)


# Services asked above; their entries in the tagging API may be long gone.
_ASKED = ("ec2", "elasticloadbalancing", "iam", "route53", "acm", "ecr", "ssm")


def _others(connect: Connect, marks: Iterable[Tags]) -> Iterator[Tagged]:
    api = connect("resourcegroupstaggingapi")
    for mark in marks:
        filters = [{"Key": key, "Values": [value]} for key, value in mark.items()]
        for item in api.pages("get_resources", "ResourceTagMappingList", TagFilters=filters):
            arn: str = item["ResourceARN"]
            service = arn.split(":")[2]
            if service not in _ASKED and not _gone(connect, service, arn):
                tags = _as_map(item["Tags"])
                yield Tagged(Resource(_kind(arn), _id(arn), tags.get("Name", "")), tags)


_FINDERS = (_ec2, _load_balancers, _iam, _zones, _certificates, _repositories, _parameters, _others)


def _gone(connect: Connect, service: str, arn: str) -> bool:
    """Whether an entry of the tagging API stands for nothing: a key waiting for its end, a deleted bucket.

    The service itself is asked where the platform uses it; of any other service the entry is believed.
    """
    try:
        if service == "logs":
            wanted = arn.rsplit(":log-group:", maxsplit=1)[-1].removesuffix(":*")
            groups = connect("logs").pages("describe_log_groups", "logGroups", logGroupNamePrefix=wanted)
            return all(group["logGroupName"] != wanted for group in groups)
        if service == "kms":
            state: str = connect("kms").call("describe_key", KeyId=arn)["KeyMetadata"]["KeyState"]
            return state in ("PendingDeletion", "PendingReplicaDeletion")
        if service == "s3":
            connect("s3").call("head_bucket", Bucket=_id(arn))
    except AwsError as error:
        if error.missing:
            return True
        raise
    return False


def _kind(arn: str) -> str:
    """`arn:aws:kms:…:key/1` is a "kms key", `arn:aws:s3:::name` an "s3 bucket"."""
    service, rest = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "s3":
        return "s3 bucket"
    return f"{service} {rest.replace(':', '/').split('/')[0]}"


def _id(arn: str) -> str:
    return arn.split(":", 5)[5] if arn.split(":")[2] == "s3" else arn


def _tags_unless_gone(api: Api, operation: str, **which: str) -> dict[str, str]:
    """The tags; none when the thing went away between listing and asking."""
    try:
        answer = api.call(operation, **which)
    except AwsError as error:
        if error.missing:
            return {}
        raise
    holder = answer.get("InstanceProfile", answer)
    return _as_map(holder.get("Tags") or holder.get("tags") or holder.get("TagList") or ())
