"""A picture of all objects of the cluster, through kubectl: a witness of its own."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kills.cloud import digest
from tests.kills.words import plain

# What tells of the past, of the moment, or repeats other objects.
_NO_OBJECTS = (
    "events",
    "leases",
    "endpoints",
    "endpointslices",
    "componentstatuses",
    "controllerrevisions",
    "clustertrustbundles",  # of the API server's authority, whose hash is part of the name
)
_CHOSEN_BY_CLUSTER = frozenset(
    {
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "healthCheckNodePort",
        "nodeName",
        "volumeName",
        "volumeHandle",
        "podCIDR",
        "podCIDRs",
        "caBundle",
        "timeAdded",
        "uid",
    }
)
_TRANSIENT = (
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "argocd.argoproj.io/refresh",
    "force-sync",
    "reconcile.external-secrets.io/data-hash",
    "volume.kubernetes.io/selected-node",
    "endpoints.kubernetes.io/",
    "node.alpha.kubernetes.io/ttl",
)


@dataclass(frozen=True)
class Witness:
    kubectl: Path
    kubeconfig: Path

    def ask(self, *arguments: str) -> str:
        command = [str(self.kubectl), "--kubeconfig", str(self.kubeconfig), "--request-timeout=60s"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout

    def objects(self) -> list[dict[str, Any]]:
        kinds = self.ask("api-resources", "--verbs=list", "-o", "name").split()
        wanted = [kind for kind in kinds if kind.split(".")[0] not in _NO_OBJECTS]
        found: list[dict[str, Any]] = json.loads(self.ask("get", ",".join(wanted), "-A", "-o", "json"))[
            "items"
        ]
        return found


def picture(objects: list[dict[str, Any]]) -> list[str]:
    """Sorted lines, one an object: kind, namespace, name, and what it says but for its status."""
    return sorted(_line(item) for item in objects if not _passed_over(item))


def secret_values(objects: list[dict[str, Any]]) -> dict[str, str]:
    """What External Secrets has brought: `namespace/name/key` and a hash of the value."""
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}/{key}": digest(
            base64.b64decode(value).decode("utf-8", "replace")
        )
        for item in objects
        if item["kind"] == "Secret" and _of_eso(item)
        for key, value in (item.get("data") or {}).items()
    }


def _of_eso(item: Mapping[str, Any]) -> bool:
    return "reconcile.external-secrets.io/managed" in (item["metadata"].get("labels") or {})


def _passed_over(item: Mapping[str, Any]) -> bool:
    """An old ReplicaSet, and the API server's own Service, which says where that listens."""
    old = item["kind"] == "ReplicaSet" and not item["spec"].get("replicas")
    return old or (item["kind"] == "Service" and item["metadata"]["name"] == "kubernetes")


def _line(item: Mapping[str, Any]) -> str:
    meta = item["metadata"]
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status", "kind")}
    if item["kind"] in ("Secret", "ConfigMap"):
        rest["data"] = sorted(item.get("data") or ())
    owners = [f"{owner['kind']}/{owner['name']}" for owner in meta.get("ownerReferences") or ()]
    # A generated name says whose it is and nothing else.
    name = f"{meta['generateName']}*" if meta.get("generateName") else meta["name"]
    kept = {
        "labels": meta.get("labels"),
        "annotations": {
            key: value
            for key, value in (meta.get("annotations") or {}).items()
            if not key.startswith(_TRANSIENT)
        },
        "finalizers": meta.get("finalizers"),
        "owners": owners,
        "going": bool(meta.get("deletionTimestamp")),
    }
    text = plain({**kept, **rest}, {}, _CHOSEN_BY_CLUSTER)
    return f"{item['kind']} {meta.get('namespace', '')}/{plain(name, {}, _CHOSEN_BY_CLUSTER)} {text}"
