"""EC2 has no room: where, for how long, and where a machine could go instead. Pure.

The provider's SDK tries RunInstances again with delays that double, up to 25 times.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bootstrap.config.model import Environment, Node
from bootstrap.errors import StuckError

AZS = 3
NO_ROOM = "InsufficientInstanceCapacity"

# In XML, as EC2 answers; provider 6 logs the body as one quoted text.
_ANSWER = re.compile(
    r"<Code>(Insufficient(?:Instance|Host|ReservedInstance)Capacity)</Code>(?:\s|\\n)*<Message>([^<]*)</Message>"
)
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
_WHERE = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([a-z0-9-]+)\)")


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


@dataclass
class _Chain:
    """Refusals one after the other, at most twice as far apart as the two before."""

    first: float
    last: float
    gap: float = 0.0


@dataclass
class Shortages:
    """Hears the provider's log. `patience`: seconds until a shortage is taken to last."""

    patience: float
    message: str = ""
    _chains: dict[Spot, _Chain] = field(default_factory=dict)
    _lasting: set[Spot] = field(default_factory=set)

    def hear(self, text: str, now: float) -> tuple[Spot, ...]:
        """The spots that are short and were not before; `now` is monotonic seconds."""
        new = []
        for answer in _ANSWER.finditer(text):
            self.message = html.unescape(answer[2]).strip() or answer[1]
            where = _WHERE.search(self.message)
            spot = Spot(where[1], where[2]) if where else Spot("", "")
            chain = self._chains.get(spot)
            if chain is None:
                new.append(spot)
            if chain is None or now - chain.last > max(10.0, 3 * chain.gap):
                self._chains[spot] = _Chain(now, now)  # what was short before has found room meanwhile
                continue
            chain.gap, chain.last = max(chain.gap, now - chain.last), now
            if now - chain.first >= self.patience:
                self._lasting.add(spot)
        return tuple(new)

    @property
    def lasting(self) -> frozenset[Spot]:
        return frozenset(self._lasting)

    @property
    def any(self) -> frozenset[Spot]:
        return frozenset(self._chains)


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
