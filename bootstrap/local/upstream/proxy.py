"""The HTTP(S) proxy: answers for the hosts that are served here, and tunnels to all others.

It serves only clients that know its password: what it serves is the user's Git repository, for one.

After `CONNECT host:443` for a served host, the proxy terminates TLS with a certificate of its own authority
and passes the requests to `services`. For any other host it copies bytes both ways.
"""

from __future__ import annotations

import contextlib
import logging
import socketserver
import ssl
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import urlsplit

from bootstrap.core.tunnel import IDLE, copy_both_ways
from bootstrap.local.pki.authority import Authority
from bootstrap.local.upstream.client import UpstreamClient, UpstreamUnreachable
from bootstrap.local.upstream.config import USER
from bootstrap.local.upstream.forward import forward
from bootstrap.local.upstream.message import Body, HttpRequest, HttpResponse, open_body, text

log = logging.getLogger(__name__)

_PIECE = 65536
_NO_BODY = frozenset({204, 304})


class Services(Protocol):
    """Answers requests for the hosts that it serves."""

    def serves(self, host: str, port: int) -> bool: ...

    def answer(self, request: HttpRequest) -> HttpResponse: ...


class ProxyServer(socketserver.ThreadingTCPServer):
    """Listens on loopback, one thread per connection. Raises OSError if the port is in use."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, password: str, authority: Authority, services: Services, client: UpstreamClient
    ) -> None:
        self.authority, self.services, self.client = authority, services, client
        self.authorization = b"Basic " + b64encode(f"{USER}:{password}".encode())
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    wbufsize = _PIECE
    server: ProxyServer
    _origin: str | None = None  # https://host[:port] once TLS is terminated here

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        host = host.strip("[]")
        if not self._authorized():
            self._refuse()
        elif not host or not port.isdigit():
            self._send(text(400, f"not HOST:PORT: {self.path}"))
        elif self.server.services.serves(host, int(port)):
            self._terminate(host, int(port))
        else:
            self._tunnel(host, int(port))

    def _terminate(self, host: str, port: int) -> None:
        """Become the server of that host on this connection."""
        self._established()
        try:
            secure = self.server.authority.context(host).wrap_socket(self.connection, server_side=True)
        except (OSError, ssl.SSLError) as error:
            log.info("%s: TLS handshake failed: %s", host, error)
            self.close_connection = True
            return
        self.connection = secure
        self.rfile = cast(BufferedIOBase, secure.makefile("rb"))
        self.wfile = cast(BufferedIOBase, secure.makefile("wb", _PIECE))
        self._origin = f"https://{host}" if port == 443 else f"https://{host}:{port}"
        self.close_connection = False

    def _tunnel(self, host: str, port: int) -> None:
        self.close_connection = True
        try:
            other = self.server.client.connect(host, port)
        except UpstreamUnreachable as error:
            self._send(text(502, f"cannot reach {error}"))
            return
        with other:
            self._established()
            copy_both_ways(self.connection, other)

    def _established(self) -> None:
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.wfile.flush()

    def _serve(self) -> None:
        url = f"{self._origin}{self.path}" if self._origin else self.path
        if url.startswith("/"):
            self._send(text(200, "ready") if url == "/_bootstrap/ready" else text(404, "this is a proxy"))
            return
        if not self._origin and not self._authorized():
            self._refuse()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = open_body(cast(BinaryIO, self.rfile), headers)
        request = HttpRequest(self.command, url, headers, cast(BinaryIO, body))
        try:
            answer = self._answer(request)
        except UpstreamUnreachable as error:
            answer = text(502, f"cannot reach {error}")
        except Exception as error:
            log.exception("%s %s", request.method, request.url)
            answer = text(500, f"{type(error).__name__}: {error}")
        self._send(answer)
        if not _drained(body):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _authorized(self) -> bool:
        given = self.headers.get("Proxy-Authorization", "").encode("latin-1", "replace")
        return compare_digest(given, self.server.authorization)

    def _refuse(self) -> None:
        """The body of the request is not read, so nothing else can follow on this connection."""
        self.close_connection = True
        wanted = {"proxy-authenticate": f'Basic realm="{USER}"', "connection": "close"}
        self._send(replace(text(407, "the proxy wants its password"), headers=wanted))

    def _answer(self, request: HttpRequest) -> HttpResponse:
        parts = urlsplit(request.url)
        if self._origin or self.server.services.serves(parts.hostname or "", parts.port or 80):
            return self.server.services.answer(request)
        return forward(self.server.client, request)

    def _send(self, answer: HttpResponse) -> None:
        headers = {name.title(): value for name, value in answer.headers.items()}
        if isinstance(answer.body, bytes):
            headers["Content-Length"] = str(len(answer.body))
        chunked = answer.body is not None and "Content-Length" not in headers
        if chunked and answer.status not in _NO_BODY:
            headers["Transfer-Encoding"] = "chunked"
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.body is not None and self.command != "HEAD" and answer.status not in _NO_BODY:
            self._write(answer.body, chunked=chunked)
        self.wfile.flush()

    def _write(self, body: bytes | Iterable[bytes], *, chunked: bool) -> None:
        for piece in [body] if isinstance(body, bytes) else body:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def handle_expect_100(self) -> bool:
        proceed = super().handle_expect_100()
        self.wfile.flush()  # the client waits for this
        return proceed

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):  # the client went away
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        with contextlib.suppress(OSError):
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _drained(body: Body) -> bool:
    """Read the rest of the body, which would be taken for the next request. False if it is too long."""
    for _ in range(16):
        if body.finished or not body.read(_PIECE):
            break
    return body.finished
