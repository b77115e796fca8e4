"""Fifty runs that are healthy or merely slow, looked at every other second: nothing is ever called stuck.

Each run draws how long everything takes, up to what is still slow: a minute for a pod to start, most of a
minute for a volume and a load balancer, some seconds for the scheduler, a store's validation and a webhook.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.diagnosis.causes import judge, stuck
from bootstrap.diagnosis.picture import Picture
from bootstrap.kubernetes.objects import Json
from tests.fakes import environment
from tests.unit.diagnosis.stage import (
    ago,
    app,
    deployment,
    event,
    external_secret,
    node,
    picture,
    pod,
    refused,
    replica_set,
    running,
    store,
    thing,
    unschedulable,
    waiting,
)

CONFIG = environment(Path("/home/of"))
RUNS = 50


@dataclass(frozen=True)
class Pace:
    """Seconds that things take in one run."""

    unplaced: int
    pulling: int
    starting: int
    secret: int
    store: int
    volume: int
    balancer: int
    webhook: int
    degraded: int
    crash: int = 0  # for how long it waits after its first crash

    @classmethod
    def draw(cls, run: int) -> Pace:
        roll = random.Random(run)  # noqa: S311 - no secret
        limits = (8, 60, 60, 7, 9, 55, 55, 7, 8, 10)
        return cls(*(roll.randint(0, most) for most in limits))

    @property
    def end(self) -> int:
        return max(self.unplaced + self.pulling + self.starting, self.volume, self.balancer) + 1


def moment(pace: Pace, at: int) -> Picture:
    """The cluster `at` seconds after the Application was made."""
    objects = [*_pod(pace, at), *_secrets(pace, at), *_claim(pace, at), *_ingress(pace, at)]
    objects += [node(), thing("Job", "load", "batch/v1", age=at, spec={}, status={"active": 1})]
    made = [item for item in objects if item["kind"] in {"Deployment", "ExternalSecret", "Ingress", "Job"}]
    return picture(_app(pace, at, made), *objects)


def _app(pace: Pace, at: int, made: list[Json]) -> Json:
    if at < pace.webhook:
        results = [
            refused('failed calling webhook "v": Post "https://hook.sys.svc:443/v": no endpoints available')
        ]
        return app(*made, started=ago(at), phase="Running", retries=1, results=results, sync="OutOfSync")
    late = {"degraded": at, "health": "Degraded"} if at < pace.degraded else {}
    return app(*made, phase="Running", message="waiting for healthy state of apps/Deployment/web", **late)


def _pod(pace: Pace, at: int) -> list[Json]:
    placed, pulled = pace.unplaced, pace.unplaced + pace.pulling
    if at < placed:
        now = pod(age=at, scheduled=unschedulable("0/1 nodes are available: 1 Insufficient cpu.", since=at))
    elif at < pulled:
        now = pod(waiting("ContainerCreating"), age=at)
    elif at < pulled + pace.crash:
        now = pod(waiting("CrashLoopBackOff", "back-off 10s", 1, exitCode=1), age=at)
    else:
        now = pod(running(restarts=min(pace.crash, 1)), age=at)
    return [deployment(), replica_set(), now]


def _secrets(pace: Pace, at: int) -> list[Json]:
    checked = store("True") if at >= pace.store else store("False", since=at, message="not validated")
    if at >= max(pace.secret, pace.store):
        return [checked]
    late = external_secret(at)
    return [late, checked, event(late, "UpdateFailed", 'ClusterSecretStore "aws-ssm" is not ready', since=at)]


def _claim(pace: Pace, at: int) -> list[Json]:
    wanted = {"storageClassName": "gp3"}
    item = thing("PersistentVolumeClaim", "data", age=at, spec=wanted, status={"phase": "Pending"})
    if at >= pace.volume:
        return []
    waits = event(item, "ExternalProvisioning", "Waiting for a volume to be created", since=at, kind="Normal")
    return [item, waits]


def _ingress(pace: Pace, at: int) -> list[Json]:
    served = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "alb"}}
    wanted = {"ingressClassName": "alb"}
    item = thing("Ingress", "web", "networking.k8s.io/v1", age=at, spec=wanted, status={})
    return [item, served] if at < pace.balancer else [served]


@pytest.mark.parametrize("run", range(RUNS))
def test_a_slow_run_is_never_called_stuck(run: int) -> None:
    pace = Pace.draw(run)
    for at in range(0, pace.end, 2):
        assert not stuck(judge(moment(pace, at), CONFIG)), f"after {at} s of {pace}"


def test_the_same_run_that_stays_so_is_called_stuck() -> None:
    """The check above can fail: what is slow there is a cause once it lasts."""
    pace = Pace(600, 0, 0, 0, 0, 0, 0, 0, 0)
    (found,) = judge(moment(pace, 30), CONFIG)
    assert found.cause == "unschedulable-resources"
