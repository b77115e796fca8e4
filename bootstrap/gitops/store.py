"""What was rendered and fetched before, by the digest of everything that it was made from.

One file an entry, written atomically, its first line the digest of the rest: an entry that is damaged, cut
off or of another version is not there. A folder that cannot be written to keeps nothing; that is no error.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from bootstrap.core.files import write_private

OLDEST = 30 * 86400.0  # seconds without use
LARGEST = 256 * 2**20  # bytes of all entries
_FRESH = 3600.0  # seconds; a younger time stamp is not renewed at every use


@cache
def ours() -> str:
    """Changes with the code that renders: what it would make otherwise is never taken from the store."""
    return digest(*(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py"))))


def digest(*parts: Any) -> str:
    """Of JSON data and bytes, in order."""
    whole = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        whole.update(b"%d:" % len(content) + content)
    return whole.hexdigest()


class Store:
    """`folder` None keeps nothing. Safe to use from threads, and by several processes at once."""

    def __init__(self, folder: Path | None, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now
        self._written = False

    def get(self, key: str, longest: float = OLDEST) -> Any:
        """The entry, None when there is none that was written less than `longest` seconds ago."""
        file = self._file(key)
        if file is None:
            return None
        try:
            content = file.read_bytes()
            used = file.stat().st_mtime
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        if head.decode(errors="replace") != hashlib.sha256(body).hexdigest():
            return None
        entry = json.loads(body)
        if self._now() - entry["written"] > longest:
            return None
        if self._now() - used > _FRESH:
            with suppress(OSError):
                os.utime(file)
        return entry["value"]

    def put(self, key: str, value: Any) -> None:
        file = self._file(key)
        if file is None:
            return
        body = json.dumps({"written": self._now(), "value": value}, separators=(",", ":")).encode()
        with suppress(OSError):
            write_private(file, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            self._written = True

    def prune(self) -> None:
        """If something was written: what was not used for long goes, then the oldest until the rest fits."""
        if self._folder is None or not self._written:
            return
        entries = sorted(_entries(self._folder), reverse=True)
        room = LARGEST
        for used, size, file in entries:
            room -= size
            if room < 0 or self._now() - used > OLDEST:
                with suppress(OSError):
                    file.unlink()

    def _file(self, key: str) -> Path | None:
        return self._folder / key[:2] / f"{key[2:]}.json" if self._folder else None


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    for file in folder.glob("??/*"):
        with suppress(OSError):
            facts = file.stat()
            found.append((facts.st_mtime, facts.st_size, file))
    return found
