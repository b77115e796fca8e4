"""Where nothing is fetched from, whatever a repository says.

A machine in a cloud gets the credentials of its role from a service at a link-local address, and whoever
opens a pull request would read them in a finding.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html; it is not link-local.
_METADATA = (IPv6Address("fd00:ec2::254"),)


def refused(url: str, *, names: bool = True) -> str:
    """The address for which a URL is refused; empty when nothing speaks against it.

    Raises ValueError for what is no URL. `names`: look names up, too; behind a proxy, the proxy does that.
    """
    host = urlsplit(url).hostname or ""
    return next((text for text in _addresses(host, names=names) if _is_metadata(text)), "")


def _addresses(host: str, *, names: bool) -> Iterator[str]:
    only = 0 if names else socket.AI_NUMERICHOST
    with suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=only):
            yield str(address[0])


def _is_metadata(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_link_local or address in _METADATA
