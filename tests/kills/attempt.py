"""One run of the product that is killed at a point, or left alone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.identity import find
from bootstrap.local.supervisor.process import PLATFORM
from bootstrap.local.supervisor.records import ProcessRecords
from tests.end_to_end.product import Product
from tests.kills.points import LAUNCH, Event, Place, Point, Victims, over, place, reached
from tests.kills.witness import PICTURE

TICK = 0.02  # seconds between looks at the clock while a delay runs
HUNG = 1500.0  # seconds after which a run is taken to be waiting for a person


@dataclass(frozen=True)
class Told:
    """A run that came to its end by itself."""

    code: int
    events: tuple[Event, ...]
    words: str
    seconds: float


@dataclass(frozen=True)
class Hit:
    """A kill. `parts` are those of the platform that were hit, `terraform` is whether one outlived it."""

    where: Place
    parts: tuple[str, ...]
    terraform: bool
    seconds: float


@dataclass
class Attempt:
    """`bootstrap …` in a process of its own, whose events are followed."""

    product: Product
    arguments: tuple[str, ...]
    module: str = "bootstrap"
    environ: dict[str, str] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)
    _words: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._start = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments, "--output", "json"],
            cwd=self.product.clone,
            env={**os.environ, **self.product.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_words, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def finish(self) -> Told:
        """To its end. Raises subprocess.TimeoutExpired for one that seems to wait for a person."""
        try:
            code = self._process.wait(HUNG)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._close()
        seconds = time.monotonic() - self._start
        return Told(code, tuple(self._events), "".join(self._words), seconds)

    def killed(self, point: Point, rng: random.Random) -> Hit | Told:
        """Killed at that point; or what it told, when it was through before."""
        if not self._wait_for(point):
            return self.finish()
        where = place(self._seen())
        tree = [process for process in _descendants(self._process.pid) if not _of_platform(process)]
        parts: tuple[str, ...] = ()
        self._process.kill()
        if self._process.wait() >= 0:
            return self.finish()  # it was quicker
        if point.victims is not Victims.PRODUCT:
            for process in tree:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        if point.victims is Victims.PLATFORM:
            parts = tuple(_kill_parts(StateLayout(self.product.state / "local"), rng))
        self._close()
        outlived = point.victims is Victims.PRODUCT and any(_is_terraform(process) for process in tree)
        return Hit(where, parts, outlived, time.monotonic() - self._start)

    # ------------------------------------------------------------------------------------------------

    def _wait_for(self, point: Point) -> bool:
        """Until it is time; False when the run has ended."""
        with self._news:
            while not (reached(point, self._events) or over(point, self._events)):
                if self._process.poll() is not None:
                    return False
                self._news.wait(0.1)
        end = time.monotonic() + point.delay
        if point.step == LAUNCH:
            end = self._start + point.delay
        while time.monotonic() < end and not over(point, self._seen()):
            if self._process.poll() is not None:
                return False
            time.sleep(TICK)
        return self._process.poll() is None

    def _seen(self) -> tuple[Event, ...]:
        with self._news:
            return tuple(self._events)

    def _read_events(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                event: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # the half line of one that was killed
            with self._news:
                self._events.append(event)
                self._news.notify_all()

    def _read_words(self, stream: IO[str]) -> None:
        self._words.extend(stream)

    def _close(self) -> None:
        for reader in self._readers:
            reader.join(10)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def run(product: Product, *arguments: str) -> Told:
    return Attempt(product, arguments).finish()


def witnessed_down(product: Product, picture: Path) -> Attempt:
    """`down`, which leaves a picture of AWS in that file before AWS ends: a list of lines, as JSON."""
    return Attempt(product, ("down", "--yes"), "tests.kills.witness", {PICTURE: str(picture)})


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _of_platform(process: psutil.Process) -> bool:
    """Whether it is one of the platform's own, or on the way to become its supervisor."""
    with suppress(psutil.Error, OSError):
        return PLATFORM in process.environ() or "bootstrap.local.supervisor" in process.cmdline()
    return False


def _is_terraform(process: psutil.Process) -> bool:
    """One of those that Terraform consists of, whatever of it is left."""
    with suppress(psutil.Error, OSError):
        return any("terraform" in word for word in process.cmdline()[:3])
    return False


def _kill_parts(layout: StateLayout, rng: random.Random) -> Iterator[str]:
    """AWS, the supervisor, any one part, or all of them, as when the machine dies."""
    records = ProcessRecords.read(layout.records)
    if records is None:
        return
    living = {part.name: part.process for part in records.parts if part.process}
    living["supervisor"] = records.supervisor
    names = sorted(living)
    chosen = rng.choice((["aws"], ["supervisor"], ["aws", "supervisor"], [rng.choice(names)], names))
    # The supervisor first, where it goes, or it would start again what goes after it.
    for name in sorted(chosen, key=lambda name: name != "supervisor"):
        process = find(living[name]) if name in living else None
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
                yield name
