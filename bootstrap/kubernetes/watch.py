"""List and watch that survives what real API servers and networks do.

Two layers. `follow` turns one kind into an endless sequence of events: it lists, watches from there, and
goes on after clean ends, broken or truncated lines, ERROR events, 410 Gone, silence and server restarts;
it never reconnects in a hot loop and never leaves out a change: after every doubt it lists again, and
`Listed` holds the whole truth. `Mirror` runs it for several kinds and keeps the current objects; steps
decide on those (`until`), so each decision is taken on a state, never on a single event.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import DeadlineError, Interrupted, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import ALIVE, Cluster, Listing
from bootstrap.kubernetes.errors import Busy, Expired, NotServed, Unreachable
from bootstrap.kubernetes.objects import Json, Key, Kind
from bootstrap.kubernetes.transport import Stream

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between two connections of a watch
GRACE = 5.0  # seconds for which a lost connection is nobody's business
QUICK = 0.002  # seconds; decisions that take no longer may follow upon one another
REST, LONGEST_REST = 1.0, 0.1  # pause after any other: so many times as long as it took, at most seconds
TICK = 1.0  # seconds between decisions when nothing changes


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


@dataclass(frozen=True)
class Scope:
    """What to watch: a kind, in one namespace or all, narrowed by a label or field selector.

    `trim` makes of each object what is kept of it, before the next one is read.
    """

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    trim: Callable[[Json], Json] | None = None


class Source(Protocol):
    """Where `follow` gets its lists and streams from."""

    def list(self) -> Listing: ...

    def stream(self, version: str) -> Stream: ...


class ClusterSource:
    def __init__(self, cluster: Cluster, scope: Scope) -> None:
        self._cluster, self._scope = cluster, scope

    def list(self) -> Listing:
        scope = self._scope
        return self._cluster.listing(
            scope.kind, scope.namespace, labels=scope.labels, fields=scope.fields, trim=scope.trim
        )

    def stream(self, version: str) -> Stream:
        scope = self._scope
        return self._cluster.watch(
            scope.kind, scope.namespace, version, labels=scope.labels, fields=scope.fields
        )


class Stop:
    """Ends a `follow` from any thread, also one that is blocked in a read."""

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


def follow(source: Source, stop: Stop, clock: Clock) -> Iterator[Event]:
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
    except (ValueError, KeyError, TypeError) as error:
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


class World(Protocol):
    """The objects of some kinds as they are now."""

    def items(self, kind: Kind) -> tuple[Json, ...]: ...

    def synced(self) -> bool:
        """Whether every kind was listed at least once."""
        ...

    def trouble(self) -> str:
        """Why what is known may be old; empty when it is not, or only for a moment."""
        ...

    def wait(self, seconds: float) -> bool:
        """Until something changes, at most that long. Raises what a watch could not survive."""
        ...


class Mirror:
    """A World kept current by one watch a scope, each in a thread of its own. Use with `with`."""

    def __init__(self, cluster: Cluster, *scopes: Scope, clock: Clock | None = None) -> None:
        self._cluster, self._scopes, self._clock = cluster, scopes, clock or SystemClock()
        self._stops = [Stop() for _ in scopes]
        self._items: list[dict[Key, Json]] = [{} for _ in scopes]
        self._known = [False] * len(scopes)
        self._lost: list[tuple[float, str] | None] = [None] * len(scopes)  # since when, and why
        self._failure: Exception | None = None
        self._news = threading.Condition()
        self._changed = False

    def __enter__(self) -> Mirror:
        for index, scope in enumerate(self._scopes):
            threading.Thread(
                target=self._run, args=(index, scope), name=f"watch-{scope.kind}", daemon=True
            ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stop in self._stops:
            stop.set()

    def items(self, kind: Kind) -> tuple[Json, ...]:
        with self._news:
            return tuple(
                item
                for scope, items in zip(self._scopes, self._items, strict=True)
                if scope.kind == kind
                for item in items.values()
            )

    def synced(self) -> bool:
        with self._news:
            return all(self._known)

    def trouble(self) -> str:
        now = self._clock.monotonic()
        with self._news:
            lasting = (entry[1] for entry in self._lost if entry and now - entry[0] > GRACE)
            return next(lasting, "")

    def wait(self, seconds: float) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._changed or self._failure is not None, seconds)
            if self._failure is not None:
                raise self._failure
            changed, self._changed = self._changed, False
            return changed

    def _run(self, index: int, scope: Scope) -> None:
        source = ClusterSource(self._cluster, scope)
        try:
            for event in follow(source, self._stops[index], self._clock):
                if scope.trim is not None and isinstance(event, Changed):
                    event = Changed(scope.trim(event.item))  # noqa: PLW2901 - nobody wants the untrimmed one
                self._take(index, event)
        except Exception as error:  # raised again in the thread that waits
            with self._news:
                self._failure = error
                self._news.notify_all()

    def _loss(self, index: int, event: Event) -> tuple[float, str] | None:
        if not isinstance(event, Lost):
            return None
        before = self._lost[index]
        return before[0] if before else self._clock.monotonic(), event.reason

    def _take(self, index: int, event: Event) -> None:
        with self._news:
            match event:
                case Listed(items):
                    self._items[index] = {Key.of(item): item for item in items}
                case Changed(item):
                    self._items[index][Key.of(item)] = item
                case Removed(item):
                    self._items[index].pop(Key.of(item), None)
            self._lost[index] = self._loss(index, event)
            self._known[index] = self._known[index] or isinstance(event, Listed)
            self._changed = True
            self._news.notify_all()


class Waiter(Protocol):
    """Who waits: deadline in seconds, time, cancellation and a line of progress. A step's Context is one."""

    @property
    def deadline(self) -> float: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def cancel(self) -> threading.Event: ...

    def progress(self, message: str) -> None: ...


def until(
    world: World, decide: Callable[[World], Observation[T]], waiter: Waiter, *, what: str, cure: str = ""
) -> T:
    """Decide on the world after every change, and each TICK, until there is a value.

    Raises DeadlineError, naming the last reason, when time is up, and Interrupted when cancelled.
    """
    start = waiter.clock.monotonic()
    said = reason = ""
    while True:
        begun = waiter.clock.monotonic()
        if world.synced():
            seen = decide(world)
            if seen.value is not None:
                return seen.value
            reason = seen.reason
        busy = waiter.clock.monotonic() - begun
        trouble = world.trouble()
        now = f"{reason} (connection lost: {trouble})" if trouble else reason
        if now not in {said, ""}:
            waiter.progress(f"{what}: {now}")
            said = now
        left = waiter.deadline - (waiter.clock.monotonic() - start)
        if left <= 0:
            why = now or "the API server did not answer"
            raise DeadlineError(f"gave up waiting for {what} after {waiter.deadline:.0f} s", why, cure)
        if waiter.cancel.is_set():
            raise Interrupted(f"interrupted while waiting for {what}", now)
        # Deciding on thousands of objects takes a while: a storm of changes must not fill a core with it.
        if busy > QUICK and waiter.clock.wait(min(REST * busy, LONGEST_REST), waiter.cancel):
            continue
        world.wait(min(TICK, left))
