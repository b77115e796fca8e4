"""The kubeconfig from SSM: waited for, kept private, replaced when it is of another cluster."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from bootstrap.core.errors import DeadlineError
from bootstrap.kubernetes import client
from bootstrap.kubernetes.errors import Unreachable, Untrusted
from bootstrap.kubernetes.transport import Transport
from bootstrap.run.events import StepProgress
from bootstrap.steps import access, machines
from bootstrap.steps.access import ClusterAccess
from tests.kubernetes_bench import KUBECONFIG, Bench, marker, mode

TEXT = "kind: Config\nusers: [{name: admin, user: {token: canary-token, client-key-data: canary-key}}]\n"
STATUS = "/eco2/dev/nodes/cp/status"


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """Every kubeconfig leads to the cluster in memory, except one that is stale."""

    def connect(path: Path) -> Transport:
        if "stale" in path.read_text():
            raise Untrusted("another cluster's certificate")
        return bench.server

    monkeypatch.setattr(client, "connect", connect)


def test_it_is_written_for_us_alone(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = TEXT
    done = access.run(bench.context)
    path = bench.context.config.kubeconfig
    assert isinstance(done.result, ClusterAccess)
    assert done.changed
    assert path.read_text() == TEXT
    assert mode(path) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["kubeconfig"]


def test_a_second_time_nothing_changes(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = TEXT
    access.run(bench.context)
    assert not access.run(bench.context).changed


def test_a_file_that_others_can_read_is_made_private(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = TEXT
    access.run(bench.context)
    bench.context.config.kubeconfig.chmod(0o644)
    access.run(bench.context)
    assert mode(bench.context.config.kubeconfig) == 0o600


def test_its_secrets_are_blacked_out_from_then_on(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = TEXT
    access.run(bench.context)
    assert "canary" not in bench.context.secrets.redact("token canary-token, key canary-key")


def test_what_is_missing_is_told_with_the_control_plane_s_own_words(bench: Bench) -> None:
    bench.parameters.values[STATUS] = marker("i-cp", "failed", "while joining:\npulling\nno space left")
    with pytest.raises(DeadlineError) as caught:
        access.run(bench.context)
    assert "is not published yet; cp: failed while joining: no space left" in bench.said()
    assert (
        "its machine i-cp: failed while joining (2025-01-01T00:00:00Z):\n      pulling\n" in caught.value.why
    )
    assert caught.value.cure.startswith("aws ssm start-session --region ap-northeast-2 --target i-cp")


def test_it_is_told_as_soon_as_it_is_known_and_asked_for_gently(bench: Bench) -> None:
    clock, asked = bench.context.clock, []
    get = bench.parameters.get_parameters

    def ask(Names: list[str], WithDecryption: bool) -> object:
        if Names == [STATUS]:
            asked.append(clock.monotonic())
            if clock.monotonic() >= 60:
                bench.parameters.values[STATUS] = marker("i-cp", "failed", "while joining:\nno space left")
        return get(Names, WithDecryption)

    bench.parameters.get_parameters = ask  # type: ignore[method-assign, assignment]
    with pytest.raises(DeadlineError):
        access.run(bench.context)
    told = [event.message for event in bench.of(StepProgress)]
    assert "cp: has not reported" in told[0]
    assert "cp: failed while joining: no space left" in told[1]
    pauses = [later - earlier for earlier, later in pairwise(asked[:-1])]
    assert pauses and min(pauses) >= machines.REST


def test_a_control_plane_that_says_nothing_at_all_is_looked_at_from_outside(bench: Bench) -> None:
    with pytest.raises(DeadlineError) as caught:
        access.run(bench.context)
    assert "cp: its machine i-cp has reported nothing" in caught.value.why
    assert caught.value.cure.startswith("aws ec2 get-console-output --region ap-northeast-2 ")
    assert caught.value.cure.endswith("--instance-id i-cp")


def test_the_marker_of_an_earlier_machine_is_not_believed(bench: Bench) -> None:
    bench.parameters.values[STATUS] = marker("i-earlier", "failed", "while joining:\nno space left")
    with pytest.raises(DeadlineError) as caught:
        access.run(bench.context)
    assert "no space left" not in bench.said() + caught.value.why
    assert "cp: has not reported" in bench.said()


def test_with_a_kubeconfig_of_an_earlier_cluster_the_new_control_plane_is_told_of_all_the_same(
    bench: Bench,
) -> None:
    bench.parameters.values |= {
        KUBECONFIG: "stale: true\n",
        STATUS: marker("i-cp", "failed", "while installing:\nE: no mirror"),
    }
    with pytest.raises(DeadlineError, match="cp: failed while installing: E: no mirror"):
        access.run(bench.context)


def test_a_kubeconfig_of_an_earlier_cluster_is_replaced_when_the_new_one_comes(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = "stale: true\n"
    with pytest.raises(DeadlineError, match="is of another cluster"):
        access.run(bench.context)
    bench.parameters.values[KUBECONFIG] = TEXT
    assert access.run(bench.context).changed
    assert bench.context.config.kubeconfig.read_text() == TEXT


def test_an_api_server_that_does_not_answer_yet_is_waited_for(bench: Bench) -> None:
    bench.parameters.values[KUBECONFIG] = TEXT
    refusals = [Unreachable("connection refused")] * 3
    bench.server.refuse = lambda request: refusals.pop() if refusals else None
    access.run(bench.context)
    assert "connection refused" in bench.said()


def test_steps_without_outputs_find_the_cluster_or_none(bench: Bench) -> None:
    assert access.existing(bench.context) is None
    bench.parameters.values[KUBECONFIG] = TEXT
    assert access.existing(bench.context) is not None
    del bench.parameters.values[KUBECONFIG]
    assert access.existing(bench.context) is not None  # the file is still there
