"""Applying manifests: in an order that works, telling what changed, naming all that failed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import ProblemsError, TemporaryError
from bootstrap.kubernetes.apply import apply
from bootstrap.kubernetes.errors import Busy, ClusterError, Invalid
from bootstrap.kubernetes.objects import CRD, NAMESPACE, Json, Key, Kind
from bootstrap.kubernetes.transport import Request
from tests.kubernetes_fake import BUILT_IN, FakeServer

WIDGET = Kind("example.com", "Widget")


@dataclass
class Waiter:
    deadline: float = 30.0
    clock: Clock = field(default_factory=SystemClock)
    cancel: threading.Event = field(default_factory=threading.Event)

    def progress(self, message: str) -> None: ...


def thing(kind: str, name: str, api: str = "v1", **rest: object) -> Json:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **rest}


DEFINITION = thing(
    "CustomResourceDefinition",
    "widgets.example.com",
    "apiextensions.k8s.io/v1",
    spec={"group": "example.com", "names": {"kind": "Widget"}},
)
MANIFESTS = [
    thing("Widget", "w", "example.com/v1"),
    thing("ValidatingWebhookConfiguration", "hook", "admissionregistration.k8s.io/v1"),
    thing("Deployment", "web", "apps/v1", spec={"replicas": 1}),
    thing("ConfigMap", "settings", data={"a": "1"}),
    DEFINITION,
    thing("ServiceAccount", "web"),
    thing("Namespace", "demo"),
]


def establishing(server: FakeServer, item: Json) -> None:
    """The API server's part for a CustomResourceDefinition: it is Established and then served."""
    if Kind.of(item).unversioned == CRD and not item.get("status"):
        server.kinds = (*server.kinds, WIDGET)
        server.change(Key.of(item), status={"conditions": [{"type": "Established", "status": "True"}]})


def test_namespaces_then_definitions_then_the_rest_and_webhooks_last() -> None:
    server = FakeServer(kinds=BUILT_IN, react=establishing)
    done = apply(server.cluster, MANIFESTS, Waiter(), namespace="demo")
    assert [key.kind.name for key in done.changed] == [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ConfigMap",
        "Deployment",
        "Widget",
        "ValidatingWebhookConfiguration",
    ]
    assert Key(WIDGET, "demo", "w") in server.stored
    assert Key(NAMESPACE, "", "demo") in server.stored


def test_a_second_time_changes_nothing() -> None:
    server = FakeServer(kinds=BUILT_IN, react=establishing)
    apply(server.cluster, MANIFESTS, Waiter())
    again = apply(server.cluster, MANIFESTS, Waiter())
    assert again.changed == ()
    assert len(again.unchanged) == len(MANIFESTS)
    assert str(again) == "7 objects as they were"


def test_status_written_by_controllers_is_no_change() -> None:
    server = FakeServer(kinds=BUILT_IN, react=establishing)
    apply(server.cluster, MANIFESTS, Waiter())
    server.change(Key(Kind("apps", "Deployment"), "default", "web"), status={"replicas": 1})
    assert apply(server.cluster, MANIFESTS, Waiter()).changed == ()


def test_drift_is_put_right() -> None:
    server = FakeServer(kinds=BUILT_IN, react=establishing)
    apply(server.cluster, MANIFESTS, Waiter())
    key = Key(Kind("", "ConfigMap"), "default", "settings")
    server.change(key, data={"a": "2"})
    assert apply(server.cluster, MANIFESTS, Waiter()).changed == (key,)
    assert server.stored[key]["data"] == {"a": "1"}


def refusing(**errors: ClusterError) -> FakeServer:
    def refuse(request: Request) -> ClusterError | None:
        last = request.path.split("/")[-1]
        return errors.get(last) if request.method == "PATCH" else None

    return FakeServer(refuse=refuse)


def test_all_failures_are_named() -> None:
    server = refusing(a=Invalid("PATCH", "spec.x: unknown"), b=Busy("PATCH", "no endpoints"))
    with pytest.raises(
        ProblemsError, match=r"ConfigMap default/a: spec.x: unknown(.|\n)*ConfigMap default/b"
    ):
        apply(server.cluster, [thing("ConfigMap", which) for which in "abc"], Waiter())


def test_failures_that_may_pass_are_temporary() -> None:
    server = refusing(a=Busy("PATCH", "failed calling webhook"), b=Busy("PATCH", "no endpoints"))
    with pytest.raises(TemporaryError, match=r"ConfigMap default/a and 1 more.*failed calling webhook"):
        apply(server.cluster, [thing("ConfigMap", which) for which in "ab"], Waiter())


@settings(deadline=None, max_examples=20)  # threads take their time on a busy machine
@given(st.permutations(MANIFESTS))
def test_the_order_of_the_manifests_does_not_matter(manifests: list[Json]) -> None:
    server = FakeServer(kinds=BUILT_IN, react=establishing)
    apply(server.cluster, manifests, Waiter())
    order = [request.path.split("/")[-2] for request in server.requests if request.method == "PATCH"]
    assert order[:2] == ["namespaces", "customresourcedefinitions"]
    assert order[-1] == "validatingwebhookconfigurations"
    assert order.index("serviceaccounts") < order.index("deployments") < order.index("widgets")
