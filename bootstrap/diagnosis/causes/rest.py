"""What Argo CD itself shows: deletion that does not end, drift, Degraded objects, syncs without an end; and
what nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes import source, sync
from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, label, named, turned
from bootstrap.kubernetes.argo import ERRORS, View, seconds
from bootstrap.kubernetes.health import HealthStatus, assess
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    Json,
    Kind,
    condition,
    dig,
    is_true,
    metadata,
    name,
    namespace,
    spec,
    status,
    terminating,
)

# Self-heals of one revision: Argo CD waits 2, 6, 18 … s between them.
HEALS = 2  # from here on it is a loop, unless the comparison changes within
DOUBT = 4.0  # seconds
SURE = 3
ANEW = 20.0  # seconds in which a sync that was terminated is started anew
NOTICE = 30.0  # seconds that Argo CD may take to notice that an object has got well
SETTLED = 30.0  # seconds after a sync that succeeded in which the comparison may still change


def rule(scene: Scene) -> Iterator[Candidate]:
    yield from _deleted(scene)
    yield from _degraded(scene)
    view = scene.view
    if view is not None:
        yield from _drift(scene, view)
        yield from _endless(scene, view)
    yield from _unknown(scene)


# -- deletion ----------------------------------------------------------------------------------------


def _deleted(scene: Scene) -> Iterator[Candidate]:
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


# -- Degraded ----------------------------------------------------------------------------------------


def _degraded(scene: Scene) -> Iterator[Candidate]:
    view = scene.view
    for item in scene.picture.owned(scene.app):
        expired = condition(item, "Progressing") or {}
        if Kind.of(item).unversioned == DEPLOYMENT and expired.get("reason") == "ProgressDeadlineExceeded":
            path, said = (
                scene.path(item, *_worst_pod(scene, item)),
                f"{expired['reason']}: {expired.get('message')}",
            )
            yield Candidate(
                "starts-degraded", path, brief(said), scene.describe(item), turned(item, "Progressing")
            )
    if view is None or view.health != "Degraded" or _of_apps(view):
        return
    since = seconds(str(dig(status(view.item), "health", "lastTransitionTime") or "")) or born(view.item)
    for item in scene.picture.owned(scene.app):
        health = assess(item)
        if health.status is HealthStatus.DEGRADED or _says_degraded(item):
            said = health.message or brief(str(status(item).get("message") or "it says that it is Degraded"))
            yield Candidate("starts-degraded", scene.path(item), brief(said), scene.describe(item), since)
    said = str(dig(status(view.item), "health", "message") or "Argo CD calls it Degraded")
    yield Candidate("starts-degraded", (), brief(said), scene.describe_app(), _remembered(scene, since))


def _remembered(scene: Scene, since: float | None) -> float | None:
    """Since when Argo CD's word alone counts, while all that was read is well: most likely it has not looked
    again yet, and surely not at what got well just now."""
    well = [turned(item, "Ready") for item in scene.picture.owned(scene.app) if is_true(item, "Ready")]
    told = [since + scene.picture.patience] if since is not None else []
    return max([at + NOTICE for at in well if at is not None] + told, default=None)


def _of_apps(view: View) -> bool:
    """Whether it consists of Applications: those tell."""
    return any(entry.get("kind") in {APPLICATION.name, APPLICATION_SET.name} for entry in view.resources)


def _says_degraded(item: Json) -> bool:
    now = status(item)
    words = (now.get("phase"), now.get("state"), dig(now, "health", "status") or now.get("health"))
    return any(str(word).lower() in {"degraded", "failed", "error"} for word in words)


def _worst_pod(scene: Scene, owner: Json) -> tuple[str, ...]:
    pods = [pod for pod in scene.sick(POD) if label(owner) in map(label, scene.picture.path(pod))]
    return (label(pods[0]),) if pods else ()


# -- drift and endless syncs -------------------------------------------------------------------------


def _drift(scene: Scene, view: View) -> Iterator[Candidate]:
    late = [entry for entry in view.resources if entry.get("status") == "OutOfSync" and not _prune(entry)]
    state = status(view.item).get("operationState") or {}
    heals = int(dig(state, "operation", "sync", "autoHealAttemptsCount") or 0)
    ended = seconds(str(state.get("finishedAt") or ""))
    compared = seconds(view.reconciled)
    looping = heals >= HEALS and bool(late or view.busy or view.sync == "OutOfSync")
    left = view.phase == "Succeeded" and not view.busy and bool(late) and view.sync == "OutOfSync"
    resting = left and ended is not None and compared is not None and compared > ended
    if sync.outdated(view) or not (looping or resting):
        return
    entry = next(iter(late), None)
    path: tuple[str, ...] = ()
    command = scene.describe_app()
    if entry is not None:
        space, kind = str(entry.get("namespace") or ""), str(entry.get("kind"))
        path = (named(kind, space, str(entry.get("name"))),)
        words = ("get", kind.lower(), str(entry.get("name")), "-o", "yaml", "--show-managed-fields")
        command = scene.kubectl(*words, space=space)
    if looping:
        reason = (
            f"Argo CD set it back {heals} times, and it was changed each time; ignoreDifferences is missing"
        )
        began = ended or seconds(view.operation_started)
        doubt = DOUBT if heals < SURE else 0.0
        yield Candidate("drift-loop", path, reason, command, began + doubt if began is not None else None)
    elif ended is not None:
        reason = "its sync succeeded, and it differs from Git all the same"
        yield Candidate("drift-loop", path, reason, command, ended + SETTLED)


def _prune(entry: Json) -> bool:
    return bool(entry.get("requiresPruning"))


def _endless(scene: Scene, view: View) -> Iterator[Candidate]:
    started = seconds(view.operation_started)
    if view.name == scene.picture.root or started is None or _of_apps(view):
        return
    ran = scene.picture.age(started)
    stopped = view.failed and view.operation_message.startswith("Operation terminated")
    if (view.phase in {"Running", "Terminating"} and ran > scene.picture.patience) or stopped:
        found = re.search(
            r"waiting for [a-z ]+ of (?:hook )?(\S*)/([^/\s]+)/([^/\s]+)", view.operation_message
        )
        path = (f"{found.group(2)} {found.group(3)}",) if found else ()
        reason = f"its sync has been running for {ran:.0f} s: {view.operation_message}"
        if stopped:
            reason, started = "its sync did not end and was terminated", _ended(view, started)
        command = scene.kubectl(
            *("get", "application", view.name, "-o", "jsonpath={.status.operationState.message}"),
            space=scene.config.gitops.namespace,
        )
        yield Candidate("sync-runs-forever", path, brief(reason), command, started)


def _ended(view: View, started: float) -> float:
    """When a sync that was terminated counts: a new one may be started first."""
    ended = seconds(str(dig(status(view.item), "operationState", "finishedAt") or ""))
    return (ended or started) + ANEW


# -- unknown -----------------------------------------------------------------------------------------


def _unknown(scene: Scene) -> Iterator[Candidate]:
    """What says that it failed, in words that no rule knows. Shown raw."""
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
