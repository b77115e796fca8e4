"""External Secrets Operator, installed from outside before Argo CD takes it over, and proven to answer.

Chart, version and values stand in its Application only. What the reader of the repository renders from there
is applied as Argo CD would: under its field manager, with its tracking annotation. So the
Application adopts it without a difference, and a later version can remove what it drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.core.errors import TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.gitops.model import App, Manifest, Tree, destination
from bootstrap.gitops.operator import Operator, operator
from bootstrap.gitops.phases import Phase, phase
from bootstrap.gitops.reader import Reader
from bootstrap.gitops.scope import api_versions as added
from bootstrap.kubernetes import eso
from bootstrap.kubernetes.apply import Applied, apply, established
from bootstrap.kubernetes.argo import ARGOCD_MANAGER, kubernetes_version, tracked
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import api_versions
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import (
    APPLICATION,
    CRD,
    ENDPOINT_SLICE,
    NAMESPACE,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    name,
)
from bootstrap.kubernetes.rollout import wait_for_workloads
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess


def run(context: Context) -> Done:
    """Apply what Applications will own, except what they own already; then wait and prove it.

    ESO counts as up when its CRDs are Established, its Deployments Available, its webhooks have endpoints
    and a certificate authority, and the API server accepts an ExternalSecret in a dry run.
    """
    cluster = context.results.get(ClusterAccess).cluster
    found = operator(context.results.get(Tree), context.config)
    namespace = destination(found.app) or "default"
    parts = _render(context, cluster, found)
    applied = _apply(context, cluster, parts, namespace)
    manifests = [one.item for part in parts for one in part.manifests]
    established(cluster, [name(item) for item in eso.definitions(manifests)], context)
    own = [one.item for one in parts[-1].manifests]
    wait_for_workloads(cluster, own, context, what="External Secrets Operator", namespace=namespace)
    _wait_for_webhooks(context, cluster, own)
    _prove(context, cluster, namespace)
    return Done(f"{_called(parts[-1])} answers", changed=bool(applied.changed))


@dataclass(frozen=True)
class Adoption:
    """Manifests, and the Application that will own them."""

    app: App
    manifests: tuple[Manifest, ...]


def _render(context: Context, cluster: Cluster, found: Operator) -> tuple[Adoption, ...]:
    """As Argo CD will render it in this cluster; the operator's own Application last.

    Of the Application that has the CRDs all of them come, not only ESO's: Argo CD reloads the API server's
    whole schema at every event of a kind that is new to it, some four times a CRD, megabytes each. Those that
    are there before it starts cost it nothing, and their wave adopts them.
    """
    reader = Reader.of(context.config, context.target)
    version, kinds = kubernetes_version(cluster.version()), api_versions(cluster.refresh())
    parts = []
    if found.definitions:
        rendered = reader.render(found.definitions, version, kinds)
        definitions = tuple(one for one in rendered if one.key.kind == CRD)
        kinds = (*kinds, *added(one.item for one in definitions))
        parts.append(Adoption(found.definitions, definitions))
    own = reader.render(found.app, version, kinds)
    return (*parts, Adoption(found.app, tuple(one for one in own if _wanted(one, cluster))))


def _wanted(one: Manifest, cluster: Cluster) -> bool:
    """Not hooks of other times, nor what ESO itself has to judge or the cluster does not know yet: Argo CD
    applies that when it is there."""
    if phase(one) > Phase.POST_SYNC or eso.ours(one.key.kind):
        return False
    return one.key.kind in {NAMESPACE, CRD} or cluster.serves(one.key.kind)


def _called(part: Adoption) -> str:
    chart = next((one.via for one in part.manifests if one.via.startswith("chart ")), "")
    return chart.removeprefix("chart ") or part.app.name


def _apply(context: Context, cluster: Cluster, parts: Sequence[Adoption], namespace: str) -> Applied:
    """What no Application in the cluster owns yet, as Argo CD would apply it."""
    ours = [part for part in parts if not _owned(context, cluster, part.app)]
    manifests = [tracked(one.item, part.app.name, namespace) for part in ours for one in part.manifests]
    if not manifests:
        return Applied()
    if cluster.find(Key(NAMESPACE, "", namespace)) is None:  # another Application owns it later
        manifests.insert(0, _namespace(namespace))
    applied = apply(cluster, manifests, context, manager=ARGOCD_MANAGER, namespace=namespace)
    context.progress(str(applied))
    return applied


def _owned(context: Context, cluster: Cluster, app: App) -> bool:
    """Whether the Application is in the cluster: then its objects are Argo CD's, and not ours to touch."""
    space = app.namespace or context.config.gitops.namespace
    return cluster.find(Key(APPLICATION, space, app.name)) is not None


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
