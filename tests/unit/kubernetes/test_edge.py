"""A real client on real sockets against an API server that misbehaves in every way seen in the field.

Whatever it does, the view ends up true, was never anything that had not been true, and nothing runs hot.
"""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.kubernetes import client, watch
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import ClusterError, Expired, NotFound
from bootstrap.kubernetes.informer import ClusterListerWatcher, Informer, Scope
from bootstrap.kubernetes.objects import CONFIG_MAP, Json, name
from bootstrap.kubernetes.transport import Request, Stream
from tests.kubernetes_fake import FakeServer

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
GIVEN_UP = 0.15  # seconds of silence after which the client gives up here


def item(which: str, value: str) -> Json:
    meta = {"name": which, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def event(kind: str, what: Json) -> bytes:
    return chunk(json.dumps({"type": kind, "object": what}).encode() + b"\n")


def answer(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
NO_LEADER = {"kind": "Status", "message": "etcdserver: no leader"}
BOOKMARK = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "{now}"}}
HALF = json.dumps({"type": "ADDED", "object": item("never", "was")}).encode()

# What is sent in answer to a watch, and how the connection ends then.
FAULTS: dict[str, tuple[bytes, str]] = {
    "a clean end at once": (HEAD + b"0\r\n\r\n", "close"),
    "a line cut off": (HEAD + chunk(HALF[:40]), "close"),
    "a whole line without its end": (HEAD + chunk(HALF) + b"0\r\n\r\n", "close"),
    "blank lines": (HEAD + chunk(b"\n") + chunk(b"  \n\n") + b"0\r\n\r\n", "close"),
    "a line that is no JSON": (HEAD + chunk(b"\x00\xff{\n"), "close"),
    "a line that is JSON of another kind": (HEAD + chunk(b'["ADDED"]\n') + chunk(b"null\n"), "close"),
    "ERROR 410": (HEAD + event("ERROR", GONE) + b"0\r\n\r\n", "close"),
    "ERROR without a code": (HEAD + event("ERROR", NO_LEADER) + b"0\r\n\r\n", "close"),
    "HTTP 410": (answer("410 Gone", json.dumps(GONE).encode()), "close"),
    "HTTP 503": (answer("503 Service Unavailable", b"starting", "Retry-After: 1"), "close"),
    "HTTP 500 of a proxy": (answer("502 Bad Gateway", b"<html>"), "close"),
    "a login page": (answer("200 OK", b"<html>\n<body>\n"), "close"),
    "nothing at all": (b"", "close"),
    "a reset": (HEAD, "reset"),
    "a wrong chunk": (HEAD + b"zz\r\n{}\r\n", "close"),
    "silence": (HEAD, "hold"),
    "a half-open connection": (b"", "hold"),
}


class Edge(socketserver.ThreadingTCPServer):
    """FakeServer behind HTTP. Each watch takes the next fault, while the world moves on; then it behaves."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, faults: list[str], list_faults: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.api, self.faults, self.list_faults = FakeServer(), list(faults), list_faults
        self.truths: list[dict[str, str]] = [{}]
        self.over = threading.Event()
        self.streams: list[Stream] = []
        self.watches = self.lists = 0
        self.turn = threading.Lock()
        self.put("first", "0")

    def put(self, which: str, value: str) -> None:
        self.truths.append({**self.truths[-1], which: value})
        self.api.put(item(which, value))

    def remove(self, which: str) -> None:
        self.truths.append({key: value for key, value in self.truths[-1].items() if key != which})
        self.api.remove(next(key for key in self.api.stored if key.name == which))

    def move_on(self) -> None:
        """Something changes, appears and goes, while nobody can see it."""
        number = len(self.truths)
        self.put("first", str(number))
        self.put(f"new-{number}", "x")
        for old in [which for which in self.truths[-1] if which.startswith("new-")][:-2]:
            self.remove(old)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what this is about."""


class Handler(socketserver.BaseRequestHandler):
    server: Edge

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (received := self.request.recv(65536)):
                return
            head += received
        url = urlsplit(head.split()[1].decode())
        request = Request("GET", url.path, dict(parse_qsl(url.query)))
        with self.server.turn:
            fault = self._fault(request)
        if fault is not None:
            self._misbehave(*fault)
        elif "watch" in request.query:
            self._stream(request)
        else:
            self._answer(request)

    def _fault(self, request: Request) -> tuple[bytes, str] | None:
        edge = self.server
        if "watch" in request.query:
            edge.watches += 1
            if edge.faults:
                edge.move_on()
                return FAULTS[edge.faults.pop(0)]
        elif request.path.endswith("/configmaps"):
            edge.lists += 1
            if edge.list_faults:
                edge.list_faults -= 1
                edge.move_on()
                return answer("200 OK", b'{"items": [{}]}')[:-4], "close"  # less than it says
        return None

    def _misbehave(self, sent: bytes, ending: str) -> None:
        self.request.sendall(sent)
        if ending == "hold":
            self.server.over.wait(30)
        if ending == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()

    def _answer(self, request: Request) -> None:
        try:
            self.request.sendall(answer("200 OK", self.server.api.send(request).body, "Connection: close"))
        except NotFound:
            self.request.sendall(answer("404 Not Found", b"{}", "Connection: close"))

    def _stream(self, request: Request) -> None:
        stream = self.server.api.stream(request)
        self.server.streams.append(stream)
        with suppress(OSError):
            self.request.sendall(HEAD)
            for line in stream:
                self.request.sendall(chunk(line))


@contextmanager
def edge(folder: Path, *faults: str, list_faults: int = 0) -> Iterator[tuple[Edge, Cluster]]:
    with Edge(list(faults), list_faults) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        path = folder / "kubeconfig"
        path.write_text(KUBECONFIG.format(port=server.server_address[1]))
        try:
            yield server, Cluster.from_kubeconfig(path)
        finally:
            server.over.set()
            for stream in server.streams:
                stream.close()
            server.shutdown()
            serving.join()


class Pauses(FakeClock):
    """Pauses take no time, and are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[float] = []

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        self.taken.append(seconds)
        return super().wait(seconds, cancel)


def follow_to_the_truth(server: Edge, cluster: Cluster) -> tuple[list[dict[str, str]], list[float]]:
    """Watch until the faults are used up and the view is true; everything that was seen, and the pauses."""
    clock = Pauses()
    seen: list[dict[str, str]] = []
    with Informer(cluster, Scope(CONFIG_MAP, "default"), clock=clock) as world:
        while True:
            assert world.wait(30), f"nothing new, {len(server.faults)} faults to go: {seen[-1:]}"
            if not world.synced():
                continue
            seen.append({name(one): one["data"]["value"] for one in world.items(CONFIG_MAP)})
            with server.turn:
                if not server.faults and seen[-1] == server.truths[-1]:
                    return seen, clock.taken


@pytest.fixture(autouse=True)
def soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WATCH_TIMEOUT", GIVEN_UP)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str, tmp_path: Path) -> None:
    with edge(tmp_path, fault) as (server, cluster):
        seen, pauses = follow_to_the_truth(server, cluster)
        assert all(view in server.truths for view in seen)
        assert server.watches <= 3
        assert min(pauses) >= watch.FIRST_PAUSE


def test_every_fault_again_and_again(tmp_path: Path) -> None:
    """Again and again also makes the client list anew, and the lists are cut short, too."""
    with edge(tmp_path, *FAULTS, *reversed(FAULTS), list_faults=3) as (server, cluster):
        seen, pauses = follow_to_the_truth(server, cluster)
        assert all(view in server.truths for view in seen)
        assert server.watches + server.lists <= 3 * 2 * len(FAULTS) + 6
        assert min(pauses) >= watch.FIRST_PAUSE


@pytest.mark.parametrize("fault", ["a clean end at once", "HTTP 503", "ERROR 410", "a login page", "a reset"])
def test_a_fault_that_lasts_is_met_more_and_more_seldom(fault: str, tmp_path: Path) -> None:
    with edge(tmp_path, *[fault] * 12) as (server, cluster):
        _, pauses = follow_to_the_truth(server, cluster)
        assert max(pauses) == watch.LONGEST_PAUSE
        least = [min(watch.FIRST_PAUSE * 2**count, watch.LONGEST_PAUSE) for count in range(1, 9)]
        assert all(pause >= bound for pause, bound in zip(pauses, least, strict=False))


def test_what_may_be_old_is_never_taken_for_a_success(tmp_path: Path) -> None:
    """As long as the server is away nothing is decided on more than what was there before."""
    with edge(tmp_path, *["a reset"] * 6) as (server, cluster):
        seen, _ = follow_to_the_truth(server, cluster)
    values = [int(view["first"]) for view in seen]
    assert values == sorted(values)


def test_errors_are_ours_alone(tmp_path: Path) -> None:
    """Each fault as the answer to a plain watch: one of our own errors, or no change at all."""
    for fault, (_, ending) in FAULTS.items():
        with edge(tmp_path, fault) as (_, cluster):
            source = ClusterListerWatcher(cluster, Scope(CONFIG_MAP, "default"))
            try:
                stream = source.stream("1")
                changes = [found for found, _ in watch._changes(stream, "1", watch.Stop())]
            except Exception as error:
                assert isinstance(error, ClusterError), fault
                assert isinstance(error, Expired) == ("410" in fault)
            else:
                assert changes == []
                assert ending == "close"
