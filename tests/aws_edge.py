"""Faults at AWS's edge: an HTTP server in front of the local AWS that refuses, delays or cuts chosen calls.

Real boto3 and the real Terraform provider talk to it, so their own retries and errors are part of the test.

    with edge("http://127.0.0.1:5000") as aws:
        aws.faults.append(Fault("ssm", "PutParameter", Refusal(400, "ThrottlingException"), times=3))
        boto3.client("ssm", endpoint_url=aws.url) …
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from bootstrap.local.aws import calls

ALWAYS = 10**9
JSON = ("ssm", "kms", "acm", "servicequotas", "tagging", "logs", "ecr")
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Refusal:
    """AWS's own form of an error. The call does not reach AWS."""

    status: int
    code: str
    message: str = "made to fail by a test"

    def answer(self, service: str) -> Answer:
        code, message = escape(self.code), escape(self.message)
        if service in JSON:
            body = f'{{"__type": "{self.code}", "message": "{self.message}"}}'
            return Answer(self.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
        inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        if service == "ec2":
            inner = f"<Response><Errors>{inner}</Errors><RequestID>1</RequestID></Response>"
        elif service != "s3":
            inner = f"<ErrorResponse>{inner}<RequestId>1</RequestId></ErrorResponse>"
        return Answer(
            self.status,
            {"Content-Type": "text/xml"},
            f'<?xml version="1.0" encoding="UTF-8"?>{inner}'.encode(),
        )


@dataclass(frozen=True)
class Delay:
    """The answer comes late (seconds)."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """The call reaches AWS and is done; then `then` is called, and the line is cut before the answer."""

    then: Callable[[], None] = lambda: None


@dataclass
class Fault:
    """Hits calls `skip` to `skip + times` of that service and action (in S3: method and path): patterns.

    `when` looks at the request's body.
    """

    service: str
    action: str
    effect: Refusal | Delay | Cut
    times: int = 1
    skip: int = 0
    when: Callable[[bytes], bool] = lambda body: True
    seen: int = 0

    def hits(self, service: str, action: str, body: bytes) -> bool:
        if (
            not re.fullmatch(self.service, service)
            or not re.fullmatch(self.action, action)
            or not self.when(body)
        ):
            return False
        self.seen += 1
        return self.skip < self.seen <= self.skip + self.times


@dataclass
class Edge:
    """`seen` is every call that came, as (service, action)."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def effects(self, service: str, action: str, body: bytes) -> list[Refusal | Delay | Cut]:
        with self.lock:
            self.seen.append((service, action))
            return [fault.effect for fault in self.faults if fault.hits(service, action, body)]

    def count(self, service: str, action: str) -> int:
        with self.lock:
            return self.seen.count((service, action))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the provider opens as many lines as it works on resources


@contextmanager
def edge(aws: str) -> Iterator[Edge]:
    """Serve on a free port, in front of the AWS at that URL."""
    behind = urlsplit(aws).netloc
    made = Edge("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service, action = _call(self, body)
            cut: Cut | None = None
            for effect in made.effects(service, action, body):
                if isinstance(effect, Refusal):
                    self._send(effect.answer(service))
                    return
                if isinstance(effect, Delay):
                    time.sleep(effect.seconds)
                else:
                    cut = effect
            answer = _forward(behind, self, body)
            if cut:
                cut.then()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._send(answer)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = answer.headers.get("content-length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent."""

    server = _Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="edge")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _call(request: BaseHTTPRequestHandler, body: bytes) -> tuple[str, str]:
    path, _, query = request.path.partition("?")
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    environ |= {
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
    }
    call = calls.parse(environ, body)
    return call.service, call.action or f"{request.command} {path}"


def _forward(behind: str, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
    line = http.client.HTTPConnection(behind, timeout=120)
    try:
        # The host stays as it was signed and as moto reads buckets from it.
        line.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() not in ("connection", "expect"):
                line.putheader(name, value)
        line.endheaders(body)
        got = line.getresponse()
        headers = {name: value for name, value in got.getheaders() if name.lower() not in _HOP}
        if request.command == "HEAD" and (length := got.getheader("Content-Length")):
            headers["content-length"] = length
        return Answer(got.status, headers, got.read())
    finally:
        line.close()
