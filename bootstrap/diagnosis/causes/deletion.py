"""A deletion that does not end: what waits, for which finalizers, and for which hook."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, brief, named
from bootstrap.diagnosis.picture import is_hook
from bootstrap.kubernetes.argo import seconds
from bootstrap.kubernetes.objects import (
    JOB,
    NAMESPACE,
    POD,
    Json,
    Kind,
    condition,
    dig,
    metadata,
    name,
    namespace,
    spec,
    status,
    terminating,
)

# Argo CD 3.6, controller/hook.go; it deletes what failed and tries again, as long as the finalizer is there.
_FAILED = re.compile(r"\b(Pre|Post)Delete hook\(s\) failed: ([^/\s]*)/([^,\s]+)")


def rule(scene: Scene) -> Iterator[Candidate]:
    yield from _hooks(scene)
    for item in _going(scene):
        since = seconds(str(metadata(item).get("deletionTimestamp")))
        left = [*(metadata(item).get("finalizers") or ()), *_remaining(item)]
        reason = f"is being deleted and waits for {', '.join(left) or 'its finalizers'}"
        own = item.get("kind") == "Application" and name(item) == scene.app
        kind = str(Kind.of(item).unversioned).lower()
        command = scene.kubectl("get", kind, name(item), "-o", "yaml", space=namespace(item))
        yield Candidate("finalizer-stuck", () if own else scene.path(item), brief(reason), command, since)


def _hooks(scene: Scene) -> Iterator[Candidate]:
    """The hook that failed, by the Application's condition, which outlives a later success."""
    item = scene.view.item if scene.view else {}
    finalizers = metadata(item).get("finalizers") or ()
    for told in status(item).get("conditions") or ():
        message = str(told.get("message") or "")
        failed = _FAILED.search(message) if told.get("type") == "DeletionError" else None
        if failed and f"{failed[1].lower()}-delete-finalizer.argocd.argoproj.io" in finalizers:
            since = seconds(str(told.get("lastTransitionTime") or ""))
            path, command = _hook(scene, f"{failed[1]}Delete", failed[2], failed[3])
            yield Candidate("deletion-hook-failed", path, brief(message), command, since)


def _hook(scene: Scene, phase: str, space: str, which: str) -> tuple[tuple[str, ...], str]:
    """Where it is, and where to look: the logs of the Job while there is one, else the events."""
    for item in scene.picture.of(JOB, space):
        if name(item) == which and is_hook(item):
            return scene.path(item), scene.kubectl("logs", f"job/{which}", "--all-containers", space=space)
    events = scene.kubectl("get", "events", "--sort-by=.lastTimestamp", space=space)
    return (named(f"{phase} hook", space, which),), events


def _going(scene: Scene) -> Iterator[Json]:
    """What is being deleted: the Application, its objects, the namespace it goes to. Pods take their time."""
    view = scene.view
    if view is None:
        return
    target = str(dig(spec(view.item), "destination", "namespace") or "")
    spaces = (item for item in scene.picture.of(NAMESPACE) if name(item) == target)
    for item in (view.item, *spaces, *scene.picture.owned(scene.app)):
        if terminating(item) and Kind.of(item).unversioned != POD:
            yield item


def _remaining(item: Json) -> Iterator[str]:
    """What a namespace's conditions say is left in it."""
    for kind in ("NamespaceContentRemaining", "NamespaceFinalizersRemaining"):
        found = condition(item, kind) or {}
        if found.get("status") == "True":
            yield str(found.get("message"))
