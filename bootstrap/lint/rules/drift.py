"""What keeps differing from Git, or is reset by every sync."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import (
    DEPLOYMENT,
    MUTATING_WEBHOOKS,
    SECRET,
    STATEFUL_SET,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    name,
    spec,
)
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.pods import REPLICA_SET, ROLLOUT
from bootstrap.lint.model import Finding
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
    options,
    self_heals,
    settings,
)
from bootstrap.lint.rules.rule import Rule

AUTOSCALER = Kind("autoscaling", "HorizontalPodAutoscaler")
SCALED_OBJECT = Kind("keda.sh", "ScaledObject")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "ClusterRole")
_SCALABLE = {DEPLOYMENT, STATEFUL_SET, REPLICA_SET, ROLLOUT}
_WEBHOOKS = {MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS}
_IGNORED = "argocd.argoproj.io/ignore-differences"  # on an object, since Argo CD 3.6
_INJECTED = re.compile(r"cert-manager\.io/inject-")

REPLICAS = Rule("autoscaled-replicas")
RESET = Rule("autoscaled-replicas-reset")
BUNDLE = Rule("webhook-bundle-overwritten")
CERTIFICATE = Rule("certificate-rendered-anew")
AGGREGATED = Rule("aggregated-role-rules")

RULES = (REPLICAS, RESET, BUNDLE, CERTIFICATE, AGGREGATED)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    system = settings(tree, "argocd-cm") or {}
    scaled = _scaled(tree)
    for app in tree.apps:
        ignores = Ignores(app, system)
        secrets = _authorities(app)
        for manifest in app.manifests:
            if manifest.key in scaled:
                yield from _replicas(tree, app, ignores, manifest, scaled[manifest.key])
            if manifest.key.kind in _WEBHOOKS:
                yield from _bundle(app, ignores, manifest, secrets)
            if manifest.key.kind == CLUSTER_ROLE:
                yield from _aggregated(app, system, manifest)


class Ignores:
    """What an Application does not compare: ignoreDifferences of its own, of argocd-cm, and of the object."""

    def __init__(self, app: App, system: Mapping[str, str]) -> None:
        self._own = mappings(spec(app.item).get("ignoreDifferences"))
        self._system = system

    def covers(self, manifest: Manifest, pointer: str) -> bool:
        """Whether the field at that JSON pointer is left out ("/spec/replicas"); a field that another manager
        owns counts, too, as these fields are not known offline."""
        return any(_covers(entry, pointer) for entry in self._entries(manifest))

    def _entries(self, manifest: Manifest) -> Iterator[Json]:
        kind = manifest.key.kind
        for entry in self._own:
            if (
                matches(str(entry.get("group") or ""), kind.group)
                and matches(str(entry.get("kind") or ""), kind.name)
                and entry.get("name") in (None, "", manifest.key.name)
                and entry.get("namespace") in (None, "", manifest.namespace)
            ):
                yield entry
        for suffix in ("all", group_kind(kind)):
            found = _mapping(self._system.get(f"resource.customizations.ignoreDifferences.{suffix}", ""))
            if found:
                yield found
        yield {"jsonPointers": _mapping(annotations_of(manifest.item).get(_IGNORED, "")).get("jsonPointers")}


def _mapping(text: str) -> Json:
    try:
        value: Any = next(documents(text), {})
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


def _covers(entry: Json, pointer: str) -> bool:
    pointers = [str(one).rstrip("/") for one in listed(entry.get("jsonPointers"))]
    if any(pointer == one or pointer.startswith(f"{one}/") for one in pointers):
        return True
    path = pointer.replace("/", ".")
    plain = [re.sub(r"\[[^\]]*\]\??|\s|\"", "", str(one)) for one in listed(entry.get("jqPathExpressions"))]
    if any(path == one or path.startswith(f"{one}.") for one in plain):
        return True
    return bool(entry.get("managedFieldsManagers"))


def _scaled(tree: Tree) -> dict[Key, Manifest]:
    """Workloads that an autoscaler owns, by key."""
    found: dict[Key, Manifest] = {}
    for scaler in tree.manifests:
        if scaler.key.kind in {AUTOSCALER, SCALED_OBJECT}:
            target = mapped(dig(scaler.item, "spec", "scaleTargetRef"))
            default = "apps/v1" if scaler.key.kind == SCALED_OBJECT else ""
            kind = Kind.of(
                {
                    "apiVersion": target.get("apiVersion") or default,
                    "kind": target.get("kind") or "Deployment",
                }
            )
            found[Key(kind.unversioned, scaler.namespace, str(target.get("name", "")))] = scaler
    return found


def _replicas(
    tree: Tree, app: App, ignores: Ignores, manifest: Manifest, scaler: Manifest
) -> Iterator[Finding]:
    count = spec(manifest.item).get("replicas")
    if count is None or manifest.key.kind not in _SCALABLE:
        return
    where = manifest.where if manifest.via else line_with(tree.files, manifest.where, r"^[^#]*\breplicas:")
    if not ignores.covers(manifest, "/spec/replicas"):
        fight = "reverts it every time" if self_heals(app) else "keeps showing the Application as OutOfSync"
        yield finding(
            REPLICAS,
            where,
            of_manifest(manifest),
            f"spec.replicas is {count} in Git, {of_manifest(scaler)} changes it, and Argo CD {fight}",
            "remove spec.replicas, or add ignoreDifferences on /spec/replicas and "
            "RespectIgnoreDifferences=true",
            other=of_manifest(scaler),
        )
    elif options(app).get("RespectIgnoreDifferences") != "true":
        yield finding(
            RESET,
            where,
            of_manifest(manifest),
            f"ignoreDifferences hides it, but every sync of {of_app(app)} resets replicas to {count}",
            "add RespectIgnoreDifferences=true to syncOptions, or remove spec.replicas",
            other=of_manifest(scaler),
        )


def _authorities(app: App) -> dict[str, Manifest]:
    """Certificate authorities in the Application's own Secrets."""
    return {
        str(bundle): item
        for item in app.manifests
        if item.key.kind == SECRET
        for bundle in (dig(item.item, "data", "ca.crt"),)
        if bundle
    }


def _bundle(
    app: App, ignores: Ignores, manifest: Manifest, secrets: Mapping[str, Manifest]
) -> Iterator[Finding]:
    bundles = [
        str(found)
        for hook in mappings(manifest.item.get("webhooks"))
        if (found := dig(hook, "clientConfig", "caBundle"))
    ]
    if not bundles or ignores.covers(manifest, "/webhooks/clientConfig/caBundle"):
        return
    injected = next((key for key in annotations_of(manifest.item) if _INJECTED.match(key)), "")
    secret = next((secrets[bundle] for bundle in bundles if bundle in secrets), None)
    if injected:
        yield finding(
            BUNDLE,
            manifest.where,
            of_manifest(manifest),
            f"it has a caBundle, and cert-manager ({injected}) writes another one: OutOfSync again after "
            "each sync",
            "remove caBundle from the manifest, or add ignoreDifferences for it",
            other=of_app(app),
        )
    elif secret is not None and manifest.via:
        yield finding(
            CERTIFICATE,
            manifest.where,
            of_manifest(manifest),
            f"each rendering of the chart generates another caBundle and another {of_manifest(secret)}",
            'ignore /data of the Secret and ".webhooks[]?.clientConfig.caBundle", with '
            "RespectIgnoreDifferences=true",
            other=of_manifest(secret),
        )


def _aggregated(app: App, system: Mapping[str, str], manifest: Manifest) -> Iterator[Finding]:
    if not manifest.item.get("aggregationRule") or manifest.item.get("rules") is None:
        return
    if _mapping(system.get("resource.compareoptions", "")).get("ignoreAggregatedRoles") is True:
        return
    if Ignores(app, system).covers(manifest, "/rules"):
        return
    yield finding(
        AGGREGATED,
        manifest.where,
        of_manifest(manifest),
        f"a controller writes the rules of ClusterRole {name(manifest.item)}, so it always differs from Git",
        "set ignoreAggregatedRoles: true in resource.compareoptions of argocd-cm, or remove the rules",
        other=of_app(app),
    )
