"""Where the tree begins: the repository's root folder, and the root Application."""

from __future__ import annotations

from pathlib import Path

from bootstrap.config.model import Gitops
from bootstrap.core.errors import ConfigError, Problem
from bootstrap.core.worktree import work_tree
from bootstrap.gitops.source import ApplicationSource
from bootstrap.kubernetes.argo import IN_CLUSTER
from bootstrap.kubernetes.objects import Json


def repository_root(checkout: Path) -> Path:
    """The root of the Git work tree that `checkout` lies in. Raises ConfigError."""
    root = work_tree(checkout)
    if root is not None:
        return root
    if checkout.is_dir():
        what, cure = f"{checkout} is not inside a Git repository", f"git init {checkout}"
    else:
        what, cure = f"{checkout} does not exist", "name the checkout of the GitOps repository"
    problem = Problem("gitops.checkout", what, cure)
    raise ConfigError("the GitOps repository cannot be read", [problem])


def root_source(gitops: Gitops) -> ApplicationSource:
    """The root Application's only source."""
    return ApplicationSource(
        app=gitops.root_app,
        app_namespace=gitops.namespace,
        project=gitops.project,
        namespace=gitops.namespace,
        spec=root_application(gitops)["spec"]["source"],
    )


def root_application(gitops: Gitops) -> Json:
    """The Application that syncs all others. What its source is (folder, Kustomize, Helm) Argo CD finds out,
    unless `gitops.source` says it.

    It carries no deletion finalizer: deleting it by mistake must not take the platform along. `down` adds it.
    """
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": gitops.root_app, "namespace": gitops.namespace},
        "spec": {
            "project": gitops.project,
            "source": {
                "repoURL": gitops.repo_url,
                "path": gitops.path,
                "targetRevision": gitops.revision,
                **gitops.source.options,
            },
            "destination": {"server": IN_CLUSTER, "namespace": gitops.namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
            },
        },
    }
