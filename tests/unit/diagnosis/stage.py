"""Objects as Kubernetes, Argo CD and ESO write them, for pictures that no local platform was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bootstrap.diagnosis.picture import Pending, Picture, stripped
from bootstrap.kubernetes.objects import Json
from tests.argo_objects import application

NOW = 1_760_000_000.0
SPACE = "shop"


def ago(seconds: float) -> str:
    return datetime.fromtimestamp(NOW - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def picture(*objects: Json, member: Pending | None = None, **changes: Any) -> Picture:
    """One pending Application `shop` and these objects, at NOW."""
    pending = member or Pending("shop", "Application", 60, "Synced", "Progressing", "Synced, Progressing")
    return Picture(NOW, "root", (pending,), stripped(objects), patience=90.0, **changes)


def app(*owned: Json, **changes: Any) -> Json:
    """Application `shop` that consists of these."""
    changes.setdefault("resources", [entry(item) for item in owned])
    changes.setdefault("started", ago(60))
    changes.setdefault("health", "Progressing")
    changes.setdefault("metadata", {"creationTimestamp": ago(600)})
    item = application("shop", **changes)
    item["status"]["operationState"]["finishedAt"] = changes["started"]
    item["status"]["reconciledAt"] = ago(2)
    if "heals" in changes:
        item["status"]["operationState"]["operation"] = {"sync": {"autoHealAttemptsCount": changes["heals"]}}
    if "retries" in changes:
        item["status"]["operationState"]["retryCount"] = changes["retries"]
    if "degraded" in changes:
        item["status"]["health"] = {"status": "Degraded", "lastTransitionTime": ago(changes["degraded"])}
    return item


def entry(item: Json, **more: Any) -> Json:
    group = item["apiVersion"].rpartition("/")[0]
    meta = item["metadata"]
    return {
        "group": group,
        "kind": item["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        **more,
    }


def thing(kind: str, name: str, group: str = "v1", *, age: float = 60, **parts: Any) -> Json:
    """Any object of namespace `shop`; `parts` are spec, status, owner (an object), metadata."""
    owner, extra = parts.pop("owner", None), parts.pop("metadata", {})
    meta: Json = {"name": name, "namespace": SPACE, "creationTimestamp": ago(age), **extra}
    if owner is not None:
        meta["ownerReferences"] = [
            {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        ]
    return {"apiVersion": group, "kind": kind, "metadata": meta, **parts}


def deployment(**status: Any) -> Json:
    """One that waits for its only replica."""
    told = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1, **status}
    return thing("Deployment", "web", "apps/v1", spec={"replicas": 1}, status=told)


def replica_set(**status: Any) -> Json:
    return thing("ReplicaSet", "web-1", "apps/v1", owner=deployment(), spec={"replicas": 1}, status=status)


def pod(*containers: Json, age: float = 60, scheduled: Json | None = None, **wanted: Any) -> Json:
    conditions = [
        scheduled or {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(age)},
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": ago(age)},
    ]
    now = {
        "phase": "Pending",
        "startTime": ago(age),
        "conditions": conditions,
        "containerStatuses": list(containers),
    }
    where = {} if scheduled else {"nodeName": "worker"}
    return thing("Pod", "web-1-x", age=age, owner=replica_set(), spec={**where, **wanted}, status=now)


def unschedulable(message: str, since: float = 30) -> Json:
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": ago(since),
    }


def waiting(why: str, message: str = "", restarts: int = 0, /, **last: Any) -> Json:
    state = {"waiting": {"reason": why, "message": message}}
    ended = {"terminated": last} if last else {}
    return {"name": "web", "ready": False, "restartCount": restarts, "state": state, "lastState": ended}


def running(restarts: int = 0) -> Json:
    return {
        "name": "web",
        "ready": False,
        "restartCount": restarts,
        "state": {"running": {}},
        "lastState": {},
    }


def event(about: Json, reason: str, message: str, *, since: float = 30, kind: str = "Warning") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about['metadata']['name']}.{reason}.{since}",
            "namespace": about["metadata"].get("namespace", "default"),
            "creationTimestamp": ago(since),
        },
        "involvedObject": entry(about) | {"apiVersion": about["apiVersion"]},
        "reason": reason,
        "message": message,
        "type": kind,
        "firstTimestamp": ago(since),
        "lastTimestamp": ago(min(since, 1)),
    }


def external_secret(since: float = 30, reason: str = "SecretSyncedError", **target: Any) -> Json:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "could not get secret data from provider",
        "lastTransitionTime": ago(since),
    }
    wanted = {
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws-ssm"},
        "target": {"name": "db", **target},
        "data": [{"secretKey": "PASSWORD", "remoteRef": {"key": "/eco2/dev/db/password"}}],
    }
    group = "external-secrets.io/v1"
    return thing("ExternalSecret", "db-secret", group, age=since, spec=wanted, status={"conditions": [ready]})


def store(ready: str = "True", since: float = 300, message: str = "") -> Json:
    found = {
        "type": "Ready",
        "status": ready,
        "reason": "Valid" if ready == "True" else "InvalidProviderConfig",
        "message": message,
        "lastTransitionTime": ago(since),
    }
    item = thing("ClusterSecretStore", "aws-ssm", "external-secrets.io/v1", status={"conditions": [found]})
    del item["metadata"]["namespace"]
    return item


def node(
    name: str = "worker", ready: str = "True", since: float = 3600, age: float = 7200, **parts: Any
) -> Json:
    told = {"type": "Ready", "status": ready, "reason": "KubeletNotReady", "lastTransitionTime": ago(since)}
    labels = {"kubernetes.io/hostname": name}
    item = thing(
        "Node", name, age=age, spec=parts, status={"conditions": [told]}, metadata={"labels": labels}
    )
    del item["metadata"]["namespace"]
    return item


def refused(message: str, item: Json | None = None, **more: Any) -> Json:
    """A result of a sync that could not make an object."""
    return {**entry(item or deployment()), "status": "SyncFailed", "message": message, **more}
