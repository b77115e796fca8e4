"""Pods that the scheduler finds no node for.

The scheduler says it in the pod's condition PodScheduled (reason Unschedulable): "0/14 nodes are available:
13 node(s) had untolerated taint(s), 1 Insufficient cpu." (kube-scheduler 1.37, framework/types.go). Each node
is counted under the first filter that it failed; taints are asked before selectors, selectors before
resources. So a node that lacks resources would otherwise do, and resources come first here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes.nodes import candidates, choosy, lasting, untolerated
from bootstrap.diagnosis.causes.scene import Candidate, Scene, brief, label, turned
from bootstrap.kubernetes.objects import Json, condition, name, spec

STARTING = 60.0  # seconds in which the taints of a node that starts may still go
_ON_ITS_WAY = ("TriggeredScaleUp", "Nominated")  # an autoscaler makes a node for it


def rule(scene: Scene) -> Iterator[Candidate]:
    for pod in scene.pods():
        text = unschedulable(pod)
        if text and not scene.picture.events(pod, *_ON_ITS_WAY):
            yield from _candidate(scene, pod, text)


def unschedulable(pod: Json) -> str:
    """What the scheduler says of a pod that it cannot place; empty when it can."""
    found = condition(pod, "PodScheduled") or {}
    if found.get("status") != "False" or found.get("reason") != "Unschedulable":
        return ""
    return str(found.get("message") or "")


def _candidate(scene: Scene, pod: Json, text: str) -> Iterator[Candidate]:
    since, path = turned(pod, "PodScheduled"), scene.path(pod)
    if "Insufficient" in text or "Too many pods" in text:
        command = scene.kubectl("describe", "nodes", *_selector(pod))
        yield Candidate("unschedulable-resources", path, brief(text), command, since)
        return
    if re.search(r"PersistentVolume|persistentvolumeclaim|volume node affinity|available persistent", text):
        return  # the claim tells (storage.py)
    wanted = candidates(scene, pod)
    if not wanted and choosy(pod):
        selector = spec(pod).get("nodeSelector") or {}
        shown = ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "its node affinity"
        command = scene.kubectl("get", "nodes", "--show-labels")
        yield Candidate("unschedulable-selector", (*path, f"nodes with {shown}"), brief(text), command, since)
        return
    tainted = [(node, taint) for node in wanted for taint in untolerated(pod, node)]
    if "untolerated taint" in text and tainted:
        stay = [(node, taint) for node, taint in tainted if lasting([taint])]
        node, taint = (stay or tainted)[0]
        since = since + STARTING if since is not None and not stay else since
        below = (
            f"taint {taint_text(taint)} of {label(node)}"
            if len(wanted) == 1
            else f"taint {taint_text(taint)}"
        )
        command = scene.kubectl("describe", "node", name(node))
        yield Candidate("unschedulable-taint", (*path, below), brief(text), command, since)


def _selector(pod: Json) -> tuple[str, ...]:
    wanted = spec(pod).get("nodeSelector") or {}
    return ("-l", ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))) if wanted else ()


def taint_text(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"
