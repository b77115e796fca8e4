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
class Child:
    """An Application or ApplicationSet beside others under `parent` ("" is the root's own level)."""

    kind: str
    name: str
    parent: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class WaveAnnotation:
    """A child's wave number and where Git sets it."""

    wave: int
    where: Location


class Children:
    """The children of a tree. The root, and what an ApplicationSet makes, carry no number that counts."""

    def __init__(self, tree: Tree) -> None:
        self._apps = tree.by_name
        self.annotations: dict[Child, WaveAnnotation] = {}
        for one in tree.sets:
            if one.position:
                child = Child("ApplicationSet", one.name, one.parent)
                self.annotations[child] = WaveAnnotation(one.position[-1], one.where)
        for app in tree.apps:
            if app.position and not app.set:
                self.annotations[Child("Application", app.name, app.parent)] = WaveAnnotation(
                    app.wave, app.where
                )

    @property
    def waves(self) -> dict[Child, int]:
        return {child: annotation.wave for child, annotation in self.annotations.items()}

    def way(self, app: str) -> tuple[Child, ...]:
        """From the root's level down to the Application, or to the set that makes it."""
        found: list[Child] = []
        while (here := self._apps.get(app)) and here.position and len(found) <= len(self._apps):
            kind, name = ("ApplicationSet", here.set) if here.set else ("Application", here.name)
            found.append(Child(kind, name, here.parent))
            app = here.parent
        return tuple(reversed(found))

    def top(self, child: Child) -> bool:
        """Whether it is a wave of the whole platform: of the root's own children."""
        return not self.way(child.parent)

    def lift(self, orders: Iterable[Before[str]]) -> tuple[Before[Child], ...]:
        """The same orders between what carries the numbers, each pair once, with its largest gap."""
        gaps: dict[tuple[Child, Child], int] = {}
        for order in orders:
            if pair := self._siblings(order.first, order.then):
                gaps[pair] = max(order.gap, gaps.get(pair, 0))
        return tuple(Before(*pair, gap) for pair, gap in gaps.items())

    def _siblings(self, first: str, then: str) -> tuple[Child, Child] | None:
        """The children whose numbers decide which of two Applications comes first; None when no number does:
        one holds the other, or one set makes both."""
        for one, other in zip(self.way(first), self.way(then), strict=False):
            if one != other:
                return (one, other) if {one, other} <= self.annotations.keys() else None
        return None
