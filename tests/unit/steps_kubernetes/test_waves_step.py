"""Wave by wave: what is told, what is nudged, and what is said when it is late. Time is ours to move."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bootstrap.clock import FakeClock
from bootstrap.config.model import Waves
from bootstrap.errors import DeadlineError, StuckError
from bootstrap.events import AppSeen, WaveFinished, WavesPlanned, WaveStarted
from bootstrap.kubernetes.objects import APPLICATION, Json, Key, Kind
from bootstrap.kubernetes.waves import WaveState
from bootstrap.steps import waves
from bootstrap.steps.waves import Watcher, WavesDone
from bootstrap.wait import Observation
from tests.argo_objects import EXPECTED, OLD, application, root
from tests.kubernetes_bench import Bench


class Snapshot:
    """What the fake server stores now."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def items(self, kind: Kind) -> tuple[Json, ...]:
        return tuple(item for key, item in self._bench.server.stored.items() if key.kind == kind)

    def synced(self) -> bool:
        return True

    def trouble(self) -> str:
        return ""

    def wait(self, seconds: float) -> bool:
        raise NotImplementedError


class Stage:
    """A watcher and the world it looks at."""

    def __init__(self, bench: Bench, **waves_config: object) -> None:
        config = replace(bench.context.config, waves=Waves(**waves_config))  # type: ignore[arg-type]
        self.bench, self.context = bench, replace(bench.context, config=config)
        self.watcher = Watcher(self.context, bench.server.cluster, EXPECTED)

    def put(self, *items: Json) -> None:
        for item in items:
            self.bench.server.put(item)

    def look(self, after: float = 0.0) -> Observation[WaveState]:
        clock = self.context.clock
        assert isinstance(clock, FakeClock)
        clock.wait(after, threading.Event())
        return self.watcher.decide(Snapshot(self.bench))


def told(bench: Bench) -> list[str]:
    words = []
    for event in bench.events:
        match event:
            case WaveStarted(number):
                words.append(f"start {number}")
            case WaveFinished(number, seconds):
                words.append(f"finish {number} after {seconds:.0f}")
    return words


def test_a_bring_up_is_told_wave_by_wave(bench: Bench) -> None:
    stage = Stage(bench)
    assert stage.look().reason == "root is not created yet"
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a", health="Progressing"))
    assert stage.look(3).reason == "wave 0: a Synced, Progressing"
    stage.put(application("a"))
    assert stage.look(5).reason == "wave 10: b is not created yet"
    stage.put(application("b", health="Progressing"))
    stage.look(1)
    stage.put(application("b"))
    assert "root" in stage.look(7).reason
    stage.put(root({"a": 0, "b": 10}))
    assert stage.look().value is not None
    assert told(bench) == ["start 0", "finish 0 after 5", "start 10", "finish 10 after 8"]
    assert [event.waves for event in bench.of(WavesPlanned)] == [((0, ("a",)), (10, ("b",)))]
    seen = [(event.app, event.sync, event.health) for event in bench.of(AppSeen)]
    assert seen == [
        ("a", "Synced", "Progressing"),
        ("b", "Missing", "Missing"),
        ("a", "Synced", "Healthy"),
        ("b", "Synced", "Progressing"),
        ("b", "Synced", "Healthy"),
    ]


def test_when_all_is_done_nothing_is_sent(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"a": 0}), application("a"))
    assert stage.look().value is not None
    assert bench.server.writes() == []
    assert not stage.watcher.waited


def test_a_late_wave_names_application_cause_hint_and_command(bench: Bench) -> None:
    stage = Stage(bench, deadlines={10: 60.0}, hints={10: "look at secrets first"})
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a"), failing_app(), failing_secret())
    bench.server.put(deployment())
    bench.server.put(crashing_pod())
    bench.server.kinds = (*bench.server.kinds, Kind("operator.example.com", "Installation"))
    silent = {
        "apiVersion": "operator.example.com/v1",
        "kind": "Installation",
        "metadata": {"name": "default"},
    }
    bench.server.put({**silent, "spec": {"a": 1}})
    api = "external-secrets.io/v1"
    bench.server.put({"apiVersion": api, "kind": "ClusterSecretStore", "metadata": {"name": "aws"}})
    stage.look()
    stage.look(60)
    with pytest.raises(DeadlineError) as caught:
        stage.look(1)
    error = caught.value
    assert error.what == "wave 10 is not Healthy after 61 s"
    assert "b: Synced, Degraded: Deployment eso exceeded its deadline" in error.why
    assert (
        "ExternalSecret.external-secrets.io auth/db: SecretSyncedError: no parameter /eco2/dev/x" in error.why
    )
    assert "Deployment.apps eso/eso: 0 of 1 replicas are available" in error.why
    assert "(pod eso-1: CrashLoopBackOff: main: exit 1)" in error.why
    assert "ConfigMap eso/gone: is not there" in error.why
    assert (
        "ClusterSecretStore.external-secrets.io aws: External Secrets has not looked at it yet" in error.why
    )
    assert "Installation.operator.example.com default: nobody has written its status yet" in error.why
    assert error.cure.startswith("look at secrets first\nkubectl --kubeconfig ")
    assert error.cure.endswith("-n argocd describe application b")


def failing_app() -> Json:
    item = application("b", health="Degraded")
    item["status"]["health"]["message"] = "Deployment eso exceeded its deadline"
    item["status"]["resources"] = [
        {"group": "apps", "kind": "Deployment", "namespace": "eso", "name": "eso"},
        {"group": "", "kind": "ConfigMap", "namespace": "eso", "name": "gone"},
        {"group": "external-secrets.io", "kind": "ClusterSecretStore", "name": "aws"},
        {"group": "operator.example.com", "kind": "Installation", "name": "default"},
    ]
    return item


def failing_secret() -> Json:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "SecretSyncedError",
        "message": "no parameter /eco2/dev/x",
    }
    tracking = {"argocd.argoproj.io/tracking-id": "b:external-secrets.io/ExternalSecret:auth/db"}
    meta = {"name": "db", "namespace": "auth", "annotations": tracking}
    api = "external-secrets.io/v1"
    return {"apiVersion": api, "kind": "ExternalSecret", "metadata": meta, "status": {"conditions": [ready]}}


def deployment() -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "eso", "namespace": "eso"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "eso"}}},
        "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1},
    }


def crashing_pod() -> Json:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "exit 1"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "eso-1", "namespace": "eso", "labels": {"app": "eso"}},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": waiting}]},
    }


def test_a_root_that_cannot_be_compared_is_the_cause(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    conditions = [{"type": "ComparisonError", "message": "repository not found"}]
    stage.put(root({}, sync="Unknown", commit="", conditions=conditions))
    stage.look()
    with pytest.raises(DeadlineError, match=r"(?s)the root Application is not done.*repository not found"):
        stage.look(61)


def test_an_application_that_is_not_made_points_at_the_root(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(root({"a": 0}, sync="OutOfSync", phase="Running", message="waiting for healthy state of x"))
    stage.look()
    with pytest.raises(DeadlineError, match=r"(?s)a: Missing.*root: .*waiting for healthy state of x"):
        stage.look(61)


def test_the_deadline_is_each_wave_s_own(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a", health="Progressing"))
    stage.look()
    stage.look(50)
    stage.put(application("a"), application("b", health="Progressing"))
    stage.look(1)
    assert stage.look(50).value is None
    with pytest.raises(DeadlineError, match="wave 10 is not Healthy after 61 s"):
        stage.look(11)


def test_a_relapse_is_not_told_twice_and_gets_its_time_anew(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(
        root({"a": 0, "b": 10}, phase="Running"), application("a"), application("b", health="Progressing")
    )
    stage.look()
    stage.put(application("a", health="Progressing"))
    assert "wave 0" in stage.look(50).reason
    assert stage.look(50).value is None
    with pytest.raises(DeadlineError, match="wave 0"):
        stage.look(11)
    assert told(bench) == ["start 0", "finish 0 after 0", "start 10"]


def test_one_that_flaps_for_ever_runs_out_of_time(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(
        root({"a": 0, "b": 10}, phase="Running"), application("a"), application("b", health="Progressing")
    )
    with pytest.raises(DeadlineError):
        for _ in range(20):
            for health in ("Progressing", "Healthy"):
                stage.put(application("a", health=health))
                stage.look(20)


def test_stale_ones_are_asked_to_look_again(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"a": 0}), application("a", commit=OLD))
    stage.look()
    live = bench.server.stored[Key(APPLICATION, "argocd", "a")]
    assert live["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert "refresh Application.argoproj.io argocd/a" in bench.said()


def test_what_is_waited_for_is_asked_to_look_again_without_a_word(bench: Bench) -> None:
    stage = Stage(bench)
    item = application("a", health="Progressing")
    item["status"]["reconciledAt"] = "2023-01-01T00:00:00Z"
    stage.put(root({"a": 0}, phase="Running"), item)
    stage.look()
    live = bench.server.stored[Key(APPLICATION, "argocd", "a")]
    assert live["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert "look-again" not in bench.said()


def test_a_sync_that_keeps_failing_is_tried_again_and_then_given_up(bench: Bench) -> None:
    stage = Stage(bench, deadline=3600.0)
    stage.put(root({"a": 0}, phase="Running"))
    failed = application("a", sync="OutOfSync", phase="Failed", message="no matches for kind Widget")
    with pytest.raises(StuckError, match=r"(?s)again and again \(a\).*no matches for kind Widget"):
        for _ in range(10):
            stage.put({**failed, "operation": None})
            bench.server.stored[Key(APPLICATION, "argocd", "a")].pop("operation", None)
            stage.look(60)
    syncs = [request for request in bench.server.requests if "operation" in (request.body or {})]
    assert len(syncs) == 3


def test_the_step_watches_until_all_is_done(bench: Bench) -> None:
    bench.server.put(root({"a": 0}))
    bench.server.put(application("a"))
    done = waves.run(bench.context)
    assert done.summary == "1 waves, 1 Applications Synced and Healthy"
    assert isinstance(done.result, WavesDone)
    assert not done.changed
