"""An Application that differs from Git although its sync succeeded, or is set back again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.diagnosis.causes import sync
from bootstrap.diagnosis.causes.scene import Candidate, Scene, named
from bootstrap.kubernetes.argo import View, seconds
from bootstrap.kubernetes.objects import (
    Json,
    dig,
    status,
)

# Self-heals of one revision: Argo CD waits 2, 6, 18 … s between them.
HEALS = 2  # from here on it is a loop, unless the comparison changes within
DOUBT = 4.0  # seconds
SURE = 3
SETTLED = 30.0  # seconds after a sync that succeeded in which the comparison may still change


def rule(scene: Scene) -> Iterator[Candidate]:
    view = scene.view
    if view is None or sync.outdated(view):
        return
    late = tuple(filter(_late, view.resources))
    for found in (_looping(view, late), _resting(view, late)):
        if found is not None:
            path, command = _shown(scene, late)
            yield Candidate("drift-loop", path, found.reason, command, found.since)
            return


@dataclass(frozen=True)
class _Drift:
    reason: str
    since: float | None


def _late(entry: Json) -> bool:
    return entry.get("status") == "OutOfSync" and not entry.get("requiresPruning")


def _looping(view: View, late: tuple[Json, ...]) -> _Drift | None:
    """Argo CD sets it back, and somebody changes it each time."""
    heals = int(dig(_operation(view), "operation", "sync", "autoHealAttemptsCount") or 0)
    if heals < HEALS or not (late or view.busy or view.sync == "OutOfSync"):
        return None
    began = _ended(view) or seconds(view.operation_started)
    doubt = DOUBT if heals < SURE else 0.0
    reason = f"Argo CD set it back {heals} times, and it was changed each time; ignoreDifferences is missing"
    return _Drift(reason, began + doubt if began is not None else None)


def _resting(view: View, late: tuple[Json, ...]) -> _Drift | None:
    """Its sync succeeded, and it was compared since: nothing will be done about the difference."""
    ended, compared = _ended(view), seconds(view.reconciled)
    at_rest = view.phase == "Succeeded" and not view.busy
    if not (late and at_rest and view.sync == "OutOfSync"):
        return None
    if ended is None or compared is None or compared <= ended:
        return None
    return _Drift("its sync succeeded, and it differs from Git all the same", ended + SETTLED)


def _operation(view: View) -> Json:
    return status(view.item).get("operationState") or {}


def _ended(view: View) -> float | None:
    return seconds(str(_operation(view).get("finishedAt") or ""))


def _shown(scene: Scene, late: tuple[Json, ...]) -> tuple[tuple[str, ...], str]:
    """The first object that differs, and the command that tells who changes it."""
    if not late:
        return (), scene.describe_app()
    space, kind, which = (str(late[0].get(key) or "") for key in ("namespace", "kind", "name"))
    words = ("get", kind.lower(), which, "-o", "yaml", "--show-managed-fields")
    return (named(kind, space, which),), scene.kubectl(*words, space=space)
