"""The loop, with a fake operating system and a fake clock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.local.components import Component, Probe
from bootstrap.local.components.desired import Desired
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.daemon import Supervisor
from bootstrap.local.supervisor.identity import Process
from bootstrap.local.supervisor.process import Survivor
from bootstrap.local.supervisor.records import ProcessRecords

ETCD = Component("etcd", ("etcd",), probe=Probe(1))
API = Component("api", ("api",), probe=Probe(2), needs=("etcd",))


@dataclass
class FakeSystem:
    """Processes that live until told otherwise; `deaf` ones ignore SIGTERM."""

    running: dict[int, str] = field(default_factory=dict)
    deeds: list[str] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    found: tuple[Survivor, ...] = ()
    last: int = 100

    def spawn(self, component: Component) -> Process:
        self.deeds.append(f"start {component.name}")
        if component.name in self.broken:
            raise FileNotFoundError(component.argv[0])
        self.last += 1
        self.running[self.last] = component.name
        return Process(self.last, 1.0)

    def alive(self, process: Process) -> bool:
        return process.pid in self.running

    def terminate(self, process: Process) -> None:
        self.deeds.append(f"terminate {self.running[process.pid]}")
        if self.running[process.pid] not in self.deaf:
            del self.running[process.pid]

    def kill(self, process: Process) -> None:
        if name := self.running.pop(process.pid, None):
            self.deeds.append(f"kill {name}")

    def survivors(self) -> tuple[Survivor, ...]:
        return self.found

    def die(self, name: str) -> None:
        self.running = {pid: each for pid, each in self.running.items() if each != name}


@dataclass
class Stage:
    """A supervisor and the world around it."""

    layout: StateLayout
    system: FakeSystem = field(default_factory=FakeSystem)
    clock: FakeClock = field(default_factory=FakeClock)
    silent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            self.layout, self.system, lambda probe: probe.port not in self.silent, self.clock
        )

    def ticks(self, *wanted: Component, times: int = 1) -> None:
        for _ in range(times):
            self.supervisor.tick({each.name: each for each in wanted})
            self.clock.wait(1.0, threading.Event())

    def record(self, name: str) -> tuple[bool, int]:
        records = ProcessRecords.read(self.layout.records)
        assert records
        found = next(part for part in records.parts if part.name == name)
        return found.ready, found.restarts


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(StateLayout(tmp_path))


def test_one_after_the_other_as_each_serves(stage: Stage) -> None:
    stage.silent = {1}
    stage.ticks(ETCD, API, times=3)
    assert stage.system.deeds == ["start etcd"]
    stage.silent = set()
    stage.ticks(ETCD, API, times=2)
    assert stage.system.deeds == ["start etcd", "start api"]
    assert stage.record("api") == (True, 0)


def test_a_death_is_counted_and_mended(stage: Stage) -> None:
    stage.ticks(ETCD, times=2)
    stage.system.die("etcd")
    stage.ticks(ETCD, times=3)
    assert stage.system.deeds == ["start etcd", "start etcd"]
    assert stage.record("etcd") == (True, 1)


def test_what_cannot_be_started_is_tried_ever_more_rarely(stage: Stage) -> None:
    stage.system.broken = {"etcd"}
    stage.ticks(ETCD, times=60)
    assert 4 < len(stage.system.deeds) < 12


def test_the_unwanted_ends_and_is_forgotten(stage: Stage) -> None:
    stage.ticks(ETCD, times=2)
    stage.ticks(times=3)
    assert stage.system.deeds == ["start etcd", "terminate etcd"]
    records = ProcessRecords.read(stage.layout.records)
    assert records
    assert records.parts == ()


def test_what_is_to_end_is_not_called_ready(stage: Stage) -> None:
    """A platform that was told to end ends in reverse order; its first part answers until the last."""
    stage.ticks(ETCD, API, times=3)
    assert stage.record("etcd") == (True, 0)
    stage.ticks()
    assert stage.system.deeds[-1] == "terminate api"
    assert stage.record("etcd") == (False, 0)


def test_the_deaf_are_killed(stage: Stage) -> None:
    stage.system.deaf = {"etcd"}
    stage.ticks(ETCD, times=2)
    stage.ticks(times=15)
    assert stage.system.deeds == ["start etcd", "terminate etcd", "kill etcd"]


def test_survivors_are_adopted_and_only_changed_ones_restarted(stage: Stage) -> None:
    desired = Desired(stage.layout.desired)
    desired.want(ETCD)
    desired.want(API)
    stage.system.running = {1: "etcd", 2: "api", 3: "gone", 4: "etcd"}
    stage.system.found = (
        Survivor("etcd", ETCD.fingerprint, Process(1, 1.0)),
        Survivor("api", "of another version", Process(2, 1.0)),
        Survivor("gone", "x", Process(3, 1.0)),
        Survivor("etcd", ETCD.fingerprint, Process(4, 1.0)),
    )
    stage.supervisor.adopt()
    stage.ticks(ETCD, API, times=4)
    assert stage.system.deeds[0] == "kill etcd", "a twin"
    assert set(stage.system.deeds[1:3]) == {"terminate api", "terminate gone"}
    assert stage.system.deeds[3:] == ["start api"]
    assert 1 in stage.system.running


def test_it_ends_with_everything_when_its_folder_is_gone(stage: Stage) -> None:
    Desired(stage.layout.desired).want(ETCD)
    stage.layout.lock.touch()
    clock, waits = stage.clock, iter(range(5))

    def wait(seconds: float, cancel: threading.Event) -> bool:
        if next(waits, None) == 4:
            stage.layout.lock.unlink()
        return FakeClock.wait(clock, seconds, cancel)

    clock.wait = wait  # type: ignore[method-assign]
    stage.supervisor.run(threading.Event())
    assert stage.system.deeds == ["start etcd", "terminate etcd"]


def test_a_long_log_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.local.supervisor.daemon.LOG_LIMIT", 10)
    Desired(stage.layout.desired).want(ETCD)
    stage.layout.lock.touch()
    stage.layout.logs.mkdir()
    stage.layout.log("etcd").write_text("more than ten bytes")
    stop, waits = threading.Event(), iter(range(3))

    def wait(seconds: float, cancel: threading.Event) -> bool:
        if next(waits, None) == 2:
            stop.set()
        return FakeClock.wait(FakeClock(), seconds, cancel)

    stage.clock.wait = wait  # type: ignore[method-assign]
    stage.supervisor.run(stop)
    assert stage.layout.log("etcd").read_text() == ""
    assert stage.layout.log("etcd").with_suffix(".log.1").read_text() == "more than ten bytes"
