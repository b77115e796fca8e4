"""Where a run is killed, and what with it: drawn at random, found again in the run's own events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

Event = Mapping[str, Any]

LAUNCH = "launch"  # before anything was said
LONGEST_LAUNCH = 2.0  # seconds, in which a command says its first word


class Victims(StrEnum):
    """What gets the SIGKILL."""

    PRODUCT = "the run's process"
    TREE = "the run with terraform and all it started"
    PLATFORM = "the run, all it started, and parts of the platform"


@dataclass(frozen=True)
class Point:
    """`delay` seconds after the `count`-th `event` of `step`; or when that step ends, if that comes first.

    A run that goes on where another was killed has less to say: so what does not come is not waited for.
    """

    group: str
    step: str
    event: str
    count: int
    delay: float
    victims: Victims

    def __str__(self) -> str:
        return (
            f"{self.delay:.2f} s after {self.event} {self.count} of {self.step}: {self.victims.name.lower()}"
        )


@dataclass(frozen=True)
class Usual:
    """A run without kills: its steps in order of their start, their seconds, how often each said what."""

    steps: tuple[str, ...]
    seconds: Mapping[str, float]
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Weights:
    """Of each hundred kills: how many hit each group of steps; the rest hits any other step."""

    groups: Mapping[str, tuple[int, tuple[str, ...]]]
    # Events within a step that are aimed at, beside its start.
    marks: Mapping[str, tuple[str, ...]]


UP = Weights(
    {"terraform": (40, ("terraform",)), "waves": (25, ("root-app", "waves", "waves"))},
    {"terraform": ("resource_changed",), "waves": ("wave_started", "app_seen")},
)
DOWN = Weights(
    {"destroy": (35, ("destroy",)), "teardown": (25, ("teardown",))},
    {"destroy": ("resource_changed",)},
)
COMMANDS = {"up": UP, "down": DOWN}
# In hundred: the rest is PLATFORM. A Terraform that lives on leaves the next run nothing to apply.
SHARES = {"terraform": (30, 62), "destroy": (30, 62), "": (80, 12)}


def usual(events: Iterable[Event]) -> Usual:
    """As one complete run did it."""
    begun: dict[str, float] = {}
    seconds: dict[str, float] = {}
    counts: dict[tuple[str, str], int] = {}
    for event in events:
        step = step_of(event)
        if event["type"] == "step_started":
            begun.setdefault(step, event["time"])
        elif event["type"] == "step_finished":
            seconds[step] = event["time"] - begun[step]
        if step:
            counts[step, event["type"]] = counts.get((step, event["type"]), 0) + 1
    return Usual(tuple(begun), seconds, counts)


def step_of(event: Event) -> str:
    """What a wave or an Application does is the step `waves`."""
    named = {"wave_started": "waves", "wave_finished": "waves", "app_seen": "waves", "waves_planned": "waves"}
    return str(event.get("step") or named.get(event["type"], ""))


def draw(rng: Random, command: str, ordinary: Usual, count: int) -> tuple[Point, ...]:
    """So many kills in a row, mostly in the order of the steps: so each rerun gets further than the last."""
    points = [_point(rng, COMMANDS[command], ordinary) for _ in range(count)]
    if rng.random() < 0.75:
        order = {step: number for number, step in enumerate((LAUNCH, *ordinary.steps))}
        points.sort(key=lambda point: order[point.step])
    return tuple(points)


def _point(rng: Random, weights: Weights, ordinary: Usual) -> Point:
    group, steps = _group(rng, weights, ordinary)
    step = rng.choice(steps)
    victims = _victims(rng, group)
    if step == LAUNCH:
        return Point(group, step, "", 0, rng.uniform(0, LONGEST_LAUNCH), victims)
    event = rng.choice(("step_started", *weights.marks.get(step, ())))
    if event == "step_started":
        return Point(group, step, event, 1, rng.random() * ordinary.seconds.get(step, 1.0), victims)
    # Mostly early, since a rerun has fewer of them than the clean run had: it does what is left.
    nth = 1 + int(rng.random() ** 4 * ordinary.counts.get((step, event), 1))
    return Point(group, step, event, nth, rng.uniform(0, 0.5), victims)


def _group(rng: Random, weights: Weights, ordinary: Usual) -> tuple[str, tuple[str, ...]]:
    dice = rng.uniform(0, 100)
    for name, (share, steps) in weights.groups.items():
        if dice < share:
            return name, steps
        dice -= share
    aimed = {step for _, steps in weights.groups.values() for step in steps}
    return "anywhere", (LAUNCH, *(step for step in ordinary.steps if step not in aimed))


def _victims(rng: Random, group: str) -> Victims:
    product, tree = SHARES.get(group, SHARES[""])
    dice = rng.uniform(0, 100)
    if dice < product:
        return Victims.PRODUCT
    return Victims.TREE if dice < product + tree else Victims.PLATFORM


def reached(point: Point, events: Sequence[Event]) -> bool:
    """Whether its event has come."""
    if point.step == LAUNCH:
        return True
    same = (event for event in events if (event["type"], step_of(event)) == (point.event, point.step))
    return sum(1 for _ in same) >= point.count


def over(point: Point, events: Sequence[Event]) -> bool:
    """Whether its step has ended: it is now or never."""
    return any(
        event["type"] in ("step_finished", "step_failed") and step_of(event) == point.step for event in events
    )


@dataclass(frozen=True)
class Place:
    """Where a run was: the steps at work, and what was said last, of which step."""

    steps: tuple[str, ...]
    last: str

    @property
    def name(self) -> str:
        return "+".join(self.steps) or "between steps"


def place(events: Sequence[Event]) -> Place:
    """Where a run is that has said this much."""
    working: list[str] = []
    for event in events:
        step = step_of(event)
        if event["type"] == "step_started" and step not in working:
            working.append(step)
        elif event["type"] in ("step_finished", "step_failed", "step_stopped") and step in working:
            working.remove(step)
    if not events:
        return Place((LAUNCH,), "")
    last = events[-1]
    words = [last["type"], step_of(last)]
    words += [str(last[key]) for key in ("message", "action", "resource", "wave", "app") if last.get(key)]
    return Place(tuple(working), " ".join(filter(None, words)))
