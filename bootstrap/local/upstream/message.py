"""HTTP requests and responses between the proxy and its services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit


@dataclass(frozen=True)
class HttpRequest:
    """`url` is absolute, header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: BinaryIO

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> str:
        return urlsplit(self.url).query


@dataclass(frozen=True)
class HttpResponse:
    """Pieces of a body are sent chunked unless a header gives the length. None: no body (HEAD)."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = b""


def text(status: int, message: str) -> HttpResponse:
    return HttpResponse(status, {"Content-Type": "text/plain; charset=utf-8"}, message.encode() + b"\n")


def content(body: bytes, kind: str = "application/octet-stream", **headers: str) -> HttpResponse:
    return HttpResponse(200, {"Content-Type": kind, **headers}, body)
