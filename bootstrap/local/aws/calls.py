"""Which service and action a request to AWS calls. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

_READS = ("Describe", "Get", "List", "Head", "Lookup", "Search", "BatchGet", "Simulate")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")


class Call(NamedTuple):
    """`service` is the signing name. Both are empty if the request does not tell."""

    service: str
    action: str
    method: str

    @property
    def reads(self) -> bool:
        """Whether the call only reads. In doubt it counts as a change."""
        if self.action:
            return self.action.startswith(_READS)
        return self.method in {"GET", "HEAD", "OPTIONS"}


def parse(environ: Mapping[str, Any], body: bytes) -> Call:
    """The action is in a header (JSON protocol), a form field (query), or implied by the method (REST)."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    action = target.rpartition(".")[2] or _field(environ.get("QUERY_STRING", ""), "Action")
    if not action and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = _field(body.decode("utf-8", "replace"), "Action")
    return Call(scope.group(1) if scope else "", action, environ.get("REQUEST_METHOD", "GET"))


def _field(text: str, name: str) -> str:
    return parse_qs(text).get(name, [""])[0]
