"""What can answer for a chart or a file, best first: upstream, cache, the toolchain's share, stand-ins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.local.upstream.cache import Cache
from bootstrap.local.upstream.definitions import Definitions
from bootstrap.local.upstream.journal import Journal
from bootstrap.local.upstream.message import Request
from bootstrap.local.upstream.share import Share
from bootstrap.local.upstream.world import Unreachable, World

Headers = Mapping[str, str]


class NotThere(Exception):
    """The real upstream was asked and refused or does not have it: `status` is its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Origins:
    """All of them, and the journal in which their use is noted."""

    world: World
    cache: Cache
    share: Share
    definitions: Definitions
    journal: Journal


def get(world: World, url: str, headers: Headers | None = None) -> bytes:
    """A whole download. Raises Unreachable, also for an upstream's own fault (429, 5xx), and NotThere."""
    response = world.open("GET", url, headers)
    content = response.read(decode_content=True)
    if response.status >= 500 or response.status == 429:
        raise Unreachable(f"{url} answers {response.status}")
    if response.status != 200:
        raise NotThere(response.status, f"{url} answers {response.status}")
    return content


def credentials(request: Request) -> Headers:
    """What the client shows to prove who it is: upstream wants to see it, too."""
    return {name: value for name, value in request.headers.items() if name == "authorization"}
