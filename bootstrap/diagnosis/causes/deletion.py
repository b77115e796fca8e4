"""A deletion that does not end: what waits, and for which finalizers."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, brief
from bootstrap.kubernetes.argo import seconds
from bootstrap.kubernetes.objects import (
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
    terminating,
)


def rule(scene: Scene) -> Iterator[Candidate]:
    for item in _going(scene):
        since = seconds(str(metadata(item).get("deletionTimestamp")))
        left = [*(metadata(item).get("finalizers") or ()), *_remaining(item)]
        reason = f"is being deleted and waits for {', '.join(left) or 'its finalizers'}"
        own = item.get("kind") == "Application" and name(item) == scene.app
        kind = str(Kind.of(item).unversioned).lower()
        command = scene.kubectl("get", kind, name(item), "-o", "yaml", space=namespace(item))
        yield Candidate("finalizer-stuck", () if own else scene.path(item), brief(reason), command, since)


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
