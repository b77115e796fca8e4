"""What rendering a source gives: objects, and where in Git each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.gitops.model import Location
from bootstrap.kubernetes.objects import Json


@dataclass(frozen=True)
class RenderedObject:
    """`where` is None when nothing in Git but the Application's source leads to it; `via` as in Manifest."""

    item: Json
    where: Location | None = None
    via: str = ""

    def dump(self) -> list[Any]:
        return [self.item, [self.where.file, self.where.line] if self.where else None, self.via]

    @classmethod
    def load(cls, plain: list[Any]) -> RenderedObject:
        item, where, via = plain
        return cls(item, Location(*where) if where else None, via)


@dataclass(frozen=True)
class ApplicationSource:
    """One source of an Application, with all of the Application that its rendering may depend on.

    `namespace` is the destination's; `refs` are the Application's sources by their `ref`.
    """

    app: str
    app_namespace: str
    project: str
    namespace: str
    spec: Mapping[str, Any]
    refs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    where: Location = field(default_factory=lambda: Location("", 1))

    @property
    def path(self) -> str:
        return str(self.spec.get("path") or "")

    @property
    def chart(self) -> str:
        return str(self.spec.get("chart") or "")

    @property
    def repository(self) -> str:
        return str(self.spec.get("repoURL") or "")

    @property
    def revision(self) -> str:
        return str(self.spec.get("targetRevision") or "")

    def options(self, kind: str) -> Mapping[str, Any]:
        found = self.spec.get(kind)
        return found if isinstance(found, Mapping) else {}

    def variables(self) -> dict[str, str]:
        """Argo CD's build environment, as far as it is known before there is a commit."""
        return {
            "ARGOCD_APP_NAME": self.app,
            "ARGOCD_APP_NAMESPACE": self.namespace,
            "ARGOCD_APP_PROJECT_NAME": self.project,
            "ARGOCD_APP_SOURCE_REPO_URL": self.repository,
            "ARGOCD_APP_SOURCE_PATH": self.path,
            "ARGOCD_APP_SOURCE_TARGET_REVISION": self.revision,
        }
