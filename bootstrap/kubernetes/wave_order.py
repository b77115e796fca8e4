"""Proof from the cluster's own timestamps that waves came one after the other. Pure.

Evidence: an Application's creationTimestamp is set by the API server and never changes. When it became
Healthy first is told by Argo CD's Event "Updated health status: … -> Healthy" (kept for an hour by
default); `status.health.lastTransitionTime` is when it last became so, hence only an upper bound. All are
whole seconds, so what happens within one second counts as in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bootstrap.kubernetes.argo import seconds
from bootstrap.kubernetes.objects import Json, created, dig, name, status


@dataclass(frozen=True)
class AppLifetime:
    """Unix seconds; `exact` tells whether `healthy` is the first time rather than the latest."""

    app: str
    wave: int
    created: float
    healthy: float
    exact: bool


@dataclass(frozen=True)
class WaveOrder:
    """`violations` are proven; `unproven` pairs cannot be judged any more. `lifetimes` are sorted by wave."""

    lifetimes: tuple[AppLifetime, ...] = ()
    violations: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        return not self.violations and not self.unproven


def first_healthy(events: Iterable[Json]) -> dict[str, float]:
    """By uid of the Application: when Argo CD first reported it Healthy."""
    found: dict[str, float] = {}
    for event in events:
        about, at = dig(event, "involvedObject", "uid"), event_time(event)
        if about and at is not None and str(event.get("message", "")).endswith("-> Healthy"):
            found[str(about)] = min(at, found.get(str(about), at))
    return found


def event_time(event: Json) -> float | None:
    return seconds(str(event.get("firstTimestamp") or event.get("eventTime") or ""))


def lifetimes(
    members: Mapping[str, int], applications: Iterable[Json], events: Iterable[Json]
) -> tuple[AppLifetime, ...]:
    """For the Applications named in `members` (name → wave) that have become Healthy."""
    first = first_healthy(events)
    found = []
    for item in applications:
        born, last = (
            seconds(created(item)),
            seconds(str(dig(status(item), "health", "lastTransitionTime") or "")),
        )
        told = first.get(str((item.get("metadata") or {}).get("uid")))
        healthy = told if told is not None else last
        if name(item) in members and born is not None and healthy is not None:
            found.append(AppLifetime(name(item), members[name(item)], born, healthy, told is not None))
    return tuple(sorted(found, key=lambda life: (life.wave, life.app)))


def judge(lives: Sequence[AppLifetime], settled: float | None = None) -> WaveOrder:
    """Compare each wave with the next one. What was created after `settled` came later and is not judged."""
    judged = [life for life in lives if settled is None or life.created <= settled]
    waves = sorted({life.wave for life in judged})
    violations: list[str] = []
    unproven: list[str] = []
    for earlier, later in pairwise(waves):
        last = max((life for life in judged if life.wave == earlier), key=lambda life: life.healthy)
        first = min((life for life in judged if life.wave == later), key=lambda life: life.created)
        if last.healthy > first.created:
            late = [life for life in judged if life.wave == earlier and life.healthy > first.created]
            proof = [life for life in late if life.exact]
            (violations if proof else unproven).append(_said(first, (proof or late)[0]))
    return WaveOrder(tuple(lives), tuple(violations), tuple(unproven))


def _said(first: AppLifetime, late: AppLifetime) -> str:
    gap = late.healthy - first.created
    word = "became" if late.exact else "last became"
    return (
        f"{first.app} (wave {first.wave}) was created {gap:.0f} s before "
        f"{late.app} (wave {late.wave}) {word} Healthy"
    )
