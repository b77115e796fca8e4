"""Whom the simulated AWS serves: who has its access key, calls it by its own name, and is no web page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
# Signature versions 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
# and 2, in a header or, presigned, in the query.
_HEADER = re.compile(r"AWS4-HMAC-SHA256 .*?Credential=([^/,\s]+)/|AWS ([^:\s]+):")
_QUERY = ("X-Amz-Credential", "AWSAccessKeyId")


@dataclass(frozen=True)
class Guard:
    """The access key is as good as a password: it is chosen at random, and moto checks no signature."""

    access_key: str = field(repr=False)

    def refuses(self, environ: Mapping[str, Any]) -> str:
        """Why a request to AWS is refused; empty when it is not."""
        if self._knows(_key(environ)) or self._knows(_presigned(environ)):
            return from_afar(environ)
        return "the simulated AWS does not know this access key"

    def _knows(self, key: str) -> bool:
        return compare_digest(key.encode(), self.access_key.encode())


def from_afar(environ: Mapping[str, Any]) -> str:
    """Why a request cannot be one of this machine's own programs; empty when it can."""
    if _host(environ) not in LOOPBACK:
        return "the simulated AWS answers only to a loopback address"
    return "the simulated AWS answers no web page" if "HTTP_ORIGIN" in environ else ""


def _host(environ: Mapping[str, Any]) -> str:
    return re.sub(r":\d+$", "", environ.get("HTTP_HOST", ""))


def _key(environ: Mapping[str, Any]) -> str:
    found = _HEADER.match(environ.get("HTTP_AUTHORIZATION", ""))
    return (found[1] or found[2]) if found else ""


def _presigned(environ: Mapping[str, Any]) -> str:
    query = parse_qs(environ.get("QUERY_STRING", ""))
    return next((query[name][0].partition("/")[0] for name in _QUERY if name in query), "")
