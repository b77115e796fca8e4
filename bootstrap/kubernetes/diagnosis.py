"""Why an Application is not Healthy: from the Application down to the pod, in words.

Reads only, when there is something to explain; what cannot be read is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bootstrap.errors import BootstrapError
from bootstrap.kubernetes.argo import View, tracked_app
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.health import Status, assess
from bootstrap.kubernetes.objects import POD, Json, Key, Kind, dig, name, namespace, spec, status
from bootstrap.kubernetes.waves import Member

MOST = 8  # resources of one Application that are named
_WITH_PODS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"}


def explain(
    cluster: Cluster, pending: Sequence[Member], applications: Iterable[Json], secrets: Iterable[Json]
) -> list[str]:
    """Lines: each pending member, then below it the resources that hold it up."""
    views = {view.name: view for view in map(View, applications)}
    unready = [item for item in secrets if not assess(item).ok]
    lines: list[str] = []
    for member in pending:
        lines.append(f"{member.name}: {member.sync}, {member.health}: {member.reason}")
        lines += [
            f"  {Key.of(item)}: {assess(item).message}"
            for item in unready
            if tracked_app(item) == member.name
        ][:MOST]
        if member.name in views:
            lines += list(_resources(cluster, views[member.name]))[:MOST]
    return lines


def _resources(cluster: Cluster, view: View) -> Iterator[str]:
    for entry in view.resources:
        kind = Kind(str(entry.get("group") or ""), str(entry.get("kind")))
        try:
            item = cluster.find(Key(kind, str(entry.get("namespace") or ""), str(entry.get("name"))))
            reason = _reason(cluster, item) if item is not None else "is not there"
        except BootstrapError:
            continue
        if reason:
            yield f"  {kind} {entry.get('namespace') or ''}/{entry.get('name')}: {reason}".replace(" /", " ")


def _reason(cluster: Cluster, item: Json) -> str:
    health = assess(item)
    if not health.ok:
        return f"{health.message}{_pod(cluster, item)}"
    if not status(item) and _custom(item):
        return "nobody has written its status yet; does its controller run?"
    return ""


def _custom(item: Json) -> bool:
    """Whether its kind comes from a CustomResourceDefinition that has controllers write a status."""
    group = Kind.of(item).group
    return "." in group and not group.endswith(".k8s.io") and bool(spec(item))


def _pod(cluster: Cluster, item: Json) -> str:
    """The worst of a workload's pods, told in its own words."""
    wanted = dig(spec(item), "selector", "matchLabels")
    if item.get("kind") not in _WITH_PODS or not wanted:
        return ""
    selector = ",".join(f"{key}={value}" for key, value in wanted.items())
    found = [(assess(pod), name(pod)) for pod in cluster.list(POD, namespace(item), labels=selector)]
    bad = sorted(
        (health.status is not Status.DEGRADED, which, health.message)
        for health, which in found
        if not health.ok
    )
    return f" (pod {bad[0][1]}: {bad[0][2]})" if bad else ""
