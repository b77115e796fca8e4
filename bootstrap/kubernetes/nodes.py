"""A node as it should be, and what to change where it is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.config.model import Node
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import Json, labels_of, spec

# Taints and labels with such keys belong to Kubernetes, its cloud provider or its autoscaler.
_SYSTEM = ("kubernetes.io/", "k8s.io/", "ByClusterAutoscaler", "OfClusterAutoscaler")

ABSENT = "has not joined"  # the reason where there is no such node


@dataclass(frozen=True)
class NodeCheck:
    """`reason` is empty when the node is as it should be; `patch` is the merge patch that repairs drift."""

    reason: str = ""
    patch: Mapping[str, Any] = field(default_factory=dict)


def judge(node: Node, item: Json | None, provider_id: str, fleet: Sequence[Node]) -> NodeCheck:
    """Compare a live node with its configuration. A label key of any node of the `fleet` is ours."""
    if item is None:
        return NodeCheck(ABSENT)
    labels, taints = _labels(node, item, fleet), _taints(node, item)
    live = str(spec(item).get("providerID") or "")
    patch: dict[str, Any] = {}
    reasons = []
    if labels:
        patch["metadata"] = {"labels": labels}
        reasons.append(f"labels differ: {', '.join(sorted(labels))}")
    if taints is not None:
        patch["spec"] = {"taints": taints}
        reasons.append("taints differ")
    if provider_id and not live:
        patch["spec"] = {**patch.get("spec", {}), "providerID": provider_id}
        reasons.append("has no providerID")
    elif live != provider_id:
        # The API server does not let a providerID be changed once it is set.
        reasons.append(f"providerID is {live}, its instance is {provider_id}; only joining again changes it")
    health = assess(item)
    if not health.ok:
        reasons.append(health.message)
    return NodeCheck("; ".join(reasons), patch)


def _labels(node: Node, item: Json, fleet: Sequence[Node]) -> dict[str, str | None]:
    """Label changes: None removes one that belongs to another node."""
    live, ours = labels_of(item), {key for other in fleet for key in other.labels}
    wrong: dict[str, str | None] = {
        key: value for key, value in node.labels.items() if live.get(key) != value
    }
    return wrong | {key: None for key in live if key in ours and key not in node.labels}


def _taints(node: Node, item: Json) -> list[Json] | None:
    """The full list of taints as it should be; None when it is so."""
    live: list[Json] = list(spec(item).get("taints") or ())
    wanted = {(taint.key, taint.value, taint.effect) for taint in node.taints}
    keys = {taint.key for taint in node.taints}
    foreign = [taint for taint in live if _system(str(taint.get("key"))) and taint.get("key") not in keys]
    ours = {_triple(taint) for taint in live if taint not in foreign}
    if ours == wanted:
        return None
    return foreign + [{"key": key, "value": value, "effect": effect} for key, value, effect in sorted(wanted)]


def _triple(taint: Json) -> tuple[str, str, str]:
    return str(taint.get("key")), str(taint.get("value") or ""), str(taint.get("effect"))


def _system(key: str) -> bool:
    return any(part in key for part in _SYSTEM)
