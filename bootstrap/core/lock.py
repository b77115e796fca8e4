"""One run at a time on an environment of this machine: a lock the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from bootstrap.core.errors import LockedError


def acquire(file: IO[Any] | int, *, wait: bool = False) -> bool:
    """Lock an open file until it is closed. Without `wait`, False when another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(path: Path, command: str, now: float) -> Iterator[None]:
    """Hold the lock file while the block runs. Raises LockedError, naming the holder, when another run does.

    `command` and `now` (Unix seconds) are what that other run is told about us.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not acquire(file):
            file.seek(0)
            holder = file.read().strip() or "another run"
            raise LockedError(
                "the environment is being changed by another run", holder, "wait for it to end, or stop it"
            )
        since = datetime.fromtimestamp(now, UTC).strftime("%H:%M:%SZ")
        file.truncate(0)
        file.write(f"`{command}`, process {os.getpid()}, since {since}\n")
        file.flush()
        yield
        file.truncate(0)
