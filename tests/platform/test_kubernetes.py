"""The Kubernetes half against a real API server and etcd, started here, killed and started again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bootstrap.core.clock import Clock, SystemClock
from bootstrap.kubernetes.apply import apply
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Unreachable,
)
from bootstrap.kubernetes.informer import ClusterListerWatcher, Informer, Scope
from bootstrap.kubernetes.noop import is_noop
from bootstrap.kubernetes.objects import (
    APPLICATION,
    CONFIG_MAP,
    CRD,
    DEPLOYMENT,
    NAMESPACE,
    Json,
    Key,
    Kind,
    labels_of,
    metadata,
    name,
)
from bootstrap.kubernetes.watch import Changed, Listed, Stop, list_and_watch
from tests.api_server import DEADLINE, TOOLCHAIN, Server, eventually, ready

pytestmark = pytest.mark.platform


@dataclass
class Waiter:
    deadline: float = DEADLINE
    clock: Clock = field(default_factory=SystemClock)
    cancel: threading.Event = field(default_factory=threading.Event)

    def progress(self, message: str) -> None: ...


# Without a watch cache, and with an etcd that forgets old versions within seconds.
FORGETFUL = ("--watch-cache=false", "--etcd-compaction-interval=1s")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("kubernetes"), *FORGETFUL) as made:
        yield made


def config_map(which: str, **data: str) -> Json:
    meta = {"name": which, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_objects(server: Server) -> None:
    cluster = server.cluster()
    key = Key(CONFIG_MAP, "default", "objects")
    cluster.create(config_map("objects", a="1"), dry_run=True)
    assert cluster.find(key) is None
    made = cluster.create(config_map("objects", a="1"))
    with pytest.raises(AlreadyExists):
        cluster.create(config_map("objects"))
    cluster.patch(key, {"data": {"b": "2"}})
    with pytest.raises(Conflict):
        cluster.patch(
            key, {"metadata": {"resourceVersion": metadata(made)["resourceVersion"]}, "data": {"b": "3"}}
        )
    assert cluster.get(key)["data"] == {"a": "1", "b": "2"}
    with pytest.raises(Invalid):
        cluster.create({**config_map("objects"), "metadata": {"name": "No Name", "namespace": "default"}})
    with pytest.raises(Conflict):
        cluster.delete(key, uid="of-another")
    assert cluster.delete(key)
    with pytest.raises(NotFound):
        cluster.get(key)


def test_server_side_apply_refuses_an_unknown_field_without_validation(server: Server) -> None:
    """Which is why the Applications in `manifests/` do without Argo CD's own validation."""
    with pytest.raises(Busy, match="field not declared in schema"):
        server.cluster().apply({**config_map("typo", a="1"), "dat": {"b": "2"}})


def test_who_may_not_is_told_so(server: Server) -> None:
    with pytest.raises(Forbidden):
        server.cluster("nobody").listing(CONFIG_MAP)
    with pytest.raises(Forbidden):
        server.cluster("stranger").version()


def test_argo_cd_s_manifests_are_applied_once(server: Server) -> None:
    """Large CRDs, forced server-side apply; the second time nothing is sent, and drift is put right."""
    cluster = server.cluster()
    items = manifests((TOOLCHAIN.share / "argocd" / "install.yaml").read_text())
    items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    first = apply(cluster, items, Waiter(), namespace="argocd")
    assert len(first.changed) == len(items)
    assert cluster.serves(APPLICATION)
    assert cluster.described(APPLICATION)
    assert apply(cluster, items, Waiter(), namespace="argocd").changed == ()
    key = Key(DEPLOYMENT, "argocd", "argocd-repo-server")
    cluster.patch(key, {"metadata": {"labels": {"app.kubernetes.io/part-of": "x", "mine": "y"}}})
    assert apply(cluster, items, Waiter(), namespace="argocd").changed == (key,)
    after = labels_of(cluster.get(key))
    assert (after["app.kubernetes.io/part-of"], after["mine"]) == ("argocd", "y")  # others' fields stay


def test_settled_agrees_with_the_server(server: Server) -> None:
    """Whatever is called settled would indeed not be changed by an apply."""
    cluster = server.cluster()
    items = manifests((TOOLCHAIN.share / "argocd" / "install.yaml").read_text())
    apply(cluster, items, Waiter(), namespace="argocd")
    judged = 0
    for item in items:
        namespaced = cluster.resource(Kind.of(item)).namespaced
        placed = {**item, "metadata": {**metadata(item), **({"namespace": "argocd"} if namespaced else {})}}
        live = cluster.get(Key.of(placed))
        if is_noop(placed, live, "bootstrap"):
            judged += 1
            after = cluster.apply(placed, dry_run=True)
            assert metadata(after)["resourceVersion"] == metadata(live)["resourceVersion"], Key.of(placed)
    assert judged > 0.9 * len(items)


def test_what_a_manifest_drops_is_removed(server: Server) -> None:
    cluster = server.cluster()
    key = Key(CONFIG_MAP, "default", "dropped")
    apply(cluster, [config_map("dropped", a="1", b="2")], Waiter())
    assert apply(cluster, [config_map("dropped", a="1")], Waiter()).changed == (key,)
    assert cluster.get(key)["data"] == {"a": "1"}


def test_old_versions_are_gone(server: Server) -> None:
    """410 as the server really says it."""
    cluster = server.cluster()
    old = cluster.listing(CONFIG_MAP).version

    def forgotten() -> bool:
        cluster.apply(config_map("counter", at=str(time.monotonic())))
        stop = Stop()
        source = ClusterListerWatcher(cluster, Scope(CONFIG_MAP))
        try:
            stream = source.stream(old)
        except Expired:
            return True
        stop.attach(stream)
        first = next(iter(stream))
        stop.set()
        return b'"code":410' in first

    eventually(forgotten)


def test_a_watch_goes_on_after_410(server: Server) -> None:
    cluster = server.cluster()

    class Stale(ClusterListerWatcher):
        """Its first list is from long ago."""

        asked = 0

        def stream(self, version: str):  # type: ignore[no-untyped-def]
            self.asked += 1
            return super().stream("1" if self.asked == 1 else version)

    stop = Stop()
    source = Stale(cluster, Scope(CONFIG_MAP, "default"))
    seen: list[object] = []
    for event in list_and_watch(source, stop, SystemClock()):
        seen.append(type(event))
        if isinstance(event, Listed) and seen.count(Listed) == 2:
            cluster.apply(config_map("after-410", at=str(time.monotonic())))
        if isinstance(event, Changed) and name(event.item) == "after-410":
            stop.set()
    assert seen.count(Listed) == 2


def test_a_watch_survives_the_death_of_the_api_server(server: Server) -> None:
    """Changed while nobody watched, removed while nobody watched: both are seen."""
    cluster = server.cluster()
    for which in ("stays", "goes"):
        cluster.apply(config_map(which, at="before"))
    with Informer(cluster, Scope(CONFIG_MAP, "default")) as world:
        eventually(lambda: {"stays", "goes"} <= {name(item) for item in world.items(CONFIG_MAP)})
        server.stop("kube-apiserver", signal.SIGKILL)
        with pytest.raises(Unreachable):
            cluster.version()
        server.start_api()
        other = server.cluster()
        eventually(lambda: ready(other))
        other.delete(Key(CONFIG_MAP, "default", "goes"))
        other.apply(config_map("stays", at="after"))
        eventually(
            lambda: (
                {
                    name(item): item["data"]["at"]
                    for item in world.items(CONFIG_MAP)
                    if name(item) in {"stays", "goes"}
                }
                == {"stays": "after"}
            )
        )


def test_a_server_that_is_stopped_in_its_tracks_is_not_waited_for_for_ever(server: Server) -> None:
    """A half-open connection: the process is there and says nothing."""
    process = server.processes["kube-apiserver"]
    cluster = server.cluster()
    cluster.version()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unreachable):
            cluster.ready()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    eventually(lambda: ready(cluster))


def test_a_custom_resource_right_after_its_definition(server: Server) -> None:
    group = "example.com"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "size": 1}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "widgets"}}
    done = apply(server.cluster(), [widget, definition, space], Waiter(), namespace="widgets")
    assert [key.kind.unversioned for key in done.changed] == [NAMESPACE, CRD, Kind(group, "Widget")]
