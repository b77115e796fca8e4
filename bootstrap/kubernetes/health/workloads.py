"""Deployment, StatefulSet, DaemonSet, Job, Pod. The rules are those of `kubectl rollout status`."""

from __future__ import annotations

from bootstrap.kubernetes.health.model import HEALTHY, Health, HealthStatus, degraded, progressing, said
from bootstrap.kubernetes.objects import (
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    STATEFUL_SET,
    Json,
    condition,
    is_true,
    spec,
    status,
)

_HOPELESS = {
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CreateContainerConfigError",
}


def deployment(item: Json) -> Health:
    if spec(item).get("paused"):
        return Health(HealthStatus.SUSPENDED, "is paused")
    if status(item).get("observedGeneration") is None:
        return progressing("the controller manager has not seen it yet")
    found = condition(item, "Progressing")
    if found and found.get("reason") == "ProgressDeadlineExceeded":
        return degraded(said(found))
    missing = _rollout(status(item), spec(item).get("replicas", 1))
    return progressing(missing) if missing else HEALTHY


def _rollout(now: Json, wanted: int) -> str:
    """What a Deployment's rollout still waits for."""
    updated, available = now.get("updatedReplicas", 0), now.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} replicas are up to date"
    if now.get("replicas", 0) > updated:
        return "old replicas are still there"
    return f"{available} of {wanted} replicas are available" if available < wanted else ""


def stateful_set(item: Json) -> Health:
    now, wanted = status(item), spec(item).get("replicas", 1)
    if now.get("observedGeneration") is None:
        return progressing("the controller manager has not seen it yet")
    if now.get("readyReplicas", 0) < wanted:
        return progressing(f"{now.get('readyReplicas', 0)} of {wanted} replicas are ready")
    if (spec(item).get("updateStrategy") or {}).get("type") == "OnDelete":
        return HEALTHY
    if now.get("updateRevision") != now.get("currentRevision") and now.get("updatedReplicas", 0) < wanted:
        return progressing(f"{now.get('updatedReplicas', 0)} of {wanted} replicas are up to date")
    return HEALTHY


def daemon_set(item: Json) -> Health:
    now = status(item)
    if now.get("observedGeneration") is None:
        return progressing("the controller manager has not seen it yet")
    wanted = now.get("desiredNumberScheduled", 0)
    on_delete = (spec(item).get("updateStrategy") or {}).get("type") == "OnDelete"
    if not on_delete and now.get("updatedNumberScheduled", 0) < wanted:
        return progressing(f"{now.get('updatedNumberScheduled', 0)} of {wanted} pods are up to date")
    if now.get("numberAvailable", 0) < wanted:
        return progressing(f"{now.get('numberAvailable', 0)} of {wanted} pods are available")
    return HEALTHY


def job(item: Json) -> Health:
    failed = condition(item, "Failed")
    if failed and failed.get("status") == "True":
        return degraded(said(failed))
    if is_true(item, "Complete"):
        return HEALTHY
    if spec(item).get("suspend"):
        return Health(HealthStatus.SUSPENDED, "is suspended")
    return progressing(f"{status(item).get('active', 0)} pods are running")


def pod(item: Json) -> Health:
    phase = status(item).get("phase", "Pending")
    if phase == "Succeeded":
        return HEALTHY
    if phase == "Failed":
        return degraded(status(item).get("message") or status(item).get("reason") or "failed")
    waiting = _waiting(item)
    if waiting is not None:
        reason, message = waiting
        return (degraded if reason in _HOPELESS else progressing)(": ".join(filter(None, (reason, message))))
    if phase == "Running" and (
        is_true(item, "Ready") or spec(item).get("restartPolicy") in {"Never", "OnFailure"}
    ):
        return HEALTHY
    scheduled = condition(item, "PodScheduled")
    if scheduled and scheduled.get("status") == "False":
        return progressing(said(scheduled))
    return progressing(f"is {phase}, not ready")


def _waiting(item: Json) -> tuple[str, str] | None:
    """Reason and message of the first container that waits, if any; init containers come first."""
    now = status(item)
    for entry in [*(now.get("initContainerStatuses") or ()), *(now.get("containerStatuses") or ())]:
        found = (entry.get("state") or {}).get("waiting")
        if found:
            return (
                f"{found.get('reason', 'waiting')}",
                f"{entry.get('name')}: {found.get('message', '')}".rstrip(": "),
            )
    return None


RULES = {DEPLOYMENT: deployment, STATEFUL_SET: stateful_set, DAEMON_SET: daemon_set, JOB: job, POD: pod}
