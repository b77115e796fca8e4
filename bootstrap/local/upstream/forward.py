"""Forwards a request to the real upstream and streams its response back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import urllib3
from urllib3.exceptions import HTTPError

from bootstrap.local.upstream.client import UpstreamClient
from bootstrap.local.upstream.message import HttpRequest, HttpResponse

# RFC 9110, section 7.6.1, and the host, which the URL names.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_PIECE = 65536


def forward(client: UpstreamClient, request: HttpRequest, *, redirect: bool = False) -> HttpResponse:
    """The upstream's response. Raises UpstreamUnreachable."""
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    body: BinaryIO | None = request.body if has_body else None
    response = client.open(
        request.method, request.url, passed_on(request.headers.items()), body, redirect=redirect
    )
    pieces = None if request.method == "HEAD" else _pieces(response)
    return HttpResponse(response.status, passed_on(response.headers.items()), pieces)


def passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Drop the headers that concern only this connection."""
    return {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from response.stream(_PIECE, decode_content=False)
    except HTTPError as error:
        raise ConnectionError(f"upstream broke off: {error}") from error
    finally:
        response.release_conn()
