"""Objects that say they are Degraded, and what only Argo CD calls so."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, label, of_apps, turned
from bootstrap.kubernetes.argo import seconds
from bootstrap.kubernetes.health import HealthStatus, assess
from bootstrap.kubernetes.objects import (
    DEPLOYMENT,
    POD,
    Json,
    Kind,
    condition,
    dig,
    is_true,
    status,
)

NOTICE = 30.0  # seconds that Argo CD may take to notice that an object has got well


def rule(scene: Scene) -> Iterator[Candidate]:
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
    if view is None or view.health != "Degraded" or of_apps(view):
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


def _says_degraded(item: Json) -> bool:
    now = status(item)
    words = (now.get("phase"), now.get("state"), dig(now, "health", "status") or now.get("health"))
    return any(str(word).lower() in {"degraded", "failed", "error"} for word in words)


def _worst_pod(scene: Scene, owner: Json) -> tuple[str, ...]:
    pods = [pod for pod in scene.sick(POD) if label(owner) in map(label, scene.picture.path(pod))]
    return (label(pods[0]),) if pods else ()
