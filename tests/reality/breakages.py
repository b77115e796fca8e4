"""Platform A broken in one place: edits of the files of a clone, each as a person might make it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

Edit = Callable[[Path], None]
APPS = Path("manifests/clusters/dev/apps")
NAMESPACES = Path("manifests/namespaces/namespaces.yaml")
PROJECT = Path("manifests/argocd/project.yaml")


@dataclass(frozen=True)
class Breakage:
    name: str
    edit: Edit


NO_NAMESPACE = ("auth", "my", "chat", "postgresql", "redis", "rabbitmq", "monitoring", "external-dns")
NO_SEED = (
    *("database/auth/postgres-password", "database/scan/postgres-password", "cache/redis-password"),
    *("messaging/broker-url", "api/auth/jwt-secret", "api/auth/oauth-redirect-uri"),
    *("api/chat/message-encryption-key", "monitoring/grafana-admin-password"),
)
NO_KIND = ("Namespace", "StorageClass", "CustomResourceDefinition", "Installation", "IngressClass")
NO_SOURCE = ("aws.github.io/eks-charts", "kubernetes-sigs.github.io/aws-ebs-csi-driver")
NO_DESTINATION = ("kube-system", "auth", "external-dns")
NO_FILE = ("namespaces/namespaces.yaml", "secrets/store.yaml", "rbac-storage/storage-class.yaml")
NO_CRDS = ("redis-operator", "rabbitmq-operator", "postgres-operator", "prometheus-operator")
MOVED = (("02-namespaces", 4), ("02-namespaces", 7), ("70-ingress", 14), ("03-rbac-storage", 22))
STORE = Path("manifests/secrets/store.yaml")
STORAGE = Path("manifests/rbac-storage")


def breakages() -> Iterator[Breakage]:
    """Those whose failure is real here: Argo CD, the API server, the scheduler and ESO are, the programs of
    pods are not, so a missing Secret or operator stops nobody on the local platform."""
    for each in NO_NAMESPACE:
        yield Breakage(f"no-namespace-{each}", _without_document(NAMESPACES, "Namespace", each))
    for each in NO_SEED:
        yield Breakage(f"no-seed-{each.replace('/', '-')}", _without_seed(each))
    yield Breakage("no-store", _without_document(STORE, "ClusterSecretStore", ""))
    for each in NO_KIND:
        yield Breakage(f"project-without-kind-{each}", _without_line(PROJECT, rf"kind: {each}\}}"))
    for each in NO_SOURCE:
        yield Breakage(f"project-without-source-{each}", _without_line(PROJECT, re.escape(each)))
    for each in NO_DESTINATION:
        yield Breakage(f"project-without-{each}", _without_line(PROJECT, rf"namespace: {each}\}}"))
    for each in NO_FILE:
        yield Breakage(f"file-gone-{each}", _without_file(Path("manifests") / each))
    yield Breakage("no-storage-class", _without_resource(STORAGE, "storage-class.yaml"))
    for file, wave in MOVED:
        yield Breakage(f"{file}-in-wave-{wave}", _in_wave(file, wave))
    for each in NO_CRDS:
        yield Breakage(f"no-crds-of-{each}", _without_resource(Path("manifests/crds"), each))


def _without_document(file: Path, kind: str, name: str) -> Edit:
    """Without the document of that kind and name (of any name when empty)."""

    def edit(root: Path) -> None:
        parts = re.split(r"^---\s*$", (root / file).read_text(), flags=re.MULTILINE)
        kept = [part for part in parts if not _is(part, kind, name)]
        if len(kept) != len(parts) - 1:
            raise AssertionError(f"{file} does not hold {kind} {name} once")
        (root / file).write_text("---".join(kept))

    return edit


def _is(text: str, kind: str, name: str) -> bool:
    item = yaml.safe_load(text) or {}
    return item.get("kind") == kind and name in ("", item["metadata"]["name"])


def _without_seed(seed: str) -> Edit:
    def edit(root: Path) -> None:
        file = root / "bootstrap.yaml"
        text = file.read_text()
        one_line = re.compile(rf"^ *- \{{name: {re.escape(seed)}, .*\n", re.MULTILINE)
        more_lines = re.compile(rf"^( *)- name: {re.escape(seed)}\n(?:\1  .*\n)+", re.MULTILINE)
        changed, times = one_line.subn("", text)
        if not times:
            changed, times = more_lines.subn("", text)
        if times != 1:
            raise AssertionError(f"bootstrap.yaml does not name seed {seed} once")
        file.write_text(changed)

    return edit


def _without_resource(folder: Path, entry: str) -> Edit:
    def edit(root: Path) -> None:
        file = root / folder / "kustomization.yaml"
        changed, times = re.subn(rf"^ *- {re.escape(entry)}\n", "", file.read_text(), flags=re.MULTILINE)
        if times != 1:
            raise AssertionError(f"{file} does not list {entry} once")
        file.write_text(changed)

    return edit


def _without_line(file: Path, holds: str) -> Edit:
    """Without the one line of a list that holds what matches."""

    def edit(root: Path) -> None:
        pattern = rf"^ *- .*{holds}.*\n"
        changed, times = re.subn(pattern, "", (root / file).read_text(), flags=re.MULTILINE)
        if times != 1:
            raise AssertionError(f"{file} does not hold {holds} once")
        (root / file).write_text(changed)

    return edit


def _without_file(file: Path) -> Edit:
    return lambda root: (root / file).unlink()


def _in_wave(stem: str, wave: int) -> Edit:
    def edit(root: Path) -> None:
        file = root / APPS / f"{stem}.yaml"
        pattern = r'(argocd\.argoproj\.io/sync-wave: )"-?\d+"'
        changed, times = re.subn(pattern, rf'\g<1>"{wave}"', file.read_text(), count=1)
        if times != 1:
            raise AssertionError(f"{file} names no wave")
        file.write_text(changed)

    return edit
