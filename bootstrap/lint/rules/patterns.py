"""Layouts that work on the first day and hurt later."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from bootstrap.gitops.model import App, Location, Manifest, Tree
from bootstrap.gitops.phases import Phase, phase
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, JOB, Kind, name
from bootstrap.lint.graph import Graph, cluster
from bootstrap.lint.graph.pods import LASTING, Workload, workload
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import argocd_known, finding, group_kind, of_app, of_manifest, settings
from bootstrap.lint.rules.health_kinds import has_health_check
from bootstrap.lint.rules.installation import health_check
from bootstrap.lint.rules.rule import Rule

# From here on it is unclear which part of an Application is stuck.
MOST_WORKLOADS, MOST_NAMESPACES = 12, 4
FEWEST_CHILDREN = 3
# Custom resources that only configure something: no state of theirs is worth waiting for.
_CONFIGURATION = re.compile(
    r".*(Class|ClassParams|Policy|Rule|Monitor|Probe|Config|Configuration|Template|Profile|Schedule|Dashboard"
    r"|Route|Pool|Store|Exception|Advertisement|Setting|Provider|Peer|Project|Filter|Entry|Set|Tier)s?"
)
_CONFIGURATION_GROUPS = re.compile(
    r"(.*\.)?(istio\.io|cilium\.io|projectcalico\.org|kyverno\.io|gatekeeper\.sh|linkerd\.io|traefik\.(io|containo\.us)"
    r"|gateway\.networking\.k8s\.io|external-secrets\.io|aquasecurity\.github\.io)"
)

MONOLITH = Rule("monolithic-application")
NO_WAVES = Rule("waves-missing")
NO_SIGNAL = Rule("no-health-signal")
CI = Rule("ci-deploys")

RULES = (MONOLITH, NO_WAVES, NO_SIGNAL, CI)

_PIPELINES = re.compile(
    r"\.github/workflows/[^/]+\.ya?ml|(.*/)?(\.gitlab-ci\.ya?ml|Jenkinsfile[^/]*|bitbucket-pipelines\.yml"
    r"|azure-pipelines\.ya?ml|buildspec\.ya?ml)|\.circleci/config\.yml"
)
_DEPLOYS = re.compile(
    r"\bkubectl\s(?:.*\s)?(?:apply|create|replace|patch|set\s+image|scale|delete|rollout\s+(?:restart|undo))\b"
    r"|\bhelm\s(?:.*\s)?(?:upgrade|install|rollback|uninstall)\b"
)
_HARMLESS = re.compile(r"--dry-run|--help|\bhelm\s+plugin\b|^\s*(?:#|//)")
# A cluster that the pipeline makes itself is there for its tests.
_OWN_CLUSTER = re.compile(
    r"kind create cluster|kind-action|setup-kind|minikube start|setup-minikube|k3d cluster create"
)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    yield from _monoliths(tree)
    yield from _without_waves(tree, graph)
    yield from _silent(tree)
    yield from _pipelines(tree.files)


def _monoliths(tree: Tree) -> Iterator[Finding]:
    everywhere = sum(item.key.kind in LASTING for item in tree.manifests)
    for app in tree.apps:
        workloads = [item for item in app.manifests if item.key.kind in LASTING]
        namespaces = {item.namespace for item in workloads}
        waves = {(phase(item), item.wave) for item in workloads}
        if (
            len(workloads) > MOST_WORKLOADS
            and len(namespaces) >= MOST_NAMESPACES
            and len(waves) == 1
            and 2 * len(workloads) > everywhere
        ):
            yield finding(
                MONOLITH,
                app.where,
                of_app(app),
                f"{len(workloads)} of {everywhere} workloads in {len(namespaces)} namespaces start in one "
                "wave: one that fails blocks all of them, and its health does not say which",
                "split it into one Application per component, and order them by waves",
            )


def _without_waves(tree: Tree, graph: Graph) -> Iterator[Finding]:
    children: dict[str, list[App]] = defaultdict(list)
    for app in tree.apps:
        if app.position and not app.set:
            children[app.parent].append(app)
    for parent, apps in children.items():
        names = {app.name for app in apps}
        if len(apps) < FEWEST_CHILDREN or {app.wave for app in apps} != {0}:
            continue
        edge = next(
            (
                edge
                for edge in graph.edges
                if {edge.user.app, edge.provider.app} <= names and edge.user.app != edge.provider.app
            ),
            None,
        )
        if edge is not None:
            owner = tree.by_name.get(parent)
            yield finding(
                NO_WAVES,
                owner.where if owner else apps[0].where,
                of_app(owner) if owner else of_app(apps[0]),
                f"its {len(apps)} Applications start at once, but {of_manifest(edge.user)} needs "
                f"{of_manifest(edge.provider)}",
                "give each Application a sync wave, or run `bootstrap lint --fix`",
                other=of_manifest(edge.provider),
            )


def _silent(tree: Tree) -> Iterator[Finding]:
    """Each kind that has a state, no health check, and no Job that waits for its objects."""
    found = settings(tree, "argocd-cm") or {}
    for app in tree.apps if argocd_known(tree) else ():
        after = next((other for other in tree.apps if app.position and other.position > app.position), None)
        mute = [
            item
            for item in app.manifests
            if phase(item) is not Phase.NEVER
            and _has_state(item.key.kind)
            and not _telling(item.key.kind, found)
        ]
        jobs = [one for item in app.manifests if (one := workload(item)) and item.key.kind == JOB]
        for kind, item in {item.key.kind: item for item in reversed(mute)}.items():
            if after is not None and not any(_waits_for(job, item) for job in jobs):
                yield finding(
                    NO_SIGNAL,
                    item.where,
                    of_manifest(item),
                    f"Argo CD has no health check for {kind.name}: {of_app(after)} in a later wave starts "
                    "before it is ready",
                    f"add resource.customizations.health.{group_kind(kind)} to argocd-cm, or a Sync hook "
                    "Job that waits for it",
                    other=of_app(after),
                )


def _waits_for(job: Workload, item: Manifest) -> bool:
    """Whether a hook's words name the object: a Job that asks the instance itself."""
    return job.manifest.namespace == item.namespace and any(name(item.item) in word for word in job.words())


def _telling(kind: Kind, found: Mapping[str, str]) -> bool:
    return kind in {APPLICATION, APPLICATION_SET} or has_health_check(kind) or bool(health_check(found, kind))


def _has_state(kind: Kind) -> bool:
    """Whether a custom resource stands for something that has to come up."""
    configures = _CONFIGURATION.fullmatch(kind.name) or _CONFIGURATION_GROUPS.fullmatch(kind.group)
    return not cluster.serves(kind) and not configures


def _pipelines(files: Mapping[str, str]) -> Iterator[Finding]:
    for file, text in files.items():
        if not _PIPELINES.fullmatch(file) or _OWN_CLUSTER.search(text):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = _DEPLOYS.search(line)
            if found and not _HARMLESS.search(line):
                yield finding(
                    CI,
                    Location(file, number),
                    f"pipeline {file}",
                    f"`{' '.join(found[0].split())}` changes the cluster directly; Argo CD reverts it "
                    "or shows drift",
                    "let the pipeline change the image tag in Git with a pull request",
                )
