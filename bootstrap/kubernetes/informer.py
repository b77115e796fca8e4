"""An informer: the current objects of some kinds, kept by one list-and-watch a scope; and waiting on them.

Steps decide on the objects in the cache (`until`), never on a single event.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import DeadlineError, Interrupted
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import Cluster, Listing
from bootstrap.kubernetes.objects import Json, Key, Kind
from bootstrap.kubernetes.transport import Stream
from bootstrap.kubernetes.watch import Changed, Event, Listed, Lost, Removed, Stop, list_and_watch

T = TypeVar("T")

GRACE = 5.0  # seconds for which a lost connection is nobody's business
QUICK = 0.002  # seconds; decisions that take no longer may follow upon one another
REST, LONGEST_REST = 1.0, 0.1  # pause after any other: so many times as long as it took, at most seconds
TICK = 1.0  # seconds between decisions when nothing changes


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


class ClusterListerWatcher:
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


class InformerCache(Protocol):
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


class Informer:
    """An InformerCache kept current by one watch a scope, each in a thread of its own. Use with `with`."""

    def __init__(self, cluster: Cluster, *scopes: Scope, clock: Clock | None = None) -> None:
        self._cluster, self._scopes, self._clock = cluster, scopes, clock or SystemClock()
        self._stops = [Stop() for _ in scopes]
        self._items: list[dict[Key, Json]] = [{} for _ in scopes]
        self._known = [False] * len(scopes)
        self._lost: list[tuple[float, str] | None] = [None] * len(scopes)  # since when, and why
        self._failure: Exception | None = None
        self._news = threading.Condition()
        self._changed = False

    def __enter__(self) -> Informer:
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
        source = ClusterListerWatcher(self._cluster, scope)
        try:
            for event in list_and_watch(source, self._stops[index], self._clock):
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
    cache: InformerCache,
    decide: Callable[[InformerCache], Observation[T]],
    waiter: Waiter,
    *,
    what: str,
    cure: str = "",
) -> T:
    """Decide on the cache after every change, and each TICK, until there is a value.

    Raises DeadlineError, naming the last reason, when time is up, and Interrupted when cancelled.
    """
    start = waiter.clock.monotonic()
    said = reason = ""
    while True:
        begun = waiter.clock.monotonic()
        if cache.synced():
            seen = decide(cache)
            if seen.value is not None:
                return seen.value
            reason = seen.reason
        busy = waiter.clock.monotonic() - begun
        trouble = cache.trouble()
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
        cache.wait(min(TICK, left))
