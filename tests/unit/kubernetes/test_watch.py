"""Watches: whatever happens on the wire, the view ends up true, and nothing runs hot."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import DeadlineError, Interrupted
from bootstrap.core.wait import Observation
from bootstrap.kubernetes import informer, watch
from bootstrap.kubernetes.client import ALIVE, Listing
from bootstrap.kubernetes.errors import Busy, Expired, Forbidden, NotServed, Unreachable
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import CONFIG_MAP, Json, Kind, name
from bootstrap.kubernetes.transport import Stream
from bootstrap.kubernetes.watch import Back, Changed, Event, Listed, Lost, Removed, Stop, list_and_watch
from tests.kubernetes_fake import FakeServer

Script = list[Any]


def item(which: str, version: int = 1) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": which, "namespace": "default", "resourceVersion": str(version)},
    }


def line(kind: str, what: Json) -> bytes:
    return json.dumps({"type": kind, "object": what}).encode() + b"\n"


@dataclass
class Scripted:
    """Lists and streams from a script: each entry is a list of chunks, an error to raise, or a callable."""

    streams: Script
    lists: Script = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    listed: int = 0
    asked: list[str] = field(default_factory=list)

    def list(self) -> Listing:
        self.listed += 1
        found = self.lists.pop(0) if self.lists else Listing((), "1")
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Listing)
        return found

    def stream(self, version: str) -> Stream:
        self.asked.append(version)
        if not self.streams:
            self.stop.set()
            return Chunks([])
        found = self.streams.pop(0)
        if isinstance(found, Exception):
            raise found
        return Chunks(found)


@dataclass
class Chunks:
    chunks: Script

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            if callable(chunk):
                chunk()
            else:
                yield chunk

    def close(self) -> None: ...


class SlowClock(FakeClock):
    """Remembers the pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        self.pauses.append(seconds)
        return super().wait(seconds, cancel)


def run(source: Scripted, clock: FakeClock | None = None) -> list[Event]:
    return list(list_and_watch(source, source.stop, clock or FakeClock()))


def test_lists_then_watches_from_there() -> None:
    source = Scripted(
        [[line("ADDED", item("b", 8)), line("MODIFIED", item("b", 9)), line("DELETED", item("b", 10))]],
        [Listing((item("a"),), "7")],
    )
    assert run(source) == [
        Listed((item("a"),)),
        Changed(item("b", 8)),
        Changed(item("b", 9)),
        Removed(item("b", 10)),
    ]
    assert source.asked == ["7", "10"]


def test_bookmarks_move_the_version_and_are_not_told() -> None:
    source = Scripted([[line("BOOKMARK", item("", 42))]], [Listing((), "7")])
    assert run(source) == [Listed(())]
    assert source.asked == ["7", "42"]


def test_lines_may_be_split_and_blank() -> None:
    whole = line("ADDED", item("a", 2))
    source = Scripted([[whole[:10], whole[10:] + b"\n\n  \n", b"\n"]])
    assert run(source)[1:] == [Changed(item("a", 2))]


def test_a_truncated_last_line_is_asked_for_again() -> None:
    source = Scripted([[line("ADDED", item("a", 2)), line("ADDED", item("b", 3))[:-9]]])
    assert run(source)[1:] == [Changed(item("a", 2))]
    assert source.asked == ["1", "2"]


@pytest.mark.parametrize("broken", [b"{no json}\n", b"[" * 200_000 + b"\n"], ids=["no JSON", "deep"])
def test_a_broken_line_loses_the_connection_only(broken: bytes) -> None:
    source = Scripted([[broken], [line("ADDED", item("a", 2))]])
    _, lost, back, changed = run(source)[:4]
    assert isinstance(lost, Lost)
    assert back == Back()
    assert "broken line" in lost.reason
    assert changed == Changed(item("a", 2))


@pytest.mark.parametrize(
    "gone",
    [
        [line("ERROR", {"kind": "Status", "code": 410, "message": "too old"})],
        [line("ERROR", {"kind": "Status", "reason": "Expired", "message": "too old"})],
        Expired("GET", "too old"),
    ],
)
def test_gone_lists_again(gone: Any) -> None:
    source = Scripted([gone, []], [Listing((item("a"),), "7"), Listing((item("b"),), "9")])
    listed = [event for event in run(source) if isinstance(event, Listed)]
    assert listed[:2] == [Listed((item("a"),)), Listed((item("b"),))]
    assert source.asked[:2] == ["7", "9"]


def test_an_error_event_without_code_is_a_lost_connection() -> None:
    source = Scripted([[line("ERROR", {"kind": "Status", "message": "etcdserver: no leader"})]])
    assert any(isinstance(event, Lost) and "no leader" in event.reason for event in run(source))


def test_silence_ends_by_the_read_time_out_and_goes_on_from_the_same_version() -> None:
    source = Scripted([[Unreachable("no answer", "read timed out")], [line("ADDED", item("a", 2))]])
    events = run(source)
    assert isinstance(events[1], Lost)
    assert Changed(item("a", 2)) in events
    assert source.asked[:2] == ["1", "1"]


def test_a_connection_that_is_back_is_told() -> None:
    source = Scripted([Unreachable("down"), [line("ADDED", item("a", 2))]])
    assert run(source) == [Listed(()), Lost("down"), Back(), Changed(item("a", 2))]


def test_a_connection_lost_for_a_moment_is_nobody_s_business() -> None:
    clock = FakeClock()
    world = Informer(FakeServer().cluster, Scope(CONFIG_MAP), clock=clock)
    world._take(0, Listed(()))
    world._take(0, Lost("refused"))
    assert world.trouble() == ""
    clock.wait(informer.GRACE + 1, threading.Event())
    world._take(0, Lost("still refused"))
    assert world.trouble() == "still refused"
    world._take(0, Back())
    assert world.trouble() == ""


def test_the_second_failure_in_a_row_lists_again() -> None:
    """A version from before the server was replaced must not be watched for ever."""
    source = Scripted(
        [Unreachable("down"), Unreachable("down"), [line("ADDED", item("a", 6))]],
        [Listing((), "1"), Listing((), "5")],
    )
    run(source)
    assert source.asked[:4] == ["1", "1", "5", "6"]


def test_empty_streams_do_not_run_hot() -> None:
    clock = SlowClock()
    run(Scripted([[] for _ in range(12)]), clock)
    assert min(clock.pauses) >= watch.FIRST_PAUSE
    assert clock.pauses[:4] == sorted(clock.pauses[:4])
    assert max(clock.pauses) == watch.LONGEST_PAUSE


def test_a_quiet_stream_that_the_server_ends_is_no_failure() -> None:
    clock = SlowClock()
    quiet = [lambda: FakeClock.wait(clock, ALIVE, threading.Event())]
    source = Scripted([list(quiet) for _ in range(5)])
    run(source, clock)
    assert source.listed == 1
    assert clock.pauses[:5] == [watch.FIRST_PAUSE] * 5


def test_retry_after_is_obeyed() -> None:
    clock = SlowClock()
    run(Scripted([Busy("throttled", delay=17.0)]), clock)
    assert clock.pauses[0] == 17.0


def test_a_kind_that_is_not_served_has_no_objects() -> None:
    source = Scripted([[]], [NotServed("no such kind"), Listing((item("a"),), "3")])
    assert run(source)[:2] == [Listed(()), Listed((item("a"),))]


def test_forbidden_is_raised() -> None:
    with pytest.raises(Forbidden):
        run(Scripted([], [Forbidden("no")]))


def test_stop_closes_the_stream_that_is_read() -> None:
    stop, closed = Stop(), threading.Event()

    class Blocked:
        def __iter__(self) -> Iterator[bytes]:
            yield line("ADDED", item("a", 2))
            closed.wait()

        def close(self) -> None:
            closed.set()

    class Source:
        def list(self) -> Listing:
            return Listing((), "1")

        def stream(self, version: str) -> Stream:
            return Blocked()

    events = list_and_watch(Source(), stop, FakeClock())
    assert [next(events), next(events)] == [Listed(()), Changed(item("a", 2))]
    stop.set()
    assert list(events) == []
    assert closed.is_set()


FAULTS = st.sampled_from(["end", "cut", "silence", "gone", "error", "blank", "broken", "busy"])


@given(st.lists(st.one_of(FAULTS, st.tuples(st.sampled_from("abc"), st.booleans())), max_size=30))
def test_whatever_happens_the_view_ends_up_true(script: list[Any]) -> None:
    """Changes (name, whether it is there afterwards) and faults in any order: the view is the server's."""
    truth: dict[str, Json] = {}
    log: list[tuple[int, bytes]] = []
    oldest = 0

    class Server:
        def __init__(self) -> None:
            self.rest = list(script)
            self.stop = Stop()
            self.final = False

        def list(self) -> Listing:
            return Listing(tuple(truth.values()), str(len(log)))

        def stream(self, version: str) -> Stream:
            if int(version) < oldest:
                raise Expired("too old")
            return Chunks([*(entry for at, entry in log if at > int(version)), *self.ahead()])

        def ahead(self) -> Iterator[Any]:
            nonlocal oldest
            while self.rest:
                step = self.rest.pop(0)
                if isinstance(step, tuple):
                    yield self.write(*step)
                    continue
                if step == "gone":
                    oldest = len(log)
                yield from FAULT_LINES[step]
                if step != "blank":
                    return
            if self.final:
                self.stop.set()
            self.final = True

        def write(self, which: str, there: bool) -> bytes:
            at = len(log) + 1
            kind = "MODIFIED" if there else "DELETED"
            if there:
                truth[which] = item(which, at)
            else:
                truth.pop(which, None)
            log.append((at, line(kind, item(which, at))))
            return log[-1][1]

    server = Server()
    view: dict[str, Json] = {}
    for event in list_and_watch(server, server.stop, FakeClock()):
        match event:
            case Listed(items):
                view = {name(one): one for one in items}
            case Changed(one):
                view[name(one)] = one
            case Removed(one):
                view.pop(name(one), None)
    assert view == truth


FAULT_LINES: dict[str, list[Any]] = {
    "end": [],
    "cut": [b'{"type": "ADDED", "obj'],
    "silence": [Unreachable("read timed out")],
    "gone": [line("ERROR", {"code": 410})],
    "error": [line("ERROR", {"code": 500})],
    "blank": [b"\n", b"  \n"],
    "broken": [b"\x00\xff\n"],
    "busy": [Busy("slow down", delay=3.0)],
}


def test_a_mirror_follows_a_server() -> None:
    server = FakeServer()
    server.put(item("a"))
    with Informer(server.cluster, Scope(CONFIG_MAP)) as world:
        wait_until(world, {"a"})
        server.put(item("b"))
        wait_until(world, {"a", "b"})
        server.remove(next(iter(server.stored)))
        wait_until(world, {"b"})


def wait_until(world: Informer, names: set[str]) -> None:
    while not world.synced() or {name(one) for one in world.items(CONFIG_MAP)} != names:
        assert world.wait(30), f"never saw {names}"


def test_a_mirror_keeps_only_what_is_left_after_trimming() -> None:
    server = FakeServer()
    server.put(item("a") | {"data": {"long": "x" * 100}})

    def trim(full: Json) -> Json:
        return {key: value for key, value in full.items() if key != "data"}

    with Informer(server.cluster, Scope(CONFIG_MAP, trim=trim)) as world:
        wait_until(world, {"a"})
        server.put(item("b") | {"data": {"long": "x" * 100}})
        wait_until(world, {"a", "b"})
        assert not any("data" in one for one in world.items(CONFIG_MAP))


def test_a_mirror_raises_what_a_watch_cannot_survive() -> None:
    server = FakeServer(refuse=lambda request: Forbidden("no") if "configmaps" in request.path else None)
    with Informer(server.cluster, Scope(CONFIG_MAP)) as world, pytest.raises(Forbidden):
        while True:
            world.wait(30)


class Still:
    """A world that never changes; time passes while it is waited for."""

    def __init__(self, clock: FakeClock, *, synced: bool = True, trouble: str = "") -> None:
        self._clock, self._synced, self._trouble = clock, synced, trouble

    def items(self, kind: Kind) -> tuple[Json, ...]:
        return ()

    def synced(self) -> bool:
        return self._synced

    def trouble(self) -> str:
        return self._trouble

    def wait(self, seconds: float) -> bool:
        self._clock.wait(seconds, threading.Event())
        return False


@dataclass
class Patient:
    clock: FakeClock
    deadline: float = 60.0
    cancel: threading.Event = field(default_factory=threading.Event)
    said: list[str] = field(default_factory=list)

    def progress(self, message: str) -> None:
        self.said.append(message)


def test_until_names_the_last_reason_when_time_is_up() -> None:
    patient = Patient(FakeClock())
    with pytest.raises(DeadlineError, match=r"gave up waiting for nodes after 60 s.*db has not joined"):
        informer.until(
            Still(patient.clock), lambda _: Observation(None, "db has not joined"), patient, what="nodes"
        )
    assert patient.said == ["nodes: db has not joined"]


def test_until_does_not_decide_on_what_it_has_not_seen() -> None:
    patient = Patient(FakeClock())
    with pytest.raises(DeadlineError, match="did not answer"):
        informer.until(Still(patient.clock, synced=False), lambda _: Observation(True), patient, what="nodes")


def test_until_tells_that_the_connection_is_lost() -> None:
    patient = Patient(FakeClock())
    with pytest.raises(DeadlineError, match="connection lost: refused"):
        informer.until(
            Still(patient.clock, trouble="refused"), lambda _: Observation(None, "x"), patient, what="nodes"
        )


@pytest.mark.parametrize(
    ("takes", "pauses"), [(0.001, []), (0.01, [0.01]), (3.0, [informer.LONGEST_REST])], ids=str
)
def test_deciding_never_fills_a_core(takes: float, pauses: list[float]) -> None:
    clock = SlowClock()
    patient = Patient(clock)
    outcomes = [Observation(None, "not yet"), Observation(True)]

    def decide(world: informer.InformerCache) -> Observation[bool]:
        FakeClock.wait(clock, takes, threading.Event())
        return outcomes.pop(0)

    class Stormy(Still):
        def wait(self, seconds: float) -> bool:
            return True

    assert informer.until(Stormy(clock), decide, patient, what="waves")
    assert clock.pauses == pytest.approx(pauses)


def test_until_can_be_interrupted() -> None:
    patient = Patient(FakeClock())
    patient.cancel.set()
    with pytest.raises(Interrupted):
        informer.until(Still(patient.clock), lambda _: Observation(None, "x"), patient, what="nodes")
