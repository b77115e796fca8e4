"""Volumes: claims → StorageClass → the driver's workload. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import CLAIM, STATEFUL_SET, Key, Kind, annotations_of, name, spec
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index, values
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.pods import workload

STORAGE_CLASS = Kind("storage.k8s.io", "StorageClass")
CSI_DRIVER = Kind("storage.k8s.io", "CSIDriver")
DEFAULT = "storageclass.kubernetes.io/is-default-class"


def volumes(index: Index) -> Iterator[Need]:
    """Every object that names a StorageClass, custom resources included, needs it and its driver."""
    for item in index.users:
        if not _may_claim(item):
            continue
        for reason, called in dict.fromkeys(_classes(index, item)):
            key = Key(STORAGE_CLASS, "", called)
            yield from index.need(Topic.STORAGE_CLASS, item, key, reason)
            for one in index.by_key.get(key, ()):
                yield from _driver(index, item, one, reason)


def _may_claim(item: Manifest) -> bool:
    """Claims, pods with ephemeral ones, and custom resources for which operators make some."""
    kind = item.key.kind
    if cluster.serves(kind):
        return kind == CLAIM or workload(item) is not None
    return not cluster.describes(kind)


def _classes(index: Index, item: Manifest) -> Iterator[tuple[str, str]]:
    for path, value in values(spec(item.item), "storageClassName"):
        if isinstance(value, str) and value:
            yield f"spec.{path}", value
    if any("storageClassName" not in claim for claim in _claims(item)):
        for one in index.by_kind.get(STORAGE_CLASS, ()):
            if annotations_of(one.item).get(DEFAULT) == "true":
                yield "the default StorageClass", name(one.item)


def _claims(item: Manifest) -> Iterator[dict[str, object]]:
    if item.key.kind == CLAIM and not spec(item.item).get("volumeName"):
        yield spec(item.item)
    if item.key.kind == STATEFUL_SET:
        yield from (spec(claim) for claim in spec(item.item).get("volumeClaimTemplates") or ())


def _driver(index: Index, user: Manifest, storage_class: Manifest, reason: str) -> Iterator[Need]:
    provisioner = str(storage_class.item.get("provisioner", ""))
    if provisioner.startswith("kubernetes.io/"):
        return
    drivers = index.by_key.get(Key(CSI_DRIVER, "", provisioner), ())
    homes = {driver.app for driver in drivers}
    providers = tuple(
        one.manifest
        for one in index.workloads
        if one.lasting and (one.manifest.app in homes or any(provisioner in word for word in one.words()))
    )
    wanted = f"the driver {provisioner} of StorageClass {name(storage_class.item)}"
    yield Need(Topic.STORAGE_DRIVER, user, wanted, reason, providers)


COLLECTORS = (volumes,)
