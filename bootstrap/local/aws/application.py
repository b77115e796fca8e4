"""moto's WSGI application, serialised, with two endpoints of our own: readiness, and waiting for changes."""

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
from bootstrap.local.aws.guard import Guard, from_afar

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

LONGEST_WAIT = 60.0  # seconds that a client may wait for a change
OURS = "/_bootstrap/"


@dataclass
class Application:
    """Passes one request at a time to moto, which is not thread-safe, so a dump never sees half a change.

    Little is lost: Python's interpreter lock serialises the work anyway. `state` counts all changes,
    `instances` those of EC2, which the simulated machines follow.
    """

    moto: Wsgi
    guard: Guard
    state: ChangeCounter = field(default_factory=ChangeCounter)
    instances: ChangeCounter = field(default_factory=ChangeCounter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        ours = environ.get("PATH_INFO", "").startswith(OURS)
        if why := from_afar(environ) if ours else self.guard.refuses(environ):
            return _json(start_response, "403 Forbidden", {"__type": "AccessDeniedException", "message": why})
        if ours:
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
            return _json(start_response, "400 Bad Request", {"error": "after and timeout must be numbers"})
        if name == "ready":  # the server listens only once the state is restored
            return _json(start_response, "200 OK", {"ready": True})
        if name == "changes":
            return _json(start_response, "200 OK", {"version": self.instances.wait(after, timeout)})
        return _json(start_response, "404 Not Found", {"error": f"{OURS}{name} does not exist"})


@dataclass
class _Answer:
    """Passes status and headers on, and remembers whether the request succeeded."""

    pass_on: StartResponse
    succeeded: bool = False

    def start(self, status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        self.succeeded = status[:1] in "23"
        return self.pass_on(status, headers, *rest)


def _read(environ: Environ) -> bytes:
    """Read the body before taking the lock, because the client may be slow. moto reads a copy."""
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
