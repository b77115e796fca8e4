"""moto's WSGI application with what the local platform adds: consistency, waiting for changes, readiness."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from bootstrap.local.aws.calls import parse
from bootstrap.local.aws.changes import ChangeCounter

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

LONGEST_WAIT = 60.0  # seconds that a client may wait for a change
OURS = "/_bootstrap/"


@dataclass
class Application:
    """One request at a time enters moto: it is not written for threads, and a dump sees no half-done change.

    Little is lost: all the work is Python's, which one lock holds anyway. `state` counts every change,
    `instances` those of EC2, which the simulated machines follow.
    """

    moto: Wsgi
    state: ChangeCounter = field(default_factory=ChangeCounter)
    instances: ChangeCounter = field(default_factory=ChangeCounter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(OURS):
            return self._ours(environ, start_response)
        body = _read(environ)
        call = parse(environ, body)
        answer = _Answer(start_response)
        with self.lock:
            content = b"".join(_closing(self.moto(environ, answer.start)))
            if not call.reads and answer.succeeded:
                self.state.note()
        if not call.reads and answer.succeeded and call.service == "ec2":
            self.instances.note()
        return [content]

    def _ours(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"].removeprefix(OURS)
        query = parse_qs(environ.get("QUERY_STRING", ""))
        try:
            after = int(query.get("after", ["0"])[0])
            timeout = min(float(query.get("timeout", ["0"])[0]), LONGEST_WAIT)
        except ValueError:
            return _json(start_response, "400 Bad Request", {"error": "after and timeout are numbers"})
        if name == "ready":  # we listen only once everything is restored
            return _json(start_response, "200 OK", {"ready": True})
        if name == "changes":
            return _json(start_response, "200 OK", {"version": self.instances.wait(after, timeout)})
        return _json(start_response, "404 Not Found", {"error": f"there is no {OURS}{name}"})


@dataclass
class _Answer:
    """Passes the response's head on, and remembers how it ended."""

    pass_on: StartResponse
    succeeded: bool = False

    def start(self, status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        self.succeeded = status[:1] in "23"
        return self.pass_on(status, headers, *rest)


def _read(environ: Environ) -> bytes:
    """The body, taken off a possibly slow line before others are made to wait. moto reads a copy."""
    if not environ.get("CONTENT_LENGTH"):
        return b""
    body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _closing(response: Iterable[bytes]) -> Iterable[bytes]:
    try:
        yield from response
    finally:
        close = getattr(response, "close", None)
        if close:
            close()


def _json(start_response: StartResponse, status: str, content: object) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
