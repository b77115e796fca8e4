"""Keeps secret values out of everything a run says: events, reports, logs, error messages.

The registry is passed explicitly (`Context.secrets`); a step adds a value the moment it learns it. The
emitter blacks out every event before any reader sees it, so no reader has to think of it.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

MASK = "•••"

# Shorter values ("1", "yes") are no secrets, and blacking them out would make every message unreadable.
SHORTEST = 4

# What a terminal obeys, or what makes a text look like another one: controls but for line ends and tabs, and
# the marks that turn the direction of writing.
_OBEYED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)"
)
_LOGIN = re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]*@|(?:(?<=http://)|(?<=https://))[^/\s@]+@")

D = TypeVar("D")


class Secrets:
    """Values that must never be seen, and how they look when quoted, escaped or encoded. Thread-safe."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, *values: str) -> None:
        """Black out these values from now on."""
        forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        with self._lock:
            # Longest first: a value that contains another one is replaced as a whole.
            self._forms = tuple(sorted(forms.union(self._forms), key=lambda form: (-len(form), form)))

    def redact(self, text: str) -> str:
        """The text with every registered value replaced by `MASK`, and harmless to a terminal."""
        for form in self._forms:
            if form in text:  # much faster than one large pattern, and thousands of seeds are allowed
                text = text.replace(form, MASK)
        return harmless(text)

    def redact_all(self, data: D) -> D:
        """The same data with every text in it redacted, through dataclasses, tuples and mappings."""
        redacted: D = self._walk(data)
        return redacted

    def _walk(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.redact(data)
        if isinstance(data, (tuple, list)):
            return type(data)(self._walk(item) for item in data)
        if isinstance(data, dict):
            return {self._walk(key): self._walk(value) for key, value in data.items()}
        if is_dataclass(data) and not isinstance(data, type):
            changes = {field.name: self._walk(getattr(data, field.name)) for field in fields(data)}
            return replace(data, **changes)
        return data


def _forms(value: str) -> Iterator[str]:
    """The value as it may appear in a command line, JSON, a URL, a Kubernetes Secret, or line by line."""
    stripped = value.strip()
    for text in {value, stripped, *(line.strip() for line in value.splitlines())}:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield quote(text, safe="")
        yield quote_plus(text)
        yield shlex.quote(text)
    for text in (value, stripped):
        yield base64.b64encode(text.encode()).decode()


def harmless(text: str) -> str:
    """The text without what a terminal would obey, each of which becomes one character, and without the
    credentials of URLs."""
    return _LOGIN.sub(f"{MASK}@", _OBEYED.sub("\ufffd", text))
