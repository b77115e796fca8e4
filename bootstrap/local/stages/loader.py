"""Creates the stages in the cluster, each once the API server serves its kind.

KWOK logs errors endlessly for a stage whose kind does not exist.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import CRD, Json, Kind, is_true, spec

FOLDER = Path(__file__).parent
STAGE = Kind("kwok.x-k8s.io", "Stage")
STAGE_CRD = "kwok.x-k8s.io_stages.yaml"
BUILT_IN = {"", "apps", "batch", "autoscaling", "networking.k8s.io", "apiregistration.k8s.io", "policy"}


class StageLoader:
    """`crds` is the folder with KWOK's own CustomResourceDefinitions."""

    def __init__(self, cluster: Cluster, crds: Path) -> None:
        self._cluster, self._crds = cluster, crds

    def run(self, stop: threading.Event) -> None:
        for crd in manifests((self._crds / STAGE_CRD).read_text()):
            self._cluster.apply(crd)
        waiting = load(FOLDER)
        with Informer(self._cluster, Scope(CRD)) as cache:
            while not stop.is_set():
                served, waiting = split(waiting, cache.items(CRD))
                for stage in served:
                    # KWOK reads a kind's OpenAPI document only once, when its stage appears.
                    if self._cluster.described(target(stage)):
                        self._cluster.apply(stage)
                    else:
                        waiting = (*waiting, stage)
                cache.wait(1.0)


def load(folder: Path) -> tuple[Json, ...]:
    return tuple(stage for file in sorted(folder.glob("*.yaml")) for stage in manifests(file.read_text()))


def split(stages: Iterable[Json], crds: Iterable[Json]) -> tuple[tuple[Json, ...], tuple[Json, ...]]:
    """The stages to create now, and those whose kind is not served yet."""
    served = {_kind(crd) for crd in crds if is_true(crd, "Established")}
    if STAGE not in served:
        return (), tuple(stages)
    now: list[Json] = []
    later: list[Json] = []
    for stage in stages:
        kind = target(stage)
        (now if kind.group in BUILT_IN or kind in served else later).append(stage)
    return tuple(now), tuple(later)


def target(stage: Json) -> Kind:
    """The kind of object that a stage is for."""
    reference = spec(stage)["resourceRef"]
    return Kind.of({"apiVersion": reference["apiGroup"], "kind": reference["kind"]}).unversioned


def _kind(crd: Json) -> Kind:
    return Kind(spec(crd)["group"], spec(crd)["names"]["kind"])
