"""What has to be equal after a restore, and what cannot be. Pure.

Compared is what people and controllers asked for: labels, annotations, specification, data. Status, the
bookkeeping of the API server and certificate authorities of the control plane are made anew.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.kubernetes.objects import (
    EXTERNAL_SECRET,
    SECRET,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    labels_of,
    metadata,
    name,
    spec,
    uid,
)

# What tells of machines, of the moment, or is computed by the server.
FLEETING = frozenset(
    {
        Kind("", "Event"),
        Kind("events.k8s.io", "Event"),
        Kind("coordination.k8s.io", "Lease"),
        Kind("coordination.k8s.io", "LeaseCandidate"),
        Kind("", "Node"),
        Kind("", "Pod"),
        Kind("", "Endpoints"),
        Kind("discovery.k8s.io", "EndpointSlice"),
        Kind("storage.k8s.io", "CSINode"),
        Kind("storage.k8s.io", "CSIStorageCapacity"),
        Kind("storage.k8s.io", "VolumeAttachment"),
        Kind("certificates.k8s.io", "CertificateSigningRequest"),
        Kind("certificates.k8s.io", "PodCertificateRequest"),
        Kind("", "PersistentVolume"),
        Kind("", "ComponentStatus"),
        Kind("metrics.k8s.io", "NodeMetrics"),
        Kind("metrics.k8s.io", "PodMetrics"),
    }
)
_CONTROL_PLANES = frozenset(
    {
        "kube-root-ca.crt",
        "extension-apiserver-authentication",
        "cluster-info",
        "kubeadm-config",
        "kubelet-config",
        "kube-proxy",
    }
)
# kube-controller-manager publishes the bundle of this signer, under a name made of the authority's hash.
_SERVING_SIGNER = "kubernetes.io/kube-apiserver-serving"
# Notes that controllers leave on an object for themselves.
_NOTES = (
    "argocd.argoproj.io/refresh",
    "kubectl.kubernetes.io/last-applied-configuration",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "reconcile.external-secrets.io/",
)


@dataclass(frozen=True)
class Mark:
    """One object: who it is, and a hash of what it says."""

    uid: str
    digest: str


Marks = Mapping[str, Mapping[str, Mark]]  # kind → namespace/name → mark


def marks(items: Iterable[Json]) -> dict[str, dict[str, Mark]]:
    """All objects that are to be equal."""
    found: dict[str, dict[str, Mark]] = {}
    for item in items:
        key = Key.of(item)
        if key.kind not in FLEETING and not _perishable(key, item):
            found.setdefault(str(key.kind), {})[f"{key.namespace}/{key.name}"] = Mark(uid(item), digest(item))
    return found


def digest(item: Json) -> str:
    text = json.dumps(essence(item), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def essence(item: Json) -> Json:
    """The object without what is not its own."""
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status", "operation")}
    notes = {key: value for key, value in annotations_of(item).items() if not key.startswith(_NOTES)}
    whole: Json = {**rest, "labels": labels_of(item), "annotations": notes}
    if Kind.of(item).unversioned == Kind("", "PersistentVolumeClaim"):
        whole["spec"] = {key: value for key, value in spec(item).items() if key != "volumeName"}
    cleaned: Json = _without_authorities(whole)
    return cleaned


def encode(found: Marks) -> str:
    plain = {
        kind: {which: [mark.uid, mark.digest] for which, mark in sorted(each.items())}
        for kind, each in sorted(found.items())
    }
    return json.dumps(plain)


def decode(text: str) -> dict[str, dict[str, Mark]]:
    return {
        kind: {which: Mark(*mark) for which, mark in each.items()} for kind, each in json.loads(text).items()
    }


@dataclass(frozen=True)
class Comparison:
    """`equal` objects say the same, `same` of them are the very same ones. `remade` are unlike the backup for
    a reason that a new environment brings along; `differing` for none that is known."""

    equal: int
    same: int
    remade: tuple[str, ...]
    differing: tuple[str, ...]

    def __str__(self) -> str:
        total = self.equal + len(self.remade) + len(self.differing)
        return f"{self.equal} of {total} objects equal, {len(self.remade)} made anew for the new environment"


def compare(before: Marks, now: Marks, excused: Callable[[str, str], bool]) -> Comparison:
    """`excused(kind, namespace/name)` says whether an object may be unlike that of the backup."""
    counted: Counter[str] = Counter()
    remade: list[str] = []
    differing: list[str] = []
    for kind, each in before.items():
        for which, mark in each.items():
            found = now.get(kind, {}).get(which)
            if found and found.digest == mark.digest:
                counted["equal"] += 1
                counted["same"] += found.uid == mark.uid
                continue
            line = f"{kind} {which.removeprefix('/')} {'is changed' if found else 'is missing'}"
            (remade if excused(kind, which) else differing).append(line)
    return Comparison(counted["equal"], counted["same"], tuple(sorted(remade)), tuple(sorted(differing)))


def of_facts(items: Iterable[Json], restored: frozenset[str]) -> frozenset[str]:
    """Secrets (namespace/name) that hold anything but restored parameters: facts of new infrastructure."""
    found = set()
    for item in items:
        if Kind.of(item).unversioned == EXTERNAL_SECRET and not _keys(item) <= restored:
            target = dig(item, "spec", "target", "name") or name(item)
            found.add(f"{metadata(item).get('namespace', '')}/{target}")
    return frozenset(found)


def _keys(external_secret: Json) -> set[str]:
    """Remote keys that it reads; one it finds by pattern counts as a fact."""
    own = {str(dig(entry, "remoteRef", "key")) for entry in spec(external_secret).get("data") or ()}
    whole = {str(dig(entry, "extract", "key")) for entry in spec(external_secret).get("dataFrom") or ()}
    return own | whole


def _perishable(key: Key, item: Json) -> bool:
    """Objects that belong to a control plane, not to the platform."""
    if key.kind == Kind("", "ConfigMap"):
        return key.name in _CONTROL_PLANES
    if key.kind == SECRET:
        kind = str(item.get("type", ""))
        return kind in ("bootstrap.kubernetes.io/token", "kubernetes.io/service-account-token")
    if key.kind == Kind("certificates.k8s.io", "ClusterTrustBundle"):
        return bool(spec(item).get("signerName") == _SERVING_SIGNER)
    return False


def _without_authorities(value: Any) -> Any:
    """Certificate authorities are injected anew."""
    if isinstance(value, dict):
        return {key: _without_authorities(each) for key, each in value.items() if key != "caBundle"}
    if isinstance(value, list):
        return [_without_authorities(each) for each in value]
    return value
