"""Nodes that are not Ready, and the pods that wait for them.

A pod whose container ends by itself does so on any node, and one that does not tolerate the node's own taint
would not run there either: those are not the node's fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, label, turned
from bootstrap.kubernetes.health.model import said
from bootstrap.kubernetes.objects import NODE, POD, Json, condition, labels_of, name, spec, status

_STARTS = (None, "ContainerCreating", "PodInitializing")

# Set and removed by Kubernetes, cloud providers and autoscalers while a node starts or is ill.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "ebs.csi.aws.com/", "karpenter.sh/")

JOINING = 5.0  # seconds after its creation in which a node's first condition is written
JOIN = 120.0  # seconds in which a node that was never Ready may still be joining


def rule(scene: Scene) -> Iterator[Candidate]:
    bad = {name(node): node for node in scene.picture.of(NODE) if not ready(node)}
    if not bad:
        return
    for pod in scene.sick(POD):
        wanted = _hosts(scene, pod)
        if wanted and all(which in bad for which in wanted):
            node = bad[wanted[0]]
            reason = said(condition(node, "Ready") or {"type": "Ready", "status": "not reported"})
            yield Candidate(
                "node-not-ready", scene.path(pod, label(node)), reason, scene.describe(node), since(node)
            )


def _hosts(scene: Scene, pod: Json) -> list[str]:
    """Nodes that the pod needs to be Ready: its own, else those that it could go to."""
    bound = spec(pod).get("nodeName")
    if bound:
        return [] if _ends(pod) else [str(bound)]
    return [name(node) for node in candidates(scene, pod) if not lasting(untolerated(pod, node))]


def _ends(pod: Json) -> bool:
    """Whether a container fails by itself."""
    now = status(pod)
    entries = [*(now.get("initContainerStatuses") or ()), *(now.get("containerStatuses") or ())]
    states = [entry.get("state") or {} for entry in entries]
    return any(
        one.get("terminated") or (one.get("waiting") or {}).get("reason") not in _STARTS for one in states
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


def untolerated(pod: Json, node: Json) -> tuple[Json, ...]:
    """The node's taints that keep this pod off."""
    tolerations = spec(pod).get("tolerations") or ()
    return tuple(
        taint
        for taint in spec(node).get("taints") or ()
        if taint.get("effect") in {"NoSchedule", "NoExecute"}
        and not any(_tolerates(one, taint) for one in tolerations)
    )


def lasting(taints: Iterable[Json]) -> tuple[Json, ...]:
    """Those that do not go by themselves."""
    return tuple(taint for taint in taints if not str(taint.get("key")).startswith(_PASSING))


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    same = toleration.get("key") == taint.get("key")
    return same and (toleration.get("value") or "") == (taint.get("value") or "")


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
