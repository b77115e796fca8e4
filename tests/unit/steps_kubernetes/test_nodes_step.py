"""Nodes Ready: watched, told, repaired, and named when they are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.stub import Stubber

from bootstrap.core.errors import DeadlineError, StuckError
from bootstrap.kubernetes.errors import Conflict, Unreachable
from bootstrap.kubernetes.objects import NODE, Json, Key
from bootstrap.run.events import NodeSeen
from bootstrap.steps import nodes
from bootstrap.steps.machines import Machines
from tests.aws_context import client
from tests.kubernetes_bench import NODES, Bench, marker, node
from tests.kubernetes_fake import FakeServer

STATUS = "/eco2/dev/nodes/api-auth/status"


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
    bench.parameters.values[STATUS] = marker(
        "i-api-auth", "failed", "while joining:\nno route\nerror: expired"
    )
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    assert (
        "api-auth: has not joined; its machine i-api-auth: failed while joining (2025-01-01T00:00:00Z):\n"
        "      no route\n"
        "      error: expired\n"
        "  - cp: Kubelet" in caught.value.why
    )
    assert caught.value.cure == (
        "aws ssm start-session --region ap-northeast-2 --target i-api-auth"
        "  # there: sudo tail -n 100 /var/log/bootstrap-node.log"
    )
    assert "api-auth (has not joined; its machine: failed while joining: error: expired)" in bench.said()


def test_what_failed_before_is_told_while_the_machine_tries_again(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.parameters.values[STATUS] = marker("i-api-auth", "joining", "while joining:\nerror: expired")
    with pytest.raises(DeadlineError):
        nodes.run(bench.once())
    assert "its machine: joining, having failed while joining: error: expired" in bench.said()


def test_a_machine_that_says_ready_is_not_a_node(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.parameters.values[STATUS] = marker("i-api-auth", "ready")
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    assert "has not joined; its machine i-api-auth: ready since 2025-01-01T00:00:00Z" in caught.value.why
    assert caught.value.cure.endswith("--target i-api-auth  # there: sudo journalctl -u kubelet")


def test_the_marker_of_an_earlier_machine_is_not_believed(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.parameters.values[STATUS] = marker("i-earlier", "failed", "while joining:\nerror: expired")
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    assert "expired" not in caught.value.why + bench.said()
    assert "its machine i-api-auth has reported nothing" in caught.value.why


def test_a_node_that_joined_and_is_not_ready_is_described(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", ready="False"))
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    assert caught.value.cure.endswith("describe node api-auth")


def test_a_machine_without_a_way_to_ssm_is_heard_on_its_console(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.parameters.console = (
        "[ 9.1] cloud-init\r\nbootstrap-node: while starting:\r\nbootstrap-node: E: no mirror\r\n"
    )
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    heard = "has reported nothing, its console says:\n      while starting:\n      E: no mirror"
    assert heard in caught.value.why
    assert caught.value.cure.startswith("aws ec2 get-console-output")


def test_an_ssm_that_does_not_answer_keeps_nobody_from_waiting(bench: Bench) -> None:
    ssm, context = client("ssm"), bench.once()
    target = replace(context.target, client=lambda service: ssm if service == "ssm" else bench.parameters)
    with Stubber(ssm) as refusing, pytest.raises(DeadlineError) as caught:
        for _ in range(2):
            refusing.add_client_error("get_parameters", "AccessDeniedException")
        nodes.run(replace(context, target=target))
    assert "api-auth: has not joined" in caught.value.why
    refusing.assert_no_pending_responses()


def test_markers_are_asked_for_gently_and_only_of_nodes_that_are_late(bench: Bench) -> None:
    asked = []
    clock = bench.context.clock
    get = bench.parameters.get_parameters

    def ask(Names: list[str], WithDecryption: bool) -> object:
        asked.append((clock.monotonic(), list(Names)))
        return get(Names, WithDecryption)

    bench.parameters.get_parameters = ask  # type: ignore[method-assign, assignment]
    told = Machines(bench.context)
    late = [f"n{number}" for number in range(12)]
    for _ in range(31):
        told.look(late)
        clock.wait(1.0, bench.context.cancel)
    assert [time for time, _ in asked] == [0.0, 0.0, 15.0, 15.0, 30.0, 30.0]
    assert [len(names) for _, names in asked] == [10, 2] * 3
    assert told.look([]) == {}
    assert len(asked) == 6


def test_a_wrong_provider_id_says_how_to_put_it_right(bench: Bench) -> None:
    bench.server.put(node("cp"))
    bench.server.put(node("api-auth", provider_id="aws:///a/i-old"))
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
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


def test_without_an_answer_of_the_api_server_that_is_what_is_told(bench: Bench) -> None:
    bench.server.refuse = lambda request: Unreachable("connection refused")
    with pytest.raises(DeadlineError, match="the API server did not answer"):
        nodes.run(bench.within(0))
