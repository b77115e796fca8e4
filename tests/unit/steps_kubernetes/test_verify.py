"""Verification: nothing counts before its controller has looked again, and all that is wrong is named."""

from __future__ import annotations

import pytest

from bootstrap.core.errors import ProblemsError
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, Json, Key, Kind
from bootstrap.run.events import Notice, WaveOrderJudged
from bootstrap.steps import verify
from tests.argo_objects import application, application_set, root
from tests.kubernetes_bench import NODES, Bench, node
from tests.kubernetes_fake import FakeServer

REFRESH, SET_REFRESH = "argocd.argoproj.io/refresh", "argocd.argoproj.io/application-set-refresh"
HOOK = {"kind": "Job", "name": "schema", "hookType": "PostSync", "hookPhase": "Succeeded"}


def argo_cd(server: FakeServer, item: Json) -> None:
    """Answers every request for a refresh."""
    if Kind.of(item).unversioned in {APPLICATION, APPLICATION_SET}:
        asked = item["metadata"].get("annotations") or {}
        if asked:
            server.change(Key.of(item), metadata={"annotations": dict.fromkeys(asked)})


def fill(bench: Bench) -> None:
    bench.context.results.put(Tree(()))
    for wanted in NODES:
        bench.server.put(node(wanted.name))
    for item in (
        root({"a": 0, "apis": 60}, ("apis",)),
        application("a", metadata={"creationTimestamp": "2025-01-01T00:00:01Z"}),
        application_set("apis", "auth"),
        application(
            "auth", owner="apis", results=[HOOK], metadata={"creationTimestamp": "2025-01-01T00:00:09Z"}
        ),
    ):
        bench.server.put(item)
    for name, at in (("a", "05"), ("auth", "12")):
        bench.server.put(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{name}.1", "namespace": "argocd"},
                "involvedObject": {"kind": "Application", "uid": f"uid-{name}"},
                "message": "Updated health status: Progressing -> Healthy",
                "firstTimestamp": f"2025-01-01T00:00:{at}Z",
            }
        )


def test_all_is_well(bench: Bench) -> None:
    bench.server.react = argo_cd
    fill(bench)
    done = verify.run(bench.context)
    assert done.summary.startswith("3 Applications Synced and Healthy in 2 waves, 2 nodes Ready")
    (order,) = bench.of(WaveOrderJudged)
    assert order.proven
    assert [each.app for each in order.apps] == ["a", "auth"]
    assert not done.changed


def test_argo_cd_is_asked_to_look_again_sets_first(bench: Bench) -> None:
    bench.server.react = argo_cd
    fill(bench)
    verify.run(bench.context)
    asked = [
        next(iter(r.body["metadata"]["annotations"])) for r in bench.server.requests if r.method == "PATCH"
    ]
    assert asked == [SET_REFRESH, REFRESH]


def test_a_controller_that_is_dead_does_not_pass_for_a_healthy_platform(bench: Bench) -> None:
    fill(bench)
    with pytest.raises(ProblemsError, match="Argo CD has not looked again at apis"):
        verify.run(bench.within(0))


def test_all_that_is_wrong_is_named(bench: Bench) -> None:
    bench.server.react = argo_cd
    fill(bench)
    bench.server.put(node("cp", ready="False"))
    bench.server.put(application("a", health="Degraded"))
    with pytest.raises(ProblemsError) as caught:
        for _ in range(3):
            verify.run(bench.within(0))
    assert {"wave 0, Application a", "Node cp"} <= {problem.where for problem in caught.value.problems}


def test_waves_out_of_order_are_told(bench: Bench) -> None:
    bench.server.react = argo_cd
    fill(bench)
    bench.server.change(
        Key(APPLICATION, "argocd", "auth"), metadata={"creationTimestamp": "2025-01-01T00:00:02Z"}
    )
    verify.run(bench.context)
    (order,) = bench.of(WaveOrderJudged)
    assert not order.proven
    assert order.violations == ("auth (wave 60) was created 3 s before a (wave 0) became Healthy",)
    assert [event.message for event in bench.of(Notice)] == [
        "order of waves: auth (wave 60) was created 3 s before a (wave 0) became Healthy"
    ]
