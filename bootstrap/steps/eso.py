"""External Secrets Operator, installed from outside before Argo CD takes it over, and proven to answer.

Chart, version and values stand in its Application only. Rendered from there by the program that Argo CD
uses, and applied under Argo CD's own field manager, what is installed here is what the Application finds:
it is adopted without a difference, and a later version can remove what it drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bootstrap import gitops
from bootstrap.context import Context
from bootstrap.errors import PermanentError, TemporaryError
from bootstrap.gitops import AppManifest
from bootstrap.kubernetes import eso
from bootstrap.kubernetes.apply import Applied, apply, established
from bootstrap.kubernetes.argo import same_repository
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import (
    APPLICATION,
    ENDPOINT_SLICE,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    name,
    status,
)
from bootstrap.kubernetes.render import Chart, helm_template, kustomize_build
from bootstrap.kubernetes.rollout import wait_for_workloads
from bootstrap.kubernetes.watch import Mirror, Scope, World, until
from bootstrap.plan import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.wait import Observation

ARGO_MANAGER = "argocd-controller"  # field manager of Argo CD's server-side apply


def run(context: Context) -> Done:
    """Apply what the Application will own, unless Argo CD owns it already; then wait and prove it.

    ESO counts as up when its CRDs are Established, its Deployments Available, its webhooks have endpoints
    and a certificate authority, and the API server accepts an ExternalSecret in a dry run.
    """
    cluster = context.results.get(ClusterAccess).cluster
    apps = gitops.load(context.config.gitops)
    app = gitops.find(apps, context.config.eso.application)
    root = gitops.repository_root(context.config.gitops.checkout)
    chart, release = gitops.chart_of(app, lambda path: (root / path).read_text(encoding="utf-8"))
    release = replace(release, kubernetes_version=cluster.version())
    target = context.target
    rendered = helm_template(target.tools.helm, chart, release, target.tool_environment)
    definitions = eso.definitions(rendered) or _definitions(context, root, _before(apps, app), chart)
    manifests = [
        _namespace(release.namespace),
        *definitions,
        *(it for it in rendered if it not in definitions),
    ]
    applied = Applied()
    if not _adopted(context, cluster, app):
        applied = apply(cluster, manifests, context, manager=ARGO_MANAGER, namespace=release.namespace)
        context.progress(str(applied))
    established(cluster, [name(item) for item in definitions], context)
    wait_for_workloads(
        cluster, rendered, context, what="External Secrets Operator", namespace=release.namespace
    )
    _wait_for_webhooks(context, cluster, rendered)
    _prove(context, cluster, release.namespace)
    return Done(f"{chart.name} {chart.version} answers", changed=bool(applied.changed))


def _before(apps: Sequence[AppManifest], app: AppManifest) -> list[AppManifest]:
    return [other for other in apps if other.wave < app.wave]


def _definitions(context: Context, root: Path, apps: Sequence[AppManifest], chart: Chart) -> list[Json]:
    """ESO's CRDs from an earlier wave: from the chart's own folder there, else picked from the whole."""
    target = context.target
    for path in _paths(apps, context.config.gitops.repo_url):
        for folder in (root / path / chart.name, root / path):
            if (folder / "kustomization.yaml").is_file():
                built = kustomize_build(target.tools.kustomize, folder, target.tool_environment)
                if found := eso.definitions(built):
                    return found
                break
    raise PermanentError(
        "no CustomResourceDefinitions of External Secrets Operator",
        "neither its chart nor a kustomization of an earlier wave has any",
        "set installCRDs in its values, or add them to an earlier wave",
    )


def _paths(apps: Sequence[AppManifest], repo_url: str) -> list[str]:
    """Folders of our own repository that these Applications sync."""
    sources = (app.spec.get("source") or {} for app in apps)
    return [
        str(source["path"])
        for source in sources
        if source.get("path") and same_repository(str(source.get("repoURL", "")), repo_url)
    ]


def _adopted(context: Context, cluster: Cluster, app: AppManifest) -> bool:
    """Whether Argo CD has synced it before: then it is Argo CD's, and not ours to touch."""
    item = cluster.find(Key(APPLICATION, context.config.gitops.namespace, app.name))
    return item is not None and bool(status(item).get("history"))


def _namespace(which: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": which}}


def _wait_for_webhooks(context: Context, cluster: Cluster, rendered: Sequence[Json]) -> None:
    wanted = eso.webhooks(rendered)
    if not wanted:
        return

    def decide(world: World) -> Observation[bool]:
        late = eso.late_webhooks(wanted, world.items(VALIDATING_WEBHOOKS), world.items(ENDPOINT_SLICE))
        return Observation(None if late else True, ", ".join(late))

    with Mirror(cluster, Scope(VALIDATING_WEBHOOKS), Scope(ENDPOINT_SLICE)) as world:
        until(world, decide, context, what="External Secrets' webhooks")


def _prove(context: Context, cluster: Cluster, namespace: str) -> None:
    def probe() -> Observation[bool]:
        try:
            cluster.create(eso.proof(namespace), dry_run=True)
        except TemporaryError as error:
            return Observation(None, str(error))
        return Observation(True)

    context.wait(probe, "an ExternalSecret to be accepted")
