"""Sync waves: from what the cluster shows to which wave is being worked on and why it is not done. Pure.

The plan is Argo CD's own: the root Application's status lists every Application and ApplicationSet with its
sync wave, for any kind of root (folder, Kustomize, Helm). A wave is done when each member is Synced and
Healthy, compared against the current revision, with no operation running. The Applications that an
ApplicationSet makes belong to its wave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bootstrap.kubernetes.argo import Expected, View
from bootstrap.kubernetes.health.argo import application_set
from bootstrap.kubernetes.objects import APPLICATION_SET, Json, name, owned_by, status, terminating

MEMBERS = ("Application", "ApplicationSet")


@dataclass(frozen=True)
class Member:
    """An Application or ApplicationSet of a wave. `reason` is empty when it is done.

    `owner` is the ApplicationSet that made it, empty for a member that stands in Git.
    """

    name: str
    kind: str
    sync: str
    health: str
    reason: str
    owner: str = ""

    @property
    def done(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Wave:
    number: int
    members: tuple[Member, ...]

    @property
    def done(self) -> bool:
        return all(member.done for member in self.members)

    @property
    def pending(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if not member.done)


@dataclass(frozen=True)
class WaveState:
    """`root` is the root Application; `waves` is empty until it was compared at the current revision."""

    root: Member
    waves: tuple[Wave, ...]
    planned: bool

    @property
    def current(self) -> Wave | None:
        """The first wave that is not done."""
        return next((wave for wave in self.waves if not wave.done), None)

    @property
    def done(self) -> bool:
        return self.planned and self.current is None and self.root.done


def assess(
    root: Json | None, applications: Iterable[Json], sets: Iterable[Json], expected: Expected
) -> WaveState:
    """The state of all waves."""
    if root is None:
        return WaveState(_missing("root", "Application"), (), planned=False)
    view = View(root)
    member = _application(root, expected)
    if view.stale(expected):
        return WaveState(member, (), planned=False)
    apps = {name(item): item for item in applications}
    owners = {name(item): item for item in sets}
    waves: dict[int, list[Member]] = defaultdict(list)
    for entry in view.resources:
        if entry.get("group") == APPLICATION_SET.group and entry.get("kind") in MEMBERS:
            wave = int(entry.get("syncWave") or 0)
            waves[wave] += _members(str(entry["kind"]), str(entry["name"]), apps, owners, expected)
    ordered = tuple(Wave(number, tuple(waves[number])) for number in sorted(waves))
    return WaveState(member, ordered, planned=True)


def _members(
    kind: str, which: str, apps: dict[str, Json], owners: dict[str, Json], expected: Expected
) -> list[Member]:
    if kind == "Application":
        return [_application(apps[which], expected) if which in apps else _missing(which, kind)]
    if which not in owners:
        return [_missing(which, kind)]
    children = [item for item in apps.values() if owned_by(item, APPLICATION_SET, which)]
    return [
        _set(owners[which], children),
        *(replace(_application(child, expected), owner=which) for child in sorted(children, key=name)),
    ]


def _application(item: Json, expected: Expected) -> Member:
    view = View(item)
    return Member(view.name, "Application", view.sync, view.health, view.why_not(expected))


def _set(item: Json, children: list[Json]) -> Member:
    health = application_set(item)
    reason = _incomplete(item, children) if health.ok else health.message or str(health.status)
    sync = "OutOfSync" if reason else "Synced"
    return Member(name(item), "ApplicationSet", sync, str(health.status), reason)


def _incomplete(item: Json, children: list[Json]) -> str:
    """Why the children are not those that the ApplicationSet reports."""
    if terminating(item):
        return "is being deleted"
    wanted = {str(entry.get("name")) for entry in status(item).get("resources") or ()}
    there = {name(child) for child in children}
    if missing := sorted(wanted - there):
        return f"has not made {', '.join(missing)} yet"
    return "" if wanted == there else "has not taken notice of its Applications yet"


def _missing(which: str, kind: str) -> Member:
    return Member(which, kind, "Missing", "Missing", "is not created yet")
