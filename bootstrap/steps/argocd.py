"""Argo CD, installed from outside: the kustomization in `gitops.install`, built and applied."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.core.errors import PermanentError
from bootstrap.core.wait import Observation
from bootstrap.gitops.reader import Reader
from bootstrap.kubernetes.apply import apply
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import APPLICATION, CONFIG_MAP, SECRET, Json, Kind, name
from bootstrap.kubernetes.rollout import wait_for_workloads
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess

KEY = "server.secretkey"
HEALTH_CHECK = "resource.customizations.health.argoproj.io_Application"


def run(context: Context) -> Done:
    """Raises PermanentError when the manifests lack the Application health check."""
    cluster = context.results.get(ClusterAccess).cluster
    manifests = Reader.of(context.config, context.target).installation()
    require_health_check(manifests, str(context.config.gitops.install))
    applied = apply(cluster, manifests, context, namespace=context.config.gitops.namespace)
    context.progress(str(applied))
    wait_for_workloads(cluster, manifests, context, what="Argo CD", namespace=context.config.gitops.namespace)
    _wait_for_key(context, cluster)
    cluster.list(APPLICATION, context.config.gitops.namespace)  # raises when Applications are not served
    return Done(str(applied), changed=bool(applied.changed))


def _wait_for_key(context: Context, cluster: Cluster) -> None:
    """argocd-server makes the key once it runs; an Application that is read before is refused for minutes."""
    namespace = context.config.gitops.namespace

    def decide(world: InformerCache) -> Observation[bool]:
        there = any((item.get("data") or {}).get(KEY) for item in world.items(SECRET))
        return Observation(True if there else None, f"Secret argocd-secret has no {KEY} yet")

    with Informer(cluster, Scope(SECRET, namespace, fields="metadata.name=argocd-secret")) as world:
        until(world, decide, context, what="Argo CD")


def require_health_check(manifests: Iterable[Json], where: str) -> None:
    """Argo CD 1.8 removed the health check of Applications; without it a wave waits for nothing."""
    settings = [
        item for item in manifests if Kind.of(item).unversioned == CONFIG_MAP and name(item) == "argocd-cm"
    ]
    if any((item.get("data") or {}).get(HEALTH_CHECK) for item in settings):
        return
    raise PermanentError(
        f"{where} would install Argo CD without the health check of Applications",
        f"its ConfigMap argocd-cm has no key {HEALTH_CHECK}, so that sync waves do not wait for each other",
        "add the key; the check to copy is in `bootstrap lint --explain app-health-check-missing`",
    )
