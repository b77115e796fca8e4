"""What health is made of, shared by the modules of the kinds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bootstrap.kubernetes.objects import Json


class Status(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Health:
    """`message` says why it is not healthy; it may be empty when it is."""

    status: Status
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.status is Status.HEALTHY


HEALTHY = Health(Status.HEALTHY)


def progressing(message: str) -> Health:
    return Health(Status.PROGRESSING, message)


def degraded(message: str) -> Health:
    return Health(Status.DEGRADED, message)


def said(found: Json) -> str:
    """A condition's own words."""
    reason, message = found.get("reason", ""), found.get("message", "")
    return (
        ": ".join(part for part in (reason, message) if part)
        or f"{found.get('type')} is {found.get('status')}"
    )
