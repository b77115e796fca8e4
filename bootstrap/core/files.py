"""Files that only their owner can read, replaced as a whole: no reader ever sees part of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from bootstrap.core import foreign


def write_private(file: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write atomically, mode 0600; parent folders are made, mode 0700.

    `durable`: on disk before it replaces the old file, so that a power cut cannot leave an empty one.
    Raises OSError; the old file is then unchanged.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_private_if_changed(file: Path, content: str | bytes) -> bool:
    """Like `write_private`, but leaves an equal file alone. Returns whether anything was written."""
    wanted = content.encode() if isinstance(content, str) else content
    if file.is_file() and file.read_bytes() == wanted:
        return False
    write_private(file, wanted)
    return True


def read_json(file: Path) -> Any:
    """The parsed content, or None when the file is missing or broken."""
    try:
        return foreign.read_json(file)
    except (OSError, ValueError):
        return None
