"""The HTTP CONNECT proxy that acts as the cluster's network (`--egress-selector-config-file`)."""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from bootstrap.core.errors import BootstrapError
from bootstrap.core.tunnel import IDLE, copy_both_ways
from bootstrap.local.network.answers import answer
from bootstrap.local.network.routes import Forward, Simulate

PATIENCE = 10.0  # seconds for a request line, a TLS handshake, a connection

log = logging.getLogger(__name__)


class RouteTable(Protocol):
    def find(self, address: str) -> Forward | Simulate | None: ...


@dataclass(frozen=True)
class Gate:
    """A cluster's routes, and TLS settings that admit only its API server."""

    router: RouteTable
    context: ssl.SSLContext


class Egress(socketserver.ThreadingTCPServer):
    """Refuses everything while there is no cluster (`gate` is None)."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.gate: Gate | None = None
        super().__init__(("127.0.0.1", port), socketserver.BaseRequestHandler)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, name="egress", daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake in the connection's own thread."""
        if self.gate is not None:
            request.settimeout(PATIENCE)
            with self.gate.context.wrap_socket(request, server_side=True) as secure:
                _Connect(self.gate.router, secure, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - overrides
        log.debug("a tunnel broke", exc_info=True)


class _Connect(BaseHTTPRequestHandler):
    """One tunnel."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def __init__(self, router: RouteTable, connection: ssl.SSLSocket, address: Any, server: Egress) -> None:
        self._router = router
        super().__init__(connection, address, server)

    def do_CONNECT(self) -> None:
        self.close_connection = True
        route = self._route(self.path.rpartition(":")[0].strip("[]"))
        match route:
            case Forward(port):
                self._forward(port)
            case Simulate(context):
                self._simulate(context)
            case None:
                self.send_error(502, "connection refused: no ready endpoints")

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _route(self, address: str) -> Forward | Simulate | None:
        try:
            return self._router.find(address)
        except BootstrapError as error:
            log.warning("no route to %s: %s", address, error)
            return None

    def _forward(self, port: int) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError:
            self.send_error(502, "connection refused")
            return
        with upstream:
            self._established()
            copy_both_ways(self.connection, upstream)

    def _simulate(self, context: ssl.SSLContext) -> None:
        """Answer the inner TLS over a socket pair: the ssl module cannot nest it in one socket."""
        near, far = socket.socketpair()
        speaker = threading.Thread(
            target=speak, args=(far, context, self.server), name="simulated", daemon=True
        )
        with near:
            speaker.start()
            self._established()
            copy_both_ways(self.connection, near)

    def _established(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")


def speak(connection: socket.socket, context: ssl.SSLContext, server: socketserver.BaseServer) -> None:
    """Answer for a simulated pod until the client closes the connection."""
    with connection, suppress(OSError):
        connection.settimeout(IDLE)
        with context.wrap_socket(connection, server_side=True) as secure:
            _Answer(secure, "", server)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _answer(self, request: bytes) -> None:
        status, content = answer(self.command, self.path, request)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
