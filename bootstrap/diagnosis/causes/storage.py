"""Volume claims that get no volume, and claims that wait for a pod that waits for them.

The persistent volume controller and provisioners tell it in Events about the claim: ProvisioningFailed,
FailedBinding, WaitForFirstConsumer, ExternalProvisioning (kubernetes 1.37, pkg/controller/volume/events).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, label, turned
from bootstrap.diagnosis.causes.scheduling import unschedulable
from bootstrap.diagnosis.picture import first_seen
from bootstrap.diagnosis.strip import STORAGE_CLASS
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import CLAIM, POD, Json, Key, name, namespace, spec

PROVISIONING = 60.0  # seconds that a provisioner may take without a word
_ELSEWHERE = re.compile(
    r"didn't match PersistentVolume's node affinity|didn't find available persistent volumes"
    r"|volume node affinity conflict"  # older Kubernetes
)


def rule(scene: Scene) -> Iterator[Candidate]:
    for claim in scene.sick(CLAIM):
        yield from _claim(scene, claim, scene.path(claim))
    for pod in scene.pods():
        for which in claims(pod):
            mounted = scene.picture.by_key.get(Key(CLAIM, namespace(pod), which))
            if mounted is not None and not assess(mounted).ok:
                yield from _claim(scene, mounted, scene.path(pod, label(mounted)))
        text = unschedulable(pod)
        if _ELSEWHERE.search(text):
            command = scene.kubectl("get", "persistentvolumes,nodes", "-L", "topology.kubernetes.io/zone")
            below = [f"PersistentVolumeClaim {namespace(pod)}/{which}" for which in claims(pod)][:1]
            since = turned(pod, "PodScheduled")
            yield Candidate("claim-elsewhere", scene.path(pod, *below), brief(text), command, since)
        elif re.search(r"persistentvolumeclaim \"[^\"]+\" not found", text):
            command, since = scene.kubectl("get", "pvc", space=namespace(pod)), turned(pod, "PodScheduled")
            yield Candidate("claim-pending", scene.path(pod), brief(text), command, since)


def claims(pod: Json) -> tuple[str, ...]:
    """Names of the claims that a pod mounts."""
    volumes = spec(pod).get("volumes") or ()
    found = (volume.get("persistentVolumeClaim") or {} for volume in volumes)
    return tuple(str(one["claimName"]) for one in found if one.get("claimName"))


def _claim(scene: Scene, claim: Json, path: tuple[str, ...]) -> Iterator[Candidate]:
    picture, command = scene.picture, scene.describe(claim)
    failed = picture.events(claim, "ProvisioningFailed", "FailedBinding")
    waits = picture.events(claim, "WaitForFirstConsumer", "ExternalProvisioning", "Provisioning")
    if picture.events(claim, "ProvisioningSucceeded"):
        return
    if failed:
        event = failed[0]
        below = _class(scene, claim, event)
        yield Candidate(
            "claim-pending", (*path, *below), brief(str(event.get("message"))), command, first_seen(event)
        )
    elif _waits_for_pod(scene, claim) and not _consumers(scene, claim):
        reason = "its StorageClass binds it to the first pod that mounts it, and no pod does"
        made = born(claim)
        if _awaited(scene, claim):
            reason += f"; Argo CD syncs nothing else before {name(claim)} is Healthy"
            yield Candidate("claim-deadlock", path, reason, command, made)
        else:
            yield Candidate("claim-pending", path, reason, command, made + PROVISIONING if made else None)
    elif waits and waits[0].get("reason") == "ExternalProvisioning":
        at = first_seen(waits[0])
        since = at + PROVISIONING if at is not None else None
        yield Candidate("claim-pending", path, brief(str(waits[0].get("message"))), command, since)


def _class(scene: Scene, claim: Json, event: Json) -> tuple[str, ...]:
    which = spec(claim).get("storageClassName")
    gone = which and Key(STORAGE_CLASS, "", str(which)) not in scene.picture.by_key
    return (f"StorageClass {which}",) if gone and "not found" in str(event.get("message")) else ()


def _waits_for_pod(scene: Scene, claim: Json) -> bool:
    which = spec(claim).get("storageClassName")
    found = scene.picture.by_key.get(Key(STORAGE_CLASS, "", str(which)))
    late = found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"
    return late or bool(scene.picture.events(claim, "WaitForFirstConsumer"))


def _consumers(scene: Scene, claim: Json) -> list[Json]:
    pods = scene.picture.of(POD, namespace(claim))
    return [pod for pod in pods if name(claim) in claims(pod)]


def _awaited(scene: Scene, claim: Json) -> bool:
    """Whether the running sync waits for this claim. Of several objects Argo CD names the first only."""
    view = scene.view
    if view is None or not view.busy or "waiting for healthy state of" not in view.operation_message:
        return False
    named = f"/PersistentVolumeClaim/{name(claim)}" in view.operation_message
    return named or "more resources" in view.operation_message
