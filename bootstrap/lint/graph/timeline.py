"""Which of two objects is there first. Pure.

Between Applications time is made of the waves of their nearest common parent: siblings of one wave start
together, whatever waves there are inside them. Inside one Application it is phase, then wave; objects of one
wave are applied in Argo CD's order of kinds, and Namespaces and CRDs always before what needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.gitops.phases import Phase, phase


class Ordering(Enum):
    """Of a first object to a second one."""

    BEFORE = "before"  # there, and Healthy, before the second one is applied
    TOGETHER = "together"  # one wave of one sync: applied in the order of kinds
    RACE = "race"  # different syncs of one wave: either may be first
    AFTER = "after"


@dataclass(frozen=True)
class _Level:
    """One level of the way from the root: what it is, and when it starts among its siblings."""

    what: tuple[str, str]
    when: tuple[int, int]


@dataclass(frozen=True)
class Sibling:
    """What carries the wave that decides between two objects. `of_set` is the ApplicationSet that makes it:
    then not its wave counts, but its step."""

    kind: str
    name: str
    wave: int
    of_set: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


_KINDS = {"app": "Application", "set": "ApplicationSet", "object": "object"}


class Timeline:
    """Places of a tree's Applications and objects in time."""

    def __init__(self, tree: Tree) -> None:
        self._apps = tree.by_name
        self._sets = {one.name: one for one in tree.sets}
        self._ways: dict[str, tuple[_Level, ...]] = {}
        self._orders: dict[tuple[tuple[_Level, ...], tuple[_Level, ...]], Ordering] = {}
        self._whens: dict[int, tuple[int, int]] = {}  # by id(): the tree keeps its manifests alive

    def order(self, first: Manifest, second: Manifest) -> Ordering:
        """When `first` is there, seen from `second`. What is installed before the root comes before all."""
        if not first.app or not second.app:
            return _installed(bool(first.app), bool(second.app))
        if first.app == second.app:
            return self._within(first, second)
        ways = self._way(first.app), self._way(second.app)
        if ways not in self._orders:
            self._orders[ways] = _compare(*ways)
        found = self._orders[ways]
        if found is not Ordering.TOGETHER:
            return found
        return _compare(self._of(first), self._of(second))  # one Application holds the other

    def apps(self, first: App, second: App) -> Ordering:
        """The same of whole Applications; a parent and its child go TOGETHER."""
        return _compare(self._way(first.name), self._way(second.name))

    def siblings(self, first: Manifest, second: Manifest) -> tuple[Sibling, Sibling]:
        """The two under one parent whose waves decide which of two objects comes first."""
        above = ""
        for one, other in zip(self._of(first), self._of(second), strict=False):
            if one.what != other.what:
                return _sibling(one, above), _sibling(other, above)
            above = one.what[1] if one.what[0] == "set" else ""
        return _sibling(self._of(first)[-1], above), _sibling(self._of(second)[-1], above)

    def _of(self, manifest: Manifest) -> tuple[_Level, ...]:
        own = _Level(("object", str(manifest.key)), self._when(manifest))
        return (*self._way(manifest.app), own)

    def _when(self, manifest: Manifest) -> tuple[int, int]:
        """Phase and wave in its own sync."""
        found = self._whens.get(id(manifest))
        if found is None:
            found = self._whens[id(manifest)] = phase(manifest), manifest.wave
        return found

    def _within(self, first: Manifest, second: Manifest) -> Ordering:
        one, other = self._when(first), self._when(second)
        return Ordering.TOGETHER if one == other else Ordering.BEFORE if one < other else Ordering.AFTER

    def _way(self, name: str) -> tuple[_Level, ...]:
        if name not in self._ways:
            self._ways[name] = ()  # an Application that holds itself has no way to it
            self._ways[name] = self._make(name)
        return self._ways[name]

    def _make(self, name: str) -> tuple[_Level, ...]:
        app = self._apps.get(name)
        if app is None or not app.position:
            return (_Level(("app", name), (Phase.SYNC, 0)),)
        above = self._way(app.parent) if app.parent else ()
        if not app.set:
            return (*above, _Level(("app", name), (Phase.SYNC, app.wave)))
        # Waves of what a set makes mean nothing to Argo CD: only the steps of a RollingSync do.
        one = self._sets.get(app.set)
        there = one.position[-1] if one and one.position else 0
        steps = (
            _Level(("set", app.set), (Phase.SYNC, there)),
            _Level(("app", name), (Phase.SYNC, app.step or 0)),
        )
        return (*above, *steps)


def _installed(first: bool, second: bool) -> Ordering:
    if first == second:
        return Ordering.TOGETHER
    return Ordering.BEFORE if second else Ordering.AFTER


def _compare(first: tuple[_Level, ...], second: tuple[_Level, ...]) -> Ordering:
    for one, other in zip(first, second, strict=False):
        if one.what == other.what:
            continue
        if one.when == other.when:
            return Ordering.RACE
        return Ordering.BEFORE if one.when < other.when else Ordering.AFTER
    return Ordering.TOGETHER


def _sibling(step: _Level, of_set: str) -> Sibling:
    kind, called = step.what
    return Sibling(_KINDS[kind], called, step.when[1], of_set)
