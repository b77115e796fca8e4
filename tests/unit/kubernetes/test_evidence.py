"""The final judgement: everything that does not hold is named, with the command that shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bootstrap.kubernetes.evidence import Findings, gather, problems
from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.waves import assess
from tests.argo_objects import EXPECTED, application, root
from tests.aws_context import environment

CONFIG = environment(Path("/home/some one"))
HOOK = {"kind": "Job", "name": "schema", "hookType": "PostSync", "hookPhase": "Succeeded"}


def ready(kind: str, name: str, api: str = "v1", namespace: str = "", status: str = "True") -> Json:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "status": {"conditions": [{"type": "Ready", "status": status, "reason": "Because"}]},
    }


def ingress(address: str) -> Json:
    status = {"loadBalancer": {"ingress": [{"hostname": address}] if address else []}}
    meta = {"name": "api", "namespace": "auth"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "status": status}


def job(status: str, annotations: dict[str, str]) -> Json:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "schema", "namespace": "auth", "annotations": annotations},
        "status": {"conditions": [{"type": status, "status": "True", "reason": "BackoffLimitExceeded"}]},
    }


def good() -> Findings:
    apps = [application("a", results=[HOOK, {"kind": "Service", "name": "x"}])]
    top = root({"a": 0})
    return Findings(
        waves=assess(top, [top, *apps], [], EXPECTED),
        applications=(top, *apps),
        secrets=(ready("ExternalSecret", "db", "external-secrets.io/v1", "auth"),),
        ingresses=(ingress("alb.example.com"),),
        jobs=(job("Complete", {"argocd.argoproj.io/hook": "PostSync"}),),
        nodes=(ready("Node", "cp"),),
    )


def test_all_is_well() -> None:
    assert problems(good(), CONFIG) == ()
    evidence = gather(good())
    assert evidence.ingresses == (("auth/api", "alb.example.com"),)
    assert [hook.name for hook in evidence.hooks] == ["schema"]
    assert str(evidence) == (
        "2 Applications Synced and Healthy in 1 waves, 1 nodes Ready, 1 ExternalSecrets synced, "
        "1 Ingresses addressed, 1 hooks done"
    )


def test_everything_wrong_is_collected() -> None:
    late = application("a", health="Progressing", results=[{**HOOK, "hookPhase": "Failed"}])
    top = root({"a": 10, "b": 20}, sync="OutOfSync")
    found = replace(
        good(),
        waves=assess(top, [top, late], [], EXPECTED),
        applications=(top, late),
        secrets=(ready("ExternalSecret", "db", "external-secrets.io/v1", "auth", "False"),),
        ingresses=(ingress(""),),
        jobs=(job("Failed", {"argocd.argoproj.io/hook": "PostSync"}), job("Failed", {})),
        nodes=(),
    )
    said = problems(found, CONFIG)
    assert [problem.where for problem in said] == [
        "Application root",
        "wave 10, Application a",
        "wave 20, Application b",
        "Node cp",
        "ExternalSecret.external-secrets.io auth/db",
        "Ingress.networking.k8s.io auth/api",
        "Job.batch auth/schema",
        "Application a",
    ]
    assert said[4].cure.startswith("kubectl --kubeconfig '/home/some one/.bootstrap/")
    assert said[-1].what == "PostSync hook Job schema is Failed"


def test_a_node_that_is_not_ready() -> None:
    (problem,) = problems(replace(good(), nodes=(ready("Node", "cp", status="False"),)), CONFIG)
    assert (problem.where, problem.what) == ("Node cp", "Because")


def test_a_failed_sync_hook_that_only_runs_on_failure_does_not_count() -> None:
    app = application("a", results=[{**HOOK, "hookType": "SyncFail", "hookPhase": ""}])
    assert problems(replace(good(), applications=(app,)), CONFIG) == ()
