"""The EBS CSI driver's controller: creates and deletes volumes for claims."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import AlreadyExists
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import (
    CLAIM,
    NODE,
    VOLUME,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    labels_of,
    name,
    namespace,
    spec,
    terminating,
    uid,
)
from bootstrap.local.controllers.facts import ClusterFacts

DRIVER = "ebs.csi.aws.com"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
ZONE = "topology.kubernetes.io/zone"
STORAGE_CLASS = Kind("storage.k8s.io", "StorageClass")
UNITS = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}

log = logging.getLogger(__name__)


class EbsDriver:
    """`ec2` is a boto3 client; `facts` returns the prefix with which the driver tags volumes."""

    def __init__(self, cluster: Cluster, ec2: Any, facts: Callable[[], ClusterFacts | None]) -> None:
        self._cluster, self._ec2, self._facts = cluster, ec2, facts

    def run(self, stop: threading.Event) -> None:
        with Informer(self._cluster, Scope(CLAIM), Scope(VOLUME)) as cache:
            while not stop.is_set():
                cache.wait(5.0)
                if cache.synced():
                    self._reconcile(cache.items(CLAIM), cache.items(VOLUME))

    def _reconcile(self, claims: Iterable[Json], volumes: Iterable[Json]) -> None:
        there = tuple(volumes)
        for claim in pending(claims, there):
            self._provision(claim)
        for volume in released(there):
            self._remove(volume)

    def _provision(self, claim: Json) -> None:
        zones = {name(node): labels_of(node).get(ZONE, "") for node in self._cluster.list(NODE)}
        zone = zones.get(annotations_of(claim).get(SELECTED_NODE, "")) or next(
            iter(sorted(zones.values())), ""
        )
        size = gibibytes(dig(claim, "spec", "resources", "requests", "storage") or "1Gi")
        storage_class = (
            self._cluster.find(Key(STORAGE_CLASS, "", spec(claim).get("storageClassName", ""))) or {}
        )
        facts = self._facts()
        log.info("volume of %d GiB for claim %s/%s", size, namespace(claim), name(claim))
        made = self._ec2.create_volume(
            AvailabilityZone=zone,
            Size=size,
            VolumeType=dig(storage_class, "parameters", "type") or "gp3",
            ClientToken=uid(claim),
            TagSpecifications=[
                {"ResourceType": "volume", "Tags": tags(claim, facts.prefix if facts else "")}
            ],
        )
        try:
            self._cluster.create(volume_for(claim, storage_class, made["VolumeId"], zone, size))
        except AlreadyExists:
            self._ec2.delete_volume(VolumeId=made["VolumeId"])

    def _remove(self, volume: Json) -> None:
        log.info("deleting volume %s: its claim is gone", name(volume))
        handle = dig(volume, "spec", "csi", "volumeHandle")
        known = self._ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [handle]}])["Volumes"]
        if known:
            self._ec2.delete_volume(VolumeId=handle)
        self._cluster.delete(Key(VOLUME, "", name(volume)))


def pending(claims: Iterable[Json], volumes: Iterable[Json]) -> Iterator[Json]:
    """The claims that the controller manager assigned to this driver and that have no volume yet.

    With WaitForFirstConsumer it assigns them only once the scheduler has selected a node.
    """
    there = {name(volume) for volume in volumes}
    for claim in claims:
        ours = annotations_of(claim).get(PROVISIONER) == DRIVER
        if (
            ours
            and not spec(claim).get("volumeName")
            and not terminating(claim)
            and _volume_name(claim) not in there
        ):
            yield claim


def released(volumes: Iterable[Json]) -> Iterator[Json]:
    for volume in volumes:
        ours = annotations_of(volume).get(PROVISIONED_BY) == DRIVER and not terminating(volume)
        gone = dig(volume, "status", "phase") == "Released"
        if ours and gone and spec(volume).get("persistentVolumeReclaimPolicy") == "Delete":
            yield volume


def volume_for(claim: Json, storage_class: Json, handle: str, zone: str, size: int) -> Json:
    requirement = {"key": ZONE, "operator": "In", "values": [zone]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _volume_name(claim), "annotations": {PROVISIONED_BY: DRIVER}},
        "spec": {
            "accessModes": spec(claim).get("accessModes"),
            "capacity": {"storage": f"{size}Gi"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": namespace(claim),
                "name": name(claim),
                "uid": uid(claim),
            },
            "csi": {"driver": DRIVER, "volumeHandle": handle, "fsType": "ext4"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}},
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "storageClassName": spec(claim).get("storageClassName", ""),
            "volumeMode": spec(claim).get("volumeMode", "Filesystem"),
        },
    }


def tags(claim: Json, prefix: str) -> list[Mapping[str, str]]:
    """The tags of the real driver, including `controller.extraVolumeTags` of its chart."""
    return [
        {"Key": "bootstrap:ssm-prefix", "Value": prefix},
        {"Key": "ebs.csi.aws.com/cluster", "Value": "true"},
        {"Key": "kubernetes.io/created-for/pvc/namespace", "Value": namespace(claim)},
        {"Key": "kubernetes.io/created-for/pvc/name", "Value": name(claim)},
        {"Key": "kubernetes.io/created-for/pv/name", "Value": _volume_name(claim)},
    ]


def gibibytes(quantity: str) -> int:
    """Parse a Kubernetes quantity and round it up to whole GiB. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(Ki|k|[MGT]i?)?", quantity)
    if not match:
        raise ValueError(f"not a size: {quantity}")
    return max(1, -int(-float(match[1]) * UNITS[match[2] or ""] // 2**30))


def _volume_name(claim: Json) -> str:
    return f"pvc-{uid(claim)}"
