"""What the cache needs of the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


def writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, proved by making one: permission bits do not tell all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def free_bytes(folder: Path) -> int:
    """Free space where `folder` lies or would lie."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def size(folder: Path) -> int:
    """Bytes of all files below; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_size
    return total
