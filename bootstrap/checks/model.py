"""What is looked at before anything is touched, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Version = tuple[int, ...]


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Range:
    """Versions from `at_least` on, up to but not including `below`."""

    at_least: Version
    below: Version | None = None

    def fits(self, version: Version) -> bool:
        return self.at_least <= version and (self.below is None or version < self.below)

    def __str__(self) -> str:
        return f">= {dotted(self.at_least)}" + (f", < {dotted(self.below)}" if self.below else "")


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it must be, what was seen, and what to do when it is not."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class Probe:
    """A check still to be made. `look` may raise: then the check has failed for that reason."""

    name: str
    look: Callable[[], Check]
