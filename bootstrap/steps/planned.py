"""The waves as Git has them, for what Argo CD cannot list yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.waves import PlannedMember


def planned(tree: Tree, root: str) -> tuple[PlannedMember, ...]:
    """`root` is the root Application's name."""

    def above(parent: str) -> str:
        return "" if parent == root else parent

    sets = [PlannedMember(one.name, "ApplicationSet", one.position, above(one.parent)) for one in tree.sets]
    apps = [
        PlannedMember(app.name, "Application", app.position, above(app.parent), app.set, app.step)
        for app in tree.apps
        if app.position
    ]
    return (*sets, *apps)


def announced(plan: Iterable[PlannedMember]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """By wave of the root: the names of what stands in Git; what ApplicationSets will make is left out."""
    waves: dict[int, list[str]] = {}
    for entry in plan:
        if not entry.owner:
            waves.setdefault(entry.position[0], []).append(entry.name)
    return tuple((wave, tuple(sorted(names))) for wave, names in sorted(waves.items()))
