"""Verdicts → lines for people. Pure, and in an order of its own: by wave, then as precedence goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bootstrap.diagnosis.causes.catalogue import BY_ID, RANK, SLOW, UNKNOWN
from bootstrap.diagnosis.model import Outlook, Verdict

_LASTING = "will not recover on its own"
MOST = 6  # members that are named one by one


def lines(verdicts: Iterable[Verdict], hints: Mapping[int, str]) -> list[str]:
    """A block a cause: who waits, the chain down to what shows it, its words, the next command; then the
    runbook's hints (by wave). Members with one cause are told together; slow ones come last."""
    blocks = groups(verdicts)
    told = [line for block in blocks for line in _block(block)]
    waves = sorted({verdict.wave for block in blocks for verdict in block if verdict.wave is not None})
    return told + [f"runbook of wave {wave}: {hints[wave]}" for wave in waves if hints.get(wave)]


def groups(verdicts: Iterable[Verdict]) -> list[tuple[Verdict, ...]]:
    """Verdicts of one wave that have the same root cause, together."""
    found: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in sorted(verdicts, key=_order):
        found.setdefault(_root(verdict), []).append(verdict)
    return [tuple(block) for block in found.values()]


def headline(block: tuple[Verdict, ...]) -> str:
    """`wave 11: auth and my: blocked by a missing parameter (missing-parameter)`."""
    first = block[0]
    where = "" if first.wave is None else f"wave {first.wave}: "
    who = _names([verdict.app for verdict in block])
    if first.outlook is Outlook.SLOW:
        return f"{where}{who}: in progress"
    lasting = f"; {_LASTING}" if first.outlook is Outlook.HOPELESS else ""
    return f"{where}{who}: blocked by {BY_ID[first.cause].title} ({first.cause}{lasting})"


def _block(block: tuple[Verdict, ...]) -> list[str]:
    first = block[0]
    told = [headline(block), f"  {' → '.join(first.chain)}"]
    told += [f"  says: {first.reason}"] if first.reason else []
    return told + ([f"  next: {first.command}"] if first.outlook is not Outlook.SLOW else [])


def _root(verdict: Verdict) -> tuple[object, ...]:
    """What makes two verdicts one: cause, the object that shows it, and what to do about it."""
    if verdict.cause == SLOW and len(verdict.chain) < 2:
        return verdict.wave, verdict.cause, verdict.reason
    alone = len(verdict.chain) < 2 or verdict.cause in {SLOW, UNKNOWN}
    return verdict.wave, verdict.cause, verdict.chain[-1], verdict.command, verdict.app if alone else ""


def _order(verdict: Verdict) -> tuple[object, ...]:
    late = verdict.outlook is Outlook.SLOW
    wave = (verdict.wave is not None, verdict.wave or 0)
    return late, wave, RANK.get(verdict.cause, len(RANK)), verdict.app, verdict.chain


def _names(apps: list[str]) -> str:
    if len(apps) > MOST:
        return f"{', '.join(apps[:MOST])} and {len(apps) - MOST} more"
    return " and ".join(filter(None, (", ".join(apps[:-1]), apps[-1])))
