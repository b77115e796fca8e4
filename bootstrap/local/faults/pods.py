"""The status and events that a kubelet writes for a failing pod, word for word. Pure except for `PodFaults`.

The pod's annotation `local.bootstrap/fault` says how it fails; KWOK ignores such a pod.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import (
    POD,
    Json,
    Key,
    annotations_of,
    dig,
    name,
    namespace,
    spec,
    status,
    terminating,
    uid,
)

LABEL = "local.bootstrap/fault"
RUN = 1.0  # seconds that a crashing container runs
BACKOFF, LONGEST_BACKOFF = 10.0, 300.0  # seconds; the kubelet's own
TICK = 0.5  # seconds


@dataclass(frozen=True)
class PodEvent:
    """An Event about a pod. A repetition only raises its count."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class PodState:
    """A pod at one moment: `containers` is the ContainerStatus of each container, without name and image."""

    phase: str
    containers: Json
    reason: str = "ContainersNotReady"
    events: tuple[PodEvent, ...] = ()

    @property
    def stamp(self) -> str:
        """States with the same stamp are written only once."""
        state = next(iter(self.containers["state"].items()))
        return f"{self.phase}/{state[0]}/{state[1].get('reason', '')}/{self.containers['restartCount']}"


@dataclass(frozen=True)
class Crash:
    """The state of a container that always fails: `backoff` (seconds) is None while it runs."""

    restarts: int
    backoff: float | None


def crashes(age: float) -> Crash:
    """At an age in seconds. The first restart is immediate; then the back-off doubles."""
    restarts, pause = 0, 0.0
    while True:
        if age < RUN:
            return Crash(restarts, None)
        age -= RUN
        if age < pause:
            return Crash(restarts, pause)
        age -= pause
        restarts += 1
        pause = min(pause * 2, LONGEST_BACKOFF) or BACKOFF


def look(pod: Json, age: float) -> PodState | None:
    """What a kubelet would report at that age (seconds); None if the annotation names no such failure."""
    failure = FAILURES.get(annotations_of(pod).get(LABEL, ""))
    return failure(pod, age) if failure else None


def _crash_loop(pod: Json, age: float) -> PodState:
    return _crashing(pod, age, {"exitCode": 1, "reason": "Error"})


def _oom(pod: Json, age: float) -> PodState:
    return _crashing(pod, age, {"exitCode": 137, "reason": "OOMKilled"})


def _crashing(pod: Json, age: float, end: Json) -> PodState:
    at = crashes(age)
    container, image = _first(pod)
    last = {"lastState": {"terminated": end}} if at.restarts or at.backoff is not None else {}
    common = {"ready": False, "started": at.backoff is None, "restartCount": at.restarts, **last}
    told = (
        PodEvent("Normal", "Pulled", f'Container image "{image}" already present on machine'),
        PodEvent("Normal", "Created", f"Created container: {container}"),
        PodEvent("Normal", "Started", f"Started container {container}"),
    )
    if at.backoff is None:
        return PodState("Running", {**common, "state": {"running": {}}}, events=told)
    if at.backoff == 0:
        return PodState("Running", {**common, "state": {"terminated": end}})
    where = f"{name(pod)}_{namespace(pod)}({uid(pod)})"
    waiting = {
        "reason": "CrashLoopBackOff",
        "message": f"back-off {_span(at.backoff)} restarting failed container={container} pod={where}",
    }
    back_off = PodEvent(
        "Warning", "BackOff", f"Back-off restarting failed container {container} in pod {where}"
    )
    return PodState("Running", {**common, "state": {"waiting": waiting}}, events=(back_off,))


def _image_pull(pod: Json, age: float) -> PodState:
    _, image = _first(pod)
    why = (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
        f'failed to resolve reference "{image}": {image}: not found'
    )
    events: tuple[PodEvent, ...]
    if crashes(age).backoff is None:
        state = {"reason": "ErrImagePull", "message": why}
        events = (
            PodEvent("Normal", "Pulling", f'Pulling image "{image}"'),
            PodEvent("Warning", "Failed", f'Failed to pull image "{image}": {why}'),
            PodEvent("Warning", "Failed", "Error: ErrImagePull"),
        )
    else:
        state = {
            "reason": "ImagePullBackOff",
            "message": f'Back-off pulling image "{image}": ErrImagePull: {why}',
        }
        events = (
            PodEvent("Normal", "BackOff", f'Back-off pulling image "{image}"'),
            PodEvent("Warning", "Failed", "Error: ImagePullBackOff"),
        )
    return _waiting(state, events)


def _config_error(pod: Json, _age: float) -> PodState:
    message = f'secret "{_secret(pod)}" not found'
    state = {"reason": "CreateContainerConfigError", "message": message}
    return _waiting(state, (PodEvent("Warning", "Failed", f"Error: {message}"),))


def _waiting(state: Json, events: tuple[PodEvent, ...]) -> PodState:
    container = {"ready": False, "started": False, "restartCount": 0, "state": {"waiting": state}}
    return PodState("Pending", container, events=events)


def _error(_pod: Json, _age: float) -> PodState:
    """It exits with an error and is not restarted (restartPolicy Never)."""
    end = {"terminated": {"exitCode": 1, "reason": "Error"}}
    container = {"ready": False, "started": False, "restartCount": 0, "state": end}
    return PodState("Failed", container, reason="PodFailed")


def _not_ready(_pod: Json, _age: float) -> PodState:
    container = {"ready": False, "started": True, "restartCount": 0, "state": {"running": {}}}
    failed = PodEvent(
        "Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"
    )
    return PodState("Running", container, events=(failed,))


FAILURES: Mapping[str, Callable[[Json, float], PodState]] = {
    "CrashLoopBackOff": _crash_loop,
    "OOMKilled": _oom,
    "ImagePullBackOff": _image_pull,
    "CreateContainerConfigError": _config_error,
    "Error": _error,
    "NotReady": _not_ready,
}


def _first(pod: Json) -> tuple[str, str]:
    container = spec(pod)["containers"][0]
    return container["name"], container["image"]


def _secret(pod: Json) -> str:
    """The first Secret that a container reads into its environment."""
    for container in spec(pod)["containers"]:
        for source in container.get("envFrom") or ():
            if found := dig(source, "secretRef", "name"):
                return str(found)
        for variable in container.get("env") or ():
            if found := dig(variable, "valueFrom", "secretKeyRef", "name"):
                return str(found)
    return "?"


def _span(seconds: float) -> str:
    """Format a duration as Go does."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


# -- writing -----------------------------------------------------------------------------------------


def change(pod: Json, seen: PodState, now: str) -> Json:
    """A patch of the pod's status; conditions of others (the scheduler) stay."""
    old = status(pod)
    begun = old.get("startTime") or now
    mine = {
        "Initialized": {"status": "True"},
        "Ready": _false(pod, seen),
        "ContainersReady": _false(pod, seen),
    }
    previous = {entry["type"]: entry for entry in old.get("conditions") or ()}
    conditions = [entry for kind, entry in previous.items() if kind not in mine]
    for kind, entry in mine.items():
        same = (previous.get(kind) or {}).get("status") == entry["status"]
        since = previous[kind]["lastTransitionTime"] if same else now
        conditions.append({"type": kind, "lastTransitionTime": since, **entry})
    containers = [
        {"name": one["name"], "image": one["image"], "imageID": "", **_timed(seen.containers, begun, now)}
        for one in spec(pod)["containers"]
    ]
    changed = {
        "phase": seen.phase,
        "startTime": begun,
        "conditions": conditions,
        "containerStatuses": containers,
    }
    return {"status": changed}


def _false(pod: Json, seen: PodState) -> Json:
    names = " ".join(one["name"] for one in spec(pod)["containers"])
    message = {} if seen.phase == "Failed" else {"message": f"containers with unready status: [{names}]"}
    return {"status": "False", "reason": seen.reason, **message}


def _timed(container: Json, begun: str, now: str) -> Json:
    """Add the times that the API requires."""
    timed = dict(container)
    for key in ("state", "lastState"):
        entry = timed.get(key)
        if entry and "running" in entry:
            timed[key] = {"running": {"startedAt": now}}
        elif entry and "terminated" in entry:
            timed[key] = {"terminated": {**entry["terminated"], "startedAt": begun, "finishedAt": now}}
    return timed


def event(pod: Json, told: PodEvent, now: str, before: Json | None) -> Json:
    """The Event object; counts up if it existed `before`."""
    digest = hashlib.sha256(f"{uid(pod)}{told}".encode()).hexdigest()[:16]
    involved = {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": namespace(pod),
        "name": name(pod),
        "uid": uid(pod),
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name(pod)}.{digest}", "namespace": namespace(pod)},
        "involvedObject": involved,
        "type": told.type,
        "reason": told.reason,
        "message": told.message,
        "source": {"component": "kubelet", "host": spec(pod).get("nodeName", "")},
        "reportingComponent": "kubelet",
        "firstTimestamp": (before or {}).get("firstTimestamp") or now,
        "lastTimestamp": now,
        "count": int((before or {}).get("count") or 0) + 1,
    }


class PodFaults:
    """The loop: writes status and Events of annotated pods that have a node."""

    def __init__(self, cluster: Cluster, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._cluster, self._now = cluster, now
        self._written: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        with Informer(self._cluster, Scope(POD)) as cache:
            while not stop.is_set():
                cache.wait(TICK)
                for pod in failing(cache.items(POD)):
                    self._keep(pod)

    def _keep(self, pod: Json) -> None:
        now = self._now()
        seen = look(pod, _age(pod, now))
        if seen is None or self._written.get(uid(pod)) == seen.stamp:
            return
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            self._cluster.patch(Key.of(pod), change(pod, seen, stamp), part="status")
            for told in seen.events:
                self._tell(pod, told, stamp)
        except NotFound:
            return  # it was deleted meanwhile
        self._written[uid(pod)] = seen.stamp

    def _tell(self, pod: Json, told: PodEvent, now: str) -> None:
        key = Key.of(event(pod, told, now, None))
        before = self._cluster.find(key)
        self._cluster.apply(event(pod, told, now, before))


def failing(pods: tuple[Json, ...]) -> Iterator[Json]:
    for pod in pods:
        bound = bool(spec(pod).get("nodeName")) and not terminating(pod)
        if bound and annotations_of(pod).get(LABEL) in FAILURES:
            yield pod


def _age(pod: Json, now: datetime) -> float:
    started = status(pod).get("startTime")
    if not started:
        return 0.0
    return (now - datetime.fromisoformat(started.replace("Z", "+00:00"))).total_seconds()
