"""The client on a server in memory: paths, paging, kinds that come later, preconditions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bootstrap.kubernetes.client import WRITE_TIMEOUT, Cluster
from bootstrap.kubernetes.discovery import APIResource, Catalogue, parse
from bootstrap.kubernetes.errors import AlreadyExists, Busy, Conflict, NotFound, NotServed, Unreachable
from bootstrap.kubernetes.objects import APPLICATION, CONFIG_MAP, DEPLOYMENT, NODE, Json, Key, Kind, name
from bootstrap.kubernetes.transport import Request, Response
from tests.kubernetes_fake import BUILT_IN, FakeServer

KEY = Key(CONFIG_MAP, "default", "a")


def config_map(which: str = "a", **data: str) -> Json:
    meta = {"name": which, "namespace": "default", "labels": {"part": which}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_paths() -> None:
    deployments = APIResource("apps", "v1", "Deployment", "deployments", namespaced=True)
    nodes = APIResource("", "v1", "Node", "nodes", namespaced=False)
    assert deployments.path("auth", "api") == "/apis/apps/v1/namespaces/auth/deployments/api"
    assert deployments.path() == "/apis/apps/v1/deployments"
    assert nodes.path("ignored", "n1") == "/api/v1/nodes/n1"


def test_the_preferred_version_comes_first_and_another_can_be_asked_for() -> None:
    versions = [
        {
            "version": version,
            "resources": [{"resource": "x", "responseKind": {"kind": "X"}, "scope": "Cluster"}],
        }
        for version in ("v2", "v1")
    ]
    catalogue = parse([{"items": [{"metadata": {"name": "g"}, "versions": versions}]}])
    found, old = catalogue.find(Kind("g", "X")), catalogue.find(Kind("g", "X", "v1"))
    assert found is not None
    assert old is not None
    assert (found.version, old.version) == ("v2", "v1")
    assert catalogue.find(Kind("g", "X", "v3")) is None
    assert Catalogue().find(NODE) is None


def test_create_read_change_delete() -> None:
    cluster = FakeServer().cluster
    cluster.create(config_map(one="1"))
    with pytest.raises(AlreadyExists):
        cluster.create(config_map())
    cluster.patch(KEY, {"data": {"two": "2"}})
    assert cluster.get(KEY)["data"] == {"one": "1", "two": "2"}
    assert cluster.delete(KEY)
    assert not cluster.delete(KEY)
    assert cluster.find(KEY) is None
    with pytest.raises(NotFound):
        cluster.get(KEY)


def test_a_dry_run_stores_nothing() -> None:
    server = FakeServer()
    server.cluster.create(config_map(), dry_run=True)
    assert server.stored == {}
    assert server.requests[-1].query == {"dryRun": "All"}


def test_apply_forces_under_our_name() -> None:
    server = FakeServer()
    server.cluster.apply(config_map(), manager="someone")
    request = server.requests[-1]
    assert request.query == {"fieldManager": "someone", "force": "true"}
    assert request.content_type == "application/apply-patch+yaml"


def test_delete_spares_a_successor() -> None:
    cluster = FakeServer().cluster
    cluster.create(config_map())
    with pytest.raises(Conflict):
        cluster.delete(KEY, uid="of-another")


def test_selectors_and_missing_kinds() -> None:
    server = FakeServer(kinds=BUILT_IN)
    server.put(config_map("a"))
    server.put(config_map("b"))
    assert [name(item) for item in server.cluster.list(CONFIG_MAP, labels="part=b")] == ["b"]
    assert server.cluster.list(APPLICATION) == ()
    assert not server.cluster.serves(APPLICATION)
    assert not server.cluster.delete(Key(APPLICATION, "argocd", "x"))
    with pytest.raises(NotServed):
        server.cluster.listing(APPLICATION)


def test_a_kind_that_comes_later_is_found() -> None:
    server = FakeServer(kinds=BUILT_IN)
    cluster = server.cluster
    assert not cluster.serves(APPLICATION)
    server.kinds = (*BUILT_IN, APPLICATION)
    assert cluster.serves(APPLICATION)


def test_discovery_is_asked_once() -> None:
    server = FakeServer()
    cluster = server.cluster
    for kind in (CONFIG_MAP, DEPLOYMENT, NODE):
        cluster.list(kind)
    assert [request.path for request in server.requests].count("/apis") == 1


def test_a_server_that_starts_says_what_it_waits_for() -> None:
    server = FakeServer(
        refuse=lambda request: Busy("GET", "[+]ping ok\n[-]informer-sync failed: reason withheld\n")
    )
    assert server.cluster.ready() == "the API server is starting: informer-sync"
    assert FakeServer().cluster.ready() == ""


class Paged:
    """Two pages of ConfigMaps, without apiVersion and kind in the items, as lists are."""

    def send(self, request: Request) -> Response:
        if request.path in {"/api", "/apis"}:
            return FakeServer().send(request)
        pages: dict[str, Any] = {
            "": {
                "metadata": {"resourceVersion": "7", "continue": "next"},
                "items": [{"metadata": {"name": "a"}}],
            },
            "next": {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]},
        }
        return Response(json.dumps(pages[request.query.get("continue", "")]).encode())

    def stream(self, request: Request) -> Any:
        raise NotImplementedError


def test_lists_are_read_to_the_last_page() -> None:
    listing = Cluster(Paged()).listing(CONFIG_MAP)
    assert [Key.of(item) for item in listing.items] == [Key(CONFIG_MAP, "", "a"), Key(CONFIG_MAP, "", "b")]
    assert listing.version == "7"


class Garbled(Paged):
    def send(self, request: Request) -> Response:
        return Response(b"<html>")


def test_an_answer_that_is_no_json_is_a_lost_connection() -> None:
    with pytest.raises(Unreachable, match="is not JSON"):
        Cluster(Garbled()).version()


def test_every_call_has_a_time_out() -> None:
    server = FakeServer()
    cluster = server.cluster
    cluster.version()
    cluster.ready()
    cluster.create(config_map())
    cluster.watch(CONFIG_MAP, "", "1").close()
    cluster.delete(KEY)
    assert all(0 < request.timeout <= WRITE_TIMEOUT for request in server.requests)
    watch = next(request for request in server.requests if "watch" in request.query)
    assert float(watch.query["timeoutSeconds"]) < watch.timeout
