"""Names that the stack is going to take, in the hands of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bootstrap.aws.adoption import World
from bootstrap.aws.api import Api

# The stack's roles, `<cluster>-<name>`; instance profiles of machines are called like their roles.
ROLES = ("control-plane", "worker", "alb-controller", "ebs-csi", "external-dns", "external-secrets")


def collisions(connect: Callable[[str], Api], tags: Mapping[str, str], cluster: str) -> Iterator[str]:
    """What carries one of our names and not our tags. Raises TemporaryError or AwsError."""
    world = World(connect, tags)
    for name in ROLES:
        role = world.found("iam", "get_role", RoleName=f"{cluster}-{name}")
        if role and not world.carried_by(role["Role"].get("Tags") or ()):
            yield f"the IAM role {role['Role']['Arn']} exists and is not ours"
    for item in connect("kms").pages("list_aliases", "Aliases"):
        if item["AliasName"] == f"alias/{cluster}" and (key := item.get("TargetKeyId")):
            found = world.found("kms", "list_resource_tags", KeyId=key) or {"Tags": ()}
            pairs = ({"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in found["Tags"])
            if not world.carried_by(pairs):
                yield f"the KMS alias {item['AliasName']} exists and is not ours"
