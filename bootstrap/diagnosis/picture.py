"""What a diagnosis is made from, as data: the pending members and the objects that were read. Pure.

A Picture goes to JSON and back (`bootstrap diagnose --save-picture`), so that a stuck cluster can be kept,
sent along and diagnosed again. Everything in it went through `strip.py`: it holds no secret value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bootstrap.core.records import LATEST, record
from bootstrap.diagnosis.strip import strip
from bootstrap.kubernetes.argo import HELM_HOOK, HOOK, View, seconds, tracked_app
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    EVENT,
    Json,
    Key,
    Kind,
    annotations_of,
    by_key,
    dig,
    metadata,
    name,
    namespace,
)

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


@dataclass(frozen=True)
class Pending:
    """A member that is not done, with `reason`; `wave` is None for the root Application.

    `parent` is what makes it: an ApplicationSet, or the Application that it is part of. `stale`: what is
    known of it is about another commit or spec than the wanted one, so Git may have cured it.
    """

    name: str
    kind: str
    wave: int | None
    sync: str = ""
    health: str = ""
    reason: str = ""
    parent: str = ""
    stale: bool = False


@dataclass(frozen=True)
class Picture:
    """What was read at `now` (Unix seconds).

    `patience` is how long (seconds) one sync may run before it counts as one that never ends. `served` are
    kinds ("Certificate.cert-manager.io") that failed syncs name and that the server has by now. `unread` says
    what could not be read, and why: nothing may be concluded from its absence.
    """

    now: float
    root: str
    members: tuple[Pending, ...]
    objects: tuple[Json, ...]
    patience: float = 150.0
    served: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[Key, Json]:
        return by_key(self.objects)

    @cached_property
    def applications(self) -> Mapping[str, View]:
        return {view.name: view for view in map(View, self.of(APPLICATION))}

    def of(self, kind: Kind, space: str | None = None) -> tuple[Json, ...]:
        """All objects of a kind, by namespace and name; `space` narrows to one namespace."""
        found = self._by_kind.get(kind, ())
        return found if space is None else tuple(item for item in found if namespace(item) == space)

    def owned(self, app: str) -> tuple[Json, ...]:
        """The Application's objects that were read, those made by its objects (pods …) included."""
        return self._owned.get(app, ())

    def events(self, item: Json, *reasons: str) -> tuple[Json, ...]:
        """Events about an object, the newest first; `reasons` narrows to these."""
        found = self._events.get(Key.of(item), ())
        return tuple(event for event in found if not reasons or event.get("reason") in reasons)

    def path(self, item: Json) -> tuple[Json, ...]:
        """From the topmost owner that was read down to the object itself."""
        return tuple(reversed(tuple(self._climb(item))))

    def age(self, stamp: float | None) -> float:
        """Seconds since then; 0 when the time is not known."""
        return max(0.0, self.now - stamp) if stamp is not None else 0.0

    def coming(self, key: Key) -> bool:
        """Whether a sync that runs is about to make the object, and waits for nothing else first."""
        syncing = (view for view in self.applications.values() if view.busy)
        making = (view for view in syncing if "waiting for" not in view.operation_message)
        return any(_entry_key(entry) == key for view in making for entry in view.resources)

    # ------------------------------------------------------------------------------------------------

    @cached_property
    def _by_kind(self) -> Mapping[Kind, tuple[Json, ...]]:
        found: dict[Kind, list[Json]] = {}
        for item in sorted(self.objects, key=lambda item: (namespace(item), name(item))):
            found.setdefault(Kind.of(item).unversioned, []).append(item)
        return {kind: tuple(items) for kind, items in found.items()}

    @cached_property
    def _events(self) -> Mapping[Key, tuple[Json, ...]]:
        found: dict[Key, list[Json]] = {}
        for event in self.of(EVENT):
            found.setdefault(key_of_event(event), []).append(event)
        order = {key: sorted(events, key=last_seen, reverse=True) for key, events in found.items()}
        return {key: tuple(events) for key, events in order.items()}

    @cached_property
    def _owned(self) -> Mapping[str, tuple[Json, ...]]:
        owners: dict[Key, str] = {}
        for app, view in sorted(self.applications.items()):
            for entry in (*view.resources, *view.sync_results):
                owners.setdefault(_entry_key(entry), app)
        found: dict[str, list[Json]] = {}
        for kind in sorted(self._by_kind):
            for item in self._by_kind[kind]:
                for app in self._apps(item, owners):
                    found.setdefault(app, []).append(item)
        return {app: tuple(items) for app, items in found.items()}

    def _apps(self, item: Json, owners: Mapping[Key, str]) -> Iterator[str]:
        if Kind.of(item).unversioned in {APPLICATION, APPLICATION_SET, EVENT}:
            return
        for step in self._climb(item):
            if any(one.get("kind") == "CronJob" for one in metadata(step).get("ownerReferences") or ()):
                return  # a run of long ago says nothing about the rollout of now
            app = owners.get(Key.of(step)) or tracked_app(step)
            if app:
                yield app
                return

    def _climb(self, item: Json) -> Iterator[Json]:
        """The object, its controller, that one's controller …, as far as they were read."""
        seen: set[Key] = set()
        here: Json | None = item
        while here is not None and Key.of(here) not in seen:
            seen.add(Key.of(here))
            yield here
            here = next(filter(None, (self.by_key.get(key) for key in _owners(here))), None)


def _owners(item: Json) -> Iterator[Key]:
    for reference in metadata(item).get("ownerReferences") or ():
        kind, which = Kind.of(reference).unversioned, str(reference.get("name"))
        yield Key(kind, namespace(item), which)
        yield Key(kind, "", which)


def _entry_key(entry: Json) -> Key:
    kind = Kind(str(entry.get("group") or ""), str(entry.get("kind")))
    return Key(kind, str(entry.get("namespace") or ""), str(entry.get("name")))


def key_of_event(event: Json) -> Key:
    """The object that an Event is about."""
    about = event.get("involvedObject") or {}
    return Key(Kind.of(about).unversioned, str(about.get("namespace") or ""), str(about.get("name")))


def first_seen(event: Json) -> float | None:
    """When an Event (or its series) began, Unix seconds."""
    stamps = (
        event.get("firstTimestamp"),
        event.get("eventTime"),
        dig(event, "metadata", "creationTimestamp"),
    )
    return next((at for at in map(seconds, map(str, filter(None, stamps))) if at is not None), None)


def last_seen(event: Json) -> float:
    stamps = (
        dig(event, "series", "lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        dig(event, "metadata", "creationTimestamp"),
    )
    return next((at for at in map(seconds, map(str, filter(None, stamps))) if at is not None), 0.0)


def is_hook(item: Json) -> bool:
    notes = annotations_of(item)
    return HOOK in notes or HELM_HOOK in notes


def encode(picture: Picture) -> dict[str, Any]:
    """The JSON form."""
    return {
        "version": FORMAT,
        "now": picture.now,
        "root": picture.root,
        "patience": picture.patience,
        "members": [asdict(member) for member in picture.members],
        "served": sorted(picture.served),
        "unread": list(picture.unread),
        "objects": list(picture.objects),
    }


def decode(data: Mapping[str, Any]) -> Picture:
    """From the JSON form. Raises ValueError for another format, and for a member that is none."""
    if data.get("version") != FORMAT:
        raise ValueError(f"a picture of format {data.get('version')}, not {FORMAT}")
    return Picture(
        now=_moment(data["now"]),
        root=str(data["root"]),
        members=tuple(record(Pending, member) for member in data["members"]),
        objects=stripped(data["objects"]),
        patience=float(data.get("patience", 150.0)),
        served=frozenset(map(str, data.get("served") or ())),
        unread=tuple(map(str, data.get("unread") or ())),
    )


def _moment(value: Any) -> float:
    """Raises ValueError for a number that is no time."""
    if not 0 <= (moment := float(value)) <= LATEST:
        raise ValueError(f"{value} is no time in Unix seconds")
    return moment


def stripped(items: Iterable[Json]) -> tuple[Json, ...]:
    return tuple(kept for kept in map(strip, items) if kept is not None)
