"""New wave numbers that keep every order asked for and move as few units as possible. Pure.

A unit is what carries a number in Git: an Application or an ApplicationSet, beside others under one parent.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

# Argo CD reads a wave with Go's strconv.Atoi: 64 bits on every machine it is built for.
LOWEST, HIGHEST = -(2**63), 2**63 - 1

U = TypeVar("U", bound=Hashable)


@dataclass(frozen=True)
class Before(Generic[U]):
    """`first` has to be at least `gap` numbers before `then`; with 0 they may share one."""

    first: U
    then: U
    gap: int = 1


@dataclass(frozen=True)
class Cycle(Exception, Generic[U]):
    """Each of these has to come before the next one, and the last is the first."""

    units: tuple[U, ...]


class NoRoom(Exception):
    """The units that must keep their numbers leave no valid order."""


def renumber(
    waves: Mapping[U, int], orders: Iterable[Before[U]], pinned: Collection[U] = frozenset()
) -> dict[U, int]:
    """The units that have to move, with their new numbers; empty when every order holds already.

    As many units as possible keep theirs, all `pinned` ones in any case; what moves goes to the nearest
    number that is valid. Of two in the wrong order the later one moves, where there is a choice; what moves
    gets a number apart from those that it might share one with, where there is room.
    Raises Cycle, or NoRoom when the pinned ones contradict each other.
    """
    orders = tuple(orders)
    moved = _renumber(waves, orders, pinned)
    kept = waves.keys() - moved.keys()
    apart = (
        order if order.first in kept and order.then in kept else replace(order, gap=max(order.gap, 1))
        for order in orders
    )
    try:
        return _renumber(waves, apart, kept)
    except (Cycle, NoRoom):
        return moved


def _renumber(waves: Mapping[U, int], orders: Iterable[Before[U]], pinned: Collection[U]) -> dict[U, int]:
    paths = _Paths(waves, orders)
    kept = _keep(waves, paths, pinned)
    numbers = {unit: waves[unit] for unit in kept}
    moved: dict[U, int] = {}
    for unit in paths.sorted:
        if unit not in kept:
            lowest = max((numbers[one] + far for one, far in paths.into(unit, numbers)), default=LOWEST)
            highest = min((waves[one] - far for one, far in paths.out_of(unit, kept)), default=HIGHEST)
            lowest = max(lowest, LOWEST + paths.depth(unit))
            highest = min(highest, HIGHEST - paths.height(unit))
            moved[unit] = numbers[unit] = min(max(waves[unit], lowest), highest)
    return moved


class _Paths(Generic[U]):
    """The longest way, in numbers, between every two units that depend on each other."""

    def __init__(self, waves: Mapping[U, int], orders: Iterable[Before[U]]) -> None:
        direct: dict[U, dict[U, int]] = {unit: {} for unit in waves}
        for order in orders:
            known = direct[order.then]
            known[order.first] = max(order.gap, known.get(order.first, 0))
        try:
            self.sorted = tuple(TopologicalSorter(direct).static_order())
        except CycleError as error:
            raise Cycle(tuple(error.args[1])) from error
        self._into: dict[U, dict[U, int]] = {}
        for unit in self.sorted:
            far = dict(direct[unit])
            for near, gap in direct[unit].items():
                for one, length in self._into[near].items():
                    far[one] = max(far.get(one, 0), length + gap)
            self._into[unit] = far
        self._out: dict[U, dict[U, int]] = {unit: {} for unit in waves}
        for unit, far in self._into.items():
            for one, length in far.items():
                self._out[one][unit] = length

    def into(self, unit: U, among: Collection[U]) -> list[tuple[U, int]]:
        return [(one, far) for one, far in self._into[unit].items() if one in among]

    def out_of(self, unit: U, among: Collection[U]) -> list[tuple[U, int]]:
        return [(one, far) for one, far in self._out[unit].items() if one in among]

    def depth(self, unit: U) -> int:
        """How many numbers those before it need."""
        return max(self._into[unit].values(), default=0)

    def height(self, unit: U) -> int:
        """How many numbers those after it need."""
        return max(self._out[unit].values(), default=0)


def _keep(waves: Mapping[U, int], paths: _Paths[U], pinned: Collection[U]) -> set[U]:
    """The largest set of units that can keep their numbers.

    Two cannot both keep theirs when there is less room between them than the longest way needs. That relation
    is transitive (ways add up), hence an order, and the units that do not contradict each other are an
    antichain of it. By Dilworth's theorem the largest one follows from a maximum matching (König).
    """
    clash = {
        unit: {then for then, far in paths.out_of(unit, waves) if waves[then] < waves[unit] + far}
        for unit in paths.sorted
    }
    within = {
        unit
        for unit in paths.sorted
        if LOWEST + paths.depth(unit) <= waves[unit] <= HIGHEST - paths.height(unit)
    }
    if any(unit not in within or clash[unit] & set(pinned) for unit in pinned):
        raise NoRoom
    free = {
        unit
        for unit in paths.sorted
        if unit not in pinned
        and unit in within
        and not any(one in clash[unit] or unit in clash[one] for one in pinned)
    }
    order = [unit for unit in paths.sorted if unit in free]
    before: dict[U, list[U]] = {unit: [] for unit in order}
    for unit in order:
        for then in clash[unit] & free:
            before[then].append(unit)
    return set(pinned) | _antichain(order, before)


def _antichain(order: list[U], before: Mapping[U, Collection[U]]) -> set[U]:
    """The largest set of which no member is before another, early ones preferred; `before` is transitive."""
    into: dict[U, U] = {}  # the matching: right side → left side
    for unit in order:
        _augment(unit, before, into, set())
    matched = set(into.values())
    left, right = {unit for unit in order if unit not in matched}, set()
    todo = list(left)
    while todo:  # what alternating paths reach from unmatched units of the left side
        for one in before[todo.pop()]:
            if one not in right:
                right.add(one)
                if into[one] not in left:
                    left.add(into[one])
                    todo.append(into[one])
    return {unit for unit in order if unit in left and unit not in right}


def _augment(unit: U, before: Mapping[U, Collection[U]], into: dict[U, U], seen: set[U]) -> bool:
    """Match the unit, moving earlier matches aside where that helps."""
    for one in before[unit]:
        if one not in seen:
            seen.add(one)
            if one not in into or _augment(into[one], before, into, seen):
                into[one] = unit
                return True
    return False
