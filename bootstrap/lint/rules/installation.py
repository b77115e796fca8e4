"""How Argo CD itself is set up: without its settings waves do not wait, and kinds are not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.gitops.model import App, AppSet, Tree
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, Kind
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Severity
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
from bootstrap.lint.rules.rule import Rule
from bootstrap.lint.rules.sets import rolls

CONFIG = "argocd-cm"
_HEALTH = "https://argo-cd.readthedocs.io/en/stable/operator-manual/health/"

APP_CHECK = Rule("app-health-check-missing")
APP_CHECK_BLIND = Rule("app-health-check-blind")
SET_CHECK = Rule("appset-health-check-missing")
EXCLUDED = Rule("kind-excluded")

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
            f"it has no health check for Application: all {len(positions)} waves start within seconds",
            f"add the key resource.customizations.health.argoproj.io_Application ({_HEALTH}#argocd-app)",
            other=of_app(first),
        )
    elif missing := _unseen(lua):
        yield finding(
            APP_CHECK_BLIND,
            line_with(tree.files, where, r"customizations\.health\.argoproj\.io_Application\b"),
            f"ConfigMap {CONFIG}",
            f"its health check for Application does not look at {missing}, and lets the next wave start",
            "report Progressing unless an Application is Synced, at rest and compared with its present spec "
            f"(bootstrap lint --explain {APP_CHECK_BLIND.id})",
            other=of_app(first),
        )


def _unseen(lua: str) -> str:
    """What a health check of Applications overlooks; empty when it sees all that matters."""
    if "sync" not in lua:
        return "status.sync: one that is OutOfSync or lacks objects counts as Healthy"
    if "comparedTo" not in lua:
        return "status.sync.comparedTo: after a change of its spec the old Healthy counts"
    return ""


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
            f"it counts as healthy once its Applications exist: {of_app(after)} in the next wave starts "
            "before they are ready",
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
                f"{CONFIG} excludes kind {kind}: Argo CD never applies it, but shows Synced",
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
