"""What to do about Applications and ExternalSecrets that do not get on by themselves. Deciding is pure.

- A comparison with an old commit, or one that failed, is asked to be made anew (Argo CD polls only every
  few minutes and remembers failures).
- A sync of another commit, or one that never ends, is terminated; Argo CD has no time-out for it and
  would not look at the fixed commit before. Once it has ended a new sync is started.
- A failed sync is started again: Argo CD never retries the same commit by itself.
- An Application that is waited for and was not compared for some seconds is asked to look again: Argo CD
  does not notice everything by itself, such as the status of a kind that is new to it.
- An ExternalSecret is asked to try now: its back-off goes up to 7 minutes.

Each repair is bounded: so often, so far apart. What is used up is `exhausted` and gets reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.kubernetes.argo import REFRESH, Expected, View, seconds
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import Json, Key, created, metadata, spec, terminating

SLOWEST = 6  # times `apart`, the longest pause between two repairs
UNSEEN = 5.0  # seconds without a comparison after which one that is waited for is asked to look again
FORCE_SYNC = "force-sync"  # External Secrets' documented way: any change of an annotation starts a sync


@dataclass(frozen=True)
class Bound:
    """At most `most` times for one object; `apart` seconds between the first two, then more and more."""

    most: int
    apart: float


BOUNDS = {
    "look-again": Bound(100, 5.0),
    "refresh": Bound(20, 15.0),
    "hard-refresh": Bound(10, 20.0),
    "terminate": Bound(3, 20.0),
    "sync": Bound(3, 10.0),
    "force-sync": Bound(30, 10.0),
}


@dataclass(frozen=True)
class Repair:
    """`what` is a key of BOUNDS; `why` is for people."""

    what: str
    item: Json
    why: str

    @property
    def routine(self) -> bool:
        """Whether it is not worth a line."""
        return self.what == "look-again"

    @property
    def key(self) -> Key:
        return Key.of(self.item)

    def __str__(self) -> str:
        return f"{self.what} {self.key}: {self.why}"


def needed(
    applications: Iterable[Json],
    secrets: Iterable[Json],
    *,
    expected: Expected,
    now: float,
    patience: float,
    root: str,
    awaited: Collection[str] = (),
) -> Iterator[Repair]:
    """Repairs the world calls for. `now` in Unix seconds; an operation may run for `patience` seconds.

    The root Application's operation lasts as long as all waves together, so patience is not for it.
    `awaited` are the Applications that are waited for now.
    """
    for item in applications:
        if terminating(item):
            if View(item).phase == "Running":  # Argo CD deletes only after it, however long that takes
                yield Repair("terminate", item, "it is to be deleted and still syncs")
            continue
        found = list(_application(item, expected, now, patience if View(item).name != root else None))
        yield from found
        if not found and View(item).name in awaited and _unseen(View(item), now):
            yield Repair("look-again", item, "was not compared for a while")
    for item in secrets:
        health = assess(item)
        if not health.ok and not terminating(item) and now - (seconds(created(item)) or now) > 5:
            yield Repair("force-sync", item, health.message)


def _application(item: Json, expected: Expected, now: float, patience: float | None) -> Iterator[Repair]:
    view = View(item)
    if view.phase == "Running" and view.outdated_operation(expected):
        yield Repair("terminate", item, "it syncs another commit")
    elif view.phase == "Running" and patience is not None and _age(view, now) > patience:
        yield Repair("terminate", item, f"its sync has been running for {_age(view, now):.0f} s")
    elif view.busy or view.refreshing:
        return
    elif view.sync == "Unknown" and view.errors():  # the repo-server remembers a failure for up to an hour
        yield Repair("hard-refresh", item, view.errors())
    elif view.compared and view.stale(expected):
        yield Repair("refresh", item, view.stale(expected))
    elif view.failed and not view.outdated_operation(expected):
        yield Repair("sync", item, view.operation_message or "its last sync failed")


def _unseen(view: View, now: float) -> bool:
    at = seconds(view.reconciled)
    return not view.busy and not view.refreshing and at is not None and now - at > UNSEEN


def _age(view: View, now: float) -> float:
    started = seconds(view.operation_started)
    return now - started if started is not None else 0.0


class Ledger:
    """Remembers what was done, so that every repair stays within its bound."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], tuple[int, float]] = {}

    def due(self, repairs: Iterable[Repair], now: float, most: int = 1000) -> list[Repair]:
        """The first `most` of those that may be done now; they count as done."""
        chosen: list[Repair] = []
        for repair in repairs:
            if len(chosen) == most:
                break
            count, last = self._last(repair)
            bound = BOUNDS[repair.what]
            if count < bound.most and now - last >= bound.apart * min(count, SLOWEST):
                self._done[self._id(repair)] = (count + 1, now)
                chosen.append(repair)
        return chosen

    def exhausted(self, repairs: Iterable[Repair], now: float) -> list[Repair]:
        """Those that are needed, were done as often as they may be, and had time to help."""
        found = []
        for repair in repairs:
            count, last = self._last(repair)
            bound = BOUNDS[repair.what]
            if count >= bound.most and now - last >= bound.apart:
                found.append(repair)
        return found

    def tried(self, repair: Repair) -> bool:
        """Whether it was done at least once."""
        return self._last(repair)[0] > 0

    def _last(self, repair: Repair) -> tuple[int, float]:
        return self._done.get(self._id(repair), (0, float("-inf")))

    @staticmethod
    def _id(repair: Repair) -> tuple[str, str]:
        return repair.what, str(metadata(repair.item).get("uid") or repair.key)


def perform(cluster: Cluster, repair: Repair, now: float) -> None:
    """Raises Conflict when the object was changed since it was looked at: then look again."""
    cluster.patch(repair.key, _change(repair, now))


def _change(repair: Repair, now: float) -> dict[str, Any]:
    seen = {"resourceVersion": metadata(repair.item).get("resourceVersion")}
    if repair.what == "terminate":  # what `argocd app terminate-op` does
        return {"metadata": seen, "status": {"operationState": {"phase": "Terminating"}}}
    if repair.what == "sync":  # what `argocd app sync` does
        return {"metadata": seen, "operation": _operation(repair.item), "status": {"operationState": None}}
    if repair.what == "force-sync":
        return {"metadata": {"annotations": {FORCE_SYNC: str(int(now))}}}
    return {"metadata": {"annotations": {REFRESH: "hard" if repair.what == "hard-refresh" else "normal"}}}


def _operation(item: Json) -> Json:
    policy = spec(item).get("syncPolicy") or {}
    sync = {
        "prune": bool((policy.get("automated") or {}).get("prune")),
        "syncOptions": policy.get("syncOptions") or [],
    }
    return {
        "initiatedBy": {"username": "bootstrap"},
        "info": [{"name": "reason", "value": "the last sync failed"}],
        "retry": policy.get("retry") or {"limit": 2},
        "sync": sync,
    }
