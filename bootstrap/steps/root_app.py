"""The root Application: from here on Argo CD does the work."""

from __future__ import annotations

from bootstrap.config.model import Gitops
from bootstrap.gitops.root import root_application
from bootstrap.kubernetes.apply import apply
from bootstrap.kubernetes.argo import REFRESH, Expected, View
from bootstrap.kubernetes.objects import APPLICATION, Key
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess


def run(context: Context) -> Done:
    """Apply it, and have it compared at once when it was last compared with something else."""
    cluster = context.results.get(ClusterAccess).cluster
    gitops, wanted = context.config.gitops, expected(context)
    applied = apply(cluster, [root_application(gitops)], context)
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
