"""`did you mean …?` for words typed wrongly. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` when something known is close, else an empty string."""
    close = get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""
