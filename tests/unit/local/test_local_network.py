"""The cluster's network: who answers for a Service, and the proxy itself over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from bootstrap.core.errors import TemporaryError
from bootstrap.kubernetes.objects import Json
from bootstrap.local.network.answers import answer
from bootstrap.local.network.egress import Egress, Gate
from bootstrap.local.network.injection import completed
from bootstrap.local.network.routes import Forward, Routes, Simulate, certificate_for, has_ready
from bootstrap.local.pki.authority import Authority
from bootstrap.local.pki.certificates import KeyPair, create_authority, sign
from bootstrap.local.pki.cluster import Pki
from tests.kubernetes_fake import FakeServer

# -- answers -----------------------------------------------------------------------------------------


def test_a_simulated_webhook_lets_everything_pass() -> None:
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "7"}}
    assert answer("POST", "/validate?timeout=5s", json.dumps(review).encode()) == (
        200,
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": "7", "allowed": True},
        },
    )


def test_a_simulated_conversion_changes_the_version_only() -> None:
    request = {
        "uid": "7",
        "desiredAPIVersion": "g/v2",
        "objects": [{"apiVersion": "g/v1", "kind": "T", "spec": {}}],
    }
    review = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
    status, body = answer("POST", "/convert", json.dumps(review).encode())
    assert status == 200
    assert body["response"]["convertedObjects"] == [{"apiVersion": "g/v2", "kind": "T", "spec": {}}]


def test_a_simulated_aggregated_api_serves_no_kinds() -> None:
    status, body = answer("GET", "/apis/metrics.k8s.io/v1beta1?timeout=32s", b"")
    assert (status, body["groupVersion"], body["resources"]) == (200, "metrics.k8s.io/v1beta1", [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/healthz", b"", 200),
        ("GET", "/apis/metrics.k8s.io/v1beta1/pods", b"", 404),
        ("POST", "/", b"nonsense", 400),
        ("POST", "/", b"[]", 400),
        ("POST", "/", b"{}", 400),
    ],
)
def test_other_requests(method: str, path: str, body: bytes, status: int) -> None:
    assert answer(method, path, body)[0] == status


# -- routes ------------------------------------------------------------------------------------------


@dataclass
class OneProgram:
    port: int | None = None

    def serving(self, space: str, selector: Any) -> int | None:
        return self.port


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.open(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki"), "https://127.0.0.1:1")
    made.create()
    return made


def service(ready: bool | None) -> FakeServer:
    server = FakeServer()
    meta = {"name": "hook", "namespace": "ns"}
    spec = {"clusterIP": "10.96.0.9", "selector": {"app": "x"}}
    server.put({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    labels = {"kubernetes.io/service-name": "hook"}
    slice_meta = {"name": "hook-1", "namespace": "ns", "labels": labels}
    endpoints = [] if ready is None else [{"conditions": {"ready": ready}}]
    server.put(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": slice_meta,
            "endpoints": endpoints,
        }
    )
    return server


def test_the_real_program_answers_for_its_service(authority: Authority) -> None:
    assert Routes(service(True).cluster, OneProgram(7), authority).find("10.96.0.9") == Forward(7)


@pytest.mark.parametrize("ready", [None, False])
def test_without_ready_pods_a_service_refuses(authority: Authority, ready: bool | None) -> None:
    assert Routes(service(ready).cluster, OneProgram(7), authority).find("10.96.0.9") is None


def test_nobody_answers_for_an_unknown_address(authority: Authority) -> None:
    assert Routes(FakeServer().cluster, OneProgram(), authority).find("10.96.0.9") is None


def test_a_simulated_program_has_the_certificate_of_its_secret(authority: Authority) -> None:
    other = create_authority("other")
    server = service(True)
    host = "hook.ns.svc"
    server.put(tls_secret(sign(other, host, hosts=[host])))
    route = Routes(server.cluster, OneProgram(), authority).find("10.96.0.9")
    assert isinstance(route, Simulate)
    assert issuer(route.context, host, Authority(other)) == host


def test_without_a_secret_it_has_one_of_ours(authority: Authority) -> None:
    route = Routes(service(True).cluster, OneProgram(), authority).find("10.96.0.9")
    assert isinstance(route, Simulate)
    assert issuer(route.context, "hook.ns.svc", authority) == "hook.ns.svc"


def test_a_certificate_for_another_host_does_not_count(authority: Authority) -> None:
    secret = tls_secret(sign(create_authority("any"), "other", hosts=["other.ns.svc"]))
    assert certificate_for(secret, "other.ns.svc")
    assert certificate_for(secret, "hook.ns.svc") is None
    assert certificate_for({"data": {"tls.crt": "bm9uc2Vuc2U=", "tls.key": ""}}, "hook.ns.svc") is None
    assert certificate_for({}, "hook.ns.svc") is None


def test_an_endpoint_that_does_not_say_is_ready() -> None:
    assert has_ready([{"endpoints": [{}]}])
    assert not has_ready([{"endpoints": None}, {}])


# -- authorities -------------------------------------------------------------------------------------


def webhook(**client: Any) -> Json:
    return {"name": "a.b.c", "clientConfig": {"service": {"namespace": "ns", "name": "hook"}, **client}}


def test_a_webhook_without_authority_gets_ours() -> None:
    item = {"webhooks": [webhook(), webhook(caBundle="theirs")]}
    (done,) = completed([item], lambda space, called: (space, called) == ("ns", "hook"), "ours")
    assert [each["clientConfig"]["caBundle"] for each in done["webhooks"]] == ["ours", "theirs"]


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"webhooks": None},
        {"webhooks": [webhook(caBundle="x")]},
        {"webhooks": [{"clientConfig": {"url": "x"}}]},
    ],
)
def test_other_webhooks_are_left_alone(item: Json) -> None:
    assert list(completed([item], lambda space, called: True, "ours")) == []
    assert list(completed([{"webhooks": [webhook()]}], lambda space, called: False, "ours")) == []


def test_we_sign_for_simulated_programs_only(authority: Authority) -> None:
    assert Routes(service(True).cluster, OneProgram(), authority).ours_to_sign("ns", "hook")
    assert not Routes(service(True).cluster, OneProgram(7), authority).ours_to_sign("ns", "hook")
    assert not Routes(service(False).cluster, OneProgram(), authority).ours_to_sign("ns", "hook")
    assert not Routes(service(True).cluster, OneProgram(), authority).ours_to_sign("ns", "other")
    server = service(True)
    server.put(tls_secret(sign(create_authority("any"), "hook", hosts=["hook.ns.svc"])))
    assert not Routes(server.cluster, OneProgram(), authority).ours_to_sign("ns", "hook")


def tls_secret(pair: KeyPair) -> Json:
    data = {"tls.crt": b64encode(pair.pem).decode(), "tls.key": b64encode(pair.key_pem).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "tls", "namespace": "ns"},
        "data": data,
    }


def issuer(context: ssl.SSLContext, host: str, authority: Authority) -> str:
    """Shake hands in memory, trusting only `authority`; the name that was proven."""
    client = ssl.create_default_context(cadata=authority.pem.decode())
    a_in, a_out, b_in, b_out = (ssl.MemoryBIO() for _ in range(4))
    left = client.wrap_bio(a_in, a_out, server_hostname=host)
    right = context.wrap_bio(b_in, b_out, server_side=True)
    for _ in range(4):
        for side in (left, right):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
        b_in.write(a_out.read())
        a_in.write(b_out.read())
    certificate = left.getpeercert()
    assert certificate
    return str(certificate["subjectAltName"][0][1])


# -- the proxy ---------------------------------------------------------------------------------------


@dataclass
class Table:
    routes: dict[str, Any] = field(default_factory=dict)

    def find(self, address: str) -> Any:
        found = self.routes.get(address)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def egress(pki: Pki) -> Iterator[tuple[Egress, Table]]:
    table = Table()
    server = Egress(0)
    server.gate = Gate(table, pki.server_context("egress"))
    server.start()
    yield server, table
    server.shutdown()
    server.server_close()


def connect(egress: Egress, pki: Pki, address: str, *, client: bool = True) -> ssl.SSLSocket:
    """As the API server does: TLS with its client certificate, then CONNECT."""
    context = ssl.create_default_context(cafile=str(pki.certificate("ca")))
    if client:
        context.load_cert_chain(
            pki.certificate("apiserver-egress-client"), pki.key("apiserver-egress-client")
        )
    plain = socket.create_connection(("127.0.0.1", egress.server_address[1]), 10)
    with ExitStack() as stack:
        secure = stack.enter_context(
            context.wrap_socket(stack.enter_context(plain), server_hostname="127.0.0.1")
        )
        secure.sendall(f"CONNECT {address}:443 HTTP/1.1\r\nHost: {address}:443\r\n\r\n".encode())
        stack.pop_all()
    return secure


def test_a_simulated_webhook_answers_through_the_tunnel(
    egress: tuple[Egress, Table], pki: Pki, authority: Authority
) -> None:
    server, table = egress
    table.routes["10.96.0.9"] = Simulate(authority.context("hook.ns.svc"))
    inner = ssl.create_default_context(cadata=authority.pem.decode())
    with connect(server, pki, "10.96.0.9") as tunnel:
        assert tunnel.recv(200).startswith(b"HTTP/1.1 200")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        talk = inner.wrap_bio(incoming, outgoing, server_hostname="hook.ns.svc")
        review = json.dumps(
            {"apiVersion": "a/v1", "kind": "AdmissionReview", "request": {"uid": "7"}}
        ).encode()
        head = f"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(review)}\r\n\r\n".encode()
        carry(tunnel, incoming, outgoing, talk.do_handshake)
        for _ in range(2):  # the API server keeps connections
            carry(tunnel, incoming, outgoing, lambda: talk.write(head + review))
            received = b""
            while b'"allowed": true' not in received:
                received += carry(tunnel, incoming, outgoing, lambda: talk.read(4096))


def carry(tunnel: ssl.SSLSocket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, deed: Any) -> Any:
    """Do something on the inner connection, moving its bytes through the tunnel."""
    while True:
        try:
            done = deed()
        except ssl.SSLWantReadError:
            if outgoing.pending:
                tunnel.sendall(outgoing.read())
            incoming.write(tunnel.recv(65536))
            continue
        if outgoing.pending:
            tunnel.sendall(outgoing.read())
        return done


def test_a_real_program_is_reached(egress: tuple[Egress, Table], pki: Pki) -> None:
    server, table = egress
    with socket.create_server(("127.0.0.1", 0)) as listener:
        table.routes["10.96.0.9"] = Forward(listener.getsockname()[1])

        def echo() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=echo)
        thread.start()
        with connect(server, pki, "10.96.0.9") as tunnel:
            assert tunnel.recv(200).startswith(b"HTTP/1.1 200")
            tunnel.sendall(b"hello")
            assert tunnel.recv(100) == b"HELLO"
        thread.join()


@pytest.mark.parametrize("route", [None, Forward(1), TemporaryError("the API server is away")])
def test_what_cannot_be_reached_is_refused(egress: tuple[Egress, Table], pki: Pki, route: Any) -> None:
    server, table = egress
    table.routes["10.96.0.9"] = route
    with connect(server, pki, "10.96.0.9") as tunnel:
        response = http.client.HTTPResponse(tunnel)
        response.begin()
        assert response.status == 502
        response.close()


def test_strangers_are_not_let_in(egress: tuple[Egress, Table], pki: Pki) -> None:
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        connect(egress[0], pki, "10.96.0.9", client=False) as tunnel,
    ):
        tunnel.recv(1)
        raise ConnectionError("closed without an answer")


def test_without_a_cluster_it_only_listens(pki: Pki) -> None:
    server = Egress(0)
    server.start()
    with socket.create_connection(("127.0.0.1", server.server_address[1]), 10) as plain:
        assert plain.recv(1) == b""
    server.shutdown()
    server.server_close()
