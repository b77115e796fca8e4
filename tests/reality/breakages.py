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
EXTERNAL = Path("manifests/secrets/external")


@dataclass(frozen=True)
class Breakage:
    name: str
    edit: Edit


def breakages() -> Iterator[Breakage]:
    for which in ("auth", "my", "chat", "postgresql", "rabbitmq", "external-dns", "monitoring"):
        yield Breakage(f"no-namespace-{which}", _without_document(NAMESPACES, "Namespace", which))
    for seed in (
        *("database/auth/postgres-password", "database/scan/postgres-password", "cache/redis-password"),
        *("messaging/broker-url", "api/auth/jwt-secret", "api/auth/oauth-redirect-uri"),
        *("api/chat/message-encryption-key", "monitoring/grafana-admin-password"),
    ):
        yield Breakage(f"no-seed-{seed.replace('/', '-')}", _without_seed(seed))
    for operator in ("redis-operator", "rabbitmq-operator", "postgres-operator", "prometheus-operator"):
        yield Breakage(f"no-crds-of-{operator}", _without_resource(Path("manifests/crds"), operator))
    yield Breakage(
        "no-store", _without_document(Path("manifests/secrets/store.yaml"), "ClusterSecretStore", "")
    )
    yield Breakage(
        "no-storage-class", _without_resource(Path("manifests/rbac-storage"), "storage-class.yaml")
    )
    for file, which in (
        ("auth", "postgres-auth-secret"),
        ("chat", "api-chat-secret"),
        ("scan", "postgres-scan-secret"),
        ("kube-system", "aws-load-balancer-controller-aws"),
    ):
        edit = _without_document(EXTERNAL / f"{file}.yaml", "ExternalSecret", which)
        yield Breakage(f"no-external-secret-{which}", edit)
    for file in ("02-namespaces", "11-secrets-cr", "15-alb-controller", "25-data-operators"):
        yield Breakage(f"no-application-{file}", _without_application(file))
    for file, wave in (
        ("02-namespaces", 7),
        ("02-namespaces", 12),
        ("11-secrets-cr", 17),
        ("15-alb-controller", 72),
        ("25-data-operators", 36),
        ("03-rbac-storage", 40),
        ("70-ingress", 14),
    ):
        yield Breakage(f"{file}-in-wave-{wave}", _in_wave(file, wave))


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


def _without_application(stem: str) -> Edit:
    return lambda root: (root / APPS / f"{stem}.yaml").unlink()


def _in_wave(stem: str, wave: int) -> Edit:
    def edit(root: Path) -> None:
        file = root / APPS / f"{stem}.yaml"
        pattern = r'(argocd\.argoproj\.io/sync-wave: )"-?\d+"'
        changed, times = re.subn(pattern, rf'\g<1>"{wave}"', file.read_text(), count=1)
        if times != 1:
            raise AssertionError(f"{file} names no wave")
        file.write_text(changed)

    return edit
