"""The way down: Applications first, while their controllers live; a dead cluster keeps nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.aws import ssm
from bootstrap.core.errors import DeadlineError, TemporaryError
from bootstrap.kubernetes import client
from bootstrap.kubernetes.argo import TRACKING
from bootstrap.kubernetes.errors import Unreachable
from bootstrap.kubernetes.objects import APPLICATION, Json, Key, Kind, name, terminating
from bootstrap.run.events import Notice
from bootstrap.steps import access, teardown
from tests.argo_objects import application
from tests.kubernetes_bench import KUBECONFIG, Bench
from tests.kubernetes_fake import FakeServer

CASCADE = "resources-finalizer.argocd.argoproj.io"


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setattr(client, "connect", lambda path: bench.server)
    bench.parameters.values[KUBECONFIG] = "{}"


def argo_cd(server: FakeServer, item: Json) -> None:
    """Deletes what an Application made, then lets it go. The root made all others."""
    if Kind.of(item).unversioned != APPLICATION or not item["metadata"].get("deletionTimestamp"):
        return
    cluster = server.cluster
    if name(item) == "root":
        for key in [key for key in server.stored if key.kind == APPLICATION and key.name != "root"]:
            cluster.delete(key)
    cluster.patch(Key.of(item), {"metadata": {"finalizers": None}})


def put(bench: Bench, *names: str) -> None:
    for which in names:
        bench.server.put(application(which))


def test_the_root_takes_everything_along(bench: Bench) -> None:
    bench.server.react = argo_cd
    put(bench, "root", "a", "b")
    done = teardown.run(bench.context)
    assert done.summary == "3 of 3 Applications removed"
    assert bench.server.stored == {}


def test_every_application_is_marked_to_take_along_what_it_made(bench: Bench) -> None:
    put(bench, "root", "a")
    bench.server.put(application("child", owner="apis"))
    bench.server.put(application("own", metadata={"finalizers": [f"{CASCADE}/background"]}))
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    finalizers = {key.name: item["metadata"].get("finalizers") for key, item in bench.server.stored.items()}
    assert finalizers == {"root": [CASCADE], "a": [CASCADE], "child": None, "own": [f"{CASCADE}/background"]}
    assert bench.server.get(APPLICATION, "root", "argocd")["metadata"]["deletionTimestamp"]


def test_what_is_not_in_git_goes_as_well(bench: Bench) -> None:
    """Nobody takes it along, and what it made outside of the cluster would stay."""
    tracking = {TRACKING: "root:argoproj.io/Application:argocd/tracked"}
    entry = {"group": "argoproj.io", "kind": "Application", "namespace": "argocd", "name": "listed"}
    bench.server.put(application("root", resources=[entry]))
    bench.server.put(application("tracked", metadata={"annotations": tracking}))
    bench.server.put(application("orphan", metadata={"annotations": {TRACKING: "gone:argoproj.io/…"}}))
    bench.server.put(application("set-child", owner="by-hand"))
    own = {"annotations": {TRACKING: "by-hand:argoproj.io/Application:argocd/by-hand"}}
    bench.server.put(application("by-hand", metadata=own, resources=[{**entry, "name": "by-hand"}]))
    put(bench, "listed")
    meta = {"name": "by-hand", "namespace": "argocd", "finalizers": ["example.com/held"]}
    bench.server.put({"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": meta})
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    going = {str(key) for key, item in bench.server.stored.items() if terminating(item)}
    assert going == {
        "Application.argoproj.io argocd/root",
        "Application.argoproj.io argocd/orphan",
        "Application.argoproj.io argocd/by-hand",
        "ApplicationSet.argoproj.io argocd/by-hand",
    }


def test_no_cluster(bench: Bench, tmp_path: Path) -> None:
    bench.parameters.values.clear()
    assert not teardown.run(bench.context).changed


def test_aws_that_does_not_answer_leaves_the_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(api: object, names: object) -> dict[str, str]:
        raise TemporaryError("connection refused")

    monkeypatch.setattr(ssm, "read", refused)
    assert teardown.run(bench.context).summary == "there is no cluster"
    access.store(bench.context, "{}")
    assert teardown.run(bench.context).summary == "0 of 0 Applications removed"


def test_no_applications(bench: Bench) -> None:
    assert teardown.run(bench.context).summary == "0 of 0 Applications removed"


def test_a_cluster_that_does_not_answer_keeps_nobody(bench: Bench) -> None:
    bench.server.refuse = lambda request: Unreachable("no answer", "connection refused")
    assert not teardown.run(bench.context).changed
    assert "connection refused" in bench.of(Notice)[0].message


def ingress(address: str, *finalizers: str) -> Json:
    status = {"loadBalancer": {"ingress": [{"hostname": address}] if address else []}}
    meta = {"name": "api", "namespace": "auth", "finalizers": list(finalizers)}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "status": status}


def stuck(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teardown, "STALL", -1.0)
    put(bench, "root", "a")


def test_what_is_stuck_goes_with_the_machines_and_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck(bench, monkeypatch)
    bench.server.put(ingress(""))
    summary = teardown.run(bench.context).summary
    assert summary == "0 of 2 Applications removed, the rest goes with the cluster"
    (notice,) = bench.of(Notice)
    assert notice.message.startswith("not removed before the machines: Application.argoproj.io argocd/root, ")


def test_what_would_go_on_costing_is_not_left_behind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck(bench, monkeypatch)
    bench.server.put(ingress("alb.example.com", "somebody.example.com/held"))
    with pytest.raises(DeadlineError, match=r"does not go away: Ingress.networking.k8s.io auth/api"):
        teardown.run(bench.context)


def claim_and_volume(server: FakeServer, item: Json) -> None:
    """The driver: a claim takes its volume along."""
    argo_cd(server, item)
    if item["kind"] == "PersistentVolumeClaim" and item.get("deleted"):
        server.remove(Key(Kind("", "PersistentVolume"), "", "v1"))


def test_claims_that_a_stateful_set_leaves_behind_take_their_volumes_along(bench: Bench) -> None:
    bench.server.react = claim_and_volume
    put(bench, "root")
    meta = {"name": "data-db-0", "namespace": "postgresql"}
    bench.server.put({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta})
    volume = {"csi": {"driver": "ebs"}, "persistentVolumeReclaimPolicy": "Delete"}
    bench.server.put(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v1"}, "spec": volume}
    )
    teardown.run(bench.context)
    assert bench.server.stored == {}


def claim(app: str = "", **meta: Any) -> Json:
    tracking = {TRACKING: f"{app}:/PersistentVolumeClaim:shop/data"} if app else {}
    named = {"name": "data", "namespace": "shop", "annotations": tracking, **meta}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": named}


CLAIM = Key(Kind("", "PersistentVolumeClaim"), "shop", "data")


def test_claims_of_an_application_are_left_to_argo_cd_while_that_is_there(bench: Bench) -> None:
    """Argo CD deletes no Deployment while the claim, which waits for its pods to go, is terminating."""
    put(bench, "root", "shop")
    bench.server.put(claim("shop"))
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    assert CLAIM in bench.server.stored


def test_claims_of_an_application_that_is_gone_go(bench: Bench) -> None:
    put(bench, "root")
    bench.server.put(claim("shop"))
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    assert CLAIM not in bench.server.stored


def test_where_nothing_goes_any_more_what_uses_a_claim_goes_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Argo CD leaves it when it is dead, or when somebody else has deleted the claim."""
    stuck(bench, monkeypatch)
    put(bench, "shop")
    bench.server.put(claim("shop", finalizers=["kubernetes.io/pvc-protection"], deletionTimestamp="2026"))
    template = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    for kind, owner in (("Deployment", ""), ("ReplicaSet", "Deployment"), ("Pod", "ReplicaSet")):
        group = "v1" if kind == "Pod" else "apps/v1"
        meta: Json = {"name": "api", "namespace": "shop"}
        if owner:
            meta["ownerReferences"] = [
                {"apiVersion": "apps/v1", "kind": owner, "name": "api", "controller": True}
            ]
        bench.server.put({"apiVersion": group, "kind": kind, "metadata": meta, "spec": template})
    teardown.run(bench.context)
    assert Key(Kind("apps", "Deployment"), "shop", "api") not in bench.server.stored
    assert Key(Kind("", "Pod"), "shop", "api") in bench.server.stored, "it goes with its Deployment"


def test_a_volume_that_is_to_be_kept_keeps_nobody(bench: Bench) -> None:
    bench.server.react = argo_cd
    put(bench, "root")
    volume = {"csi": {"driver": "ebs"}, "persistentVolumeReclaimPolicy": "Retain"}
    bench.server.put(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v1"}, "spec": volume}
    )
    teardown.run(bench.context)
    assert [key.name for key in bench.server.stored] == ["v1"]


def controller(which: str) -> Json:
    condition = {"type": "Available", "status": "True"}
    meta = {"name": which, "namespace": "kube-system"}
    status = {"conditions": [condition]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "status": status}


def test_what_a_dead_controller_held_is_set_free_and_left_to_the_sweep(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "GRACE", -1.0)
    bench.server.react = argo_cd
    put(bench, "root")
    bench.server.put(ingress("alb.example.com", "group.ingress.k8s.aws/shop", "others.example.com/held"))
    teardown.run(bench.context)
    left = bench.server.get(Kind("networking.k8s.io", "Ingress"), "api", "auth")
    assert left["metadata"]["finalizers"] == ["others.example.com/held"]
    assert "aws-load-balancer-controller is gone" in bench.of(Notice)[0].message


def test_what_a_living_controller_holds_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teardown, "GRACE", -1.0)
    bench.server.react = argo_cd
    bench.server.put(controller("aws-load-balancer-controller"))
    bench.server.put(ingress("alb.example.com", "group.ingress.k8s.aws/shop"))
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    left = bench.server.get(Kind("networking.k8s.io", "Ingress"), "api", "auth")
    assert left["metadata"]["finalizers"] == ["group.ingress.k8s.aws/shop"]


def test_load_balancers_go_where_argo_cd_is_dead(bench: Bench) -> None:
    put(bench, "root", "a")
    bench.server.put(ingress("alb.example.com"))
    for which, kind in (("edge", "LoadBalancer"), ("inner", "ClusterIP")):
        meta = {"name": which, "namespace": "auth"}
        bench.server.put({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"type": kind}})
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    assert {key.name for key in bench.server.stored} == {"root", "a", "inner"}


def test_nothing_heals_itself_on_the_way_down(bench: Bench) -> None:
    automated = {"syncPolicy": {"automated": {"selfHeal": True}}}
    put(bench, "root")
    bench.server.put(application("a", spec=automated))
    bench.server.put(application("child", owner="apis", spec=automated))
    with pytest.raises(DeadlineError):
        teardown.run(bench.within(0))
    stored = bench.server.stored.items()
    policy = {key.name: item["spec"].get("syncPolicy") for key, item in stored}
    assert policy == {"root": None, "a": {}, "child": automated["syncPolicy"]}


def test_an_ingress_without_an_address_keeps_no_namespace_for_a_dead_controller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "GRACE", -1.0)
    bench.server.react = argo_cd
    held = ingress("", "group.ingress.k8s.aws/shop")
    held["metadata"]["deletionTimestamp"] = "2026"
    bench.server.put(held)
    teardown.run(bench.context)
    assert bench.server.stored == {}
