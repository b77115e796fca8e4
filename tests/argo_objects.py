"""Applications and ApplicationSets as Argo CD writes them, for tests."""

from __future__ import annotations

from typing import Any

from bootstrap.kubernetes.argo import Expected
from bootstrap.kubernetes.objects import Json

REPO = "https://git.example.com/eco2/platform.git"
COMMIT, OLD = "a" * 40, "b" * 40
EXPECTED = Expected(REPO, "main", COMMIT)


def application(name: str, **changes: Any) -> Json:
    """Synced and Healthy at COMMIT; `changes` are sync, health, commit, phase, message, owner, resources …"""
    source = changes.get("source") or {"repoURL": REPO, "path": name, "targetRevision": "main"}
    destination = {"server": "https://kubernetes.default.svc"}
    commit = changes.get("commit", COMMIT)
    item: Json = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "uid": f"uid-{name}",
            **changes.get("metadata", {}),
        },
        "spec": {"source": source, "destination": destination, **changes.get("spec", {})},
        "status": {
            "sync": {
                "status": changes.get("sync", "Synced"),
                "revision": commit,
                "comparedTo": {"source": source, "destination": destination},
            },
            "health": {"status": changes.get("health", "Healthy")},
            "operationState": {
                "phase": changes.get("phase", "Succeeded"),
                "message": changes.get("message", ""),
                "startedAt": changes.get("started", "2025-01-01T00:00:00Z"),
                "syncResult": {
                    "revision": changes.get("synced", commit),
                    "resources": changes.get("results", []),
                },
            },
            "resources": changes.get("resources", []),
            "conditions": changes.get("conditions", []),
        },
    }
    if owner := changes.get("owner"):
        reference = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": owner}
        item["metadata"]["ownerReferences"] = [reference]
    return item


def application_set(name: str, *children: str) -> Json:
    """One that has made these Applications."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name, "namespace": "argocd", "uid": f"uid-{name}"},
        "status": {
            "conditions": [{"type": "ResourcesUpToDate", "status": "True"}],
            "resources": [{"kind": "Application", "name": child} for child in children],
        },
    }


def root(members: dict[str, int], sets: tuple[str, ...] = (), **changes: Any) -> Json:
    """The root Application with its members and their waves; those in `sets` are ApplicationSets."""
    resources = [
        {
            "group": "argoproj.io",
            "kind": "ApplicationSet" if name in sets else "Application",
            "namespace": "argocd",
            "name": name,
            **({"syncWave": wave} if wave else {}),
        }
        for name, wave in members.items()
    ]
    return application("root", resources=resources, **changes)
