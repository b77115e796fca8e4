"""What Terraform publishes in SSM for the cluster's controllers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootstrap.local.machines.aws import Aws

NEEDED = ("cluster/name", "network/vpc-id", "network/public-subnets", "dns/domain")


@dataclass(frozen=True)
class ClusterFacts:
    prefix: str
    cluster: str
    vpc: str
    public_subnets: tuple[str, ...]
    domain: str


def read(aws: Aws) -> ClusterFacts | None:
    """The facts of the environment whose machines run; None until all of them are published."""
    prefixes = {instance.ssm_prefix for instance in aws.instances() if instance.running}
    return next(
        (facts for prefix in sorted(prefixes) if (facts := parse(prefix, aws.parameters(prefix)))), None
    )


def parse(prefix: str, parameters: Mapping[str, str]) -> ClusterFacts | None:
    """None if a parameter is missing. Pure."""
    found = [parameters.get(f"{prefix}/{each}") for each in NEEDED]
    if not all(found):
        return None
    cluster, vpc, subnets, domain = (str(value) for value in found)
    return ClusterFacts(prefix, cluster, vpc, _split(subnets.split(",")), domain)


def _split(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.strip() for part in parts if part.strip())
