"""The root Application: from here on Argo CD does the work."""

from __future__ import annotations

from bootstrap.config.model import Gitops
from bootstrap.context import Context
from bootstrap.kubernetes.apply import apply
from bootstrap.kubernetes.argo import REFRESH, Expected, View
from bootstrap.kubernetes.objects import APPLICATION, Json, Key
from bootstrap.plan import Done
from bootstrap.steps.access import ClusterAccess


def run(context: Context) -> Done:
    """Apply it, and have it compared at once when it was last compared with something else."""
    cluster = context.results.get(ClusterAccess).cluster
    gitops, wanted = context.config.gitops, expected(context)
    applied = apply(cluster, [manifest(gitops)], context)
    view = View(cluster.get(root_key(gitops)))
    stale = view.stale(wanted)
    if stale and view.compared and not view.refreshing:
        cluster.patch(root_key(gitops), {"metadata": {"annotations": {REFRESH: "normal"}}})
    changed = bool(applied.changed)
    return Done(
        f"{gitops.root_app} at {wanted.commit[:8]}" + (f": {stale}" if stale else ""), changed=changed
    )


def expected(context: Context) -> Expected:
    """What the cluster is to be compared with."""
    gitops = context.config.gitops
    return Expected(gitops.repo_url, gitops.revision, context.target.revision())


def root_key(gitops: Gitops) -> Key:
    return Key(APPLICATION, gitops.namespace, gitops.root_app)


def manifest(gitops: Gitops) -> Json:
    """The Application. The kind of its source (folder, Kustomize, Helm) is left for Argo CD to find out.

    It carries no deletion finalizer: deleting it by mistake must not take the platform along. `down` adds it.
    """
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": gitops.root_app, "namespace": gitops.namespace},
        "spec": {
            "project": gitops.project,
            "source": {"repoURL": gitops.repo_url, "path": gitops.path, "targetRevision": gitops.revision},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": gitops.namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
            },
        },
    }
