from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from bootstrap.local.pki.authority import Authority
from bootstrap.local.upstream import client as module
from bootstrap.local.upstream.client import HttpClient, UpstreamUnreachable, user_proxy


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    Authority.open(tmp_path)
    return str(tmp_path / "ca.pem")


class Listener:
    """A server that notes what each connection begins with and says one canned thing."""

    def __init__(self, answer: bytes) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                said = b""
                while not said.endswith(b"\r\n\r\n"):
                    piece = connection.recv(4096)
                    if not piece:
                        break
                    said += piece
                if said == b"stop":
                    return
                self.heard.append(said)
                connection.sendall(self._answer)

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"stop")
            connection.shutdown(socket.SHUT_WR)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
    yield found
    found.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_host_is_asked_once(bundle: str, listener: Listener) -> None:
    client = HttpClient(bundle)
    url = f"http://127.0.0.1:{listener.port}"
    assert client.reachable(f"{url}/a")
    assert client.reachable(f"{url}/b")
    assert len(listener.heard) == 1
    assert client.open("GET", f"{url}/a").read() == b"hi"


def test_nobody_listens(bundle: str) -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    assert not HttpClient(bundle).reachable(url)
    with pytest.raises(UpstreamUnreachable, match=r"127\.0\.0\.1"):
        HttpClient(bundle).open("GET", url)


def test_offline_asks_nobody(bundle: str, listener: Listener) -> None:
    assert not HttpClient(bundle, offline=True).reachable(f"http://127.0.0.1:{listener.port}/")
    assert listener.heard == []


def test_a_host_that_is_silent_is_given_up_for_good(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.0)
    probes: list[str] = []

    class Silent(HttpClient):
        def _probe(self, origin: str, answer: Future[bool]) -> None:
            probes.append(origin)

    client = Silent(bundle)
    assert not client.reachable("https://silent.example.com/a")
    assert not client.reachable("https://silent.example.com/b")
    assert probes == ["https://silent.example.com/"]


def test_hosts_are_asked_ahead(bundle: str, listener: Listener) -> None:
    client = HttpClient(bundle)
    url = f"http://127.0.0.1:{listener.port}"
    client.expect([f"{url}/a", f"{url}/b"])
    assert client.reachable(f"{url}/c")
    assert len(listener.heard) == 1
    HttpClient(bundle, offline=True).expect([url])
    assert len(listener.heard) == 1


def test_the_users_proxy_is_honoured_and_its_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_proxy("https", "a.example.com") is None
    monkeypatch.setenv("https_proxy", "proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "inside.example.com")
    assert user_proxy("https", "a.example.com") == "http://proxy.example.com:3128"
    assert user_proxy("https", "inside.example.com") is None
    assert user_proxy("http", "a.example.com") is None


def test_a_tunnel_goes_through_the_users_proxy(
    bundle: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{listener.port}")
    with HttpClient(bundle).connect("a.example.com", 443) as connection:
        assert connection.recv(10) == b"hi"
    request = listener.heard[0].decode()
    assert request.startswith("CONNECT a.example.com:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in request


def test_a_proxy_that_refuses_is_named(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Listener(b"HTTP/1.1 407 Who are you\r\n\r\n")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{refusing.port}")
    with pytest.raises(UpstreamUnreachable, match="407 Who are you"):
        HttpClient(bundle).connect("a.example.com", 443)
    refusing.close()
