"""What carries a wave number in Git, and which orders between objects are orders between such numbers. Pure.

Argo CD compares the numbers of one parent's children only. An order between Applications deep in two trees
is therefore one between those of their ancestors that are siblings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bootstrap.gitops.model import Location, Tree
from bootstrap.lint.order import Before


@dataclass(frozen=True, order=True)
class Unit:
    """An Application or ApplicationSet beside others under `parent` ("" is the root's own level)."""

    kind: str
    name: str
    parent: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Place:
    """A unit's number and where it stands in Git."""

    wave: int
    where: Location


class Units:
    """The units of a tree. The root, and what an ApplicationSet makes, carry no number that counts."""

    def __init__(self, tree: Tree) -> None:
        self._apps = tree.by_name
        self.places: dict[Unit, Place] = {}
        for one in tree.sets:
            if one.position:
                unit = Unit("ApplicationSet", one.name, one.parent)
                self.places[unit] = Place(one.position[-1], one.where)
        for app in tree.apps:
            if app.position and not app.set:
                self.places[Unit("Application", app.name, app.parent)] = Place(app.wave, app.where)

    @property
    def waves(self) -> dict[Unit, int]:
        return {unit: place.wave for unit, place in self.places.items()}

    def way(self, app: str) -> tuple[Unit, ...]:
        """From the root's level down to the Application, or to the set that makes it."""
        found: list[Unit] = []
        while (here := self._apps.get(app)) and here.position and len(found) <= len(self._apps):
            kind, name = ("ApplicationSet", here.set) if here.set else ("Application", here.name)
            found.append(Unit(kind, name, here.parent))
            app = here.parent
        return tuple(reversed(found))

    def top(self, unit: Unit) -> bool:
        """Whether it is a wave of the whole platform: of the root's own children."""
        return not self.way(unit.parent)

    def lift(self, orders: Iterable[Before[str]]) -> tuple[Before[Unit], ...]:
        """The same orders between what carries the numbers, each pair once, with its largest gap."""
        gaps: dict[tuple[Unit, Unit], int] = {}
        for order in orders:
            if pair := self._siblings(order.first, order.then):
                gaps[pair] = max(order.gap, gaps.get(pair, 0))
        return tuple(Before(*pair, gap) for pair, gap in gaps.items())

    def _siblings(self, first: str, then: str) -> tuple[Unit, Unit] | None:
        """The units whose numbers decide which of two Applications comes first; None when no number does:
        one holds the other, or one set makes both."""
        for one, other in zip(self.way(first), self.way(then), strict=False):
            if one != other:
                return (one, other) if {one, other} <= self.places.keys() else None
        return None
