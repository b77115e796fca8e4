"""What the cluster shows right now, for `bootstrap status`. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bootstrap.config.model import Environment
from bootstrap.core.errors import Problem
from bootstrap.kubernetes.argo import Expected, View
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.evidence import Findings, problems
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    INGRESS,
    JOB,
    NODE,
    STATEFUL_SET,
    Json,
    Kind,
    dig,
    name,
    status,
)
from bootstrap.kubernetes.waves import assess as assess_waves
from bootstrap.run.target import Part
from bootstrap.status.model import AppStatus, NodeStatus

SECRETS, INGRESSES = "ExternalSecrets synced", "Ingresses addressed"
_COUNTS = (SECRETS, INGRESSES)  # a cluster may have none; each that is not well is a problem of its own


@dataclass(frozen=True)
class ClusterOverview:
    parts: tuple[Part, ...]
    nodes: tuple[NodeStatus, ...]
    apps: tuple[AppStatus, ...]
    problems: tuple[Problem, ...]

    @property
    def ailments(self) -> tuple[str, ...]:
        """What is not as it should be, a line each; none in a healthy cluster."""
        down = (part for part in self.parts if part.state != "up" and part.name not in _COUNTS)
        parts = (f"{part.name}: {part.detail or part.state}" for part in down)
        return (*parts, *(f"{problem.where}: {problem.what}" for problem in self.problems))


def take(cluster: Cluster, config: Environment, commit: str) -> ClusterOverview:
    """Everything in one look. `commit` is what the Applications should be at; empty: what the root is at.

    Raises the errors of `kubernetes/errors.py` when the API server does not answer.
    """
    version = cluster.version()
    gitops = config.gitops
    found = _read(cluster, config)
    applications = found[APPLICATION]
    root = next((item for item in applications if name(item) == gitops.root_app), None)
    at = commit or str(dig(status(root or {}), "sync", "revision") or "")
    expected = Expected(gitops.repo_url, gitops.revision, at)
    state = assess_waves(root, applications, found[APPLICATION_SET], expected)
    findings = Findings(state, applications, found[EXTERNAL_SECRET], found[INGRESS], found[JOB], found[NODE])
    views = {view.name: view for view in map(View, applications)}
    apps = tuple(
        AppStatus(
            member.name,
            wave.number,
            member.sync,
            member.health,
            " ".join(source.compared[:12] for source in views[member.name].sources())
            if member.name in views
            else "",
            member.reason,
        )
        for wave in state.waves
        for member in wave.members
        if member.kind == "Application"
    )
    parts = (Part("API server", "up", version), *_parts(found, config))
    return ClusterOverview(parts, tuple(_nodes(found[NODE], config)), apps, problems(findings, config))


def _read(cluster: Cluster, config: Environment) -> dict[Kind, tuple[Json, ...]]:
    """All lists at once."""
    argo, eso = config.gitops.namespace, config.eso.namespace
    wanted = [(APPLICATION, argo), (APPLICATION_SET, argo)]
    wanted += [(kind, "") for kind in (EXTERNAL_SECRET, INGRESS, JOB, NODE)]
    wanted += [(kind, space) for kind in (DEPLOYMENT, STATEFUL_SET) for space in {argo, eso}]
    cluster.refresh()
    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda scope: cluster.list(*scope), wanted))
    found: dict[Kind, tuple[Json, ...]] = {}
    for (kind, _), items in zip(wanted, lists, strict=True):
        found[kind] = found.get(kind, ()) + items
    return found


def _parts(found: dict[Kind, tuple[Json, ...]], config: Environment) -> Iterator[Part]:
    workloads = [*found[DEPLOYMENT], *found[STATEFUL_SET]]
    for title, space in (("Argo CD", config.gitops.namespace), ("External Secrets", config.eso.namespace)):
        yield _part(title, [item for item in workloads if dig(item, "metadata", "namespace") == space])
    yield _part(SECRETS, found[EXTERNAL_SECRET])
    yield _part(INGRESSES, found[INGRESS])


def _part(title: str, items: Iterable[Json]) -> Part:
    healths = [assess(item) for item in items]
    good = sum(health.ok for health in healths)
    if not healths:
        return Part(title, "down", "not there")
    return Part(title, "up" if good == len(healths) else "degraded", f"{good} of {len(healths)}")


def _nodes(live: Iterable[Json], config: Environment) -> Iterator[NodeStatus]:
    there = {name(item): assess(item) for item in live}
    for node in config.nodes:
        health = there.get(node.name)
        if health is None:
            yield NodeStatus(node.name, ready=False, reason="is not in the cluster")
        else:
            yield NodeStatus(node.name, health.ok, health.message)
