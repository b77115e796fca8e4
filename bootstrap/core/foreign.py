"""Reads what others wrote, within limits: bytes of a file, and JSON. (YAML: `kubernetes/documents.py`.)"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from bootstrap.core.limits import JSON_BYTES, JSON_DIGITS, JSON_LEVELS, SCRIPT_BYTES


class TooLarge(OSError):
    """A file with more bytes than are read; `size` as far as it is known, and `limit`."""

    def __init__(self, path: Path, size: int, limit: int) -> None:
        super().__init__(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
        self.size, self.limit = size, limit


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file. Raises OSError, for a pipe, too, which may never end, and TooLarge, without
    reading all of it. Never waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if stat.S_ISFIFO(about.st_mode):
            raise OSError(errno.EINVAL, "a pipe, not a file", str(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLarge(path, max(len(content), about.st_size), limit)
    return content


def read_script(path: Path) -> str:
    """The text of a script, to be searched; nothing of one that is too large, or cannot be read."""
    try:
        return read_bytes(path, SCRIPT_BYTES).decode(errors="replace")
    except OSError:
        return ""


def read_json(path: Path, limit: int = JSON_BYTES) -> Any:
    """Raises OSError as `read_bytes`, ValueError as `parse_json`."""
    return parse_json(read_bytes(path, limit), limit)


def parse_json(text: str | bytes, limit: int = JSON_BYTES) -> Any:
    """The value of a JSON text of at most `limit` bytes, or characters, which UTF-8 can carry again.

    Raises ValueError for what is none, is too large or too deep, or holds a number that is none (NaN) or has
    hundreds of digits, or half of a character.
    """
    if len(text) > limit:
        raise ValueError(f"larger than {limit:,} bytes")
    try:
        value = json.loads(text, parse_constant=_no_number, parse_int=_whole, parse_float=_number)
    except RecursionError:
        raise ValueError(f"nested more than {JSON_LEVELS} levels deep") from None
    _require_levels(value)
    if "\\u" in text if isinstance(text, str) else b"\\u" in text:
        _require_characters(value)
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _whole(text: str) -> int:
    if len(text) > JSON_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number that is too large")
    return value


def _require_levels(value: Any) -> None:
    """By generations, so that depth costs no stack."""
    generation = [value] if isinstance(value, dict | list) else []
    for _ in range(JSON_LEVELS):
        generation = [
            inner
            for one in generation
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    if generation:
        raise ValueError(f"nested more than {JSON_LEVELS} levels deep")


def _require_characters(value: Any) -> None:
    """An escape may stand for half of a character (a surrogate), which no file and no terminal takes."""
    json.dumps(value, ensure_ascii=False).encode()
