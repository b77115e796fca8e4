"""Durations as people write them: `30s`, `5m`, `8h`, `90d`, `1h30m`; or a plain number of seconds. Pure."""

from __future__ import annotations

import re

LONGEST = 36_500 * 86_400  # a hundred years, in seconds

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?")
_WHOLE = re.compile(r"(?:[0-9]{1,12}[smhd])+")
_PART = re.compile(r"([0-9]+)([smhd])")


def seconds(text: str) -> float:
    """Of a plain number, which may be negative, or of a duration with units. Raises ValueError as `parse`."""
    plain = text.strip().lower()
    return _bounded(text, float(plain)) if _NUMBER.fullmatch(plain) else parse(text)


def parse(text: str) -> float:
    """Seconds of a duration with units. Raises ValueError for anything else, for no time at all, and for more
    than a hundred years."""
    plain = text.strip().lower()
    if not _WHOLE.fullmatch(plain):
        raise ValueError(f"'{_start(text)}' is not a length of time: write it like 90m, 8h or 2d")
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
    if not total:
        raise ValueError(f"'{_start(text)}' is no time at all")
    return _bounded(text, float(total))


def _bounded(text: str, total: float) -> float:
    if total > LONGEST:
        raise ValueError(f"'{_start(text)}' is a time of more than a hundred years")
    return total


def _start(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
