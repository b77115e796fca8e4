"""Repairs: what is called for, within bounds, and what is sent to the cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from bootstrap.kubernetes.argo import REFRESH
from bootstrap.kubernetes.errors import Conflict
from bootstrap.kubernetes.objects import APPLICATION, Json, Key
from bootstrap.kubernetes.repairs import BOUNDS, SLOWEST, Ledger, Repair, needed, perform
from tests.argo_objects import EXPECTED, OLD, application
from tests.kubernetes_fake import FakeServer

NOW = 1_735_689_600.0 + 1000  # 1000 s after the Applications' operations started
KEY = Key(APPLICATION, "argocd", "a")


def called_for(item: Json, patience: float = 2000) -> list[str]:
    found = needed([item], [], expected=EXPECTED, now=NOW, patience=patience, root="root")
    return [repair.what for repair in found]


@pytest.mark.parametrize(
    ("changes", "repairs"),
    [
        ({}, []),
        ({"health": "Progressing"}, []),
        ({"sync": "OutOfSync"}, []),
        ({"commit": OLD}, ["refresh"]),
        ({"commit": OLD, "metadata": {"annotations": {REFRESH: "normal"}}}, []),
        ({"commit": OLD, "metadata": {"deletionTimestamp": "2025-01-01T00:00:00Z"}}, []),
        ({"phase": "Running"}, []),
        ({"phase": "Running", "metadata": {"deletionTimestamp": "2025-01-01T00:00:00Z"}}, ["terminate"]),
        ({"phase": "Running", "synced": OLD}, ["terminate"]),
        ({"phase": "Terminating", "synced": OLD}, []),
        ({"phase": "Failed", "sync": "OutOfSync"}, ["sync"]),
        ({"phase": "Error"}, ["sync"]),
        ({"phase": "Failed", "synced": OLD}, []),
        ({"phase": "Failed", "commit": OLD}, ["refresh"]),
        ({"sync": "Unknown", "commit": ""}, []),
        ({"sync": "Unknown", "conditions": [{"type": "ComparisonError", "message": "x"}]}, ["hard-refresh"]),
    ],
)
def test_what_is_called_for(changes: dict[str, Any], repairs: list[str]) -> None:
    assert called_for(application("a", **changes)) == repairs


def test_a_sync_that_never_ends_is_terminated_except_the_root_s() -> None:
    assert called_for(application("a", phase="Running"), patience=900) == ["terminate"]
    assert called_for(application("root", phase="Running"), patience=900) == []


@pytest.mark.parametrize(
    ("seconds_ago", "changes", "asked"),
    [
        (60, {"health": "Progressing"}, True),
        (60, {"sync": "OutOfSync"}, True),
        (1, {"health": "Progressing"}, False),
        (60, {"phase": "Running"}, False),
        (60, {"metadata": {"annotations": {REFRESH: "normal"}}}, False),
    ],
)
def test_one_that_is_waited_for_is_asked_to_look_again(
    seconds_ago: float, changes: dict[str, Any], asked: bool
) -> None:
    item = application("a", **changes)
    item["status"]["reconciledAt"] = datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat()
    for awaited in (["a"], []):
        found = needed([item], [], expected=EXPECTED, now=NOW, patience=2000, root="root", awaited=awaited)
        assert [repair.what for repair in found] == (["look-again"] if asked and awaited else [])


def secret(ready: str, created: str = "2025-01-01T00:00:00Z") -> Json:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "s", "namespace": "auth", "uid": "u", "creationTimestamp": created},
        "status": {"conditions": [{"type": "Ready", "status": ready, "reason": "SecretSyncedError"}]},
    }


def test_an_external_secret_that_backs_off_is_told_to_try_now() -> None:
    def found(item: Json) -> list[str]:
        return [r.what for r in needed([], [item], expected=EXPECTED, now=NOW, patience=1, root="root")]

    assert found(secret("False")) == ["force-sync"]
    assert found(secret("True")) == []
    assert found(secret("False", created="2025-01-01T00:16:38Z")) == []  # two seconds old


def test_repairs_are_bounded_and_spaced() -> None:
    ledger, repair = Ledger(), Repair("refresh", application("a"), "")
    bound = BOUNDS["refresh"]
    assert ledger.due([repair], 0.0) == [repair]
    assert ledger.due([repair], bound.apart - 1) == []
    done = [number for number in range(1, 1000) if ledger.due([repair], bound.apart * number)]
    assert done[:4] == [1, 3, 6, 10]
    assert max(later - earlier for earlier, later in pairwise(done)) == SLOWEST
    assert len(done) == bound.most - 1


def test_a_repair_that_did_not_help_is_exhausted() -> None:
    ledger, repair = Ledger(), Repair("sync", application("a"), "")
    now = 0.0
    for _ in range(BOUNDS["sync"].most):
        assert ledger.exhausted([repair], now) == []
        assert ledger.due([repair], now) == [repair]
        now += 1000
    assert ledger.due([repair], now) == []
    assert ledger.exhausted([repair], now) == [repair]


def test_only_so_many_at_once_and_the_rest_next() -> None:
    ledger = Ledger()
    repairs = [Repair("refresh", application(f"a-{number}"), "") for number in range(5)]
    assert ledger.due(repairs, 0.0, 3) == repairs[:3]
    assert ledger.due(repairs, 0.1, 3) == repairs[3:]
    assert ledger.due(repairs, 0.2, 3) == []


def test_another_object_of_the_same_name_has_its_own_bound() -> None:
    ledger = Ledger()
    for uid in ("one", "two"):
        assert ledger.due([Repair("sync", application("a", metadata={"uid": uid}), "")], 0.0)


def performed(what: str, item: Json) -> Json:
    server = FakeServer()
    server.put(item)
    perform(server.cluster, Repair(what, server.stored[KEY], "why"), NOW)
    return server.stored[KEY]


def test_refresh() -> None:
    for what, value in (("refresh", "normal"), ("hard-refresh", "hard")):
        assert performed(what, application("a"))["metadata"]["annotations"] == {REFRESH: value}


def test_terminate() -> None:
    assert (
        performed("terminate", application("a", phase="Running"))["status"]["operationState"]["phase"]
        == "Terminating"
    )


def test_sync_starts_anew_with_the_application_s_own_policy() -> None:
    policy = {"automated": {"prune": True}, "syncOptions": ["ServerSideApply=true"], "retry": {"limit": 7}}
    after = performed("sync", application("a", phase="Failed", spec={"syncPolicy": policy}))
    assert "operationState" not in after["status"]
    assert after["operation"]["sync"] == {"prune": True, "syncOptions": ["ServerSideApply=true"]}
    assert after["operation"]["retry"] == {"limit": 7}


def test_what_was_changed_meanwhile_is_left_alone() -> None:
    server = FakeServer()
    seen = server.put(application("a", phase="Running"))
    server.change(KEY, status={"operationState": {"phase": "Succeeded"}})
    with pytest.raises(Conflict):
        perform(server.cluster, Repair("terminate", seen, "why"), NOW)
    assert server.stored[KEY]["status"]["operationState"]["phase"] == "Succeeded"
