"""The cluster → Picture: bounded, without secrets, and honest about what could not be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.diagnosis import diagnose
from bootstrap.diagnosis.gather import gather, members
from bootstrap.diagnosis.picture import Pending
from bootstrap.diagnosis.survey import Focus, choose, take
from bootstrap.kubernetes.errors import ClusterError, Forbidden, Unreachable
from bootstrap.kubernetes.objects import APPLICATION, EXTERNAL_SECRET, Json, Kind, name
from bootstrap.kubernetes.transport import Request
from bootstrap.kubernetes.waves import assess
from tests.argo_objects import COMMIT, EXPECTED, application, root
from tests.fakes import environment
from tests.kubernetes_fake import ARGO, BUILT_IN, ESO, FakeServer
from tests.unit.diagnosis.stage import (
    NOW,
    app,
    deployment,
    event,
    external_secret,
    node,
    pod,
    replica_set,
    store,
    thing,
    waiting,
)

PENDING = (Pending("shop", "Application", 60, "Synced", "Progressing", "Synced, Progressing"),)


@pytest.fixture
def config(tmp_path: Path) -> Environment:
    return environment(tmp_path)


@pytest.fixture
def server() -> FakeServer:
    """A crash loop in Application `shop`; `other` is fine."""
    found = FakeServer(BUILT_IN + ARGO + ESO + (Kind("apps", "ReplicaSet"),))
    crashing = pod(waiting("CrashLoopBackOff", "", 3, exitCode=1))
    crashing["spec"]["containers"] = [{"name": "web", "env": [{"name": "P", "value": "c4n4ry"}]}]
    here = [app(deployment()), application("other"), root({"other": 0, "shop": 60}, health="Progressing")]
    here += [
        deployment(),
        replica_set(),
        crashing,
        node(),
        external_secret(),
        store(),
        event(pod(), "BackOff", "x"),
    ]
    here += [thing("Secret", "db", data={"p": "c4n4ry"}), thing("Pod", "far", metadata={"namespace": "far"})]
    for item in here:
        found.put(item)
    return found


def applications(server: FakeServer) -> tuple[Json, ...]:
    return server.cluster.list(APPLICATION)


def test_the_same_call_that_the_waves_make(server: FakeServer, config: Environment) -> None:
    cluster, apps = server.cluster, applications(server)
    state = assess(next(item for item in apps if name(item) == "root"), apps, (), EXPECTED)
    (found,) = diagnose(cluster, state, apps, cluster.list(EXTERNAL_SECRET), config=config, now=NOW)
    assert (found.app, found.wave, found.cause) == ("shop", 60, "crash-loop")


def test_no_secret_is_asked_for_or_kept(server: FakeServer, config: Environment) -> None:
    apps = applications(server)
    server.requests.clear()
    found = gather(server.cluster, PENDING, apps, (), config=config, now=NOW)
    assert not [request for request in server.requests if "/secrets" in request.path]
    assert "c4n4ry" not in json.dumps(found.objects)


def test_only_what_belongs_to_the_pending_is_kept(server: FakeServer, config: Environment) -> None:
    found = gather(server.cluster, PENDING, applications(server), (), config=config, now=NOW)
    assert {name(item) for item in found.objects if item["kind"] == "Application"} == {"shop"}
    assert "far" not in {name(item) for item in found.objects}
    assert [item["reason"] for item in found.objects if item["kind"] == "Event"] == ["BackOff"]


def test_the_number_of_requests_does_not_grow_with_the_applications(config: Environment) -> None:
    def requests(count: int) -> int:
        server = FakeServer()
        for number in range(count):
            item = application(f"a{number}", health="Progressing", resources=[])
            item["spec"]["destination"]["namespace"] = f"space-{number}"
            server.put(item)
        pending = tuple(Pending(f"a{number}", "Application", 1) for number in range(count))
        apps = applications(server)
        server.requests.clear()
        gather(server.cluster, pending, apps, (), config=config, now=NOW)
        return len(server.requests)

    assert requests(300) == requests(30) < 40


def test_custom_resources_are_read_one_by_one_but_not_all(config: Environment) -> None:
    server = FakeServer()
    many = [thing("Grafana", f"g{number}", "example.com/v1") for number in range(100)]
    server.put(app(*many))
    found = gather(server.cluster, PENDING, applications(server), (), config=config, now=NOW)
    assert found.unread == ("20 more custom resources",)


def test_what_cannot_be_read_is_said_and_the_rest_is_judged(server: FakeServer, config: Environment) -> None:
    def refuse(request: Request) -> ClusterError | None:
        return Forbidden("no", "nodes is forbidden") if request.path.endswith("/nodes") else None

    apps = applications(server)
    server.refuse = refuse
    found = gather(server.cluster, PENDING, apps, (), config=config, now=NOW)
    assert found.unread == ("Nodes: no. nodes is forbidden",)
    assert [item["kind"] for item in found.objects if item["kind"] == "Pod"] == ["Pod"]


def test_the_survey_looks_at_what_is_not_done(server: FakeServer, config: Environment) -> None:
    found = take(server.cluster, config, COMMIT, Focus(), NOW)
    assert [(member.name, member.wave) for member in found.members] == [("shop", 60)]
    assert take(server.cluster, config, COMMIT, Focus(app="other"), NOW).members == ()
    assert take(server.cluster, config, "", Focus(wave=60), NOW).members == found.members


@pytest.mark.parametrize("focus", [Focus(wave=7), Focus(app="nobody")])
def test_a_wave_or_application_that_is_not_there_is_refused(server: FakeServer, focus: Focus) -> None:
    apps = applications(server)
    state = assess(next(item for item in apps if name(item) == "root"), apps, (), EXPECTED)
    with pytest.raises(UsageError):
        choose(state, focus)


def test_without_waves_the_root_is_asked_about(config: Environment) -> None:
    state = assess(None, (), (), EXPECTED)
    assert [member.name for member in choose(state, Focus())] == ["root"]
    assert [member.name for member in members(state, None)] == ["root"]
    assert [member.name for member in take(FakeServer().cluster, config, COMMIT, Focus(), NOW).members] == [
        "root"
    ]


def test_a_server_that_is_silent_is_no_diagnosis(server: FakeServer, config: Environment) -> None:
    server.refuse = lambda request: Unreachable("no answer")
    with pytest.raises(Unreachable):
        take(server.cluster, config, COMMIT, Focus(), NOW)
