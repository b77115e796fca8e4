"""Nodes: what drifts is found, and repaired where the API server allows it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.model import Node, Taint
from bootstrap.kubernetes.nodes import judge
from bootstrap.kubernetes.objects import Json

ID = "aws:///ap-northeast-2a/i-1"
AUTH = Node(
    "api-auth", "worker", "t3.small", 20, {"domain": "auth", "tier": "api"}, (Taint("domain", "auth"),)
)
CHAT = Node(
    "api-chat", "worker", "t3.small", 20, {"domain": "chat", "phase": "2"}, (Taint("domain", "chat"),)
)
FLEET = (AUTH, CHAT)


def live(**changes: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "api-auth",
            "labels": changes.get(
                "labels", {"kubernetes.io/hostname": "api-auth", "domain": "auth", "tier": "api"}
            ),
        },
        "spec": {
            "providerID": changes.get("provider_id", ID),
            "taints": changes.get("taints", [{"key": "domain", "value": "auth", "effect": "NoSchedule"}]),
        },
        "status": {
            "conditions": [{"type": "Ready", "status": changes.get("ready", "True"), "reason": "Kubelet"}]
        },
    }


def test_as_it_should_be() -> None:
    verdict = judge(AUTH, live(), ID, FLEET)
    assert (verdict.reason, verdict.patch) == ("", {})


def test_missing() -> None:
    assert judge(AUTH, None, ID, FLEET).reason == "has not joined"


def test_not_ready() -> None:
    verdict = judge(AUTH, live(ready="False"), ID, FLEET)
    assert (verdict.reason, verdict.patch) == ("Kubelet", {})


def test_labels_that_are_missing_wrong_or_of_another_node() -> None:
    labels = {"domain": "chat", "phase": "2", "kubernetes.io/os": "linux", "team": "x"}
    verdict = judge(AUTH, live(labels=labels), ID, FLEET)
    assert verdict.patch == {"metadata": {"labels": {"domain": "auth", "tier": "api", "phase": None}}}
    assert verdict.reason == "labels differ: domain, phase, tier"


def test_taints_of_the_system_stay_and_strangers_go() -> None:
    system = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}
    verdict = judge(AUTH, live(taints=[system, {"key": "x", "effect": "NoSchedule"}]), ID, FLEET)
    wanted = {"key": "domain", "value": "auth", "effect": "NoSchedule"}
    assert verdict.patch == {"spec": {"taints": [system, wanted]}}
    assert judge(AUTH, live(taints=[system, wanted]), ID, FLEET).patch == {}


def test_a_control_plane_taint_that_is_configured_is_kept() -> None:
    key = "node-role.kubernetes.io/control-plane"
    node = Node("api-auth", "control-plane", "t3.medium", 40, AUTH.labels, (Taint(key, ""),))
    assert judge(node, live(taints=[{"key": key, "effect": "NoSchedule"}]), ID, FLEET).patch == {}
    assert judge(node, live(taints=[]), ID, FLEET).patch == {
        "spec": {"taints": [{"key": key, "value": "", "effect": "NoSchedule"}]}
    }


def test_a_provider_id_is_set_where_there_is_none() -> None:
    verdict = judge(AUTH, live(provider_id=""), ID, FLEET)
    assert verdict.patch == {"spec": {"providerID": ID}}


def test_a_wrong_provider_id_cannot_be_patched() -> None:
    verdict = judge(AUTH, live(provider_id="aws:///a/i-0"), ID, FLEET)
    assert verdict.patch == {}
    assert "only joining again changes it" in verdict.reason


KEYS = st.sampled_from(["domain", "tier", "phase", "kubernetes.io/os", "x"])


@given(
    st.dictionaries(KEYS, st.sampled_from(["auth", "api", "2"])),
    st.lists(st.tuples(KEYS, st.sampled_from(["auth", ""]), st.sampled_from(["NoSchedule", "NoExecute"]))),
)
def test_one_patch_repairs_everything(labels: dict[str, str], taints: list[tuple[str, str, str]]) -> None:
    item = live(labels=labels, taints=[{"key": k, "value": v, "effect": e} for k, v, e in taints])
    patch = judge(AUTH, item, ID, FLEET).patch
    merged = {**labels, **(patch.get("metadata") or {}).get("labels", {})}
    item["metadata"]["labels"] = {key: value for key, value in merged.items() if value is not None}
    item["spec"] |= patch.get("spec") or {}
    assert judge(AUTH, item, ID, FLEET).reason == ""
