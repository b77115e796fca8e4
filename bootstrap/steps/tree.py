"""Read the GitOps repository, once a run: every step that follows answers from this tree."""

from __future__ import annotations

from bootstrap.gitops.operator import operator
from bootstrap.gitops.reader import Reader
from bootstrap.run.context import Context
from bootstrap.run.step import Done


def run(context: Context) -> Done:
    """Raises ConfigError and PreflightError for what would stop the run later, when much stands already."""
    context.progress("rendering every Application")
    tree = Reader.of(context.config, context.target).tree()
    operator(tree, context.config)
    apps = sum(bool(app.position) for app in tree.apps)
    return Done(f"{apps} Applications, {len(tree.manifests)} objects", tree, changed=False)
