"""Fifty Applications that are well, most of them slow: what a diagnosis must not take for a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.platform.small_tree import external_secret

Json = dict[str, Any]

IMAGE = "registry.example.com/team/api:1.0.0"
ANYWHERE = [{"key": "domain", "operator": "Exists"}]
LATE = {f"late/{number}": float(number + 1) for number in range(5)}  # parameter → seconds it comes late
RESTARTED = tuple(f"rollout-{number}" for number in range(4))


def slow_apps() -> dict[str, list[Json]]:
    """Manifests by the Application's name."""
    return {name: list(manifests) for name, manifests in _all()}


def _all() -> Iterator[tuple[str, tuple[Json, ...]]]:
    for number, seconds in enumerate((0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60)):
        yield f"start-{seconds}s", (deployment(seconds, replicas=1 + number % 3),)
    for number, seconds in enumerate((1, 2, 4, 6, 8, 10)):
        claimed = number % 2 == 1
        yield f"one-by-one-{seconds}s", (stateful_set(seconds, claimed=claimed), service("None"))
    for seconds in (5, 15, 30):
        yield f"everywhere-{seconds}s", (workload("DaemonSet", seconds),)
    for hook, seconds in (
        ("PreSync", 5),
        ("PreSync", 20),
        ("Sync", 10),
        ("Sync", 30),
        ("PostSync", 5),
        ("PostSync", 15),
    ):
        yield f"{hook.lower()}-{seconds}s", (job(seconds, hook), deployment(1))
    for seconds in (3, 10, 20, 45):
        yield f"job-{seconds}s", (job(seconds),)
    for number, seconds in enumerate((0, 3, 10, 20, 30)):
        yield f"claim-{number}", (claim(), deployment(seconds, claim="data"))
    for number, key in enumerate(LATE):
        yield f"late-secret-{number}", (external_secret("late", key), deployment(2))
    # Synced at once with its store: whoever is looked at first misses the other for a moment.
    yield "late-store", (external_secret("app", "app/password", "own"), store("own"))
    for name in RESTARTED:
        yield name, (deployment(8, replicas=3),)
    for number, name in enumerate(("public", "internal")):
        yield f"ingress-{number}", (ingress_class(name), ingress(name), service(), deployment(4))
    yield "scaled", (autoscaler(), workload("Deployment", 6))
    yield "plain", (service(),)


def template(seconds: float, claim: str = "", **spec: Any) -> Json:
    container: Json = {"name": "api", "image": IMAGE, "resources": {"requests": {"cpu": "10m"}}}
    pod: Json = {"tolerations": ANYWHERE, "containers": [container], **spec}
    if claim:
        container["volumeMounts"] = [{"name": claim, "mountPath": "/data"}]
        pod["volumes"] = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}}]
    annotations = {"local.bootstrap/ready-after": f"{seconds}s"} if seconds else {}
    return {"metadata": {"labels": {"app": "api"}, "annotations": annotations}, "spec": pod}


def workload(kind: str, seconds: float, claim: str = "", **spec: Any) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "api"},
        "spec": {
            "selector": {"matchLabels": {"app": "api"}},
            "template": template(seconds, claim),
            **spec,
        },
    }


def deployment(seconds: float, claim: str = "", replicas: int = 1) -> Json:
    return workload("Deployment", seconds, claim, replicas=replicas)


def stateful_set(seconds: float, *, claimed: bool) -> Json:
    templates = [claim()] if claimed else []
    return workload("StatefulSet", seconds, replicas=3, serviceName="api", volumeClaimTemplates=templates)


def job(seconds: float, hook: str = "") -> Json:
    annotations = {"argocd.argoproj.io/hook": hook} if hook else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "annotations": annotations},
        "spec": {"template": template(seconds, restartPolicy="Never")},
    }


def claim() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def store(name: str) -> Json:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "SecretStore",
        "metadata": {"name": name},
        "spec": {"provider": {"aws": {"service": "ParameterStore", "region": "ap-northeast-2"}}},
    }


def service(cluster_ip: str = "") -> Json:
    fixed = {"clusterIP": cluster_ip} if cluster_ip else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api"},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}], **fixed},
    }


def ingress_class(name: str) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": {"controller": f"example.com/{name}"},
    }


def ingress(class_name: str) -> Json:
    backend = {"service": {"name": "api", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "api"},
        "spec": {
            "ingressClassName": class_name,
            "rules": [{"host": f"{class_name}.dev.example.com", "http": {"paths": [path]}}],
        },
    }


def autoscaler() -> Json:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "api"},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        },
    }
