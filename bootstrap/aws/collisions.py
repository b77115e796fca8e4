"""What carries the names that the stack is going to take, and is somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bootstrap.aws.adoption import World
from bootstrap.aws.api import Api
from bootstrap.aws.audit import strangers
from bootstrap.aws.inventory import Owner

# The stack's roles, `<cluster>-<name>`; instance profiles of machines are called like their roles.
MACHINES = ("control-plane", "worker")
ROLES = (*MACHINES, "alb-controller", "ebs-csi", "external-dns", "external-secrets")
# What a cluster at work has. The rest may even be ours, of a cluster that is gone or by a tag of the user's.
CLUSTER = frozenset(
    {
        *("ec2 instance", "ec2 VPC", "ec2 subnet", "ec2 security group", "ec2 network interface"),
        *("elb load balancer", "elb target group"),
    }
)


class Collision(NamedTuple):
    """`harmless`: the stack can be made beside it."""

    what: str
    harmless: bool = False

    def __str__(self) -> str:
        return self.what


def collisions(
    connect: Callable[[str], Api], tags: Mapping[str, str], cluster: str, prefix: str = "", domain: str = ""
) -> Iterator[Collision]:
    """What carries one of our names and is not ours. Raises TemporaryError or AwsError.

    Another cluster of our name is no neighbour: the controllers of each take what the other one's have made
    for their own.
    """
    yield from _names(World(connect, tags), cluster)
    for found in strangers(connect, Owner(tags, cluster, prefix, domain)):
        yield Collision(f"{found.resource} {found.proof}", found.resource.kind not in CLUSTER)


def _names(world: World, cluster: str) -> Iterator[Collision]:
    for name in ROLES:
        role = world.found("iam", "get_role", RoleName=f"{cluster}-{name}")
        if role and not world.carried_by(role["Role"].get("Tags") or ()):
            yield Collision(f"the IAM role {role['Role']['Arn']} exists and is not ours")
    for name in MACHINES:
        found = world.found("iam", "get_instance_profile", InstanceProfileName=f"{cluster}-{name}")
        if found and not world.carried_by(found["InstanceProfile"].get("Tags") or ()):
            yield Collision(f"the instance profile {found['InstanceProfile']['Arn']} exists and is not ours")
    for item in world.connect("kms").pages("list_aliases", "Aliases"):
        if item["AliasName"] == f"alias/{cluster}" and (key := item.get("TargetKeyId")):
            found = world.found("kms", "list_resource_tags", KeyId=key) or {"Tags": ()}
            pairs = ({"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in found["Tags"])
            if not world.carried_by(pairs):
                yield Collision(f"the KMS alias {item['AliasName']} exists and is not ours")
