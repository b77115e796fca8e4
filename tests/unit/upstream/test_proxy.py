"""The proxy on a loopback port, real HTTP and TLS, in front of a fake upstream."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.local.pki.authority import Authority
from bootstrap.local.upstream.client import UpstreamUnreachable
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, content
from bootstrap.local.upstream.proxy import ProxyServer
from tests.unit.upstream.fakes import FakeUpstream

TIMEOUT = 10


PASSWORD = "correct-horse"
KNOWN = {"Proxy-Authorization": f"Basic {b64encode(f'bootstrap:{PASSWORD}'.encode()).decode()}"}
HEADER = f"Proxy-Authorization: {KNOWN['Proxy-Authorization']}"


class Echo:
    """Serves one host: answers with what it was asked, in the way the path names."""

    def serves(self, host: str, port: int) -> bool:
        return host == "served.example.com" and port in {80, 443}

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/pieces":
            return HttpResponse(200, {}, (piece for piece in [b"one ", b"", b"two"]))
        if request.path == "/unread":
            return content(b"did not look")
        if request.path == "/broken":
            raise ValueError("a defect")
        if request.path == "/gone":
            raise UpstreamUnreachable("there: nobody home")
        return content(
            f"{request.method} {request.url} ".encode() + request.body.read(), **{"X-Kind": "echo"}
        )


class UpstreamClient(FakeUpstream):
    """Tunnels lead to a socket that says everything back in upper case."""

    def connect(self, host: str, port: int) -> socket.socket:
        if (host, port) != ("far.example.com", 22):
            raise UpstreamUnreachable(f"{host}: no such host")
        one, other = socket.socketpair()

        def answer() -> None:
            with other:
                while piece := other.recv(100):
                    other.sendall(piece.upper())
                other.sendall(b"bye")

        threading.Thread(target=answer, daemon=True).start()
        return one


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.open(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def proxy(authority: Authority) -> Iterator[ProxyServer]:
    client = UpstreamClient({"http://plain.example.com/x": (200, {"content-length": "5"}, b"plain")})
    with ProxyServer(0, PASSWORD, authority, Echo(), client) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(proxy: ProxyServer, authority: Authority) -> Iterator[http.client.HTTPSConnection]:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=context, timeout=TIMEOUT)
    connection.set_tunnel("served.example.com", 443, KNOWN)
    yield connection
    connection.close()


def test_many_requests_on_one_connection(client: http.client.HTTPSConnection) -> None:
    for number in range(3):
        client.request("POST", f"/a?n={number}", body=b"hello")
        answer = client.getresponse()
        assert answer.getheader("X-Kind") == "echo"
        assert answer.read() == f"POST https://served.example.com/a?n={number} hello".encode()


def test_a_chunked_body(client: http.client.HTTPSConnection) -> None:
    client.request("POST", "/a", body=iter([b"he", b"llo"]), encode_chunked=True)
    assert client.getresponse().read().endswith(b" hello")


def test_a_body_that_is_awaited_with_a_go_ahead(client: http.client.HTTPSConnection) -> None:
    client.request("POST", "/a", body=b"hello", headers={"Expect": "100-continue"})
    assert client.getresponse().read().endswith(b" hello")


def test_an_answer_in_pieces_and_one_without_a_body(client: http.client.HTTPSConnection) -> None:
    client.request("GET", "/pieces")
    assert client.getresponse().read() == b"one two"
    client.request("HEAD", "/a")
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert answer.getheader("Content-Length") == str(len("HEAD https://served.example.com/a "))


def test_a_body_that_nobody_read_does_not_become_the_next_request(
    client: http.client.HTTPSConnection,
) -> None:
    client.request("POST", "/unread", body=b"GET /evil HTTP/1.1\r\n\r\n")
    assert client.getresponse().read() == b"did not look"
    client.request("GET", "/next")  # http.client opens a new connection when the old one was closed
    assert client.getresponse().read().startswith(b"GET https://served.example.com/next")


@pytest.mark.parametrize(
    ("path", "status", "words"), [("/broken", 500, b"a defect"), ("/gone", 502, b"nobody")]
)
def test_failures_are_answers(
    client: http.client.HTTPSConnection, path: str, status: int, words: bytes
) -> None:
    client.request("GET", path)
    answer = client.getresponse()
    assert answer.status == status
    assert words in answer.read()


def plain(proxy: ProxyServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT)


def until_closed(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_other_hosts_are_tunnelled_unchanged(proxy: ProxyServer) -> None:
    with plain(proxy) as connection:
        connection.sendall(f"CONNECT far.example.com:22 HTTP/1.1\r\n{HEADER}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"hello ")
        connection.shutdown(socket.SHUT_WR)
        assert until_closed(connection) == b"HELLO bye"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("CONNECT nowhere.example.com:443", b"502"),
        ("CONNECT nonsense", b"400"),
        ("GET /_bootstrap/ready", b"200"),
        ("GET /", b"404"),
        ("GET http://plain.example.com/x", b"200"),
        ("GET http://nowhere.example.com/x", b"502"),
        ("GET http://served.example.com/x", b"200"),
    ],
)
def test_without_tls(proxy: ProxyServer, request_line: str, status: bytes) -> None:
    with plain(proxy) as connection:
        connection.sendall(f"{request_line} HTTP/1.1\r\n{HEADER}\r\nConnection: close\r\n\r\n".encode())
        assert until_closed(connection).split()[1] == status


@pytest.mark.parametrize(
    ("request_line", "given"),
    [
        ("CONNECT served.example.com:443", ""),
        ("CONNECT far.example.com:22", "Proxy-Authorization: Basic d3Jvbmc6d3Jvbmc="),
        ("GET http://served.example.com/x", ""),
        ("POST http://plain.example.com/x", "Proxy-Authorization: \u00e4"),
        ("GET http://plain.example.com/x", f"Authorization: {KNOWN['Proxy-Authorization']}"),
    ],
)
def test_who_does_not_know_the_password_gets_nothing(
    proxy: ProxyServer, request_line: str, given: str
) -> None:
    with plain(proxy) as connection:
        connection.sendall(
            f"{request_line} HTTP/1.1\r\n{given}\r\nX: y\r\n\r\n".replace("\r\n\r\nX", "\r\nX").encode()
        )
        answer = until_closed(connection)
    assert answer.split()[1] == b"407"
    assert b"Proxy-Authenticate: Basic" in answer


def test_a_client_that_does_not_trust_us_is_no_harm(
    proxy: ProxyServer, client: http.client.HTTPSConnection
) -> None:
    stranger = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=TIMEOUT)
    stranger.set_tunnel("served.example.com", 443, KNOWN)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/")
    stranger.close()
    client.request("GET", "/a")
    assert client.getresponse().status == 200


def test_a_taken_port_is_an_error_at_once(proxy: ProxyServer, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        ProxyServer(proxy.port, PASSWORD, authority, Echo(), FakeUpstream())
