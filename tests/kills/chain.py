"""One round: kills over `up` in a row, one `up` to its end; then the same with `down`.

Some rounds go from the kills over `up` straight to `down`, some from those over `down` back to `up`.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.product import Product
from tests.kills.attempt import Attempt, Hit, Told, witnessed_down
from tests.kills.points import Point, Usual, draw
from tests.kills.world import Eye, Memory, Picture

SHORTEST, LONGEST = 5, 15  # kills in a row
COMMANDS = ("up", "down")


@dataclass(frozen=True)
class Plan:
    """As drawn. `finish`: whether `up` is let through before `down`; `back`: whether once more after it."""

    up: tuple[Point, ...]
    finish: bool
    down: tuple[Point, ...]
    back: bool


@dataclass(frozen=True)
class Clean:
    """How it goes, and what there is after `up` and after `down`, without any kill."""

    up: Usual
    down: Usual
    picture: Picture
    empty: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    command: str
    point: Point
    hit: Hit


class Wrong(Exception):
    """A round did not go as it must; the arguments say what is wrong, a line each."""


def plan(seed: int, number: int, clean: Clean, kills: Mapping[str, int] | None = None) -> Plan:
    """The round of that number; `kills` says how many, by command, where it is not drawn. Pure."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - to be drawn again
    ups = rng.randint(SHORTEST, LONGEST)
    downs = rng.randint(SHORTEST, LONGEST) if rng.random() < 0.5 else 0
    finish, back = rng.random() > 0.15, rng.random() < 0.2
    if kills:
        ups, downs, finish, back = kills["up"], kills["down"], True, False
    return Plan(
        draw(rng, "up", clean.up, ups), finish, draw(rng, "down", clean.down, downs), back and downs > 0
    )


@dataclass
class Round:
    """Carries out a plan. `kills` are those done so far; `ran` are runs that were let through."""

    product: Product
    eye: Eye
    clean: Clean
    rng: random.Random
    kills: list[Kill] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    _memory: Memory = field(default_factory=Memory)

    def go(self, wanted: Plan) -> None:
        """Raises Wrong at the first thing that is not as it must be."""
        self.kill("up", wanted.up)
        if wanted.finish:
            self.finish_up()
        self.kill("down", wanted.down)
        if wanted.back:
            self.finish_up()
        self.finish_down()

    def kill(self, command: str, points: tuple[Point, ...]) -> None:
        """One run after the other, each killed at its point."""
        for point in points:
            if command == "down":
                self._memory.forget()
            outcome = self._begin(command).killed(point, self.rng)
            if isinstance(outcome, Hit):
                self.kills.append(Kill(command, point, outcome))
                _tell(self.kills[-1])
                if "aws" in outcome.parts:
                    self._memory.aws_died(time.monotonic())
            else:
                self._through(command, outcome)
            if command == "up":
                self._remember()

    def finish_up(self) -> None:
        """Let `up` through; then all must be as it is without kills."""
        self._through("up", self._to_end("up"))
        self._remember()
        if wrong := self.eye.wrong_after_up(self.clean.picture):
            raise Wrong(*wrong)

    def finish_down(self) -> None:
        """Let `down` through; then nothing must be left."""
        self._memory.forget()
        self._picture.unlink(missing_ok=True)
        self._through("down", self._to_end("down"))
        if wrong := self.eye.wrong_after_down(self.clean.empty, self._picture):
            raise Wrong(*wrong)

    def _to_end(self, command: str) -> Told:
        try:
            return self._begin(command).finish()
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"{command} did not end: {error}") from error

    def _begin(self, command: str) -> Attempt:
        if command == "down":
            return witnessed_down(self.product, self._picture)
        return Attempt(self.product, (command, "--yes"))

    @property
    def _picture(self) -> Path:
        return self.product.clone.with_suffix(".json")

    def _through(self, command: str, told: Told) -> None:
        print(f"  {command} to its end: exit code {told.code}, {told.seconds:.0f} s", flush=True)  # noqa: T201
        if told.code:
            raise Wrong(f"{command} ended with {told.code}", *_last_words(told))
        self.ran.append(command)

    def _remember(self) -> None:
        now = self.eye.secrets()
        if now is not None and (wrong := self._memory.compare(now, time.monotonic())):
            raise Wrong(*wrong)


def _last_words(told: Told) -> Iterator[str]:
    for event in told.events:
        if event["type"] in ("step_failed", "run_finished") and event.get("error"):
            yield f"{event.get('step', 'run')}: {event['error']}"
    if told.words.strip():
        yield told.words.strip()[-2000:]


def _tell(kill: Kill) -> None:
    hit = kill.hit
    more = f", parts {', '.join(hit.parts)}" if hit.parts else ""
    more += ", terraform lives on" if hit.terraform else ""
    print(  # noqa: T201 - the account
        f"  {kill.command} killed after {hit.seconds:.1f} s in {hit.where.name} ({hit.where.last}):"
        f" {kill.point.victims.name.lower()}{more}",
        flush=True,
    )
