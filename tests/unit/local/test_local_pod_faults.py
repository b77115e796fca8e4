"""Pods that fail: what a kubelet shows at which age, in its words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.objects import Json, dig
from bootstrap.local.faults.pods import LABEL, PodEvent, change, crashes, event, failing, look

NOW = "2025-01-01T00:00:30Z"


def pod(failure: str, **changes: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api-1", "namespace": "shop", "uid": "u1", "annotations": {LABEL: failure}},
        "spec": {
            "nodeName": "worker",
            "containers": [
                {"name": "api", "image": "repo/api:1", "envFrom": [{"secretRef": {"name": "database"}}]}
            ],
        },
        "status": {"conditions": [{"type": "PodScheduled", "status": "True"}], **changes},
    }


@pytest.mark.parametrize(
    ("age", "restarts", "backoff"),
    [
        (0, 0, None),
        (0.9, 0, None),
        (1, 1, None),
        (2, 1, 10),
        (11.9, 1, 10),
        (12, 2, None),
        (13, 2, 20),
        (33, 3, None),
    ],
)
def test_a_container_that_always_fails(age: float, restarts: int, backoff: float | None) -> None:
    found = crashes(age)
    assert (found.restarts, found.backoff) == (restarts, backoff)


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_restarts_only_grow_and_the_pause_has_an_end(one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert crashes(early).restarts <= crashes(late).restarts
    assert (crashes(late).backoff or 0) <= 300


@pytest.mark.parametrize(
    ("failure", "age", "phase", "reason", "message"),
    [
        (
            "CrashLoopBackOff",
            5,
            "Running",
            "CrashLoopBackOff",
            "back-off 10s restarting failed container=api",
        ),
        ("OOMKilled", 5, "Running", "CrashLoopBackOff", "back-off 10s restarting failed container=api"),
        ("ImagePullBackOff", 0, "Pending", "ErrImagePull", "failed to resolve reference"),
        ("ImagePullBackOff", 5, "Pending", "ImagePullBackOff", 'Back-off pulling image "repo/api:1"'),
        (
            "CreateContainerConfigError",
            0,
            "Pending",
            "CreateContainerConfigError",
            'secret "database" not found',
        ),
    ],
)
def test_what_a_waiting_container_says(
    failure: str, age: float, phase: str, reason: str, message: str
) -> None:
    seen = look(pod(failure), age)
    assert seen is not None
    assert seen.phase == phase
    waiting = dig(seen.containers, "state", "waiting")
    assert waiting["reason"] == reason
    assert message in waiting["message"]


def test_how_the_last_one_ended() -> None:
    for failure, code, reason in (("OOMKilled", 137, "OOMKilled"), ("CrashLoopBackOff", 1, "Error")):
        seen = look(pod(failure), 5)
        assert seen is not None
        assert dig(seen.containers, "lastState", "terminated") == {"exitCode": code, "reason": reason}


def test_a_job_s_pod_fails_and_one_that_never_gets_ready_runs() -> None:
    failed, running = look(pod("Error"), 0), look(pod("NotReady"), 0)
    assert failed is not None
    assert running is not None
    assert (failed.phase, running.phase) == ("Failed", "Running")
    assert [told.reason for told in running.events] == ["Unhealthy"]


def test_what_is_written_keeps_the_scheduler_s_word_and_the_start() -> None:
    item = pod("NotReady", startTime="2025-01-01T00:00:00Z")
    seen = look(item, 30)
    assert seen is not None
    written = change(item, seen, NOW)["status"]
    assert written["startTime"] == "2025-01-01T00:00:00Z"
    conditions = {entry["type"]: entry["status"] for entry in written["conditions"]}
    assert conditions == {
        "PodScheduled": "True",
        "Initialized": "True",
        "Ready": "False",
        "ContainersReady": "False",
    }
    again = change({**item, "status": written}, seen, "2025-01-01T00:01:00Z")["status"]
    assert again["conditions"] == written["conditions"], "nothing has turned"


def test_an_event_that_comes_again_counts() -> None:
    told = PodEvent("Warning", "BackOff", "Back-off restarting failed container api")
    first = event(pod("CrashLoopBackOff"), told, NOW, None)
    later = event(pod("CrashLoopBackOff"), told, "2025-01-01T00:01:00Z", first)
    assert first["metadata"]["name"] == later["metadata"]["name"]
    assert (first["count"], later["count"]) == (1, 2)
    assert later["firstTimestamp"] == NOW


def test_only_pods_that_have_a_node_and_a_fate_and_stay_are_written() -> None:
    unbound, going = pod("NotReady"), pod("NotReady")
    del unbound["spec"]["nodeName"]
    going["metadata"]["deletionTimestamp"] = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert list(failing((unbound, going, pod("Autoscaled"), pod("NotReady")))) == [pod("NotReady")]
