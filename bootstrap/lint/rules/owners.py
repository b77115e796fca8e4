"""One object, one owner: what two Applications render, each takes from the other for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.kubernetes.objects import APPLICATION, Key, name
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.phases import Phase, phase
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.rules.facts import counted, finding, of_app, of_manifest
from bootstrap.lint.rules.projects import destination

SHARED = Rule(
    "shared-object",
    Severity.ERROR,
    "two Applications render the same object",
    """Each Application writes its own tracking id on the object, which makes the other one OutOfSync
(SharedResourceWarning); with selfHeal the two overwrite each other without end, and pruning one deletes
the other's object. The wave of the loser is never done.
Cure: let one Application own the object; the other one only refers to it.
Source:
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#fail-the-sync-if-a-shared-resource-is-found""",
    failing="""\
kind: Application
metadata: {name: auth}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shared, namespace: default}
data: {key: value}
---
kind: Application
metadata: {name: gateway}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shared, namespace: default}
data: {key: value}
""",
    passing="""\
kind: Application
metadata: {name: auth}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: auth, namespace: default}
data: {key: value}
---
kind: Application
metadata: {name: gateway}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: gateway, namespace: default}
data: {key: value}
""",
)

REPEATED = Rule(
    "repeated-object",
    Severity.WARNING,
    "one Application renders the same object twice",
    """Argo CD keeps the last of the two and drops the others (RepeatedResourceWarning): which one wins
depends on the order of files and sources, so an edit of the other one has no effect.
Cure: remove one of them.
Source: DeduplicateTargetObjects in https://github.com/argoproj/argo-cd/blob/v3.2.6/controller/state.go""",
    failing="""\
kind: Application
metadata: {name: auth}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: auth, namespace: default}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: auth, namespace: default}
data: {key: value}
""",
    passing="""\
kind: Application
metadata: {name: auth}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: auth, namespace: default}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more, namespace: default}
data: {key: value}
""",
)

TWICE = Rule(
    "duplicate-application",
    Severity.ERROR,
    "two Applications have the same name",
    """Two manifests of one Application overwrite each other: the parents that hold them sync in turn, the
Application flips between two sources, and its objects are pruned and made anew each time.
Cure: rename one of them; in an ApplicationSet, make the template's name depend on every generator
parameter.
Source:
https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Controlling-Resource-Modification/""",
    failing="""\
kind: Application
metadata: {name: auth, namespace: argocd}
---
kind: Application
metadata: {name: auth, namespace: argocd}
""",
    passing="""\
kind: Application
metadata: {name: auth, namespace: argocd}
---
kind: Application
metadata: {name: gateway, namespace: argocd}
""",
)

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
    """By cluster and key, what stands there more than once."""
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
        f"it stands in {first.where}, too; Argo CD applies the last one only",
        "remove one of the two",
        other=of_manifest(first),
    )


def _shared(first: Manifest, other: Manifest) -> Finding:
    return finding(
        SHARED,
        other.where,
        of_manifest(other),
        f"Application {first.app} renders it, too ({first.where}): the two take it from each other, and "
        "neither stays "
        "Synced",
        f"leave it to Application {first.app} or to Application {other.app} alone",
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
                f"another Application of this name stands in {other.where}: they overwrite each other",
                "rename one of them",
                other=of_app(other),
            )
