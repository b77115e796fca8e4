"""The edge to the API server: requests in, bytes out. Foreign exceptions end here.

`Transport` is what the rest uses and what tests replace. `connect` makes the real one from a kubeconfig
file; the client library understands it (certificates, tokens, proxies), its connection pool
carries the bytes.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import yaml

from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.errors import Unreachable, Untrusted, from_status

_FOREIGN = ("exec", "auth-provider", "tokenFile")
CONNECT = 5.0  # seconds; an API server that takes longer to accept a connection is not there


@dataclass(frozen=True)
class Request:
    """One call. `timeout` is seconds without a byte from the server."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    timeout: float = 30.0

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Response:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


class Stream(Protocol):
    """Chunks of an answer that goes on. `close` may be called from any thread and ends a blocked read."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Transport(Protocol):
    """Both raise the errors of `kubernetes/errors.py`, never anything else."""

    def send(self, request: Request) -> Response: ...

    def stream(self, request: Request) -> Stream: ...


def connect(kubeconfig: Path) -> Transport:
    """The transport for a kubeconfig file. Raises Untrusted when the file cannot be used."""
    from kubernetes.config import (  # noqa: PLC0415 - 0.25 s to import
        ConfigException,
        new_client_from_config_dict,
    )

    what = f"cannot use the kubeconfig {kubeconfig}"
    try:
        content: Any = next(documents(kubeconfig.read_bytes()), {})
        if way := _way_to_log_in(content):
            raise Untrusted(what, f"a user of it has {way}, which we never write", f"rm {kubeconfig}")
        client = new_client_from_config_dict(content)  # type: ignore[no-untyped-call]
    except (
        ConfigException,
        yaml.YAMLError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:
        raise Untrusted(what, str(error), "bootstrap up") from error
    return PoolTransport(client)


def _way_to_log_in(kubeconfig: Any) -> str:
    """The first that runs a program, or reads a file to send it: ours hold their credentials themselves."""
    users = kubeconfig.get("users") if isinstance(kubeconfig, Mapping) else None
    given = [one.get("user") for one in users or () if isinstance(one, Mapping)]
    found = [
        key for user in given if isinstance(user, Mapping) for key in _FOREIGN if user.get(key) is not None
    ]
    return found[0] if found else ""


class PoolTransport:
    """The real thing: the connection pool and credentials of the client library's ApiClient."""

    def __init__(self, client: Any) -> None:
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager
        self._server = str(self._configuration.host).rstrip("/")

    def send(self, request: Request) -> Response:
        with _translated(request, self._server):
            answer = self._open(request, preload=True)
            response = Response(answer.data, answer.headers)
        if not 200 <= answer.status < 300:
            raise from_status(f"{request} failed", answer.status, response.body, response.headers)
        return response

    def stream(self, request: Request) -> Stream:
        with _translated(request, self._server):
            answer = self._open(request, preload=False)
            if 200 <= answer.status < 300:
                return PoolStream(answer, request, self._server)
            body = answer.read()
            answer.release_conn()
        raise from_status(f"{request} failed", answer.status, body, answer.headers)

    def _open(self, request: Request, *, preload: bool) -> Any:
        from urllib3 import Timeout  # noqa: PLC0415 - as in connect()

        query = f"?{urlencode(request.query)}" if request.query else ""
        body = None if request.body is None else json.dumps(request.body)
        return self._pool.request(
            request.method,
            f"{self._server}{quote(request.path)}{query}",
            body=body,
            headers=self._headers(request),
            timeout=Timeout(connect=CONNECT, read=request.timeout),
            preload_content=preload,
            retries=False,  # the caller knows which calls may be repeated
            redirect=False,
        )

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept": request.accept, "User-Agent": "bootstrap"}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers


class PoolStream:
    def __init__(self, answer: Any, request: Request, server: str) -> None:
        self._answer, self._request, self._server = answer, request, server

    def __iter__(self) -> Iterator[bytes]:
        with _translated(self._request, self._server):
            try:
                yield from self._answer.stream(65536)
            except (AttributeError, ValueError) as error:
                raise OSError(
                    "closed"
                ) from error  # what a read raises whose connection another thread closed

    def close(self) -> None:
        with suppress(Exception):  # a connection that is gone already is closed
            self._answer.shutdown()
        with suppress(Exception):
            self._answer.close()


@contextmanager
def _translated(request: Request, server: str) -> Iterator[None]:
    """Every foreign exception of the network as one of ours."""
    import http.client  # noqa: PLC0415 - as in connect()

    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as in connect()

    try:
        yield
    except (HTTPError, http.client.HTTPException, OSError) as error:
        if _certificate_refused(error):
            raise Untrusted(
                f"{server} is not the server this kubeconfig was made for", str(error), "bootstrap up"
            ) from error
        raise Unreachable(f"no answer from {server} to {request}", _reason(error)) from error


def _certificate_refused(error: BaseException) -> bool:
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = inner or error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """The innermost words: urllib3 wraps each layer's message in another."""
    *_, innermost = _chain(error)
    return str(innermost) or type(innermost).__name__
