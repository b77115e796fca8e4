"""Which kinds a server has, and under which path. Pure.

Reads the aggregated discovery document (https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery):
two requests for everything, and a broken aggregated API only makes its own group stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.kubernetes.objects import Kind

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class APIResource:
    """A kind as the server serves it; `verbs` such as get, list, watch."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    @property
    def root(self) -> str:
        """The path of the API group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "") -> str:
        """The REST path of the collection, or of one object. An empty namespace means all of them."""
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True)
class Catalogue:
    """All resources of a server; the preferred version of a kind comes first."""

    resources: tuple[APIResource, ...] = ()

    def find(self, kind: Kind) -> APIResource | None:
        for resource in self.resources:
            if (resource.group, resource.kind) == (kind.group, kind.name) and (
                not kind.version or kind.version == resource.version
            ):
                return resource
        return None


def api_versions(catalogue: Catalogue) -> tuple[str, ...]:
    """As Argo CD tells them to Helm: `v1`, `v1/Pod`, `apps/v1`, `apps/v1/Deployment` …."""
    found = set()
    for each in catalogue.resources:
        version = f"{each.group}/{each.version}" if each.group else each.version
        found |= {version, f"{version}/{each.kind}"}
    return tuple(sorted(found))


def stored(catalogue: Catalogue) -> tuple[Kind, ...]:
    """Every kind whose objects can be listed and made, once, whatever its versions."""
    found = (each for each in catalogue.resources if {"list", "create"} <= each.verbs)
    return tuple(dict.fromkeys(Kind(each.group, each.kind) for each in found))


def parse(documents: Iterable[dict[str, Any]]) -> Catalogue:
    return Catalogue(tuple(resource for document in documents for resource in _resources(document)))


def _resources(document: dict[str, Any]) -> Iterator[APIResource]:
    for group in document.get("items") or ():
        for version in group.get("versions") or ():
            for entry in version.get("resources") or ():
                kind = (entry.get("responseKind") or {}).get("kind")
                if kind:
                    yield APIResource(
                        group=(group.get("metadata") or {}).get("name", ""),
                        version=version["version"],
                        kind=kind,
                        plural=entry["resource"],
                        namespaced=entry.get("scope") == "Namespaced",
                        verbs=frozenset(entry.get("verbs") or ()),
                    )
