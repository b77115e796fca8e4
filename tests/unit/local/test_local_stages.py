"""Stages: well-formed, and created when their kind is there."""

from __future__ import annotations

from collections import Counter

import pytest

from bootstrap.kubernetes.objects import Json, Kind, name, spec
from bootstrap.local.stages.loader import FOLDER, STAGE, load, split, target

STAGES = load(FOLDER)


def crd(kind: Kind, *, established: bool = True) -> Json:
    status = {"conditions": [{"type": "Established", "status": "True" if established else "False"}]}
    return {"spec": {"group": kind.group, "names": {"kind": kind.name}}, "status": status}


@pytest.mark.parametrize("stage", STAGES, ids=name)
def test_a_stage_is_well_formed(stage: Json) -> None:
    assert Kind.of(stage).unversioned == STAGE
    assert spec(stage)["selector"]["matchExpressions"], "it would be played for ever"
    following = spec(stage)["next"]
    assert following.get("statusTemplate") or following.get("delete")


def test_names_are_unique() -> None:
    assert [each for each, count in Counter(map(name, STAGES)).items() if count > 1] == []


@pytest.mark.parametrize(
    "kind",
    [
        Kind("", "Node"),
        Kind("", "Pod"),
        Kind("networking.k8s.io", "Ingress"),
        Kind("autoscaling", "HorizontalPodAutoscaler"),
        Kind("postgres-operator.crunchydata.com", "PostgresCluster"),
        Kind("rabbitmq.com", "RabbitmqCluster"),
        Kind("monitoring.coreos.com", "Prometheus"),
        Kind("monitoring.coreos.com", "Alertmanager"),
        Kind("operator.tigera.io", "Installation"),
    ],
)
def test_every_kind_whose_controller_is_simulated_has_one(kind: Kind) -> None:
    assert kind in {target(stage) for stage in STAGES}


def test_all_wait_for_the_kind_stage_itself() -> None:
    now, later = split(STAGES, [crd(STAGE, established=False)])
    assert (now, later) == ((), STAGES)


def test_those_of_custom_resources_wait_for_their_kind() -> None:
    now, later = split(STAGES, [crd(STAGE)])
    assert {target(stage).name for stage in now} >= {"Node", "Pod", "Ingress"}
    assert {target(stage).name for stage in later} >= {"PostgresCluster", "Prometheus"}
    then, rest = split(later, [crd(STAGE), crd(Kind("monitoring.coreos.com", "Prometheus"))])
    assert {target(stage).name for stage in then} == {"Prometheus"}
    assert len(then) + len(rest) == len(later)
