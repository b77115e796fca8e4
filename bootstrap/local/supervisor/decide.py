"""What the supervisor does next. Pure: no process, no clock, no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from bootstrap.local.components import Component

FIRST_DELAY, LONGEST_DELAY = 0.2, 15.0  # seconds between an unexpected exit and the next start
PROVEN = 60.0  # seconds of running after which earlier failures are forgotten
HANGING = 60.0  # seconds without an answer after which a process that was ready counts as hanging


@dataclass(frozen=True)
class ComponentState:
    """A component as it is now. Times are monotonic seconds; `stopping` is when SIGTERM was sent."""

    component: Component
    alive: bool = False
    ready: bool = False
    served: bool = False  # was ready at least once since its start
    since: float = 0.0
    answered: float = 0.0
    stopping: float | None = None
    failures: int = 0
    retry: float = 0.0


class Verb(Enum):
    START = "start"
    TERMINATE = "terminate"
    KILL = "kill"


@dataclass(frozen=True)
class Action:
    verb: Verb
    name: str


def actions(
    desired: Mapping[str, Component], parts: Mapping[str, ComponentState], now: float
) -> tuple[Action, ...]:
    return (*_stops(desired, parts, now), *_starts(desired, parts, now))


def died(part: ComponentState, now: float) -> tuple[int, float]:
    """After an unexpected exit: the number of failures in a row, and when to try again."""
    failures = 1 if part.ready and now - part.since >= PROVEN else part.failures + 1
    return failures, now + min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)


def _stops(
    desired: Mapping[str, Component], parts: Mapping[str, ComponentState], now: float
) -> Iterator[Action]:
    leaving = {name for name, part in parts.items() if part.alive and name not in desired}
    needed = {need for name in leaving for need in parts[name].component.needs}
    for name, part in parts.items():
        if not part.alive:
            continue
        if part.stopping is not None:
            if now - part.stopping > part.component.grace:
                yield Action(Verb.KILL, name)
        elif _unwanted(desired.get(name), part, now) and not (name in leaving and name in needed):
            yield Action(Verb.TERMINATE, name)


def _unwanted(wanted: Component | None, part: ComponentState, now: float) -> bool:
    if wanted is None or wanted.fingerprint != part.component.fingerprint:
        return True
    return part.served and not part.ready and now - part.answered > HANGING


def _starts(
    desired: Mapping[str, Component], parts: Mapping[str, ComponentState], now: float
) -> Iterator[Action]:
    ready = {name for name, part in parts.items() if part.alive and part.ready}
    for name, component in desired.items():
        part = parts.get(name)
        if part is not None and (part.alive or now < part.retry):
            continue
        if ready.issuperset(component.needs):
            yield Action(Verb.START, name)
