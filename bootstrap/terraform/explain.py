"""Terraform's failures in our terms: who holds the lock, what may pass by itself, what to do. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.aws.errors import CURE_CREDENTIALS, CURE_RETRY
from bootstrap.core.errors import BootstrapError, LockedError, TemporaryError, ToolError
from bootstrap.terraform.messages import Diagnostic

_SHOWN_LINES, _SHOWN_WIDTH = 4, 240
_HELD = "Error acquiring the state lock"

# Seen from the provider while AWS makes a new role, profile or key visible everywhere, or is overloaded.
_PASSES = re.compile(
    r"Throttling|Rate exceeded|RequestLimitExceeded|TooManyRequests|SlowDown|ServiceUnavailable|InternalError"
    r"|RequestTimeout\b|connection re(set|fused)|i/o timeout|TLS handshake timeout|request send failed"
    r"|unexpected EOF|no such host|Client\.Timeout exceeded"
    r"|Invalid IAM Instance Profile|iamInstanceProfile\.(name|arn) is invalid"
    r"|The role defined for the \w+ cannot be assumed|Invalid principal in policy"
    r"|MalformedPolicyDocumentException|OperationAborted"
)
# Pattern and cure; the first that fits.
_CURES = (
    (r"ExpiredToken|InvalidClientTokenId|No valid credential|SignatureDoesNotMatch", CURE_CREDENTIALS),
    (
        r"AccessDenied|UnauthorizedOperation|not authorized to perform",
        "allow what the message names, then go on",
    ),
    (r"LimitExceeded|QuotaExceeded", "ask for a higher quota: https://console.aws.amazon.com/servicequotas/"),
    (r"InsufficientInstanceCapacity", "choose another `instance_type` or availability zone for that node"),
    (
        r"provider packages|Failed to install provider|registry",
        "check the network to the provider registry, or set up a provider mirror",
    ),
    (
        r"dependency lock file",
        "run `terraform init -upgrade` in your Terraform folder and commit the lock file",
    ),
    (r"Unsupported Terraform Core version", "install a Terraform version that the stack accepts"),
    (r"PendingDeletion|scheduled for deletion", "wait for the deletion, or restore the key or secret first"),
)


@dataclass(frozen=True)
class Lock:
    """What Terraform says of a state lock. `created` is Unix seconds, 0 when it cannot be read."""

    id: str
    who: str
    operation: str
    created: float
    path: str


class StateLocked(LockedError):
    """Terraform's own lock is held by somebody; `lock` tells by whom."""

    def __init__(self, what: str, why: str, cure: str, lock: Lock) -> None:
        super().__init__(what, why, cure)
        self.lock = lock


def lock(diagnostic: Diagnostic) -> Lock | None:
    """The lock that a diagnostic says is held, or None when it is about something else.

    That a lock could not be given back is told with the same words, and is no reason to break it.
    """
    if _HELD not in diagnostic.summary or "Lock Info" not in diagnostic.detail:
        return None
    fields = dict(
        re.findall(r"^\s*(ID|Path|Operation|Who|Created):[ \t]*(.*?)[ \t]*$", diagnostic.detail, re.M)
    )
    return Lock(
        id=fields.get("ID", ""),
        who=fields.get("Who", ""),
        operation=fields.get("Operation", "").removeprefix("OperationType").lower(),
        created=_unix(fields.get("Created", "")),
        path=fields.get("Path", ""),
    )


def explain(
    operation: str, diagnostics: Sequence[Diagnostic], plain: Sequence[str], folder: Path, now: float
) -> BootstrapError:
    """The error to raise after a failed `operation` ("apply" …) in the root module `folder`.

    Without diagnostics the last `plain` lines have to do. `now` is Unix seconds.
    """
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    told = Diagnostic("error", _HELD, "\n".join(plain))
    complaints = errors or ([told] if any(told.summary in line for line in plain) else [])
    for held in filter(None, map(lock, complaints)):
        return _locked(held, folder, now)
    if not errors:
        tail = "\n".join(plain[-_SHOWN_LINES:]) or "it ended without a message"
        return ToolError(f"terraform {operation} failed", tail, _cure(tail))
    text = "\n".join(f"{error.summary}\n{error.detail}" for error in errors)
    why = "".join(f"\n  - {compact(error, folder)}" for error in errors)
    if all(_PASSES.search(f"{error.summary}\n{error.detail}") for error in errors):
        return TemporaryError(f"terraform {operation} met a fault that passes", why, CURE_RETRY)
    return ToolError(f"terraform {operation} failed", why, _cure(text))


def compact(diagnostic: Diagnostic, folder: Path) -> str:
    """Resource, place, summary and the first lines of the detail."""
    place = os.path.normpath(folder / diagnostic.file) if diagnostic.file else ""
    where = ", ".join(
        part for part in (diagnostic.address, f"{place}:{diagnostic.line}" if place else "") if part
    )
    lines = [*diagnostic.summary.splitlines(), *diagnostic.detail.splitlines()]
    shown = [line.strip()[:_SHOWN_WIDTH] for line in lines if line.strip()][:_SHOWN_LINES]
    return "\n      ".join([f"{where}: {shown[0]}" if where else shown[0], *shown[1:]])


def _cure(text: str) -> str:
    for pattern, cure in _CURES:
        if re.search(pattern, text, re.IGNORECASE):
            return cure
    return "correct what the message names, then run the same command again"


def _locked(held: Lock, folder: Path, now: float) -> StateLocked:
    since = f", {age(now - held.created)} old" if held.created else ""
    return StateLocked(
        f"the Terraform state {held.path} is locked",
        f"lock {held.id} is held by {held.who} for {held.operation or 'an operation'}{since}",
        "wait until that run ends; only if you are sure that it is dead:"
        f" terraform -chdir='{folder}' force-unlock {held.id}",
        held,
    )


def age(seconds: float) -> str:
    """A duration for people, at least two of its unit: "90 s", "12 min", "5 h", "2 days"."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _unix(created: str) -> float:
    """Go's time format, e.g. `2026-11-21 07:49:21.70458488 +0000 UTC`; nanoseconds do not matter."""
    found = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", created)
    if not found:
        return 0.0
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
