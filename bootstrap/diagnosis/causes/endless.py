"""A sync that does not end, or that did not and was terminated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, brief, of_apps
from bootstrap.kubernetes.argo import View, seconds
from bootstrap.kubernetes.objects import (
    dig,
    status,
)

ANEW = 20.0  # seconds in which a sync that was terminated is started anew
_WAITING = re.compile(r"waiting for [a-z ]+ of (?:hook )?(\S*)/([^/\s]+)/([^/\s]+)")


def rule(scene: Scene) -> Iterator[Candidate]:
    view = scene.view
    if view is None or view.name == scene.picture.root or of_apps(view):
        return
    started = seconds(view.operation_started)
    if started is None:
        return
    ran = scene.picture.age(started)
    if view.failed and view.operation_message.startswith("Operation terminated"):
        yield _endless(scene, view, "its sync did not end and was terminated", _ended(view, started))
    elif view.phase in {"Running", "Terminating"} and ran > scene.picture.patience:
        reason = f"its sync has been running for {ran:.0f} s: {view.operation_message}"
        yield _endless(scene, view, reason, started)


def _endless(scene: Scene, view: View, reason: str, since: float) -> Candidate:
    found = _WAITING.search(view.operation_message)
    path = (f"{found.group(2)} {found.group(3)}",) if found else ()
    words = ("get", "application", view.name, "-o", "jsonpath={.status.operationState.message}")
    command = scene.kubectl(*words, space=scene.config.gitops.namespace)
    return Candidate("sync-runs-forever", path, brief(reason), command, since)


def _ended(view: View, started: float) -> float:
    """When a sync that was terminated counts: a new one may be started first."""
    ended = seconds(str(dig(status(view.item), "operationState", "finishedAt") or ""))
    return (ended or started) + ANEW
