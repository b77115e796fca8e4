"""What the rules ask a tree: names of objects, Argo CD's settings, options of an Application. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bootstrap.core import globs
from bootstrap.gitops.model import App, AppSet, Location, Manifest, Tree
from bootstrap.kubernetes.objects import (
    APP_PROJECT,
    CONFIG_MAP,
    Json,
    Kind,
    annotations_of,
    dig,
    name,
    namespace,
    spec,
)
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.rules.rule import Rule

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"


def finding(
    rule: Rule,
    where: Location,
    subject: str,
    why: str,
    cure: str,
    *,
    other: str = "",
    severity: Severity | None = None,
) -> Finding:
    """A finding of that rule; `severity` only where this case is milder or worse than the rule says."""
    return Finding(rule.id, severity or rule.severity, where, subject, other, why, cure)


def counted(found: Finding, others: int) -> Finding:
    """The first of several that differ in their object alone."""
    return replace(found, subject=f"{found.subject} and {others} more") if others else found


def of_app(app: App) -> str:
    return f"Application {app.name}"


def of_set(one: AppSet) -> str:
    return f"ApplicationSet {one.name}"


def thing(item: Json, where: str = "") -> str:
    """The object as people name it: `Deployment api/web`."""
    space = where or namespace(item)
    return f"{item.get('kind', 'object')} {f'{space}/' if space else ''}{name(item)}"


def of_manifest(manifest: Manifest) -> str:
    owner = f" of Application {manifest.app}" if manifest.app else ""
    return f"{thing(manifest.item, manifest.namespace)}{owner}"


def everything(tree: Tree) -> Iterator[Manifest]:
    """What is installed from outside and all that Applications render."""
    yield from tree.installed
    yield from tree.manifests


def settings(tree: Tree, called: str) -> Mapping[str, str] | None:
    """The data of one of Argo CD's own ConfigMaps; None when the tree does not hold it (Argo CD is installed
    in another way, so it cannot be checked)."""
    found = [
        item.item
        for item in everything(tree)
        if name(item.item) == called and Kind.of(item.item).unversioned == CONFIG_MAP
    ]
    if not found:
        return None
    return {key: str(value) for item in found for key, value in mapped(item.get("data")).items()}


def argocd_known(tree: Tree) -> bool:
    """Whether Argo CD's own manifests could be rendered: else a setting that is not seen may be there."""
    return all(blank.wide for blank in tree.blanks)


def place_of_settings(tree: Tree, called: str) -> Location:
    """Where that ConfigMap stands."""
    return next(
        item.where
        for item in everything(tree)
        if name(item.item) == called and Kind.of(item.item).unversioned == CONFIG_MAP
    )


def listed(value: Any) -> list[Any]:
    """A list, or nothing where Git holds something else: the API server refuses that."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> Json:
    """The same of a mapping."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Json]:
    """The mappings in a list."""
    return [one for one in listed(value) if isinstance(one, dict)]


def projects(tree: Tree) -> Mapping[str, Manifest]:
    """AppProjects by name."""
    return {
        name(item.item): item for item in everything(tree) if Kind.of(item.item).unversioned == APP_PROJECT
    }


def project_of(app: App) -> str:
    return str(spec(app.item).get("project") or "default")


def sources(app: App) -> tuple[Json, ...]:
    one = spec(app.item).get("source")
    return tuple(mappings(spec(app.item).get("sources")) or ([one] if isinstance(one, dict) else []))


def options(app: App) -> dict[str, str]:
    """`syncOptions` as a mapping: "CreateNamespace" → "true"."""
    return _pairs(listed(dig(spec(app.item), "syncPolicy", "syncOptions")))


def options_of(item: Json) -> dict[str, str]:
    """The same of one object, from its annotation."""
    return _pairs(str(annotations_of(item).get(SYNC_OPTIONS) or "").split(","))


def _pairs(texts: list[Any]) -> dict[str, str]:
    pairs = (str(text).strip().partition("=") for text in texts)
    return {key: value for key, _, value in pairs if key}


def automated(app: App) -> Json | None:
    """`syncPolicy.automated`, or None where Argo CD does not sync by itself."""
    found = dig(spec(app.item), "syncPolicy", "automated")
    return None if not isinstance(found, dict) or found.get("enabled") is False else found


def self_heals(app: App) -> bool:
    return bool((automated(app) or {}).get("selfHeal"))


def group_kind(kind: Kind) -> str:
    """As `argocd-cm` writes it in its keys: `argoproj.io_Application`, `Service`."""
    return f"{kind.group}_{kind.name}" if kind.group else kind.name


def line_with(files: Mapping[str, str], where: Location, pattern: str) -> Location:
    """The first line at or below `where`, within its document, that matches; else `where` itself."""
    wanted = re.compile(pattern)
    lines = files.get(where.file, "").splitlines()
    for number, line in enumerate(lines[where.line - 1 :], where.line):
        if number > where.line and line.startswith("---"):
            break
        if wanted.search(line):
            return Location(where.file, number)
    return where


def matches(pattern: str, text: str, separator: str = "") -> bool:
    """Whether a glob of Argo CD (gobwas/glob) matches the whole text: `*` stops at the separator, `**` does
    not, `?`, `[a-z]`, `[!a]` and `{a,b}` as usual. A lone `*` matches everything."""
    if pattern == "*":
        return True
    try:
        return globs.glob(pattern, _dialect(separator)).fullmatch(text)
    except ValueError:
        return False  # Argo CD, too, lets a broken pattern match nothing


def _dialect(separator: str) -> globs.Dialect:
    return globs.Dialect(separator, double=True, carets=False, loose=False)
