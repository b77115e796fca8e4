"""Sync waves: from what the cluster shows to which wave is being worked on and why it is not done. Pure.

The plan is Argo CD's own: the root Application's status lists every Application and ApplicationSet with its
sync wave, for any kind of root (folder, Kustomize, Helm). So does the status of an Application below it that
consists of Applications itself, to any depth; the Applications that an ApplicationSet makes stand in its
wave, in the step of its RollingSync. A wave of the root is done when each of all these is Synced and
Healthy, compared against the current revision, with no operation running.

What is planned in Git fills in for what Argo CD cannot list yet: the content of Applications that are not
there or were compared with something old. Where Argo CD lists, its word counts, and differences are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bootstrap.kubernetes.argo import Expected, View
from bootstrap.kubernetes.health.argo import application_set
from bootstrap.kubernetes.objects import APPLICATION_SET, Json, Kind, metadata, name, status, terminating

MEMBERS = ("Application", "ApplicationSet")


@dataclass(frozen=True)
class Member:
    """An Application or ApplicationSet of a wave. `reason` is empty when it is done.

    `owner` is the ApplicationSet that made it, empty for a member that stands in Git; `parent` the
    Application that it is part of. `position` are the sync waves from the root down to it, its own last (that
    of the ApplicationSet for what one made); `step` counts the steps of a RollingSync from 1. `stale`: what
    is known of it is about another commit or spec than the wanted one.
    """

    name: str
    kind: str
    sync: str
    health: str
    reason: str
    owner: str = ""
    parent: str = ""
    position: tuple[int, ...] = ()
    step: int | None = None
    stale: bool = False

    @property
    def done(self) -> bool:
        return not self.reason

    @property
    def id(self) -> tuple[str, str]:
        """Kind and name: an ApplicationSet often makes an Application of its own name."""
        return self.kind, self.name

    @property
    def holders(self) -> tuple[tuple[str, str], ...]:
        """Ids of what is not done before this is."""
        found = (("ApplicationSet", self.owner), ("Application", self.parent))
        return tuple(holder for holder in found if holder[1])

    @property
    def place(self) -> str:
        """`10`, nested `10/2`, in a RollingSync `60 step 2`."""
        waves = "/".join(map(str, self.position))
        return waves if self.step is None else f"{waves} step {self.step}"

    @property
    def order(self) -> tuple[tuple[int, ...], int]:
        """Of two members the one with the smaller order comes first."""
        return self.position, self.step or 0


@dataclass(frozen=True)
class Wave:
    """A wave of the root Application, with everything below; members in the order in which they come."""

    number: int
    members: tuple[Member, ...]

    @property
    def done(self) -> bool:
        return not self.pending

    @cached_property
    def pending(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if not member.done)

    @cached_property
    def front(self) -> tuple[Member, ...]:
        """Those of the pending members that nothing else of the wave holds up: what to look at.

        Not an ApplicationSet or parent whose Applications are pending, nor what comes after what is pending.
        """
        holders = {holder for member in self.pending for holder in member.holders}
        leaves = [member for member in self.pending if member.id not in holders]
        first = min((member.order for member in leaves), default=None)
        return tuple(member for member in leaves if member.order == first)


@dataclass(frozen=True)
class PlannedMember:
    """An Application or ApplicationSet as Git has it; fields as in Member, and `parent` "" below the root."""

    name: str
    kind: str
    position: tuple[int, ...]
    parent: str = ""
    owner: str = ""
    step: int | None = None


@dataclass(frozen=True)
class WaveState:
    """`root` is the root Application; `waves` is empty until it was compared at the current revision.

    `absent` are planned in Git but not part of what Argo CD lists, `unplanned` the other way round.
    """

    root: Member
    waves: tuple[Wave, ...]
    planned: bool
    absent: tuple[str, ...] = ()
    unplanned: tuple[str, ...] = ()

    @cached_property
    def current(self) -> Wave | None:
        """The first wave that is not done."""
        return next((wave for wave in self.waves if not wave.done), None)

    @property
    def done(self) -> bool:
        return self.planned and self.current is None and self.root.done


@dataclass(frozen=True)
class Child:
    """What an Application's status lists of the kinds that matter here."""

    kind: str
    name: str
    wave: int


@dataclass(frozen=True)
class AppFacts:
    """All that is read from one Application, whatever else there is. `current`: its status is about what is
    wanted now; `compared`: about anything at all."""

    name: str
    sync: str
    health: str
    reason: str
    current: bool
    compared: bool
    owner: str
    children: tuple[Child, ...]


def facts(item: Json, expected: Expected) -> AppFacts:
    view = View(item)
    children = tuple(
        Child(str(entry["kind"]), str(entry["name"]), int(entry.get("syncWave") or 0))
        for entry in view.resources
        if entry.get("group") == APPLICATION_SET.group
        and entry.get("kind") in MEMBERS
        and not entry.get("requiresPruning")  # no longer in Git: the parent is not Synced before it is gone
    )
    why, current = view.why_not(expected), not view.stale(expected)
    return AppFacts(view.name, view.sync, view.health, why, current, view.compared, _owner(item), children)


_Where = tuple[str, str, tuple[int, ...], int | None]  # owner, parent, position, step of a Member


class Memory:
    """Judges each Application once: one that did not change (it is the same object) is not read again.

    With it a change among a thousand Applications costs little more than itself. For one `Expected` only.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Json, AppFacts]] = {}
        self._placed: dict[str, tuple[AppFacts, _Where, Member]] = {}

    def place(self, found: AppFacts, where: _Where) -> Member:
        """The member that these facts make there: the same object as long as nothing changed."""
        before = self._placed.get(found.name)
        if before is None or before[0] is not found or before[1] != where:
            stale = found.compared and not found.current
            made = Member(found.name, "Application", found.sync, found.health, found.reason, *where, stale)
            before = self._placed[found.name] = (found, where, made)
        return before[2]

    def recall(self, items: Iterable[Json], expected: Expected) -> dict[str, AppFacts]:
        """The facts of these Applications by name; all others are forgotten."""
        known, self._known = self._known, {}
        for item in items:
            which = name(item)
            before = self._known.get(which) or known.get(which)
            same = before is not None and before[0] is item
            self._known[which] = before if before and same else (item, facts(item, expected))
        return {which: found for which, (_, found) in self._known.items()}


def assess(
    root: Json | None,
    applications: Iterable[Json],
    sets: Iterable[Json],
    expected: Expected,
    *,
    plan: Sequence[PlannedMember] = (),
    memory: Memory | None = None,
) -> WaveState:
    """The state of all waves."""
    if root is None:
        return WaveState(_missing("root", "Application"), (), planned=False)
    memory = memory or Memory()
    known = memory.recall((*applications, root), expected)
    top = known[name(root)]
    member = memory.place(top, ("", "", (), None))
    if not top.current:
        return WaveState(member, (), planned=False)
    walk = _Walk(known, memory, sets, plan, top.name)
    waves: dict[int, list[Member]] = defaultdict(list)
    for found in walk.below(top, ()):
        waves[found.position[0]].append(found)
    ordered = tuple(Wave(number, tuple(sorted(waves[number], key=_order))) for number in sorted(waves))
    return WaveState(member, ordered, True, tuple(sorted(walk.absent)), tuple(sorted(walk.unplanned)))


class _Walk:
    """From the root down through everything that is there or planned; each Application is met once."""

    def __init__(
        self,
        known: dict[str, AppFacts],
        memory: Memory,
        sets: Iterable[Json],
        plan: Iterable[PlannedMember],
        root: str,
    ) -> None:
        self._known, self._memory, self._sets = known, memory, {name(item): item for item in sets}
        self._met = {("Application", root)}
        self._made: dict[str, list[AppFacts]] = defaultdict(list)
        for found in known.values():
            if found.owner:
                self._made[found.owner].append(found)
        self._planned: dict[str, list[PlannedMember]] = defaultdict(list)
        self._generated: dict[str, list[PlannedMember]] = defaultdict(list)
        for entry in plan:
            if entry.owner:
                self._generated[entry.owner].append(entry)
            else:
                self._planned[entry.parent or root].append(entry)
        self.absent: set[str] = set()
        self.unplanned: set[str] = set()

    def below(self, parent: AppFacts, position: tuple[int, ...]) -> Iterator[Member]:
        """Everything that an Application consists of, to any depth."""
        planned = self._planned.get(parent.name, ())
        children = parent.children
        if not parent.current:
            listed = {child.name for child in children}
            children += tuple(
                Child(entry.kind, entry.name, entry.position[-1])
                for entry in planned
                if entry.name not in listed
            )
        elif planned:
            self._compare({entry.name for entry in planned}, {child.name for child in children})
        for child in children:
            if self._first((child.kind, child.name)):
                yield from self._child(child, parent.name, (*position, child.wave))

    def _child(self, child: Child, parent: str, position: tuple[int, ...]) -> Iterator[Member]:
        if child.kind == "ApplicationSet" and child.name in self._sets:
            yield from self._set(self._sets[child.name], parent, position)
        elif child.kind == "Application" and child.name in self._known:
            found = self._known[child.name]
            yield self._memory.place(found, ("", parent, position, None))
            if found.children or found.name in self._planned:  # most have none, and there may be thousands
                yield from self.below(found, position)
        else:
            yield _missing(child.name, child.kind, parent=parent, position=position)
            yield from self._unborn(child, position)

    def _unborn(self, child: Child, position: tuple[int, ...]) -> Iterator[Member]:
        """What is planned below something that is not there yet."""
        generated = child.kind == "ApplicationSet"
        for entry in (self._generated if generated else self._planned).get(child.name, ()):
            if not self._first((entry.kind, entry.name)):
                continue
            where = position if generated else (*position, entry.position[-1])
            owner, parent = (child.name, "") if generated else ("", child.name)
            yield _missing(
                entry.name, entry.kind, owner=owner, parent=parent, position=where, step=entry.step
            )
            yield from self._unborn(Child(entry.kind, entry.name, 0), where)

    def _set(self, item: Json, parent: str, position: tuple[int, ...]) -> Iterator[Member]:
        owner = name(item)
        made = sorted(self._made.get(owner, ()), key=lambda found: found.name)
        member = _set(item, {found.name for found in made}, parent, position)
        yield member
        planned = self._generated.get(owner)
        if planned and member.done:  # before, it is still making them
            self._compare({entry.name for entry in planned}, {found.name for found in made})
        steps = _steps(item)
        for found in made:
            if self._first(("Application", found.name)):
                yield self._memory.place(found, (owner, "", position, steps.get(found.name)))
                yield from self.below(found, position)

    def _first(self, met: tuple[str, str]) -> bool:
        """Whether it is met for the first time."""
        before = met in self._met
        self._met.add(met)
        return not before

    def _compare(self, planned: set[str], live: set[str]) -> None:
        self.absent |= planned - live
        self.unplanned |= live - planned


def _order(member: Member) -> tuple[tuple[int, ...], int, str, str]:
    """An ApplicationSet before what it made, and all by name."""
    return (*member.order, "" if member.kind == "ApplicationSet" else "-", member.name)


def _missing(
    which: str,
    kind: str,
    *,
    owner: str = "",
    parent: str = "",
    position: tuple[int, ...] = (),
    step: int | None = None,
) -> Member:
    reason = "is not created yet"
    return Member(which, kind, "Missing", "Missing", reason, owner, parent, position, step)


def _set(item: Json, made: set[str], parent: str, position: tuple[int, ...]) -> Member:
    health = application_set(item)
    reason = _incomplete(item, made) if health.ok else health.message or str(health.status)
    sync = "OutOfSync" if reason else "Synced"
    which = name(item)
    return Member(which, "ApplicationSet", sync, str(health.status), reason, "", parent, position)


def _incomplete(item: Json, made: set[str]) -> str:
    """Why the children are not those that the ApplicationSet reports."""
    if terminating(item):
        return "is being deleted"
    wanted = {str(entry.get("name")) for entry in status(item).get("resources") or ()}
    if missing := sorted(wanted - made):
        return f"has not made {', '.join(missing)} yet"
    return "" if wanted == made else "has not taken notice of its Applications yet"


def _steps(item: Json) -> dict[str, int]:
    """By Application: its step of the RollingSync, where there is one (an unmatched one has step -1)."""
    found = {}
    for entry in status(item).get("applicationStatus") or ():
        step = str(entry.get("step") or "")
        if step.isdigit() and int(step) > 0:
            found[str(entry.get("application"))] = int(step)
    return found


def _owner(item: Json) -> str:
    """The ApplicationSet that made it; empty for none."""
    for reference in metadata(item).get("ownerReferences") or ():
        if Kind.of(reference).unversioned == APPLICATION_SET:
            return str(reference.get("name"))
    return ""
