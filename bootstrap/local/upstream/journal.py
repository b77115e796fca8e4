"""Records what was served and where it came from: `served.jsonl`, one JSON object per line."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from bootstrap.core.rendering import Source


class Journal:
    """Appends to the file; safe to use from threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._last = {(one.source, one.version): one for one in read(file)}

    def record(self, source: str, version: str, origin: str) -> None:
        entry = Source(source, version, origin)
        with self._lock:
            if self._last.get((source, version)) == entry:
                return
            self._last[source, version] = entry
            with self._file.open("a") as stream:
                stream.write(json.dumps({"source": source, "version": version, "origin": origin}) + "\n")


def read(file: Path) -> tuple[Source, ...]:
    """The latest record of each source, in the order of first use; empty if there is no file."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return ()
    found: dict[tuple[str, str], Source] = {}
    for line in lines:
        try:
            entry = Source(**json.loads(line))
        except (ValueError, TypeError):
            continue  # cut off by a crash
        found[entry.source, entry.version] = entry
    return tuple(found.values())
