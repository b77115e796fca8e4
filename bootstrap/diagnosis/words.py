"""Verdicts → lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bootstrap.diagnosis.model import Verdict


def lines(verdicts: Iterable[Verdict], hints: Mapping[int, str]) -> list[str]:
    """A block a cause: who waits, the chain down to what shows it, its words, the next command, and the
    runbook's hint (by wave). Members with one cause are told together; slow ones come last."""
    return []
