"""The waves as Git has them, for what Argo CD cannot list yet. A help: nothing fails without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from bootstrap.core.errors import ConfigError
from bootstrap.gitops import applications as gitops
from bootstrap.gitops.applications import AppManifest
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.waves import PlannedMember
from bootstrap.run.context import Context

RENDERED = ("Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization")  # no plain folder


@dataclass(frozen=True)
class GitPlan:
    """What the rendered tree has, for the step that watches the waves: much less than the tree itself."""

    members: tuple[PlannedMember, ...]


def planned(context: Context) -> tuple[PlannedMember, ...]:
    """From the rendered tree where a step before has read it; else from the plain files below the root.

    Empty where neither tells: the root is a chart, say, and was not rendered.
    """
    try:
        return context.results.get(GitPlan).members
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


def from_files(apps: Iterable[AppManifest], folder: PurePath) -> tuple[PlannedMember, ...]:
    """As Argo CD reads a plain folder: without the folders in it."""
    return tuple(PlannedMember(app.name, app.kind, (app.wave,)) for app in apps if app.file.parent == folder)


def from_tree(tree: Tree, root: str) -> GitPlan:
    """`root` is the root Application's name."""

    def above(parent: str) -> str:
        return "" if parent == root else parent

    sets = [PlannedMember(one.name, "ApplicationSet", one.position, above(one.parent)) for one in tree.sets]
    apps = [
        PlannedMember(app.name, "Application", app.position, above(app.parent), app.set, app.step)
        for app in tree.apps
        if app.position
    ]
    return GitPlan((*sets, *apps))


def announced(plan: Iterable[PlannedMember]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """By wave of the root: the names of what stands in Git; what ApplicationSets will make is left out."""
    waves: dict[int, list[str]] = {}
    for entry in plan:
        if not entry.owner:
            waves.setdefault(entry.position[0], []).append(entry.name)
    return tuple((wave, tuple(sorted(names))) for wave, names in sorted(waves.items()))
