"""What XML 1.0 can hold. Pure."""

from __future__ import annotations

import re
from html import escape

# Not even escaped: https://www.w3.org/TR/xml/#charsets
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text with a mark in place of each character that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def escaped(text: str) -> str:
    """The text as it may stand between tags or in quotes."""
    return escape(clean(text))
