"""Pods that are not made, do not start, or end; and the Jobs that fail with them.

Container states are the kubelet's reasons (kubernetes 1.37, pkg/kubelet/images, cri-api/pkg/errors): they
are stable names. Pods that are not made are told by ReplicaFailure and FailedCreate, in prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes import secrets
from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, label, named, turned
from bootstrap.diagnosis.causes.sync import answered, webhook_service
from bootstrap.diagnosis.picture import first_seen, is_hook
from bootstrap.diagnosis.strip import QUOTA, REPLICA_SET
from bootstrap.kubernetes.argo import View, seconds
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import (
    DAEMON_SET,
    EXTERNAL_SECRET,
    JOB,
    STATEFUL_SET,
    Json,
    Kind,
    condition,
    is_true,
    name,
    namespace,
    spec,
    status,
)

RESTARTS = 2  # from here on a crash is no start-up race any more
_PULL = {
    *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"),
    *("ImageInspectError", "SignatureValidationFailed"),
}
_ACCOUNT = re.compile(r"error looking up service account ([^/\s]+)/([^:\s]+)")
_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
_ABSENT = re.compile(r"(secret|configmap) \"([^\"]+)\" not found")
_NO_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)/(\S+)")


def rule(scene: Scene) -> Iterator[Candidate]:
    for item in scene.picture.owned(scene.app):
        yield from _not_made(scene, item)
    for pod in scene.pods():
        yield from _mounts(scene, pod)
        for entry in containers(pod):
            yield from _container(scene, pod, entry)
    yield from _jobs(scene)


def containers(pod: Json) -> tuple[Json, ...]:
    now = status(pod)
    return (*(now.get("initContainerStatuses") or ()), *(now.get("containerStatuses") or ()))


# -- pods that are not made --------------------------------------------------------------------------


def _not_made(scene: Scene, item: Json) -> Iterator[Candidate]:
    for text, since in refusals(scene, item):
        space = namespace(item)
        if found := _ACCOUNT.search(text):
            account = named("ServiceAccount", found.group(1), found.group(2))
            command = scene.kubectl("get", "serviceaccounts", space=space)
            yield Candidate("service-account-missing", scene.path(item, account), brief(text), command, since)
        elif found := _QUOTA.search(text):
            quota = named(QUOTA.name, space, found.group(1))
            command = scene.kubectl("describe", "resourcequota", found.group(1), space=space)
            yield Candidate("quota-exceeded", scene.path(item, quota), brief(text), command, since)
        elif "failed calling webhook" in text and (service := webhook_service(text)):
            if not answered(scene, *service):
                below = named("Service", *service)
                command = scene.kubectl("describe", "service", service[1], space=service[0])
                yield Candidate(
                    "webhook-without-endpoints", scene.path(item, below), brief(text), command, since
                )
        elif "denied the request" in text or "violates PodSecurity" in text:
            yield Candidate("admission-denied", scene.path(item), brief(text), scene.describe(item), since)
        else:
            yield Candidate("unknown", scene.path(item), brief(text), scene.describe(item), since)


def refusals(scene: Scene, item: Json) -> Iterator[tuple[str, float | None]]:
    """Why a controller cannot make its pods, and since when."""
    kind = Kind.of(item).unversioned
    if kind == REPLICA_SET and is_true(item, "ReplicaFailure") and not scene.replaced(item):
        found = condition(item, "ReplicaFailure") or {}
        yield str(found.get("message") or ""), turned(item, "ReplicaFailure")
    elif kind in {STATEFUL_SET, DAEMON_SET, JOB} and not assess(item).ok:
        for event in scene.picture.events(item, "FailedCreate")[:1]:
            yield str(event.get("message") or ""), first_seen(event)


# -- pods that do not start --------------------------------------------------------------------------


def _mounts(scene: Scene, pod: Json) -> Iterator[Candidate]:
    """A volume made from a Secret or ConfigMap that is not there: the containers are not even tried."""
    if any((entry.get("state") or {}).get("running") for entry in containers(pod)):
        return
    for event in scene.picture.events(pod, "FailedMount")[:1]:
        yield from _absent(scene, pod, str(event.get("message") or ""), first_seen(event))


def _absent(scene: Scene, pod: Json, text: str, since: float | None) -> Iterator[Candidate]:
    """The Secret's own ExternalSecret tells why, where there is one that fails."""
    found, key = _ABSENT.search(text), _NO_KEY.search(text)
    if not found and not key:
        return
    kind = (
        {"secret": "Secret", "configmap": "ConfigMap"}[found.group(1)]
        if found
        else key.group(2)
        if key
        else ""
    )
    which = found.group(2) if found else key.group(4) if key else ""
    space = namespace(pod)
    path = scene.path(pod, named(kind, space, which))
    maker = secrets.for_secret(scene, space, which) if kind == "Secret" else None
    if maker is not None and not assess(maker).ok:
        yield from secrets.stuck(scene, maker, (*path, label(maker)))
        return
    if maker is not None and found:
        return  # it is made by now; the kubelet tries again
    command = scene.kubectl("get", "externalsecrets", space=space)
    if kind == "ConfigMap":
        command = scene.kubectl("get", "configmaps", space=space)
    elif maker is not None:
        command = scene.describe(maker)
    reason = f"no {EXTERNAL_SECRET.name} makes it: {text}" if kind == "Secret" and maker is None else text
    yield Candidate("secret-missing", path, brief(reason), command, since)


def _container(scene: Scene, pod: Json, entry: Json) -> Iterator[Candidate]:
    waiting = (entry.get("state") or {}).get("waiting") or {}
    why, text = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    since = seconds(str(status(pod).get("startTime") or "")) or born(pod)
    if why in {"CreateContainerConfigError", "CreateContainerError"}:
        yield from _absent(scene, pod, text, since)
    elif why in _PULL:
        below = f"image {_image(pod, entry)}"
        yield Candidate(
            "image-pull", scene.path(pod, below), brief(f"{why}: {text}"), scene.describe(pod), since
        )
    else:
        yield from _ended(scene, pod, entry, why)


def _image(pod: Json, entry: Json) -> str:
    wanted = [
        one.get("image") for one in spec(pod).get("containers") or () if one.get("name") == entry.get("name")
    ]
    return str(next(iter(wanted), None) or entry.get("image"))


# -- pods that end -----------------------------------------------------------------------------------


def _ended(scene: Scene, pod: Json, entry: Json, why: str) -> Iterator[Candidate]:
    now, last = entry.get("state") or {}, entry.get("lastState") or {}
    dead = now.get("terminated") or last.get("terminated") or {}
    restarts, which = int(entry.get("restartCount") or 0), str(entry.get("name"))
    since = seconds(str(dead.get("finishedAt") or "")) or born(pod)
    looping = why == "CrashLoopBackOff" and restarts >= RESTARTS
    flapping = restarts > RESTARTS and not entry.get("ready") and bool(dead)
    if dead.get("reason") == "OOMKilled" and (looping or restarts >= 1 or now.get("terminated")):
        limit = _limit(pod, which)
        reason = f"container {which} was OOMKilled{f' at its limit of {limit}' if limit else ''}"
        yield Candidate(
            "oom-killed", scene.path(pod), f"{reason}, {restarts} restarts", scene.describe(pod), since
        )
    elif looping or flapping:
        how = f"exit code {dead['exitCode']}" if "exitCode" in dead else "its end is not told"
        reason = f"{why or 'restarting'}: container {which}, {how}, {restarts} restarts"
        words = ("logs", name(pod), "-c", which, "--previous")
        command = scene.kubectl(*words, space=namespace(pod))
        yield Candidate("crash-loop", scene.path(pod), reason, command, _looping_since(pod, since))


def _looping_since(pod: Json, ended: float | None) -> float | None:
    """Its last end is always recent; that it was not the first one is what counts."""
    return min(filter(None, (ended, turned(pod, "Ready"), born(pod))), default=None)


def _limit(pod: Json, which: str) -> str:
    for one in spec(pod).get("containers") or ():
        if one.get("name") == which:
            return str(((one.get("resources") or {}).get("limits") or {}).get("memory") or "")
    return ""


# -- Jobs --------------------------------------------------------------------------------------------


def _jobs(scene: Scene) -> Iterator[Candidate]:
    told = set()
    for item in scene.sick(JOB):
        failed = condition(item, "Failed")
        if failed and failed.get("status") == "True":
            told.add(name(item))
            why = f"{failed.get('reason')}: {failed.get('message')}"
            what = f"{'hook ' if is_hook(item) else ''}Job failed, {why}"
            command = scene.kubectl("logs", f"job/{name(item)}", "--all-containers", space=namespace(item))
            yield Candidate("hook-failed", scene.path(item), brief(what), command, turned(item, "Failed"))
    view = scene.view
    if view is not None and not told:
        yield from _hooks(scene, view)


def _hooks(scene: Scene, view: View) -> Iterator[Candidate]:
    """Hooks whose objects are gone again (hook-delete-policy): Argo CD remembers how they ended."""
    if not view.failed:
        return
    for entry in view.sync_results:
        if entry.get("hookType") and entry.get("hookPhase") in {"Failed", "Error"}:
            space = str(entry.get("namespace") or "")
            path = (named(str(entry.get("kind")), space, str(entry.get("name"))),)
            reason = f"{entry['hookType']} hook {entry['hookPhase']}: {entry.get('message', '')}"
            since = seconds(view.operation_started)
            command = scene.kubectl("get", "events", "--sort-by=.lastTimestamp", space=space)
            yield Candidate("hook-failed", path, brief(reason), command, since)
