"""The edge: every foreign exception becomes one of ours, nothing waits without an end."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3 import exceptions

from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Unreachable,
    Untrusted,
    from_status,
)
from bootstrap.kubernetes.transport import PoolTransport, Request, connect

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: secret-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def everything(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        yield from everything(below)


def made(kind: type[BaseException]) -> BaseException:
    """An instance without its constructor's wishes."""
    error = kind.__new__(kind)
    error.args = ("it broke",)
    # What the messages of http.client's and urllib3's IncompleteRead and InvalidChunkLength are made of.
    vars(error).update(partial=Part(3), expected=1, length=b"x")
    return error


class Part(int):
    """Bytes for http.client, which asks for their length; their number for urllib3."""

    def __len__(self) -> int:
        return self


ROOTS = (exceptions.HTTPError, http.client.HTTPException, OSError)
FOREIGN = sorted(
    {
        kind
        for root in ROOTS
        for kind in everything(root)
        if kind.__module__.partition(".")[0] in {"builtins", "socket", "ssl", "http", "urllib3"}
    },
    key=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
)


class Pool:
    def __init__(self, outcome: BaseException) -> None:
        self.outcome = outcome

    def request(self, *args: Any, **options: Any) -> Any:
        raise self.outcome


class Client:
    """As much of the library's ApiClient as the transport uses."""

    def __init__(self, pool: Any) -> None:
        self.rest_client = type("Rest", (), {"pool_manager": pool})
        self.configuration = type(
            "Configuration", (), {"host": "https://127.0.0.1:6443", "auth_settings": staticmethod(dict)}
        )


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__qualname__)
def test_no_foreign_exception_gets_through(kind: type[BaseException]) -> None:
    transport = PoolTransport(Client(Pool(made(kind))))
    for call in (transport.send, transport.stream):
        with pytest.raises((Unreachable, Untrusted)):
            call(Request("GET", "/version"))


def test_a_refused_certificate_is_no_matter_of_waiting() -> None:
    wrapped = exceptions.SSLError(ssl.SSLCertVerificationError("self-signed certificate"))
    with pytest.raises(Untrusted, match="is not the server this kubeconfig was made for"):
        PoolTransport(Client(Pool(wrapped))).send(Request("GET", "/version"))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, {"reason": "BadRequest"}, Invalid),
        (401, {"reason": "Unauthorized"}, Forbidden),
        (403, {"reason": "Forbidden"}, Forbidden),
        (403, {"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}, Busy),
        (404, {"reason": "NotFound"}, NotFound),
        (409, {"reason": "Conflict"}, Conflict),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (410, {"reason": "Expired"}, Expired),
        (422, {"reason": "Invalid"}, Invalid),
        (429, {"reason": "TooManyRequests"}, Busy),
        (500, {"reason": "InternalError", "message": "failed calling webhook"}, Busy),
        (503, {}, Busy),
        (504, {"reason": "Timeout", "message": "Too large resource version"}, Busy),
    ],
)
def test_statuses(code: int, status: dict[str, Any], kind: type[Exception]) -> None:
    error = from_status("GET /x failed", code, json.dumps(status).encode(), {})
    assert type(error) is kind
    assert isinstance(error, TemporaryError | PermanentError)


def test_retry_after_is_the_delay() -> None:
    error = from_status("GET /x failed", 429, b"", {"Retry-After": "7"})
    assert isinstance(error, Busy)
    assert error.delay == 7.0


def test_an_answer_that_is_no_status_is_quoted() -> None:
    assert "upstream is gone" in str(from_status("GET /x failed", 502, b"upstream is gone", {}))


@contextmanager
def server(*answers: bytes, hang_up: bool = False) -> Iterator[int]:
    """A socket that sends each connection these bytes, then nothing until the test is over, or hangs up."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        held = []
        with listener:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    break
                held.append(connection)
                if over.is_set():
                    break
                connection.recv(65536)
                for answer in answers:
                    connection.sendall(answer)
                if hang_up:
                    connection.close()
        for connection in held:
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield port
    finally:
        over.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


def transport_to(port: int, folder: Path) -> PoolTransport:
    path = folder / "kubeconfig"
    path.write_text(KUBECONFIG.format(port=port))
    transport = connect(path)
    assert isinstance(transport, PoolTransport)
    return transport


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with server() as port, pytest.raises(Unreachable, match="timed out"):
        transport_to(port, tmp_path).send(Request("GET", "/version", timeout=0.05))


def test_a_stream_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    with server(head) as port:
        stream = transport_to(port, tmp_path).stream(Request("GET", "/watch", timeout=0.05))
        chunks = iter(stream)
        assert next(chunks) == b"abc"
        with pytest.raises(Unreachable):
            next(chunks)
        stream.close()


def test_closing_ends_a_blocked_read(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    with server(head) as port:
        stream = transport_to(port, tmp_path).stream(Request("GET", "/watch", timeout=60))
        chunks = iter(stream)
        next(chunks)
        closer = threading.Thread(target=stream.close)
        closer.start()
        with pytest.raises((Unreachable, StopIteration)):
            next(chunks)
        closer.join()


def test_a_truncated_answer_is_a_lost_connection(tmp_path: Path) -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", hang_up=True) as port:
        cluster = Cluster(transport_to(port, tmp_path))
        with pytest.raises(Unreachable):
            cluster.version()


def test_a_missing_or_broken_kubeconfig_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with pytest.raises(Untrusted, match="cannot use the kubeconfig"):
        connect(path)
    path.write_text("{}")
    with pytest.raises(Untrusted, match="cannot use the kubeconfig"):
        connect(path)


def test_the_token_goes_into_the_header_only(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    class Recorder:
        def request(self, method: str, url: str, **options: Any) -> Any:
            seen.update(options, method=method, url=url)
            return SimpleNamespace(status=200, data=b"{}", headers={})

    transport = transport_to(1, tmp_path)
    transport._pool = Recorder()
    transport.send(Request("GET", "/version"))
    assert (seen["method"], seen["url"]) == ("GET", "http://127.0.0.1:1/version")
    assert seen["headers"]["authorization"] == "Bearer secret-token"
