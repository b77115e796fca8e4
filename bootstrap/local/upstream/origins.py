"""Where a chart or file can come from, best first: upstream, cache, toolchain, stand-ins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.local.upstream.cache import Cache
from bootstrap.local.upstream.client import UpstreamClient, UpstreamUnreachable
from bootstrap.local.upstream.definitions import Definitions
from bootstrap.local.upstream.journal import Journal
from bootstrap.local.upstream.message import HttpRequest
from bootstrap.local.upstream.toolchain_files import ToolchainFiles

Headers = Mapping[str, str]


class UpstreamRefused(Exception):
    """The real upstream refused the request or lacks the file: `status` is its response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Origins:
    """All of them, and the journal that records their use."""

    client: UpstreamClient
    cache: Cache
    share: ToolchainFiles
    definitions: Definitions
    journal: Journal


def get(client: UpstreamClient, url: str, headers: Headers | None = None) -> bytes:
    """Download a whole file. Raises UpstreamUnreachable (for 429 and 5xx, too) and UpstreamRefused."""
    response = client.open("GET", url, headers)
    content = response.read(decode_content=True)
    if response.status >= 500 or response.status == 429:
        raise UpstreamUnreachable(f"{url} answers {response.status}")
    if response.status != 200:
        raise UpstreamRefused(response.status, f"{url} answers {response.status}")
    return content


def credentials(request: HttpRequest) -> Headers:
    """The client's credentials, for upstream."""
    return {name: value for name, value in request.headers.items() if name == "authorization"}
