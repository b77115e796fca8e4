"""What keeps a namespace and nobody works on is let go of; what somebody may still let go of is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import APIResource
from bootstrap.kubernetes.errors import Busy, ClusterError
from bootstrap.kubernetes.objects import API_SERVICE, NAMESPACE, VALIDATING_WEBHOOKS, Json, Key, Kind
from bootstrap.kubernetes.transport import Request
from bootstrap.run.events import Notice
from bootstrap.steps.abandoned import GRACE, Abandoned, foreign, remaining
from tests.kubernetes_bench import Bench
from tests.kubernetes_fake import ARGO, BUILT_IN, ESO

QUEUE = Kind("rabbitmq.com", "Queue")
HELD = "deletion.finalizers.queues.rabbitmq.com"


class Now:
    """The world as the fake server has it now."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def items(self, kind: Kind) -> tuple[Json, ...]:
        return self._cluster.list(kind)

    def synced(self) -> bool:
        return True

    def trouble(self) -> str:
        return ""

    def wait(self, seconds: float) -> bool:
        return False


class Stage:
    """Namespace `shop` is going, and a Queue in it has finalizers."""

    def __init__(self, bench: Bench, *finalizers: str) -> None:
        self.bench, self.server, self.clock = bench, bench.server, FakeClock()
        self.server.kinds = (*BUILT_IN, *ARGO, *ESO, QUEUE)
        self.server.put(space(NamespaceFinalizersRemaining=""))
        self.server.put(queue(*finalizers))
        context = replace(bench.context, clock=self.clock)
        self.abandoned = Abandoned(context, self.server.cluster)

    def look(self, seconds: float = GRACE + 15) -> None:
        """Look again and again for that long."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.abandoned.release(Now(self.server.cluster))
            self.clock.wait(1.0, self.bench.context.cancel)

    @property
    def finalizers(self) -> list[str] | None:
        found = self.server.stored.get(Key(QUEUE, "shop", "orders"))
        return found["metadata"].get("finalizers") if found else None


def space(**conditions: str) -> Json:
    left = "Some resources are remaining: queues.rabbitmq.com has 1 resource instances"
    said = {"NamespaceContentRemaining": left, **conditions}
    found = [{"type": kind, "status": "True", "message": text} for kind, text in said.items()]
    meta = {"name": "shop", "deletionTimestamp": "2026"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta, "status": {"conditions": found}}


def queue(*finalizers: str, **meta: Any) -> Json:
    named = {"name": "orders", "namespace": "shop", "deletionTimestamp": "2026", **meta}
    named["finalizers"] = list(finalizers)
    return {"apiVersion": "rabbitmq.com/v1", "kind": "Queue", "metadata": named}


def pod(where: str, account: str, ready: str = "True") -> Json:
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    meta = {"name": account, "namespace": where}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"serviceAccountName": account},
        "status": status,
    }


def users(*names: str) -> Callable[[Json], bool]:
    return lambda spec: spec["user"].removeprefix("system:serviceaccount:") in names


def test_a_finalizer_that_nobody_could_take_off_is_taken_off(bench: Bench) -> None:
    stage = Stage(bench, HELD, "foregroundDeletion", "kubernetes.io/pvc-protection")
    stage.server.put(pod("shop", "web"))  # may nothing
    stage.look(GRACE)
    assert stage.finalizers and HELD in stage.finalizers, "it may be restarting"
    stage.look(10)
    assert stage.finalizers == ["foregroundDeletion", "kubernetes.io/pvc-protection"]
    (notice,) = bench.of(Notice)
    assert f"Queue.rabbitmq.com shop/orders: nobody is left who could take {HELD} off" in notice.message


def test_while_somebody_who_may_runs_it_stays(bench: Bench) -> None:
    stage = Stage(bench, HELD)
    stage.server.allow = users("rabbitmq:operator")
    stage.server.put(pod("rabbitmq", "operator"))
    stage.look()
    assert stage.finalizers == [HELD]
    stage.server.put(pod("rabbitmq", "operator", ready="False"))
    stage.look()
    assert stage.finalizers is None, "it was the last, so the queue is gone"


def test_a_controller_that_comes_back_in_time_is_no_dead_one(bench: Bench) -> None:
    stage = Stage(bench, HELD)
    stage.server.allow = users("rabbitmq:operator")
    for _ in range(4):
        stage.look(GRACE - 6)
        stage.server.put(pod("rabbitmq", "operator"))
        stage.look(6)
        stage.server.remove(Key(Kind("", "Pod"), "rabbitmq", "operator"))
    assert stage.finalizers == [HELD]


def test_argo_cd_may_everything_and_lets_go_of_nothing_of_others(bench: Bench) -> None:
    stage = Stage(bench, HELD)
    stage.server.allow = users("argocd:controller")
    stage.server.put(pod("argocd", "controller"))
    stage.look()
    assert stage.finalizers is None


def test_what_is_not_being_deleted_is_left_alone(bench: Bench) -> None:
    stage = Stage(bench, HELD)
    stage.server.put(queue(HELD, deletionTimestamp=None))
    stage.look()
    assert stage.finalizers == [HELD]


def api(which: str, available: str, **spec: Any) -> Json:
    status = {"conditions": [{"type": "Available", "status": available}]}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": which},
        "spec": spec,
        "status": status,
    }


@pytest.mark.parametrize("blocks", [True, False])
def test_an_api_without_its_server_goes_where_namespaces_wait_for_it(bench: Bench, blocks: bool) -> None:
    stage = Stage(bench)
    if blocks:
        stage.server.put(space(NamespaceDeletionDiscoveryFailure="metrics.k8s.io/v1beta1: stale"))
    service = {"name": "s", "namespace": "kube-system"}
    stage.server.put(api("v1beta1.metrics.k8s.io", "False", service=service))
    stage.server.put(api("v1beta1.external.metrics.k8s.io", "True", service=service))
    stage.server.put(api("v1.rabbitmq.com", "False"))  # the API server's own
    stage.look()
    left = {key.name for key in stage.server.stored if key.kind == API_SERVICE}
    assert left == {"v1beta1.external.metrics.k8s.io", "v1.rabbitmq.com"} | (
        set() if blocks else {"v1beta1.metrics.k8s.io"}
    )
    assert Key(NAMESPACE, "", "shop") in stage.server.stored, "that is the namespace controller's work"


def webhook(which: str) -> Json:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": which},
        "webhooks": [{"name": f"{which}.rabbitmq.com"}],
    }


def test_a_webhook_without_its_server_keeps_nobody(bench: Bench) -> None:
    stage = Stage(bench, HELD)
    for which in ("queues", "users"):
        stage.server.put(webhook(which))

    def refused(request: Request) -> ClusterError | None:
        guarded = any(key.name == "queues" and key.kind == VALIDATING_WEBHOOKS for key in stage.server.stored)
        if request.method == "PATCH" and guarded:
            told = 'failed calling webhook "queues.rabbitmq.com": no endpoints available'
            return Busy(str(request), f"Internal error occurred: {told}")
        return None

    stage.server.refuse = refused
    stage.look()
    assert stage.finalizers is None
    assert [key.name for key in stage.server.stored if key.kind == VALIDATING_WEBHOOKS] == ["users"]


def resource(group: str, plural: str, version: str = "v1") -> APIResource:
    return APIResource(group, version, plural.title(), plural, True)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Some resources are remaining: pods. has 1 resource instances", [("", "pods")]),
        (
            "Some resources are remaining: ingresses.networking.k8s.io has 2 resource instances, "
            "pods. has 12 resource instances",
            [("", "pods"), ("networking.k8s.io", "ingresses")],
        ),
        ("", []),
        ("All content successfully removed", []),
    ],
)
def test_the_kinds_that_are_left_are_read_from_the_condition(
    said: str, found: Sequence[tuple[str, str]]
) -> None:
    kinds = [
        resource("", "pods"),
        resource("metrics.k8s.io", "pods"),
        resource("networking.k8s.io", "ingresses"),
        resource("networking.k8s.io", "ingresses", "v1beta1"),
    ]
    left = [(each.group, each.plural) for each in remaining(space(NamespaceContentRemaining=said), kinds)]
    assert left == list(found)


def test_kubernetes_own_finalizers_are_not_foreign() -> None:
    own = ("orphan", "foregroundDeletion", "kubernetes.io/pv-protection", "service.kubernetes.io/cleanup")
    others = ("elbv2.k8s.aws/resources", "redisFinalizer", HELD)
    assert foreign(queue(*own, *others)) == list(others)
