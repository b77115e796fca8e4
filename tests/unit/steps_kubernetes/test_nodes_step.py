"""Nodes Ready: watched, told, repaired, and named when they are not."""

from __future__ import annotations

import pytest

from bootstrap.errors import DeadlineError, StuckError
from bootstrap.events import NodeSeen
from bootstrap.kubernetes.errors import Conflict
from bootstrap.kubernetes.objects import NODE, Json, Key
from bootstrap.steps import nodes
from tests.kubernetes_bench import NODES, Bench, node
from tests.kubernetes_fake import FakeServer


def test_all_ready(bench: Bench) -> None:
    for wanted in NODES:
        bench.server.put(node(wanted.name))
    done = nodes.run(bench.context)
    assert (done.summary, done.changed) == ("2 nodes Ready", False)
    assert {(event.node, event.state) for event in bench.of(NodeSeen)} == {
        ("cp", "ready"),
        ("api-auth", "ready"),
    }


def test_a_node_that_joins_later_is_waited_for(bench: Bench) -> None:
    bench.server.put(node("cp"))

    def join(event: object) -> None:
        bench.events.append(event)  # type: ignore[arg-type]
        if event == NodeSeen("api-auth", "has not joined"):
            bench.server.put(node("api-auth"))

    object.__setattr__(bench.context, "emit", join)
    done = nodes.run(bench.context)
    assert done.changed
    assert [event.state for event in bench.of(NodeSeen) if event.node == "api-auth"] == [
        "has not joined",
        "ready",
    ]


def test_drift_is_repaired(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", labels={"role": "control-plane"}, provider_id=""))
    done = nodes.run(bench.context)
    assert done.summary == "2 nodes Ready, 1 repaired"
    live = bench.server.get(NODE, "api-auth")
    assert live["metadata"]["labels"] == {"domain": "auth"}
    assert live["spec"]["providerID"] == "aws:///ap-northeast-2a/i-api-auth"


def test_what_is_missing_is_named_with_the_machine_s_own_words(bench: Bench) -> None:
    bench.server.put(node("cp", ready="False"))
    bench.parameters.values["/eco2/dev/nodes/api-auth/status"] = (
        '{"phase": "kubeadm join", "message": "token expired"}'
    )
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.within(0))
    assert "api-auth: has not joined (its machine: kubeadm join: token expired)" in caught.value.why
    assert "cp: Kubelet" in caught.value.why
    assert "describe node" in caught.value.cure


def test_a_wrong_provider_id_says_how_to_put_it_right(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", provider_id="aws:///a/i-old"))
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.within(0))
    assert "delete node api-auth" in caught.value.cure


def test_somebody_who_undoes_the_repair_is_not_fought_for_ever(bench: Bench) -> None:
    def undo(server: FakeServer, item: Json) -> None:
        if item["metadata"].get("labels") == {"domain": "auth"}:
            server.change(Key(NODE, "", "api-auth"), metadata={"labels": {"domain": "other"}})

    bench.server.react = undo
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", labels={"domain": "other"}))
    with pytest.raises(StuckError, match="api-auth keeps losing what it was given"):
        nodes.run(bench.context)


def test_a_conflicting_writer_is_looked_at_again(bench: Bench) -> None:
    conflicts = [Conflict("changed meanwhile")]
    bench.server.refuse = lambda request: conflicts.pop() if request.method == "PATCH" and conflicts else None
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", labels={}))
    assert nodes.run(bench.context).summary == "2 nodes Ready, 1 repaired"
