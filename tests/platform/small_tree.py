"""A small GitOps tree with a configuration of its own: what the platform needs to stand, and little else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
REPO = "https://git.example.com/eco2/platform.git"
PREFIX = "/small/dev"

CONFIG: dict[str, Any] = {
    "target": "local",
    "region": "ap-northeast-2",
    "domain": "dev.example.com",
    "kubernetes_version": "1.37",
    "ssm_prefix": PREFIX,
    "network": {
        "vpc_cidr": "10.0.0.0/16",
        "public_subnets": ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"],
        "private_subnets": ["10.0.128.0/20", "10.0.144.0/20", "10.0.160.0/20"],
    },
    "terraform": {
        "folder": "terraform",
        "stack": "dev",
        "parallelism": 30,
        "variables": {
            "calico_version": "v3.32.1",
            "pod_cidr": "192.168.0.0/16",
            "service_cidr": "10.96.0.0/12",
        },
    },
    "gitops": {"checkout": ".", "repo_url": REPO, "path": "apps", "install": "manifests/argocd"},
    "lint": "warn",  # parameters come late on purpose
    "seeds": [{"name": "app/password", "generate": {"length": 32}}],
}


def node(name: str, tier: str, kind: str = "t3.xlarge", **more: Any) -> dict[str, Any]:
    role = "control-plane" if tier == "control-plane" else "worker"
    return {
        "name": name,
        "role": role,
        "instance_type": kind,
        "volume_gb": 20,
        "labels": {"tier": tier},
        **more,
    }


def taint(value: str) -> list[dict[str, str]]:
    return [{"key": "domain", "value": value}]


# Argo CD and ESO run on the tier `worker`. The last worker is the one whose network fails, the last node with
# a taint the one that a pod does not tolerate.
NODES = (
    node("control-plane", "control-plane", taints=taint("control-plane")),
    node("cache", "data", taints=taint("cache")),
    node("worker-a", "worker"),
    node("worker-b", "worker"),
    node("spare", "spare"),
)

STORE = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ClusterSecretStore",
    "metadata": {"name": "aws-ssm"},
    "spec": {"provider": {"aws": {"service": "ParameterStore", "region": "ap-northeast-2"}}},
}


def external_secret(name: str, key: str, store: str = "") -> dict[str, Any]:
    """Reads one parameter below the prefix; `store` is a SecretStore to use instead of the cluster's."""
    kind = "SecretStore" if store else "ClusterSecretStore"
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {
            "refreshInterval": "1m",
            "secretStoreRef": {"kind": kind, "name": store or "aws-ssm"},
            "target": {"name": name},
            "data": [{"secretKey": "PASSWORD", "remoteRef": {"key": f"{PREFIX}/{key}"}}],
        },
    }


def application(name: str, wave: int, path: str, namespace: str, *options: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "annotations": {
                "argocd.argoproj.io/sync-wave": str(wave),
                "argocd.argoproj.io/compare-options": "ServerSideDiff=true",
            },
        },
        "spec": {
            "project": "platform",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "source": {"repoURL": REPO, "path": path, "targetRevision": "main"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true", "Validate=false", *options],
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
            },
        },
    }


PROJECT = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "platform"},
    "spec": {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    },
}


def lay_out(
    folder: Path,
    waves: Mapping[str, Any],
    apps: Mapping[str, Iterable[dict[str, Any]]],
    earlier: Mapping[str, int] = MappingProxyType({}),
    **changes: Any,
) -> None:
    """The tree as a Git repository. `apps` are further Applications with their manifests, each in a namespace
    of its own; they are of wave 12 unless `earlier` says otherwise. `waves` is that key of the configuration,
    `changes` are others."""
    shutil.copytree(ROOT / "terraform", folder / "terraform")
    shutil.copytree(ROOT / "manifests" / "argocd", folder / "manifests" / "argocd")
    crds = "manifests/crds/external-secrets"
    shutil.copytree(ROOT / crds, folder / crds)
    _write(folder / "manifests/argocd/project.yaml", PROJECT)
    config = {**CONFIG, "nodes": list(NODES), "waves": dict(waves), **changes}
    _write(folder / "bootstrap.yaml", {"project": "small", "environments": {"local": config}})
    _write(
        folder / "namespaces/all.yaml",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "external-secrets"}},
    )
    _write(folder / "secrets/all.yaml", STORE, external_secret("app", "app/password"))
    (folder / "storage").mkdir()
    shutil.copy(ROOT / "manifests/rbac-storage/storage-class.yaml", folder / "storage")
    space = "external-secrets"
    for name, wave, path in (
        ("00-crds", 0, crds),
        ("02-namespaces", 2, "namespaces"),
        ("03-storage", 3, "storage"),
        ("11-secrets-cr", 11, "secrets"),
    ):
        _write(folder / f"apps/{name}.yaml", application(name[3:], wave, path, space))
    shutil.copy(ROOT / "manifests/clusters/dev/apps/10-secrets-operator.yaml", folder / "apps")
    for name, manifests in apps.items():
        wave = earlier.get(name, 12)
        _write(
            folder / f"apps/{wave:02}-{name}.yaml",
            application(name, wave, f"more/{name}", name, "CreateNamespace=true"),
        )
        _write(folder / f"more/{name}/all.yaml", *manifests)
    (folder / ".gitignore").write_text(".bootstrap/\n")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    for arguments in (("init", "--quiet", "."), ("add", "--all"), ("commit", "--quiet", "-m", "The tree")):
        subprocess.run([*git, *arguments], cwd=folder, check=True)


def _write(file: Path, *documents: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump_all(documents, sort_keys=False))
