"""`bootstrap status`: one look at the cluster, whatever state it is in."""

from __future__ import annotations

import pytest

from bootstrap.kubernetes import client
from bootstrap.kubernetes.errors import Unreachable
from bootstrap.status.collect import collect
from bootstrap.status.overview import take
from bootstrap.steps import access
from tests.argo_objects import COMMIT, application, application_set, root
from tests.kubernetes_bench import NODES, Bench, node


def fill(bench: Bench) -> None:
    for wanted in NODES:
        bench.server.put(node(wanted.name))
    bench.server.put(root({"a": 0, "b": 10, "apis": 60}, ("apis",)))
    bench.server.put(application("a"))
    bench.server.put(application_set("apis", "auth"))
    bench.server.put(application("auth", owner="apis", health="Progressing"))


def test_applications_by_wave(bench: Bench) -> None:
    fill(bench)
    seen = take(bench.server.cluster, bench.context.config, COMMIT)
    assert [(app.wave, app.name, app.sync, app.health) for app in seen.apps] == [
        (0, "a", "Synced", "Healthy"),
        (10, "b", "Missing", "Missing"),
        (60, "auth", "Synced", "Progressing"),
    ]
    assert seen.apps[0].revision == COMMIT[:12]
    assert [problem.where for problem in seen.problems] == [
        "wave 10, Application b",
        "wave 60, Application auth",
    ]


def test_without_a_commit_the_root_s_own_counts(bench: Bench) -> None:
    fill(bench)
    assert len(take(bench.server.cluster, bench.context.config, "").apps) == 3


def test_nodes(bench: Bench) -> None:
    bench.server.put(node("cp", ready="False"))
    seen = take(bench.server.cluster, bench.context.config, COMMIT)
    assert [(entry.name, entry.ready, entry.reason) for entry in seen.nodes] == [
        ("cp", False, "Kubelet"),
        ("api-auth", False, "is not in the cluster"),
    ]


def test_parts(bench: Bench) -> None:
    parts = {part.name: part for part in take(bench.server.cluster, bench.context.config, COMMIT).parts}
    assert (parts["API server"].state, parts["API server"].detail) == ("up", "v1.34.2")
    assert parts["Argo CD"].state == "down"
    for name, available in (("one", 1), ("two", 0)):
        bench.server.put(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": "argocd"},
                "status": {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": available},
            }
        )
    parts = {part.name: part for part in take(bench.server.cluster, bench.context.config, COMMIT).parts}
    assert (parts["Argo CD"].state, parts["Argo CD"].detail) == ("degraded", "1 of 2")


def test_status_before_there_is_a_cluster(bench: Bench) -> None:
    found = collect(bench.context.config, bench.context.target)
    assert not found.up
    assert found.parts[-1].detail == "no kubeconfig yet"


def test_status_of_a_cluster_that_does_not_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "connect", lambda path: bench.server)
    access.store(bench.context, "{}")
    bench.server.refuse = lambda request: Unreachable("no answer", "connection refused")
    found = collect(bench.context.config, bench.context.target)
    assert (found.parts[-1].state, found.parts[-1].detail) == ("down", "no answer. connection refused")


def test_status_of_a_cluster(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "connect", lambda path: bench.server)
    access.store(bench.context, "{}")
    fill(bench)
    found = collect(bench.context.config, bench.context.target)
    assert found.up
    assert not found.healthy
    assert bench.server.writes() == []
