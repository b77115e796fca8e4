"""Fields of an Application that Argo CD rejects, or silently ignores."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.gitops.model import App, Location, Tree
from bootstrap.kubernetes.argo import WAVE, atoi, wave_of
from bootstrap.kubernetes.objects import (
    CONFIG_MAP,
    DEPLOYMENT,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Json,
    annotations_of,
    namespace,
    spec,
)
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.rules.facts import (
    finding,
    line_with,
    listed,
    mapped,
    of_app,
    of_manifest,
    of_set,
    options,
    options_of,
    sources,
)
from bootstrap.lint.rules.projects import destination
from bootstrap.lint.rules.rule import Rule

_OPTIONS = "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/"
_NAMESPACED = {CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE, STATEFUL_SET}

# Argo CD 3.6: docs/user-guide/sync-options.md, gitops-engine pkg/sync/common/types.go. Those of a whole
# Application and those of one object together.
KNOWN_OPTIONS = {
    "ApplyOutOfSyncOnly": {"true", "false"},
    "ClientSideApplyMigration": {"true", "false"},
    "CreateNamespace": {"true", "false"},
    "Delete": {"true", "false", "confirm"},
    "FailOnSharedResource": {"true", "false"},
    "Force": {"true", "false"},
    "Prune": {"true", "false", "confirm"},
    "PruneLast": {"true", "false"},
    "PrunePropagationPolicy": {"foreground", "background", "orphan"},
    "Replace": {"true", "false"},
    "RespectIgnoreDifferences": {"true", "false"},
    "ServerSideApply": {"true", "false"},
    "SkipDryRunOnMissingResource": {"true", "false"},
    "Validate": {"true", "false"},
}

BROKEN = Rule("render-failed")
SOURCE = Rule("source-incomplete")
DESTINATION = Rule("destination-incomplete")
NO_INTEGER = Rule("wave-not-a-number")
OPTION = Rule("sync-option-unknown")

RULES = (BROKEN, SOURCE, DESTINATION, NO_INTEGER, OPTION)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    for one in tree.broken:
        yield finding(BROKEN, one.where, one.what, one.why, one.cure or "fix it in Git")
    for made in tree.sets:
        yield from _wave(tree, made.item, made.where, of_set(made), "")
    for app in tree.apps:
        yield from _wave(tree, app.item, app.where, of_app(app), "")
        yield from _options(app.where, of_app(app), options(app), "")
        yield from _source(app)
        yield from _destination(app)
        for manifest in app.manifests:
            yield from _wave(tree, manifest.item, manifest.where, of_manifest(manifest), of_app(app))
            yield from _options(manifest.where, of_manifest(manifest), options_of(manifest.item), of_app(app))


def _wave(tree: Tree, item: Json, where: Location, subject: str, other: str) -> Iterator[Finding]:
    said = annotations_of(item).get(WAVE)
    if said is None or atoi(str(said)) is not None:
        return
    yield finding(
        NO_INTEGER,
        line_with(tree.files, where, re.escape(WAVE)),
        subject,
        f"its sync wave is {str(said)!r}, which Argo CD reads as {wave_of(item)}",
        'use an integer in quotes, such as "15"',
        other=other,
    )


def _options(where: Location, subject: str, given: dict[str, str], other: str) -> Iterator[Finding]:
    for key, value in given.items():
        known = KNOWN_OPTIONS.get(key)
        if known is not None and value in known:
            continue
        reason = f"{key} must be {' or '.join(sorted(known))}" if known else f"{key} is not an Argo CD option"
        yield finding(
            OPTION,
            where,
            subject,
            f"{key}={value} is ignored: {reason}",
            f"correct the spelling ({_OPTIONS})",
            other=other,
        )


def _source(app: App) -> Iterator[Finding]:
    if not ({"source", "sources"} & set(spec(app.item))):
        return  # the API server and the reader say so
    refs = {str(source["ref"]) for source in sources(app) if source.get("ref")}
    for source in sources(app):
        for why, cure in _lacks(source, refs, several=bool(spec(app.item).get("sources"))):
            yield finding(SOURCE, app.where, of_app(app), why, cure)
        yield from _ignored(app, source)


def _ignored(app: App, source: Json) -> Iterator[Finding]:
    """Argo CD accepts chart and path together (validateSourcePermissions), and reads one of them only."""
    if source.get("chart") and source.get("path"):
        url = str(source.get("repoURL") or "")
        field = "chart" if url.startswith("oci://") else "path"
        why = f"the source {url} has both chart and path: Argo CD ignores the {field}"
        yield finding(SOURCE, app.where, of_app(app), why, f"remove {field}", severity=Severity.WARNING)


def _lacks(source: Json, refs: set[str], *, several: bool) -> Iterator[tuple[str, str]]:
    """As validateSourcePermissions of Argo CD (util/argo/argo.go): only one of several may be a mere ref."""
    url = str(source.get("repoURL") or "")
    if not url:
        yield "a source has no repoURL: InvalidSpecError, no sync", "add repoURL"
    elif source.get("chart") and not source.get("targetRevision"):
        yield f"chart {source['chart']} has no targetRevision: InvalidSpecError, no sync", "set its version"
    elif not (source.get("chart") or source.get("path") or (several and source.get("ref"))):
        cure = "add path: ." if url.startswith("oci://") else "add path or chart"
        yield f"the source {url} has neither path nor chart: InvalidSpecError, no sync", cure
    for file in listed(mapped(source.get("helm")).get("valueFiles")):
        called = str(file).removeprefix("$").partition("/")[0]
        if str(file).startswith("$") and called not in refs:
            why = f"value file {file}: no source has ref: {called}, so rendering fails"
            yield why, f"add a source with ref: {called}"


def _destination(app: App) -> Iterator[Finding]:
    given = mapped(spec(app.item).get("destination"))
    if not given and not spec(app.item).get("project"):
        return
    there = destination(app)
    if not (there.server or there.name):
        yield finding(
            DESTINATION,
            app.where,
            of_app(app),
            "its destination has no cluster: InvalidSpecError, no sync",
            "set destination.server: https://kubernetes.default.svc",
        )
    elif given.get("server") and given.get("name"):
        yield finding(
            DESTINATION,
            app.where,
            of_app(app),
            "its destination has both server and name: InvalidSpecError, no sync",
            "remove one of the two",
        )
    if there.namespace:
        return
    homeless = next(
        (item for item in app.manifests if item.key.kind in _NAMESPACED and not namespace(item.item)), None
    )
    if homeless is not None:
        yield finding(
            DESTINATION,
            homeless.where,
            of_manifest(homeless),
            "neither the object nor the Application's destination has a namespace: the sync fails",
            "set destination.namespace",
            other=of_app(app),
        )
