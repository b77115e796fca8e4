"""How Applications are synced: whether by themselves, again after a failure, and in a way that can work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from bootstrap.gitops.model import LEFT_OUT, App, Manifest, Tree
from bootstrap.gitops.phases import Phase, phase
from bootstrap.kubernetes.objects import CRD, NAMESPACE, Json, Kind, annotations_of, dig, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import (
    automated,
    everything,
    finding,
    mappings,
    of_app,
    of_manifest,
    options,
    options_of,
    sources,
)
from bootstrap.lint.rules.rule import Rule
from bootstrap.lint.rules.sets import rolls

# apimachinery pkg/api/validation/objectmeta.go: TotalAnnotationSizeLimitB, keys and values of all together.
ANNOTATIONS_LIMIT = 262_144
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?|[0-9a-f]{40}|sha256:[0-9a-f]{64}")

MANUAL = Rule("sync-not-automated")
PARTIAL = Rule("sync-policy-partial")
NO_RETRY = Rule("sync-without-retry")
LONG = Rule("object-too-long-to-apply")
METADATA = Rule("namespace-metadata-overwritten")
FLOATING = Rule("chart-version-floats")

_WITHOUT = {
    "prune": "objects removed from Git stay in the cluster",
    "selfHeal": "manual changes in the cluster stay",
}
RULES = (MANUAL, PARTIAL, NO_RETRY, LONG, METADATA, FLOATING)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    """How an Application without spec is synced is not judged: the API server refuses it."""
    rolled = {one.name for one in tree.sets if rolls(one)}
    for app in tree.apps:
        yield from _lengths(app)
        if not spec(app.item):
            continue
        if app.set not in rolled:
            yield from _automation(tree, app)
        yield from _metadata(tree, app)
        yield from _versions(app)


def _automation(tree: Tree, app: App) -> Iterator[Finding]:
    policy = automated(app)
    if policy is None:
        after = next((other for other in tree.apps if app.position and other.position > app.position), None)
        if after is not None:
            yield finding(
                MANUAL,
                app.where,
                of_app(app),
                f"it syncs only by hand, and {of_app(after)} and all later waves wait for it",
                "set syncPolicy.automated: {prune: true, selfHeal: true}",
                other=of_app(after),
            )
        return
    missing = [key for key in _WITHOUT if policy.get(key) is not True]
    if missing:
        yield finding(
            PARTIAL,
            app.where,
            of_app(app),
            f"automated sync lacks {' and '.join(missing)}: {' and '.join(_WITHOUT[key] for key in missing)}",
            "set automated: {prune: true, selfHeal: true}",
        )
    if not dig(spec(app.item), "syncPolicy", "retry"):
        yield finding(
            NO_RETRY,
            app.where,
            of_app(app),
            "a sync that fails for about 3 minutes is abandoned, and the same commit is not retried",
            "set syncPolicy.retry: {limit: 10, backoff: {duration: 5s, factor: 2, maxDuration: 1m}}",
        )


def applied_size(item: Json) -> int:
    """Bytes of annotations after a client-side apply: the object's own, and its JSON as kubectl stores it. A
    CRD's schemas count with the least that they take."""
    stored = json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode()
    own = (f"{key}{value}".encode() for key, value in annotations_of(item).items() if key != LAST_APPLIED)
    versions = mappings(spec(item).get("versions")) if Kind.of(item).unversioned == CRD else ()
    left_out = (int(dig(one, "schema", "openAPIV3Schema", LEFT_OUT) or 0) for one in versions)
    return len(LAST_APPLIED) + len(stored) + 1 + sum(map(len, own)) + sum(left_out)


def _lengths(app: App) -> Iterator[Finding]:
    given = options(app)
    for manifest in app.manifests:
        if _client_side(given, manifest) and (size := applied_size(manifest.item)) > ANNOTATIONS_LIMIT:
            yield finding(
                LONG,
                manifest.where,
                of_manifest(manifest),
                f"client-side apply needs at least {size} bytes of annotations, and the limit is "
                f"{ANNOTATIONS_LIMIT}: the sync fails",
                f"add ServerSideApply=true to syncOptions of {of_app(app)}",
                other=of_app(app),
            )


def _client_side(given: dict[str, str], manifest: Manifest) -> bool:
    if phase(manifest) is Phase.NEVER:
        return False
    effective = {**given, **options_of(manifest.item)}
    return effective.get("ServerSideApply") != "true" and effective.get("Replace") != "true"


def _metadata(tree: Tree, app: App) -> Iterator[Finding]:
    wanted = dig(spec(app.item), "destination", "namespace")
    managed = dig(spec(app.item), "syncPolicy", "managedNamespaceMetadata")
    if not managed or options(app).get("CreateNamespace") != "true":
        return
    for manifest in everything(tree):
        if manifest.key.kind == NAMESPACE and manifest.key.name == wanted:
            yield finding(
                METADATA,
                app.where,
                of_app(app),
                f"{of_manifest(manifest)} ({manifest.where}) overwrites its managedNamespaceMetadata",
                "move the labels and annotations to the Namespace manifest",
                other=of_manifest(manifest),
            )


def _versions(app: App) -> Iterator[Finding]:
    for source in sources(app):
        version = str(source.get("targetRevision") or "")
        if source.get("chart") and version and not _EXACT.fullmatch(version):
            yield finding(
                FLOATING,
                app.where,
                of_app(app),
                f"version {version} of chart {source['chart']} may resolve to another version at any time",
                f"pin the exact version of chart {source['chart']}",
            )
