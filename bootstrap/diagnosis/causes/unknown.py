"""What says that it failed, in words that no rule knows. Shown raw."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.diagnosis.causes import source, sync
from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, named, turned
from bootstrap.kubernetes.argo import ERRORS, View, seconds
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import (
    APPLICATION_SET,
    Json,
    Kind,
    condition,
    dig,
    name,
    status,
)


def rule(scene: Scene) -> Iterator[Candidate]:
    view, command = scene.view, scene.describe_app()
    if view is None:
        for item in scene.picture.of(APPLICATION_SET):
            error = condition(item, "ErrorOccurred") or {}
            if name(item) == scene.app and error.get("status") == "True":
                said, since = str(error.get("message") or ""), turned(item, "ErrorOccurred")
                yield Candidate("unknown", (), brief(said), scene.describe(item), since)
        return
    if view.failed and not _understood(view.operation_message):
        ended = str(dig(status(view.item), "operationState", "finishedAt") or "") or view.operation_started
        path, said = _refused(view)
        yield Candidate("unknown", path, brief(said), command, seconds(ended))
    for entry in status(view.item).get("conditions") or ():
        text = str(entry.get("message") or "")
        if entry.get("type") in ERRORS and not _understood(text):
            since = seconds(str(entry.get("lastTransitionTime") or "")) or born(view.item)
            if since is not None and source.starting(text):
                since += scene.picture.patience
            yield Candidate("unknown", (), brief(f"{entry.get('type')}: {text}"), command, since)
    yield from _silent(scene)


def _understood(text: str) -> bool:
    """Whether another rule knows what a message is about. A SyncError repeats the last operation's."""
    known = text.startswith("Failed last sync attempt") or text.startswith("Operation terminated")
    return known or bool(sync.classify(text) or source.classify(text))


def _refused(view: View) -> tuple[tuple[str, ...], str]:
    """The first object that the sync could not make, and what was said about it."""
    for entry in view.sync_results:
        if entry.get("status") == "SyncFailed" or entry.get("hookPhase") in {"Failed", "Error"}:
            where = named(str(entry.get("kind")), str(entry.get("namespace") or ""), str(entry.get("name")))
            return (where,), str(entry.get("message") or view.operation_message)
    return (), view.operation_message


def _silent(scene: Scene) -> Iterator[Candidate]:
    """Objects that are not well and say no more, for longer than a sync may run."""
    for item in scene.picture.owned(scene.app):
        health = assess(item)
        orphan = not status(item) and "spec" in item and Kind.of(item).group.count(".") > 0 and _custom(item)
        if health.ok and not orphan:
            continue
        said = health.message or "nobody has written its status; does its controller run?"
        stirred = _stirred(scene, item)
        since = stirred + scene.picture.patience if stirred is not None else None
        yield Candidate("unknown", scene.path(item), brief(said), scene.describe(item), since)


def _stirred(scene: Scene, item: Json) -> float | None:
    """When something last happened to an object, or to its Application: an old one may be changing now."""
    conditions = status(item).get("conditions") or ()
    stamps = [
        str(one.get(key) or "") for one in conditions for key in ("lastTransitionTime", "lastUpdateTime")
    ]
    if scene.view is not None:
        stamps.append(scene.view.operation_started)
        stamps.append(str(dig(status(scene.view.item), "health", "lastTransitionTime") or ""))
    known = [at for at in (born(item), *map(seconds, stamps)) if at is not None]
    return max(known, default=None)


def _custom(item: Json) -> bool:
    return not Kind.of(item).group.endswith((".k8s.io", "argoproj.io"))
