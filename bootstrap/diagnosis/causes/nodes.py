"""Nodes that are not Ready, and the pods that wait for them."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Finding, Scene, born, label, turned
from bootstrap.kubernetes.health.model import said
from bootstrap.kubernetes.objects import NODE, POD, Json, condition, labels_of, name, spec

JOINING = 5.0  # seconds after its creation in which a node's first condition is written
JOIN = 120.0  # seconds in which a node that was never Ready may still be joining


def rule(scene: Scene) -> Iterator[Finding]:
    bad = {name(node): node for node in scene.picture.of(NODE) if not ready(node)}
    if not bad:
        return
    for pod in scene.sick(POD):
        bound = spec(pod).get("nodeName")
        wanted = [bound] if bound else [name(node) for node in candidates(scene, pod)]
        if wanted and all(which in bad for which in wanted):
            node = bad[wanted[0]]
            reason = said(condition(node, "Ready") or {"type": "Ready", "status": "not reported"})
            yield Finding(
                "node-not-ready", scene.path(pod, label(node)), reason, scene.describe(node), since(node)
            )


def ready(node: Json) -> bool:
    return (condition(node, "Ready") or {}).get("status") == "True"


def since(node: Json) -> float | None:
    """Since when a node counts as not Ready: one that was never Ready is given its time to join."""
    at, made = turned(node, "Ready"), born(node)
    if at is None or made is None:
        return at
    return at + JOIN if at - made < JOINING else at


def candidates(scene: Scene, pod: Json) -> tuple[Json, ...]:
    """Nodes that a pod asks for by its selector and required affinity; all where it asks for none."""
    wanted = spec(pod).get("nodeSelector") or {}
    terms = _terms(pod)
    return tuple(
        node
        for node in scene.picture.of(NODE)
        if wanted.items() <= labels_of(node).items()
        and (not terms or any(_fits(node, term) for term in terms))
    )


def choosy(pod: Json) -> bool:
    """Whether the pod asks for certain nodes."""
    return bool(spec(pod).get("nodeSelector") or _terms(pod))


def _terms(pod: Json) -> list[Json]:
    affinity = (spec(pod).get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return list(required.get("nodeSelectorTerms") or ())


def _fits(node: Json, term: Json) -> bool:
    return all(_matches(node, one) for one in term.get("matchExpressions") or ()) and all(
        one.get("key") != "metadata.name" or name(node) in (one.get("values") or ())
        for one in term.get("matchFields") or ()
    )


def _matches(node: Json, one: Json) -> bool:
    value = labels_of(node).get(str(one.get("key")))
    values = one.get("values") or ()
    match one.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return True
