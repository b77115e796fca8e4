"""Workloads: objects that make pods themselves, and how their pods look. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import (
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    STATEFUL_SET,
    Json,
    Kind,
    dig,
    labels_of,
)

CRON_JOB = Kind("batch", "CronJob")
REPLICA_SET = Kind("apps", "ReplicaSet")
ROLLOUT = Kind("argoproj.io", "Rollout")

_TEMPLATES: Mapping[Kind, tuple[str, ...]] = {
    POD: (),
    **dict.fromkeys((DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, ROLLOUT), ("spec", "template")),
    CRON_JOB: ("spec", "jobTemplate", "spec", "template"),
}
LASTING = frozenset({DEPLOYMENT, STATEFUL_SET, DAEMON_SET, ROLLOUT})


@dataclass(frozen=True)
class Workload:
    """`template` is its pods' metadata and spec, found in it at `path` ("spec.template")."""

    manifest: Manifest
    template: Json
    path: str

    @property
    def pod(self) -> Json:
        return self.template.get("spec") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        return labels_of(self.template)

    @property
    def service_account(self) -> str:
        return str(self.pod.get("serviceAccountName") or self.pod.get("serviceAccount") or "default")

    @property
    def lasting(self) -> bool:
        """Whether its pods stay, so that something may rely on them."""
        return self.manifest.key.kind in LASTING

    def containers(self) -> Iterator[tuple[str, Json]]:
        """Each container with the path to it."""
        spec = f"{self.path}.spec" if self.path else "spec"
        for kind in ("initContainers", "containers"):
            for number, container in enumerate(self.pod.get(kind) or ()):
                yield f"{spec}.{kind}[{number}]", container

    def words(self) -> Iterator[str]:
        """Command, arguments and environment of all containers."""
        for _, container in self.containers():
            yield from map(str, container.get("command") or ())
            yield from map(str, container.get("args") or ())
            yield from (str(one["value"]) for one in container.get("env") or () if one.get("value"))


def workload(manifest: Manifest) -> Workload | None:
    """The object as a workload; None when it makes no pods itself."""
    path = _TEMPLATES.get(manifest.key.kind)
    if path is None:
        return None
    template: Any = dig(manifest.item, *path) if path else manifest.item
    return Workload(manifest, template, ".".join(path)) if isinstance(template, dict) else None
