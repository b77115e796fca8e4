"""EC2 has no room: where that is, and where a machine could go instead. Pure.

Told by the provider's log (`refusals.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from bootstrap.config.model import Environment, Node
from bootstrap.core.errors import StuckError

AZS = 3


class Spot(NamedTuple):
    """Where a machine can be: an instance type in an availability zone."""

    instance_type: str
    zone: str

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.zone}"


class Shortage(StuckError):
    """EC2 has had no room at these spots for as long as we are willing to wait."""

    def __init__(self, spots: frozenset[Spot], why: str) -> None:
        where = ", ".join(map(str, sorted(spots)))
        super().__init__(f"EC2 has no capacity for {where}", why, CURE)
        self.spots = spots


CURE = (
    "name alternatives for the nodes in the configuration file, e.g."
    " fallback: {instance_types: [m6i.large], zones: [0, 1, 2]}; or try again later"
)


class Place(NamedTuple):
    """What a node is asked for as: instance type and index of the zone."""

    instance_type: str
    zone: int


def places(node: Node) -> tuple[Place, ...]:
    """Where the node may be, the best first: its own type in every zone, then the other types. Pure."""
    home = node.zone if node.zone is not None else default_zone(node.name)
    types = (node.instance_type, *node.fallback.instance_types)
    zones = (home, *node.fallback.zones)
    return tuple(dict.fromkeys(Place(kind, zone) for kind in types for zone in zones))


def default_zone(name: str) -> int:
    """As the module `nodes` spreads machines."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:6], 16) % AZS


def choose(
    config: Environment, zones: tuple[str, ...], living: Mapping[str, Spot], short: frozenset[Spot]
) -> dict[str, Place]:
    """A place for each node that has alternatives. A living machine stays where it is.

    `zones` are the names of the availability zones, by index. Raises Shortage when a node has no place left.
    """
    chosen = {}
    for node in config.nodes:
        possible = places(node)
        here = living.get(node.name)
        stay = next((place for place in possible if here == _spot(place, zones)), None)
        free = (place for place in possible if _spot(place, zones) not in short)
        place = stay or next(free, None)
        if place is None:
            raise Shortage(frozenset(_spots(possible, zones)), f"node {node.name} has no other place")
        if len(possible) > 1:
            chosen[node.name] = place
    return chosen


def _spot(place: Place, zones: tuple[str, ...]) -> Spot:
    return Spot(place.instance_type, zones[place.zone])


def _spots(possible: Iterable[Place], zones: tuple[str, ...]) -> Iterator[Spot]:
    return (_spot(place, zones) for place in possible)
