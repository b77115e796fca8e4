"""Which of two objects is there first. Pure.

Between Applications time is made of the waves of their nearest common parent: siblings of one wave start
together, whatever waves there are inside them. Inside one Application it is phase, then wave; objects of one
wave are applied in Argo CD's order of kinds, and Namespaces and CRDs always before what needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.lint.graph.phases import Phase, phase, wave


class Order(Enum):
    """Of a first object to a second one."""

    BEFORE = "before"  # there, and Healthy, before the second one is applied
    TOGETHER = "together"  # one wave of one sync: applied in the order of kinds
    RACE = "race"  # different syncs of one wave: nobody knows
    AFTER = "after"


@dataclass(frozen=True)
class _Step:
    """One level of the way from the root: what it is, and when it starts among its siblings."""

    what: tuple[str, str]
    when: tuple[int, int]


@dataclass(frozen=True)
class Unit:
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
        self._ways: dict[str, tuple[_Step, ...]] = {}
        self._orders: dict[tuple[tuple[_Step, ...], tuple[_Step, ...]], Order] = {}
        self._whens: dict[int, tuple[int, int]] = {}  # by id(): the tree keeps its manifests alive

    def order(self, first: Manifest, second: Manifest) -> Order:
        """When `first` is there, seen from `second`. What is installed before the root comes before all."""
        if not first.app or not second.app:
            return _installed(bool(first.app), bool(second.app))
        if first.app == second.app:
            return self._within(first, second)
        ways = self._way(first.app), self._way(second.app)
        if ways not in self._orders:
            self._orders[ways] = _compare(*ways)
        found = self._orders[ways]
        if found is not Order.TOGETHER:
            return found
        return _compare(self._of(first), self._of(second))  # one Application holds the other

    def apps(self, first: App, second: App) -> Order:
        """The same of whole Applications; a parent and its child go TOGETHER."""
        return _compare(self._way(first.name), self._way(second.name))

    def siblings(self, first: Manifest, second: Manifest) -> tuple[Unit, Unit]:
        """The two under one parent whose waves decide which of two objects comes first."""
        above = ""
        for one, other in zip(self._of(first), self._of(second), strict=False):
            if one.what != other.what:
                return _unit(one, above), _unit(other, above)
            above = one.what[1] if one.what[0] == "set" else ""
        return _unit(self._of(first)[-1], above), _unit(self._of(second)[-1], above)

    def _of(self, manifest: Manifest) -> tuple[_Step, ...]:
        own = _Step(("object", str(manifest.key)), self._when(manifest))
        return (*self._way(manifest.app), own)

    def _when(self, manifest: Manifest) -> tuple[int, int]:
        """Phase and wave in its own sync."""
        found = self._whens.get(id(manifest))
        if found is None:
            found = self._whens[id(manifest)] = phase(manifest), wave(manifest.item)
        return found

    def _within(self, first: Manifest, second: Manifest) -> Order:
        one, other = self._when(first), self._when(second)
        return Order.TOGETHER if one == other else Order.BEFORE if one < other else Order.AFTER

    def _way(self, name: str) -> tuple[_Step, ...]:
        if name not in self._ways:
            self._ways[name] = ()  # an Application that holds itself has no way to it
            self._ways[name] = self._make(name)
        return self._ways[name]

    def _make(self, name: str) -> tuple[_Step, ...]:
        app = self._apps.get(name)
        if app is None or not app.position:
            return (_Step(("app", name), (Phase.SYNC, 0)),)
        above = self._way(app.parent) if app.parent else ()
        if not app.set:
            return (*above, _Step(("app", name), (Phase.SYNC, app.wave)))
        # Waves of what a set makes mean nothing to Argo CD: only the steps of a RollingSync do.
        one = self._sets.get(app.set)
        there = one.position[-1] if one and one.position else 0
        steps = (
            _Step(("set", app.set), (Phase.SYNC, there)),
            _Step(("app", name), (Phase.SYNC, app.step or 0)),
        )
        return (*above, *steps)


def _installed(first: bool, second: bool) -> Order:
    if first == second:
        return Order.TOGETHER
    return Order.BEFORE if second else Order.AFTER


def _compare(first: tuple[_Step, ...], second: tuple[_Step, ...]) -> Order:
    for one, other in zip(first, second, strict=False):
        if one.what == other.what:
            continue
        if one.when == other.when:
            return Order.RACE
        return Order.BEFORE if one.when < other.when else Order.AFTER
    return Order.TOGETHER


def _unit(step: _Step, of_set: str) -> Unit:
    kind, called = step.what
    return Unit(_KINDS[kind], called, step.when[1], of_set)
