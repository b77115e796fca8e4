"""How Argo CD itself is set up: without its settings waves do not wait, and kinds are not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.gitops.model import App, AppSet, Tree
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, Kind
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.rules.facts import (
    finding,
    group_kind,
    line_with,
    listed,
    mapped,
    mappings,
    matches,
    of_app,
    of_manifest,
    of_set,
    place_of_settings,
    settings,
)
from bootstrap.lint.rules.projects import destination
from bootstrap.lint.rules.sets import rolls

CONFIG = "argocd-cm"
_HEALTH = "https://argo-cd.readthedocs.io/en/stable/operator-manual/health/"

APP_CHECK = Rule(
    "app-health-check-missing",
    Severity.ERROR,
    "argocd-cm has no health check for Application, so waves between Applications wait for nothing",
    f"""Argo CD 1.8 removed the health check of Applications. Without one an Application counts as healthy
the moment it is created: the root Application applies all waves within seconds, and everything starts at
once.
Cure: the key resource.customizations.health.argoproj.io_Application in ConfigMap argocd-cm.
Source: {_HEALTH}#argocd-app, https://github.com/argoproj/argo-cd/issues/3781""",
    failing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data: {timeout.reconciliation: 30s}
---
kind: Application
metadata: {name: platform}
---
kind: Application
metadata: {name: crds, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
kind: Application
metadata: {name: operators, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "1"}}
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.health.argoproj.io_Application: |
    local hs = {status = "Progressing", message = ""}
    local status = obj.status or {}
    if status.health ~= nil and status.sync ~= nil and status.sync.status == "Synced" then
      hs.status = status.health.status
    end
    return hs
---
kind: Application
metadata: {name: platform}
---
kind: Application
metadata: {name: crds, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
kind: Application
metadata: {name: operators, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "1"}}
""",
)

APP_CHECK_BLIND = Rule(
    "app-health-check-blind",
    Severity.WARNING,
    "the health check of Applications does not look at their sync status",
    """An Application is Healthy while it is OutOfSync, Missing some objects (Argo CD 3.4 and later), or
not yet compared with the new commit. A check that only copies status.health lets the next wave start
then.
Cure: report Progressing unless status.sync.status is Synced and no operation is running.
Source: https://github.com/argoproj/argo-cd/issues/10550, https://github.com/argoproj/argo-cd/issues/27917""",
    failing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.health.argoproj.io_Application: |
    local hs = {status = "Progressing", message = ""}
    if obj.status ~= nil and obj.status.health ~= nil then
      hs.status = obj.status.health.status
    end
    return hs
---
kind: Application
metadata: {name: platform}
---
kind: Application
metadata: {name: crds, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
kind: Application
metadata: {name: operators, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "1"}}
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.health.argoproj.io_Application: |
    local hs = {status = "Progressing", message = ""}
    local status = obj.status or {}
    if status.health ~= nil and status.sync ~= nil and status.sync.status == "Synced" then
      hs.status = status.health.status
    end
    return hs
---
kind: Application
metadata: {name: platform}
---
kind: Application
metadata: {name: crds, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
kind: Application
metadata: {name: operators, labels: {parent: platform}, annotations: {argocd.argoproj.io/sync-wave: "1"}}
""",
)

SET_CHECK = Rule(
    "appset-health-check-missing",
    Severity.WARNING,
    "a wave follows an ApplicationSet that counts as healthy as soon as its Applications exist",
    """Argo CD's own check calls an ApplicationSet Healthy once its Applications are created
(ResourcesUpToDate), whether or not they are synced and healthy; only RollingSync is waited for. The next
wave therefore starts too early.
Cure: resource.customizations.health.argoproj.io_ApplicationSet in argocd-cm, which looks at
status.resources (these carry health with applicationsetcontroller.enable.progressive.syncs), or
RollingSync.
Source:
https://github.com/argoproj/argo-cd/blob/v3.2.6/resource_customizations/argoproj.io/ApplicationSet/health.lua""",
    failing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.health.argoproj.io_Application: |
    local hs = {status = "Progressing", message = ""}
    local status = obj.status or {}
    if status.health ~= nil and status.sync ~= nil and status.sync.status == "Synced" then
      hs.status = status.health.status
    end
    return hs
---
kind: ApplicationSet
metadata: {name: apis, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec: {generators: [{list: {elements: [{name: auth}, {name: gateway}]}}]}
---
kind: Application
metadata: {name: auth, ownerReferences: [{kind: ApplicationSet, name: apis}]}
---
kind: Application
metadata: {name: ingress, annotations: {argocd.argoproj.io/sync-wave: "2"}}
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.health.argoproj.io_Application: |
    local hs = {status = "Progressing", message = ""}
    local status = obj.status or {}
    if status.health ~= nil and status.sync ~= nil and status.sync.status == "Synced" then
      hs.status = status.health.status
    end
    return hs
  resource.customizations.health.argoproj.io_ApplicationSet: |
    return {status = "Progressing", message = "see status.resources"}
---
kind: ApplicationSet
metadata: {name: apis, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec: {generators: [{list: {elements: [{name: auth}, {name: gateway}]}}]}
---
kind: Application
metadata: {name: auth, ownerReferences: [{kind: ApplicationSet, name: apis}]}
---
kind: Application
metadata: {name: ingress, annotations: {argocd.argoproj.io/sync-wave: "2"}}
""",
)

EXCLUDED = Rule(
    "kind-excluded",
    Severity.ERROR,
    "an Application renders a kind that argocd-cm excludes",
    """Kinds under resource.exclusions (or outside resource.inclusions) do not exist for Argo CD: it does
not apply them and only leaves the condition ExcludedResourceWarning. The Application is Synced and
Healthy without the object, and what needs it waits for ever.
Cure: take the kind out of the exclusion, or the object out of the Application.
Source:
https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#resource-exclusioninclusion""",
    failing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.exclusions: |
    - {apiGroups: ["", discovery.k8s.io], kinds: [Endpoints, EndpointSlice]}
---
kind: Application
metadata: {name: database}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: old-database, namespace: default, labels: {kubernetes.io/service-name: old-database}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7]}]
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.exclusions: |
    - {apiGroups: [coordination.k8s.io], kinds: [Lease]}
---
kind: Application
metadata: {name: database}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: old-database, namespace: default, labels: {kubernetes.io/service-name: old-database}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7]}]
""",
)

RULES = (APP_CHECK, APP_CHECK_BLIND, SET_CHECK, EXCLUDED)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    """Nothing is said where the tree does not hold argocd-cm."""
    found = settings(tree, CONFIG)
    if found is None:
        return
    yield from _app_check(tree, found)
    yield from _set_checks(tree, graph, found)
    yield from _excluded(tree, found)


def health_check(found: Mapping[str, str], kind: Kind) -> str:
    """The Lua of a kind's health check in argocd-cm; empty when there is none."""
    own = found.get(f"resource.customizations.health.{group_kind(kind)}", "")
    old = mapped(_parsed(found.get("resource.customizations", "")))
    entry = old.get(f"{kind.group}/{kind.name}" if kind.group else kind.name)
    return own or (str(entry.get("health.lua") or "") if isinstance(entry, dict) else "")


def _parsed(text: str) -> Any:
    """YAML inside a setting; empty when it is none (Argo CD says so itself when it starts)."""
    try:
        return next(documents(text), {})
    except yaml.YAMLError:
        return {}


def _app_check(tree: Tree, found: Mapping[str, str]) -> Iterator[Finding]:
    children = [app for app in tree.apps if app.parent]
    positions = sorted({app.position for app in children})
    if len(positions) < 2:
        return  # nothing waits for anything
    where = place_of_settings(tree, CONFIG)
    lua = health_check(found, APPLICATION)
    first = next(app for app in children if app.position == positions[0])
    if not lua.strip():
        yield finding(
            APP_CHECK,
            where,
            f"ConfigMap {CONFIG}",
            f"it has no health check for Application: {len(positions)} waves start within seconds of "
            "each other",
            f"add the key resource.customizations.health.argoproj.io_Application ({_HEALTH}#argocd-app)",
            other=of_app(first),
        )
    elif "sync" not in lua:
        yield finding(
            APP_CHECK_BLIND,
            line_with(tree.files, where, r"customizations\.health\.argoproj\.io_Application\b"),
            f"ConfigMap {CONFIG}",
            "its health check of Applications only copies their health: one that is Healthy but "
            "OutOfSync or not "
            "compared yet lets the next wave start",
            "report Progressing unless obj.status.sync.status is Synced and no operation runs",
            other=of_app(first),
        )


def _set_checks(tree: Tree, graph: Graph, found: Mapping[str, str]) -> Iterator[Finding]:
    if health_check(found, APPLICATION_SET).strip():
        return
    for one in tree.sets:
        after = _after(tree, one)
        if rolls(one) or after is None:
            continue
        children = {app.name for app in tree.apps if app.set == one.name}
        needed = next(
            (edge for edge in graph.edges if edge.provider.app in children and edge.user.app not in children),
            None,
        )
        yield finding(
            SET_CHECK,
            one.where,
            of_set(one),
            f"it counts as healthy once its Applications exist; {of_app(after)} in the next wave starts "
            "before they "
            "are ready",
            f"add resource.customizations.health.argoproj.io_ApplicationSet to {CONFIG}",
            other=of_app(after),
            severity=Severity.ERROR if needed else None,
        )


def _after(tree: Tree, one: AppSet) -> App | None:
    """The next Application that should wait for the set: a later sibling or what hangs on one."""
    return next((app for app in tree.apps if app.set != one.name and app.position > one.position), None)


def _excluded(tree: Tree, found: Mapping[str, str]) -> Iterator[Finding]:
    excluded, included = _entries(found, "resource.exclusions"), _entries(found, "resource.inclusions")
    if not excluded and not included:
        return
    for app in tree.apps:
        server = destination(app).server
        seen: set[Kind] = set()
        for manifest in app.manifests:
            kind = manifest.key.kind
            if kind in seen or not _hidden(kind, server, excluded, included):
                continue
            seen.add(kind)
            yield finding(
                EXCLUDED,
                manifest.where,
                of_manifest(manifest),
                f"{CONFIG} excludes kind {kind}: Argo CD never applies it and reports the Application as "
                "Synced",
                f"correct resource.exclusions or resource.inclusions ({place_of_settings(tree, CONFIG)})",
                other=f"ConfigMap {CONFIG}",
            )


def _entries(found: Mapping[str, str], key: str) -> list[dict[str, Any]]:
    return mappings(_parsed(found.get(key, "")))


def _hidden(kind: Kind, server: str, excluded: list[dict[str, Any]], included: list[dict[str, Any]]) -> bool:
    if any(_names(entry, kind, server) for entry in excluded):
        return True
    return bool(included) and not any(_names(entry, kind, server) for entry in included)


def _names(entry: Mapping[str, Any], kind: Kind, server: str) -> bool:
    """As FilteredResource.Match in util/settings/filtered_resource.go; an absent list means all."""
    groups, kinds, clusters = (listed(entry.get(key)) for key in ("apiGroups", "kinds", "clusters"))
    return (
        (not groups or any(matches(str(group), kind.group) for group in groups))
        and (not kinds or "*" in kinds or kind.name in kinds)
        and (not clusters or any(matches(str(cluster), server) for cluster in clusters))
    )
