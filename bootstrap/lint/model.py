"""What the linter finds, as frozen data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bootstrap.gitops.model import Location, Manifest


class Severity(StrEnum):
    """`error` blocks or breaks a real cluster, `warning` may, `info` is advice."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Edge:
    """`user` needs `provider`. `hard`: the user's sync fails without it (CRD, Namespace); otherwise it only
    does not get Healthy before it is there. `reason` is the field that says so: "spec.volumes[0].secret"."""

    user: Manifest
    provider: Manifest
    reason: str
    hard: bool = False


@dataclass(frozen=True)
class Finding:
    """What a rule found. `subject` is the object at fault, `other` the second one ("" for none), both as
    people name them ("Deployment api/web of Application dev-api"). `why`: what happens in practice."""

    rule: str
    severity: Severity
    where: Location
    subject: str
    other: str
    why: str
    cure: str


@dataclass(frozen=True)
class Suppressed:
    """A finding that a comment of the user's silences, and the reason given there."""

    finding: Finding
    reason: str
