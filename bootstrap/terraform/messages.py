"""Terraform's `-json` lines as data. Pure; knows nothing of processes.

The format: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bootstrap.core.foreign import parse_json

# Changes that touch nothing: reading a data source, leaving things as they are.
_HARMLESS = frozenset({"read", "noop", "no-op"})
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Planned:
    """A change that is going to be made: create, update, replace, delete, import, move, forget."""

    action: str
    address: str


@dataclass(frozen=True)
class Started:
    action: str
    address: str


@dataclass(frozen=True)
class Still:
    """A change that has been going on for `seconds`; said every ten seconds."""

    action: str
    address: str
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A change that was made in `seconds` (whole seconds, as Terraform tells them)."""

    action: str
    address: str
    seconds: float


@dataclass(frozen=True)
class Failed:
    action: str
    address: str
    seconds: float


@dataclass(frozen=True)
class Summary:
    """The counts of a plan, an apply or a destroy, whichever `operation` says."""

    operation: str
    add: int
    change: int
    remove: int
    imported: int = 0


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error. The snippet is left out on purpose: it can hold values."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Plain:
    """A line that is not an event: what Terraform prints before it knows that JSON is wanted."""

    text: str


@dataclass(frozen=True)
class Hidden:
    """What Terraform does not say: why the provider keeps trying. `why` is AWS's own message."""

    what: str
    why: str


Message = Hidden | Planned | Started | Still | Finished | Failed | Summary | Diagnostic | Plain


def parse(line: str) -> Message | None:
    """The message of one line; None for what nobody asked about, misleading `resource_drift` included."""
    try:
        data = parse_json(line)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        text = _COLOUR.sub("", line).strip()
        return Plain(text) if text else None
    read = _READERS.get(data.get("type", ""))
    message = read(data) if read else None
    return None if getattr(message, "action", "") in _HARMLESS else message


def _planned(data: dict[str, Any]) -> Message:
    change = data["change"]
    return Planned(change["action"], change["resource"]["addr"])


def _started(data: dict[str, Any]) -> Message:
    return Started(*_hook(data))


def _timed(kind: type[Still | Finished | Failed]) -> Callable[[dict[str, Any]], Message]:
    def read(data: dict[str, Any]) -> Message:
        return kind(*_hook(data), float(data["hook"].get("elapsed_seconds", 0)))

    return read


def _hook(data: dict[str, Any]) -> tuple[str, str]:
    hook = data["hook"]
    return hook["action"], hook["resource"]["addr"]


def _summary(data: dict[str, Any]) -> Message:
    counts = data["changes"]
    add, change, remove, imported = (
        int(counts.get(name, 0)) for name in ("add", "change", "remove", "import")
    )
    return Summary(counts["operation"], add, change, remove, imported)


def _diagnostic(data: dict[str, Any]) -> Message:
    found = data["diagnostic"]
    place = found.get("range") or {}
    return Diagnostic(
        severity=found["severity"],
        summary=found["summary"].strip(),
        detail=found.get("detail", "").strip(),
        address=found.get("address", ""),
        file=place.get("filename", ""),
        line=int(place.get("start", {}).get("line", 0)),
    )


_READERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "planned_change": _planned,
    "apply_start": _started,
    "apply_progress": _timed(Still),
    "apply_complete": _timed(Finished),
    "apply_errored": _timed(Failed),
    "change_summary": _summary,
    "diagnostic": _diagnostic,
}
