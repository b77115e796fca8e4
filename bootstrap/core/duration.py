"""Spans of time as people write them: `90m`, `8h`, `2d`, `1h30m`. Pure."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WHOLE = re.compile(r"(?:\d+[smhd])+")
_PART = re.compile(r"(\d+)([smhd])")


def parse(text: str) -> float:
    """Seconds. Raises ValueError for anything else, and for nothing at all."""
    plain = text.strip().lower()
    if not _WHOLE.fullmatch(plain):
        raise ValueError(f"'{text}' is no span of time: write it like 90m, 8h or 2d")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
    if not seconds:
        raise ValueError(f"'{text}' is no time at all")
    return float(seconds)
