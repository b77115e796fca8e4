"""A slim Application says the same as the one it was made of, in much less room."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bootstrap.kubernetes.argo import View, slim
from bootstrap.kubernetes.evidence import hooks
from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.waves import facts
from tests.argo_objects import COMMIT, EXPECTED, OLD, application


def bulky(**changes: Any) -> Json:
    """As Argo CD writes it after some months."""
    results = [
        {"kind": "Deployment", "name": f"web-{number}", "status": "Synced", "message": "configured " * 5}
        for number in range(30)
    ]
    hook = {"kind": "Job", "name": "migrate", "hookType": "PostSync", "hookPhase": "Succeeded"}
    failed = {"kind": "Widget", "name": "w", "status": "SyncFailed", "message": "no matches for kind"}
    item = application("a", results=[*results, hook, failed], **changes)
    item["metadata"]["managedFields"] = [{"manager": "argocd", "fieldsV1": {"f:status": {}}}] * 20
    last = {"kubectl.kubernetes.io/last-applied-configuration": "{}" * 500, "kept": "yes"}
    item["metadata"]["annotations"] = last
    entry = {"deployedAt": "2025-01-01T00:00:00Z", "revision": COMMIT, "source": item["spec"]["source"]}
    item["status"]["history"] = [{"id": number, **entry} for number in range(10)]
    item["status"]["summary"] = {"images": ["registry.example.com/web:1"] * 30}
    return item


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sync": "OutOfSync", "resources": [{"kind": "Deployment", "name": "x", "status": "OutOfSync"}]},
        {"phase": "Running", "synced": OLD, "message": "waiting for hook"},
        {"phase": "Failed", "message": "one or more objects failed to apply"},
        {"commit": OLD, "conditions": [{"type": "ComparisonError", "message": "no such path"}]},
    ],
)
def test_it_is_judged_the_same(changes: dict[str, Any]) -> None:
    full = bulky(**changes)
    assert facts(slim(full), EXPECTED) == facts(full, EXPECTED)
    assert View(slim(full)).outdated_operation(EXPECTED) == View(full).outdated_operation(EXPECTED)
    assert hooks(slim(full)) == hooks(full)


def test_it_is_small_and_its_original_is_left_alone() -> None:
    full = bulky()
    before = copy.deepcopy(full)
    slimmed = slim(full)
    assert full == before
    assert len(json.dumps(slimmed)) < len(json.dumps(full)) / 5
    assert slimmed["metadata"]["annotations"] == {"kept": "yes"}
    assert slimmed["status"]["history"] == [{"deployedAt": "2025-01-01T00:00:00Z"}]
    assert [entry["name"] for entry in View(slimmed).sync_results] == ["migrate", "w"]


@pytest.mark.parametrize("status", [{}, {"sync": {}}, {"operationState": {"phase": "Running"}}])
def test_one_that_argo_cd_has_not_looked_at_yet_is_no_problem(status: Json) -> None:
    item = {**application("a"), "status": status}
    assert View(slim(item)).phase == View(item).phase
    assert facts(slim(item), EXPECTED) == facts(item, EXPECTED)
