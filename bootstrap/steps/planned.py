"""The waves as Git has them, for what Argo CD cannot list yet. A help: nothing fails without."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from bootstrap import gitops
from bootstrap.context import Context
from bootstrap.errors import ConfigError
from bootstrap.gitops import AppManifest
from bootstrap.kubernetes.waves import Planned
from bootstrap.lint.model import App, Tree

RENDERED = ("Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization")  # no plain folder


def planned(context: Context) -> tuple[Planned, ...]:
    """From the rendered tree where a step before has read it; else from the plain files below the root.

    Empty where neither tells: the root is a chart, say, and was not rendered.
    """
    try:
        return from_tree(context.results.get(Tree), context.config.gitops.root_app)
    except KeyError:
        pass
    where = context.config.gitops
    try:
        folder = gitops.repository_root(where.checkout) / where.path
        if any((folder / file).exists() for file in RENDERED):
            return ()
        return from_files(gitops.load(where), PurePath(where.path))
    except ConfigError:
        return ()


def from_files(apps: Iterable[AppManifest], folder: PurePath) -> tuple[Planned, ...]:
    """As Argo CD reads a plain folder: without the folders in it."""
    return tuple(Planned(app.name, app.kind, (app.wave,)) for app in apps if app.file.parent == folder)


def from_tree(tree: Tree, root: str) -> tuple[Planned, ...]:
    sets = {one.name: one for one in tree.sets}
    apps = [app for app in tree.apps if app.position]

    def position(app: App) -> tuple[int, ...]:
        return sets[app.set].position if app.set in sets else app.position

    return (
        *(
            Planned(one.name, "ApplicationSet", one.position, "" if one.parent == root else one.parent)
            for one in tree.sets
        ),
        *(
            Planned(
                app.name,
                "Application",
                position(app),
                "" if app.parent == root or app.set else app.parent,
                app.set,
                app.step,
            )
            for app in apps
        ),
    )


def announced(plan: Iterable[Planned]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """By wave of the root: the names of what stands in Git; what ApplicationSets will make is left out."""
    waves: dict[int, list[str]] = {}
    for entry in plan:
        if not entry.owner:
            waves.setdefault(entry.position[0], []).append(entry.name)
    return tuple((wave, tuple(sorted(names))) for wave, names in sorted(waves.items()))
