"""What can go wrong between us and an API server. What is foreign is translated here and in `transport.py`.

TemporaryError
├── Unreachable     no connection, a broken one, or no answer in time
├── Busy            429, 5xx; `delay` is the server's Retry-After
├── Conflict        409: somebody else wrote first
└── Expired         410: a watch's resource version is too old; list again
PermanentError
├── Untrusted       the server's certificate or our kubeconfig is not what it should be
├── Forbidden       401, 403
├── NotFound        404
├── AlreadyExists   409 on create
├── NotServed       the server does not know the kind
└── Invalid         400, 422 and the rest: the request itself is wrong
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bootstrap.core.errors import PermanentError, TemporaryError


class Unreachable(TemporaryError): ...


class Busy(TemporaryError): ...


class Conflict(TemporaryError): ...


class Expired(TemporaryError): ...


class Untrusted(PermanentError): ...


class Forbidden(PermanentError): ...


class NotFound(PermanentError): ...


class AlreadyExists(PermanentError): ...


class NotServed(PermanentError): ...


class Invalid(PermanentError): ...


ClusterError = TemporaryError | PermanentError


def from_status(what: str, code: int, body: bytes, headers: Mapping[str, str]) -> ClusterError:
    """The error for an answer that is not a success. `what` is the request, as a person would say it."""
    answer = _status(body)
    reason, why = str(answer.get("reason", "")), str(answer.get("message", "")) or f"HTTP status {code}"
    if code == 410 or reason in {"Expired", "Gone"}:
        return Expired(what, why)
    if code == 409:
        return AlreadyExists(what, why) if reason == "AlreadyExists" else Conflict(what, why)
    if code == 429 or code >= 500 or _passing(answer):
        return Busy(what, why, delay=_retry_after(headers))
    if code in (401, 403):
        return Forbidden(
            what, why, "check that the kubeconfig belongs to this cluster and to an administrator"
        )
    if code == 404:
        return NotFound(what, why)
    return Invalid(what, why)


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {"message": body[:200].decode("utf-8", "replace").strip()}
    return answer if isinstance(answer, dict) else {}


def _passing(answer: Mapping[str, Any]) -> bool:
    """A namespace that is still going away refuses with 403, yet the same call succeeds later."""
    causes = (answer.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; the header's date form is not used by API servers."""
    try:
        return float(headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
