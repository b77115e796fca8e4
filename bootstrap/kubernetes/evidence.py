"""Everything that has to hold at the end, judged from what the cluster shows. Pure.

All failures are collected, each as a Problem that names the object, what is wrong with it and a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bootstrap.config.model import Environment
from bootstrap.core.errors import Problem
from bootstrap.kubernetes.argo import HOOK, View
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.health.core import addresses
from bootstrap.kubernetes.objects import Json, Key, annotations_of, name, namespace
from bootstrap.kubernetes.waves import WaveState


@dataclass(frozen=True)
class Findings:
    """What the world shows, sorted by what it is to be judged by."""

    waves: WaveState
    applications: tuple[Json, ...]
    secrets: tuple[Json, ...]
    ingresses: tuple[Json, ...]
    jobs: tuple[Json, ...]
    nodes: tuple[Json, ...]


@dataclass(frozen=True)
class Hook:
    """A sync hook of an Application (PreSync, Sync, PostSync, SyncFail) and how it ended."""

    app: str
    kind: str
    name: str
    type: str
    phase: str


@dataclass(frozen=True)
class Evidence:
    """The numbers and names for the report."""

    applications: int
    waves: int
    nodes: int
    external_secrets: int
    ingresses: tuple[tuple[str, str], ...]  # namespace/name, first address
    hooks: tuple[Hook, ...]

    def __str__(self) -> str:
        parts = [
            f"{self.applications} Applications Synced and Healthy in {self.waves} waves",
            f"{self.nodes} nodes Ready",
            f"{self.external_secrets} ExternalSecrets synced",
            f"{len(self.ingresses)} Ingresses addressed",
            f"{len(self.hooks)} hooks done",
        ]
        return ", ".join(parts)


def gather(found: Findings) -> Evidence:
    members = [member for wave in found.waves.waves for member in wave.members]
    return Evidence(
        applications=1 + sum(member.kind == "Application" for member in members),
        waves=len(found.waves.waves),
        nodes=len(found.nodes),
        external_secrets=len(found.secrets),
        ingresses=tuple(
            (f"{namespace(item)}/{name(item)}", next(iter(addresses(item)), "")) for item in found.ingresses
        ),
        hooks=tuple(hook for item in found.applications for hook in hooks(item)),
    )


def problems(found: Findings, config: Environment) -> tuple[Problem, ...]:
    """Everything that does not hold."""
    return (
        *_applications(found.waves, config),
        *_nodes(found.nodes, config),
        *(_problem(item, config) for item in (*found.secrets, *found.ingresses) if not assess(item).ok),
        *_jobs(found.jobs, config),
        *_hooks(found.applications),
    )


def _applications(state: WaveState, config: Environment) -> Iterator[Problem]:
    if not state.root.done:
        yield Problem(f"Application {state.root.name}", state.root.reason)
    if not state.planned:
        return
    for wave in state.waves:
        for member in wave.pending:
            yield Problem(
                f"wave {wave.number}, {member.kind} {member.name}",
                f"{member.sync}, {member.health}: {member.reason}",
                kubectl(config, "-n", config.gitops.namespace, "describe", member.kind.lower(), member.name),
            )


def _nodes(live: Iterable[Json], config: Environment) -> Iterator[Problem]:
    there = {name(item): item for item in live}
    for which in (node.name for node in config.nodes):
        if which not in there:
            yield Problem(f"Node {which}", "is not in the cluster")
        elif not assess(there[which]).ok:
            yield _problem(there[which], config)


def _jobs(jobs: Iterable[Json], config: Environment) -> Iterator[Problem]:
    """Hook Jobs that still exist; those with a delete policy are told by their Application."""
    for item in jobs:
        if HOOK in annotations_of(item) and not assess(item).ok:
            yield _problem(item, config)


def _hooks(applications: Iterable[Json]) -> Iterator[Problem]:
    for item in applications:
        for hook in hooks(item):
            if hook.phase != "Succeeded":
                yield Problem(
                    f"Application {hook.app}",
                    f"{hook.type} hook {hook.kind} {hook.name} is {hook.phase or 'open'}",
                )


def hooks(item: Json) -> tuple[Hook, ...]:
    """The hooks of an Application's last sync; SyncFail hooks only run when it failed."""
    return tuple(
        Hook(
            name(item),
            str(entry.get("kind")),
            str(entry.get("name")),
            str(entry["hookType"]),
            str(entry.get("hookPhase") or ""),
        )
        for entry in View(item).sync_results
        if entry.get("hookType") and entry["hookType"] != "SyncFail"
    )


def _problem(item: Json, config: Environment) -> Problem:
    key = Key.of(item)
    where = ["-n", key.namespace] if key.namespace else []
    return Problem(
        str(key), assess(item).message, kubectl(config, *where, "describe", str(key.kind), key.name)
    )
