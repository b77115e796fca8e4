"""External Secrets Operator, installed from outside before Argo CD takes it over, and proven to answer.

Chart, version and values stand in its Application only. What is rendered from there by the program that
Argo CD uses is applied as Argo CD would: under its field manager, with its tracking annotation. So the
Application adopts it without a difference, and a later version can remove what it drops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.gitops import applications as gitops
from bootstrap.gitops.applications import AppManifest
from bootstrap.kubernetes import eso
from bootstrap.kubernetes.apply import Applied, apply, established
from bootstrap.kubernetes.argo import MANAGER, same_repository, tracked
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import (
    APPLICATION,
    CRD,
    ENDPOINT_SLICE,
    NAMESPACE,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    name,
)
from bootstrap.kubernetes.render import helm_template, kustomize_build
from bootstrap.kubernetes.rollout import wait_for_workloads
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess


def run(context: Context) -> Done:
    """Apply what Applications will own, except what they own already; then wait and prove it.

    ESO counts as up when its CRDs are Established, its Deployments Available, its webhooks have endpoints
    and a certificate authority, and the API server accepts an ExternalSecret in a dry run.
    """
    cluster, target = context.results.get(ClusterAccess).cluster, context.target
    apps = gitops.load(context.config.gitops)
    app = gitops.find(apps, context.config.eso.application)
    root = gitops.repository_root(context.config.gitops.checkout)
    chart, release = gitops.chart_of(app, lambda path: (root / path).read_text(encoding="utf-8"))
    release = replace(release, kubernetes_version=cluster.version())
    rendered = helm_template(target.tools.helm, chart, release, target.tool_environment)
    parts = [Part(app, rendered)]
    if not eso.definitions(rendered):
        parts.insert(0, _definitions(context, root, _before(apps, app)))
    applied = _apply(context, cluster, parts, release.namespace)
    definitions = [name(item) for part in parts for item in eso.definitions(part.manifests)]
    established(cluster, definitions, context)
    wait_for_workloads(
        cluster, rendered, context, what="External Secrets Operator", namespace=release.namespace
    )
    _wait_for_webhooks(context, cluster, rendered)
    _prove(context, cluster, release.namespace)
    return Done(f"{chart.name} {chart.version} answers", changed=bool(applied.changed))


@dataclass(frozen=True)
class Part:
    """Manifests and the Application that will own them."""

    app: AppManifest
    manifests: list[Json]


def _apply(context: Context, cluster: Cluster, parts: Sequence[Part], namespace: str) -> Applied:
    """What no Application in the cluster owns yet, as Argo CD would apply it."""
    ours = [part for part in parts if not _owned(context, cluster, part.app)]
    manifests = [tracked(item, part.app.name, namespace) for part in ours for item in part.manifests]
    if not manifests:
        return Applied()
    if cluster.find(Key(NAMESPACE, "", namespace)) is None:  # another Application owns it later
        manifests.insert(0, _namespace(namespace))
    applied = apply(cluster, manifests, context, manager=MANAGER, namespace=namespace)
    context.progress(str(applied))
    return applied


def _owned(context: Context, cluster: Cluster, app: AppManifest) -> bool:
    """Whether the Application is in the cluster: then its objects are Argo CD's, and not ours to touch."""
    return cluster.find(Key(APPLICATION, context.config.gitops.namespace, app.name)) is not None


def _before(apps: Sequence[AppManifest], app: AppManifest) -> list[AppManifest]:
    return [other for other in apps if other.wave < app.wave]


def _definitions(context: Context, root: Path, apps: Sequence[AppManifest]) -> Part:
    """The CRDs of the earlier wave's kustomization that has ESO's: all of them, not only ESO's.

    Argo CD reloads the API server's whole schema at every event of a kind that is new to it: some four times
    a CRD, megabytes each. Those that are there before it starts cost it nothing, and wave 0 adopts them.
    """
    target = context.target
    for app, path in _paths(apps, context.config.gitops.repo_url):
        folder = root / path
        if (folder / "kustomization.yaml").is_file():
            built = kustomize_build(target.tools.kustomize, folder, target.tool_environment)
            if eso.definitions(built):
                return Part(app, [item for item in built if Kind.of(item).unversioned == CRD])
    raise PermanentError(
        "no CustomResourceDefinitions of External Secrets Operator",
        "neither its chart nor a kustomization of an earlier wave has any",
        "set installCRDs in its values, or add them to an earlier wave",
    )


def _paths(apps: Sequence[AppManifest], repo_url: str) -> Iterator[tuple[AppManifest, str]]:
    """Folders of our own repository that these Applications sync."""
    for app in apps:
        source = app.spec.get("source") or {}
        if source.get("path") and same_repository(str(source.get("repoURL", "")), repo_url):
            yield app, str(source["path"])


def _namespace(which: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": which}}


def _wait_for_webhooks(context: Context, cluster: Cluster, rendered: Sequence[Json]) -> None:
    wanted = eso.webhooks(rendered)
    if not wanted:
        return

    def decide(world: InformerCache) -> Observation[bool]:
        late = eso.late_webhooks(wanted, world.items(VALIDATING_WEBHOOKS), world.items(ENDPOINT_SLICE))
        return Observation(None if late else True, ", ".join(late))

    with Informer(cluster, Scope(VALIDATING_WEBHOOKS), Scope(ENDPOINT_SLICE)) as world:
        until(world, decide, context, what="External Secrets' webhooks")


def _prove(context: Context, cluster: Cluster, namespace: str) -> None:
    def probe() -> Observation[bool]:
        try:
            cluster.create(eso.proof(namespace), dry_run=True)
        except TemporaryError as error:
            return Observation(None, str(error))
        return Observation(True)

    context.wait(probe, "an ExternalSecret to be accepted")
