"""The bytes of a tunnel go both ways, and the end of one side is passed on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bootstrap.core import tunnel

Ends = tuple[socket.socket, socket.socket, threading.Thread]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Client and server with a tunnel between them, and the tunnel's thread."""
    with ExitStack() as stack:
        (client, near), (far, server) = socket.socketpair(), socket.socketpair()
        for each in (client, near, far, server):
            stack.enter_context(each)
        thread = threading.Thread(target=tunnel.copy_both_ways, args=(near, far))
        thread.start()
        yield client, server, thread
        client.close()
        server.close()
        thread.join()


def test_a_client_that_has_said_all_still_gets_its_answer(ends: Ends) -> None:
    client, server, thread = ends
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert server.makefile("rb").read() == b"question"
    server.sendall(b"answer")
    server.shutdown(socket.SHUT_WR)
    assert client.makefile("rb").read() == b"answer"
    thread.join()


def test_a_silent_tunnel_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "IDLE", 0.01)
    (client, near), (far, server) = socket.socketpair(), socket.socketpair()
    with client, near, far, server:
        tunnel.copy_both_ways(near, far)
