"""What health is made of, shared by the modules of the kinds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bootstrap.kubernetes.objects import Json


class HealthStatus(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Health:
    """`message` says why it is not healthy; it may be empty when it is."""

    status: HealthStatus
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.status is HealthStatus.HEALTHY


HEALTHY = Health(HealthStatus.HEALTHY)


def progressing(message: str) -> Health:
    return Health(HealthStatus.PROGRESSING, message)


def degraded(message: str) -> Health:
    return Health(HealthStatus.DEGRADED, message)


def said(found: Json) -> str:
    """A condition's own words."""
    reason, message = found.get("reason", ""), found.get("message", "")
    return (
        ": ".join(part for part in (reason, message) if part)
        or f"{found.get('type')} is {found.get('status')}"
    )
