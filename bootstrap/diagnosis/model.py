"""What a diagnosis says, as frozen data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outlook(StrEnum):
    """Whether waiting helps. `slow`: it gets on by itself; `blocked`: something else has to happen first, and
    may; `hopeless`: it will never heal without a change in Git, AWS or the cluster."""

    SLOW = "slow"
    BLOCKED = "blocked"
    HOPELESS = "will never heal"


@dataclass(frozen=True)
class Verdict:
    """One cause. `cause` is its kebab-case id ("unknown" for what is only shown raw); `chain` leads from the
    Application down to the object that shows it: ("Application dev-auth", "Deployment auth/auth", "Pod …");
    `reason` is what that object says, `command` the next command to type, `since` Unix seconds since when the
    cluster shows it (None when it does not say)."""

    cause: str
    outlook: Outlook
    app: str
    wave: int | None
    chain: tuple[str, ...]
    reason: str
    command: str
    since: float | None = None
