"""Parse our instances, and what Terraform's tags say about them, from DescribeInstances. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.config.model import Taint

# The convention of the Cluster Autoscaler.
LABEL_TAG = "k8s.io/cluster-autoscaler/node-template/label/"
TAINT_TAG = "k8s.io/cluster-autoscaler/node-template/taint/"
CLUSTER_TAG = "kubernetes.io/cluster/"


@dataclass(frozen=True)
class Instance:
    """`alive` until it is terminated: a stopped machine keeps its disk."""

    id: str
    state: str
    node: str
    role: str
    zone: str
    type: str
    private_ip: str
    cluster: str
    ssm_prefix: str
    kms_key: str
    launched: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def alive(self) -> bool:
        return self.state not in {"shutting-down", "terminated"}

    @property
    def control_plane(self) -> bool:
        return self.role == "control-plane"

    @property
    def provider_id(self) -> str:
        return f"aws:///{self.zone}/{self.id}"


def parse(pages: Iterable[Mapping[str, Any]]) -> tuple[Instance, ...]:
    """Our machines in the pages of DescribeInstances, oldest first."""
    found = [instance for page in pages for instance in _page(page)]
    return tuple(sorted(found, key=lambda instance: (instance.launched, instance.id)))


def _page(page: Mapping[str, Any]) -> Iterator[Instance]:
    for reservation in page.get("Reservations", ()):
        for item in reservation.get("Instances", ()):
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
            if tags.get("bootstrap:role") and tags.get("bootstrap:node"):
                yield _instance(item, tags)


def _instance(item: Mapping[str, Any], tags: Mapping[str, str]) -> Instance:
    clusters = [tag.removeprefix(CLUSTER_TAG) for tag in tags if tag.startswith(CLUSTER_TAG)]
    return Instance(
        id=item["InstanceId"],
        state=item["State"]["Name"],
        node=tags["bootstrap:node"],
        role=tags["bootstrap:role"],
        zone=item["Placement"]["AvailabilityZone"],
        type=item["InstanceType"],
        private_ip=item.get("PrivateIpAddress", ""),
        cluster=clusters[0] if clusters else "",
        ssm_prefix=tags.get("bootstrap:ssm-prefix", "").rstrip("/"),
        kms_key=tags.get("bootstrap:kms-key", ""),
        launched=str(item.get("LaunchTime", "")),
        labels={tag.removeprefix(LABEL_TAG): text for tag, text in tags.items() if tag.startswith(LABEL_TAG)},
        taints=tuple(_taint(tag, text) for tag, text in sorted(tags.items()) if tag.startswith(TAINT_TAG)),
    )


def _taint(tag: str, text: str) -> Taint:
    value, _, effect = text.rpartition(":")
    return Taint(tag.removeprefix(TAINT_TAG), value, effect)
