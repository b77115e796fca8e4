"""One object, one owner: Applications that render the same object keep overwriting each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.gitops.phases import Phase, phase
from bootstrap.kubernetes.objects import APPLICATION, Key, name
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import counted, finding, of_app, of_manifest
from bootstrap.lint.rules.projects import destination
from bootstrap.lint.rules.rule import Rule

SHARED = Rule("shared-object")
REPEATED = Rule("repeated-object")
TWICE = Rule("duplicate-application")

RULES = (SHARED, REPEATED, TWICE)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    yield from _applications(tree)
    shares: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for manifests in _owners(tree).values():
        first, *more = manifests
        for other in more:
            if other.app == first.app:
                yield _repeated(first, other)
        shared = next((other for other in more if other.app != first.app), None)
        if shared is not None:
            shares[first.app, shared.app].append(_shared(first, shared))
    for found, *others in shares.values():
        yield counted(found, len(others))


def _owners(tree: Tree) -> dict[tuple[str, Key], list[Manifest]]:
    """Objects that are rendered more than once, by cluster and key."""
    found: dict[tuple[str, Key], list[Manifest]] = defaultdict(list)
    clusters = {app.name: destination(app) for app in tree.apps}
    for manifest in tree.manifests:
        if manifest.guessed:
            continue  # the real chart may name its objects otherwise
        if name(manifest.item) and manifest.key.kind != APPLICATION and phase(manifest) is not Phase.NEVER:
            there = clusters[manifest.app]
            found[there.server or there.name, manifest.key].append(manifest)
    return {key: several for key, several in found.items() if len(several) > 1}


def _repeated(first: Manifest, other: Manifest) -> Finding:
    return finding(
        REPEATED,
        other.where,
        of_manifest(other),
        f"it is also in {first.where}; Argo CD applies only the last one",
        "remove one of the two",
        other=of_manifest(first),
    )


def _shared(first: Manifest, other: Manifest) -> Finding:
    return finding(
        SHARED,
        other.where,
        of_manifest(other),
        f"Application {first.app} renders it, too ({first.where}): they overwrite each other, and neither "
        "stays Synced",
        f"keep it in only one of Application {first.app} and Application {other.app}",
        other=of_manifest(first),
    )


def _applications(tree: Tree) -> Iterator[Finding]:
    first: dict[tuple[str, str], App] = {}
    for app in tree.apps:
        other = first.setdefault((app.namespace, app.name), app)
        if other is not app:
            yield finding(
                TWICE,
                app.where,
                of_app(app),
                f"{other.where} has another Application of this name: they overwrite each other",
                "rename one of them",
                other=of_app(other),
            )
