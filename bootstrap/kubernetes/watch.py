"""List and watch one kind, surviving what real API servers and networks do.

`list_and_watch` is an endless sequence of events: it lists, watches from there, and goes on after clean ends,
broken or truncated lines, ERROR events, 410 Gone, silence and server restarts. It never reconnects in a hot
loop and never loses a change: after every doubt it lists again, and `Listed` holds all objects there are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bootstrap.core.clock import Clock
from bootstrap.core.errors import TemporaryError
from bootstrap.kubernetes.client import ALIVE, Listing
from bootstrap.kubernetes.errors import Busy, Expired, NotServed, Unreachable
from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.transport import Stream

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between two connections of a watch


@dataclass(frozen=True)
class Listed:
    """All objects there are now; what is not among them is gone."""

    items: tuple[Json, ...]


@dataclass(frozen=True)
class Changed:
    """An object was added or modified."""

    item: Json


@dataclass(frozen=True)
class Removed:
    item: Json


@dataclass(frozen=True)
class Lost:
    """The connection is lost for now; what is known may be old."""

    reason: str


@dataclass(frozen=True)
class Back:
    """The connection is there again, and nothing was missed."""


Event = Listed | Changed | Removed | Lost | Back


class ListerWatcher(Protocol):
    """Where `list_and_watch` gets its lists and streams from."""

    def list(self) -> Listing: ...

    def stream(self, version: str) -> Stream: ...


class Stop:
    """Ends a `list_and_watch` from any thread, also one that is blocked in a read."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._stream: Stream | None = None
        self._lock = threading.Lock()

    def set(self) -> None:
        with self._lock:
            self.event.set()
            stream = self._stream
        if stream is not None:
            stream.close()

    def is_set(self) -> bool:
        return self.event.is_set()

    def attach(self, stream: Stream | None) -> None:
        """The stream that is being read now."""
        with self._lock:
            self._stream = stream
            late = self.event.is_set()
        if late and stream is not None:
            stream.close()


def list_and_watch(source: ListerWatcher, stop: Stop, clock: Clock) -> Iterator[Event]:
    """Events until `stop` is set. Raises the permanent errors of `kubernetes/errors.py` (Forbidden, …)."""
    fruitless, version, lost = 0, "", False
    while not stop.is_set():
        asked, begun = 0.0, clock.monotonic()
        try:
            if not version or fruitless >= 2:  # the second failure in a row: trust nothing, list again
                listing = source.list()
                version = listing.version
                yield Listed(listing.items)
            stream = source.stream(version)
            if lost:
                lost = False
                yield Back()
            for event, reached in _changes(stream, version, stop):
                fruitless, version = 0, reached
                if event is not None:
                    yield event
        except Expired:
            version = ""
        except NotServed:
            version = ""
            yield Listed(())  # a kind without its CustomResourceDefinition has no objects
        except TemporaryError as error:
            asked, lost = error.delay, True
            if not stop.is_set():
                yield Lost(str(error))
        idle = clock.monotonic() - begun >= ALIVE / 2  # the server ends a quiet stream; that is no failure
        fruitless = 0 if idle else fruitless + 1
        clock.wait(max(asked, _pause(fruitless)), stop.event)


def _pause(fruitless: int) -> float:
    """Seconds until the next connection: never none, doubling with each fruitless one."""
    return min(FIRST_PAUSE * 2.0 ** min(fruitless, 10), LONGEST_PAUSE)


def _changes(stream: Stream, version: str, stop: Stop) -> Iterator[tuple[Event | None, str]]:
    """Each change with the version to go on from; bookmarks carry a version only."""
    stop.attach(stream)
    try:
        for line in _lines(stream):
            change = _decode(line)
            if change is None:
                continue
            kind, item = change
            if kind == "ERROR":
                raise _error(item)
            version = str(item.get("metadata", {}).get("resourceVersion", "")) or version
            yield _event(kind, item), version
    finally:
        stop.attach(None)
        stream.close()


def _lines(stream: Stream) -> Iterator[bytes]:
    """Complete, non-blank lines. A last line without its end was cut off; its change comes again."""
    rest = b""
    for chunk in stream:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line for line in complete if line.strip())


def _decode(line: bytes) -> tuple[str, Json] | None:
    try:
        change = json.loads(line)
        kind, item = change["type"], change["object"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreachable("a watch returned a broken line", repr(line[:80])) from error
    return (str(kind), item) if isinstance(item, dict) else None


def _error(status: Json) -> TemporaryError:
    """An ERROR event's Status object: 410 means list again, all else is taken as a lost connection."""
    why = str(status.get("message") or status)
    if status.get("code") == 410 or status.get("reason") in {"Expired", "Gone"}:
        return Expired("a watch ended", why)
    return Busy("a watch ended", why)


def _event(kind: str, item: Json) -> Event | None:
    if kind in {"ADDED", "MODIFIED"}:
        return Changed(item)
    return Removed(item) if kind == "DELETED" else None
