"""HTTP requests and responses between the proxy and its services."""

from __future__ import annotations

import io
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


class Body(io.RawIOBase):
    """An empty body, and the base class. `finished`: read to its end, so that the next request can follow."""

    finished = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _next(self, _size: int) -> bytes:
        return b""


class Sized(Body):
    """A body of `length` bytes."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self._left = stream, length
        self.finished = length == 0

    def _next(self, size: int) -> bytes:
        if not self._left:
            return b""
        piece = self._stream.read(min(size, self._left))
        if not piece:
            raise ConnectionError("the request's body is cut off")
        self._left -= len(piece)
        self.finished = self._left == 0
        return piece


class Chunked(Body):
    """A chunked body (RFC 9112, section 7.1); trailers are dropped."""

    finished = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, 0

    def _next(self, size: int) -> bytes:
        if self.finished:
            return b""
        if not self._left and not self._open_chunk():
            return b""
        piece = self._stream.read(min(size, self._left))
        if not piece:
            raise ConnectionError("the request's body is cut off")
        self._left -= len(piece)
        if not self._left:
            self._stream.readline(1024)
        return piece

    def _open_chunk(self) -> bool:
        line = self._stream.readline(1024).partition(b";")[0].strip()
        try:
            self._left = int(line, 16)
        except ValueError:
            raise ConnectionError(f"invalid chunk size: {line!r}") from None
        if self._left:
            return True
        while self._stream.readline(65536) not in {b"\r\n", b"\n", b""}:
            pass
        self.finished = True
        return False


def open_body(stream: BinaryIO, headers: Mapping[str, str]) -> Body:
    """`headers` have lower-case names. Raises ConnectionError if the length is invalid."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return Chunked(stream)
    length = headers.get("content-length", "0").strip()
    if not length.isdigit():
        raise ConnectionError(f"invalid content length: {length!r}")
    return Sized(stream, int(length)) if int(length) else Body()
