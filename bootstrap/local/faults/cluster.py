"""Faults that manifests cannot cause: a node loses its network, Argo CD a permission; and an autoscaler.

A fault lasts as long as it stands in a file, which `up` writes once the root Application exists and removes
when it starts. What was there before is kept in annotations, so that it can be undone after a restart, too.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bootstrap.core.files import read_json, write_private
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import (
    DEPLOYMENT,
    NODE,
    Json,
    Key,
    Kind,
    annotations_of,
    name,
    namespace,
    spec,
)
from bootstrap.local.faults.pods import LABEL

AUTOSCALER = Kind("autoscaling", "HorizontalPodAutoscaler")
ROLE = Key(Kind("rbac.authorization.k8s.io", "ClusterRole"), "", "argocd-application-controller")
BEFORE = "local.bootstrap/rules-before"
FORBIDDEN_GROUP = "scheduling.k8s.io"  # of the kind that Argo CD may no longer make
NOT_READY = "NotReady"  # what the stages of nodes look for
TICK = 1.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InjectedFaults:
    """The faults to inject. `denied`: Argo CD loses a permission; `node`: the name of one without network."""

    denied: bool = False
    node: str = ""

    @classmethod
    def read(cls, file: Path) -> InjectedFaults:
        """No faults if there is no file."""
        return cls(**(read_json(file) or {}))

    def write(self, file: Path) -> None:
        write_private(file, json.dumps(asdict(self)))


class ClusterFaults:
    """The loop. `file` says which faults to inject."""

    def __init__(self, cluster: Cluster, file: Path) -> None:
        self._cluster, self._file = cluster, file
        self._denied: bool | None = None  # None: not known, this process has just begun

    def run(self, stop: threading.Event) -> None:
        with Informer(self._cluster, Scope(NODE), Scope(AUTOSCALER)) as cache:
            while not stop.is_set():
                cache.wait(TICK)
                if cache.synced():
                    faults = InjectedFaults.read(self._file)
                    self._nodes(cache.items(NODE), faults)
                    self._rights(faults)
                    self._scale(cache.items(AUTOSCALER))

    def _nodes(self, nodes: Iterable[Json], faults: InjectedFaults) -> None:
        for key, value in marks(nodes, faults).items():
            log.info("fault of node %s: %s", key.name, value or "over")
            self._cluster.patch(key, {"metadata": {"annotations": {LABEL: value}}})

    def _rights(self, faults: InjectedFaults) -> None:
        """The role is not watched: it is read only when the faults change."""
        denied = faults.denied
        if denied == self._denied:
            return
        role = self._cluster.find(ROLE)
        changed = rules(role, self._groups(), denied=denied) if role else None
        if changed:
            log.info("Argo CD's role is %s", "restricted" if denied else "as before")
            self._cluster.patch(ROLE, changed)
        if role:
            self._denied = denied

    def _groups(self) -> set[str]:
        return {resource.group for resource in self._cluster.refresh().resources}

    def _scale(self, autoscalers: Iterable[Json]) -> None:
        """Do what the autoscaler's controller, which is off here, would: scale up to `minReplicas`."""
        for each in autoscalers:
            if annotations_of(each).get(LABEL):
                target = Key(DEPLOYMENT, namespace(each), spec(each)["scaleTargetRef"]["name"])
                self._raise(target, int(spec(each).get("minReplicas") or 1))

    def _raise(self, target: Key, least: int) -> None:
        deployment = self._cluster.find(target)
        if deployment and spec(deployment).get("replicas", 1) < least:
            try:
                self._cluster.patch(target, {"spec": {"replicas": least}}, part="scale")
            except NotFound:
                return


def marks(nodes: Iterable[Json], faults: InjectedFaults) -> dict[Key, str | None]:
    """Annotations to set, or to remove (None)."""
    wanted = {faults.node: NOT_READY} if faults.node else {}
    return {
        Key.of(node): wanted.get(name(node))
        for node in nodes
        if annotations_of(node).get(LABEL) != wanted.get(name(node))
    }


def rules(role: Json, groups: Iterable[str], *, denied: bool) -> Mapping[str, Any] | None:
    """The patch that takes a permission from the role or gives it back; None if nothing has to change.

    RBAC cannot deny, so the patch allows everything except that one permission.
    """
    before = annotations_of(role).get(BEFORE)
    if not denied:
        return {"metadata": {"annotations": {BEFORE: None}}, "rules": json.loads(before)} if before else None
    allowed = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": sorted(set(groups) - {FORBIDDEN_GROUP}), "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    kept = before or json.dumps(role["rules"])
    return {"metadata": {"annotations": {BEFORE: kept}}, "rules": allowed}
